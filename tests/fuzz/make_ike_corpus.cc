// Writes the seeds of ike_message_fuzz: one message of each shape, made by our own builders.
//   make_ike_corpus tests/fuzz/corpus/ike_message_fuzz
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "control/ike/proposal.h"
#include "control/ike/ts.h"
#include "control/ike/wire/message.h"

namespace kanmon::ike {
namespace {

std::filesystem::path folder;

void save(const std::string& name, Octets head, wire::Bytes rest) {
  head.insert(head.end(), rest.begin(), rest.end());
  std::ofstream out(folder / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(head.data()), static_cast<std::streamsize>(head.size()));
}

Header header(ExchangeType exchange, bool response) {
  Header h;
  h.spi_initiator = 0x0102030405060708;
  h.spi_responder = response ? 0x1112131415161718 : 0;
  h.exchange = exchange;
  h.initiator = !response;
  h.response = response;
  return h;
}

void save_clear(const std::string& name, const MessageBuilder& b) {
  save("clear_" + name, {0}, *b.plain());
}

// The payloads alone, as the keyed door takes them.
void save_inside(const std::string& name, uint8_t kind, const MessageBuilder& b) {
  const Octets message = *b.plain();
  save("inside_" + name, {1, kind, message[16]}, wire::Bytes(message).subspan(kHeaderBytes));
}

const IkeTransforms kIke{{{20, 256}, {12, 128}}, {12}, {5, 6}, {31, 14}};
const EspTransforms kEsp{{esp::Algorithm::kAes256Gcm16}, {31}, true};

void clear_messages() {
  const Octets ke(32, 9), nonce(32, 7), hash(20, 1);
  for (const bool response : {false, true}) {
    MessageBuilder b(header(ExchangeType::kIkeSaInit, response));
    b.sa(make_ike_proposals(kIke, 0)).ke(31, ke).nonce(nonce);
    b.notify(NotifyType::kNatDetectionSourceIp, hash);
    b.notify(NotifyType::kNatDetectionDestinationIp, hash);
    b.notify(NotifyType::kIkev2FragmentationSupported).raw(PayloadType::kVendorId, nonce);
    save_clear(response ? "init_response" : "init_request", b);
  }
  MessageBuilder cookie(header(ExchangeType::kIkeSaInit, true));
  save_clear("cookie", cookie.notify(NotifyType::kCookie, nonce));
  MessageBuilder invalid_ke(header(ExchangeType::kIkeSaInit, true));
  save_clear("invalid_ke", invalid_ke.notify(NotifyType::kInvalidKePayload, Octets{0, 19}));
}

void inside_messages() {
  const Selectors ts{sa::Selector::of({wire::IpAddress::v4(0x0a000000), 8}),
                     sa::Selector::of({wire::IpAddress::parse("2001:db8::").value(), 32})};
  const Octets mac(32, 3), nonce(32, 7);
  MessageBuilder auth(header(ExchangeType::kIkeAuth, false));
  auth.id(PayloadType::kIdi, Identity::parse("gw.example"))
      .id(PayloadType::kIdr, Identity::parse("192.0.2.1"));
  auth.auth(AuthMethod::kSharedKey, mac).sa(make_esp_proposals(kEsp, 0x1000, false));
  auth.ts(PayloadType::kTsi, ts).ts(PayloadType::kTsr, ts).notify(NotifyType::kInitialContact);
  save_inside("auth", 0, auth);
  MessageBuilder child(header(ExchangeType::kCreateChildSa, false));
  child.notify_esp(NotifyType::kRekeySa, 0x1000).sa(make_esp_proposals(kEsp, 0x2000, true));
  child.nonce(nonce).ke(31, mac).ts(PayloadType::kTsi, ts).ts(PayloadType::kTsr, ts);
  save_inside("rekey_child", 1, child);
  MessageBuilder rekey(header(ExchangeType::kCreateChildSa, false));
  rekey.sa(make_ike_proposals(kIke, 77)).nonce(nonce).ke(31, mac);
  save_inside("rekey_ike", 1, rekey);
  MessageBuilder gone(header(ExchangeType::kInformational, false));
  const uint32_t spis[] = {0x1000, 0x2000};
  save_inside("delete", 2, gone.delete_esp(spis).delete_ike());
}

void fragments() {
  // Two halves of one notify, then a third for another total.
  save("fragments", {2}, Octets{1, 2, 4, 0, 0, 0, 8, 2, 2, 4, 0, 0, 0x40, 0, 1, 3, 2, 0, 0});
}

}  // namespace
}  // namespace kanmon::ike

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_ike_corpus FOLDER\n");
    return 2;
  }
  kanmon::ike::folder = argv[1];
  std::filesystem::create_directories(argv[1]);
  kanmon::ike::clear_messages();
  kanmon::ike::inside_messages();
  kanmon::ike::fragments();
  return 0;
}
