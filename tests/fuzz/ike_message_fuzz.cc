// Fuzzes everything that reads IKE messages, and the replies made from what was read: past bugs of
// other implementations sat in the reply path. The first octet chooses the door:
//   0  a datagram from the network, no key
//   1  what a peer with the keys puts inside SK (keyed): exchange, first payload, payloads
//   2  what it puts into fragments: records of number, total, length and octets
// Seeds: make_ike_corpus.cc. Beside memory errors it looks for broken promises (require).
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "control/ike/cookie.h"
#include "control/ike/fragment.h"
#include "control/ike/nat.h"
#include "control/ike/proposal.h"
#include "control/ike/ts.h"
#include "control/ike/wire/message.h"
#include "control/ike/wire/rules.h"
#include "dataplane/wire/reader.h"

namespace kanmon::ike {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

void count_up(wire::MutableBytes out) {
  static uint8_t next = 0;
  for (uint8_t& octet : out) octet = next++;
}

SkCipher& cipher() {
  static SkCipher c = SkCipher::make(20, 128, 0, Secret(20), Secret()).value();
  return c;
}

const IkeTransforms kIke{
    {{20, 256}, {20, 128}, {12, 256}, {12, 128}}, {12, 13, 14}, {5, 6, 7}, {14, 19, 20, 31}};
const EspTransforms kEsp{
    {esp::Algorithm::kAes256Gcm16, esp::Algorithm::kAes128Gcm16}, {14, 31}, true};

wire::Endpoint endpoint(uint32_t host, uint16_t port) {
  return {wire::IpAddress::v4(host), port};
}

void use_sa(wire::Bytes body, MessageBuilder& reply) {
  const auto theirs = parse_sa(body);
  if (!theirs.ok()) return;
  for (const bool flag : {false, true}) {
    if (const auto c = choose_ike(kIke, *theirs, 19, flag); c.ok()) {
      require(accept_ike(*theirs, {&c->answer, 1}).ok() == !flag);
      reply.sa({&c->answer, 1});
    }
    if (auto c = choose_esp(kEsp, *theirs, 31, flag); c.ok()) {
      require(c->peer_spi > 255);
      c->answer.set_esp_spi(0x1000);
      reply.sa({&c->answer, 1});
    }
  }
  (void)accept_ike(make_ike_proposals(kIke, 0), *theirs);
  (void)accept_esp(make_esp_proposals(kEsp, 4096, true), *theirs);
  require(explain_mismatch(make_ike_proposals(kIke, 0), *theirs).size() < 4096);
  reply.sa(*theirs);
}

void use_ts(wire::Bytes body, MessageBuilder& reply) {
  const auto theirs = parse_ts(body);
  if (!theirs.ok()) return;
  const Selectors ours{sa::Selector::of({wire::IpAddress::v4(0x0a000000), 8}),
                       sa::Selector::of({wire::IpAddress::v4(uint32_t{0}), 0})};
  const Selectors both = narrow(*theirs, ours);
  require(both.size() <= kMaxSelectors && is_subset(both, *theirs) && is_subset(both, ours));
  (void)to_string(*theirs);
  if (!both.empty()) reply.ts(PayloadType::kTsi, both);
}

void use_notify(wire::Bytes body, MessageBuilder& reply) {
  const auto n = parse_notify(body);
  if (!n.ok()) return;
  (void)to_string(n->type);
  (void)to_string(n->protocol);
  (void)parse_invalid_ke(*n);
  reply.notify(n->type, n->data);
  if (n->esp_spi() != 0) reply.notify_esp(NotifyType::kChildSaNotFound, n->esp_spi());
}

void use_delete(wire::Bytes body, MessageBuilder& reply) {
  const auto d = parse_delete(body);
  if (!d.ok()) return;
  std::vector<uint32_t> spis;
  for (uint16_t i = 0; i < d->count; ++i) spis.push_back(d->spi(i));
  reply.delete_esp(spis);
}

void use_id(const Payload& p, MessageBuilder& reply) {
  const auto id = parse_id(p.body);
  if (!id.ok()) return;
  (void)id->to_string();
  reply.id(p.type, *id);
}

void use_key_payloads(const Payload& p, MessageBuilder& reply) {
  static CookieJar jar(count_up, std::chrono::seconds(60));
  if (const auto ke = parse_ke(p.body); ke.ok()) reply.ke(ke->group, ke->data);
  if (const auto a = parse_auth(p.body); a.ok()) (void)to_string(a->method);
  if (const auto ni = parse_nonce(p.body); ni.ok()) {
    const auto cookie = jar.make({}, *ni, wire::IpAddress::v4(1), 7);
    require(jar.verify({}, *cookie, *ni, wire::IpAddress::v4(1), 7));
    require(!jar.verify({}, *cookie, *ni, wire::IpAddress::v4(2), 7));
    reply.nonce(*ni).notify(NotifyType::kCookie, *cookie);
  }
}

// Every payload through every parser: what a type is does not say what is in it.
void use_chain(const Header& header, const Chain& chain) {
  Header answer = header;
  answer.response = true;
  MessageBuilder reply(answer);
  for (const Payload& p : chain.payloads()) {
    use_sa(p.body, reply);
    use_ts(p.body, reply);
    use_notify(p.body, reply);
    use_delete(p.body, reply);
    use_id(p, reply);
    use_key_payloads(p, reply);
    (void)to_string(p.type);
  }
  (void)detect_nat(chain, header.spi_initiator, 0, endpoint(1, 500), endpoint(2, 500));
  const Shape shape = shape_of(header, chain);
  if (const Verdict v = check_payloads(shape, chain)) {
    (void)to_string(*v);
    reply.notify(v->notify);
  }
  const auto message = reply.plain();
  if (message.ok()) {
    Chain back;
    require(parse_header(*message).ok());
    // Past 64 payloads our own parser refuses, and a message of echoes may end before its last one
    // or hold one longer than its length can say; nothing else may go wrong.
    const Verdict v = parse_chain(wire::Bytes(*message).subspan(kHeaderBytes),
                                  parse_header(*message)->next, back);
    require(!v || v->error.code == Errc::kNoSpace || v->error.code == Errc::kBadLength);
  }
  (void)reply.fragmented(cipher(), count_up, 1232);
}

void from_network(wire::Bytes datagram) {
  const auto header = parse_header(datagram);
  if (!header.ok()) return;
  (void)to_string(header->exchange);
  Chain chain;
  if (const Verdict v = parse_chain(datagram.subspan(kHeaderBytes), header->next, chain)) {
    (void)to_string(*v);
    return;
  }
  (void)check_outside(*header, chain);
  Opened opened;
  (void)open_message(datagram, chain, cipher(), opened);
  Reassembler reassembler;
  (void)reassembler.add({}, datagram, *header, chain, cipher());
  use_chain(*header, chain);
}

Header keyed_header(uint8_t exchange, bool response) {
  Header h;
  h.spi_initiator = 1;
  h.spi_responder = 2;
  h.exchange = static_cast<ExchangeType>(35 + exchange % 3);
  h.response = response;
  return h;
}

void inside_sk(wire::Bytes bytes) {
  wire::Reader r(bytes);
  const uint8_t kind = r.u8();
  const auto first = static_cast<PayloadType>(r.u8());
  const wire::Bytes inside = r.rest();
  if (!r.ok()) return;
  Chain chain;
  if (const Verdict v = parse_chain(inside, first, chain)) {
    require(v->notify != NotifyType::kNone);
    return;
  }
  require(chain.encrypted() == nullptr || chain.encrypted() == &chain.payloads().back());
  use_chain(keyed_header(kind, (kind & 0x80) != 0), chain);
}

// An authentic fragment whatever its numbers say.
Octets seal_fragment(uint8_t number, uint8_t total, wire::Bytes content) {
  Octets m(kHeaderBytes + 8 + cipher().sealed_bytes(content.size()));
  wire::Writer w(m);
  Header h = keyed_header(0, false);
  h.next = PayloadType::kSkf;
  h.length = static_cast<uint32_t>(m.size());
  write_header(w, h);
  w.u8(number == 1 ? static_cast<uint8_t>(PayloadType::kNotify) : 0);
  w.u8(0);
  w.u16(static_cast<uint16_t>(m.size() - kHeaderBytes));
  w.u16(number);
  w.u16(total);
  w.fill(0, cipher().iv_bytes());
  w.put(content);
  require(cipher().seal(m, kHeaderBytes + 8, content.size(), count_up).ok());
  return m;
}

void fragments(wire::Bytes bytes) {
  wire::Reader r(bytes);
  Reassembler reassembler;
  while (!r.done()) {
    const uint8_t number = r.u8(), total = r.u8();
    const uint16_t size = r.u8();
    const wire::Bytes content = r.take(std::min<std::size_t>(size, r.left()));
    if (!r.ok()) return;
    const Octets message = seal_fragment(number, total, content);
    const Header header = parse_header(message).value();
    Chain outside;
    require(!parse_chain(wire::Bytes(message).subspan(kHeaderBytes), header.next, outside));
    const auto step = reassembler.add({}, message, header, outside, cipher());
    require(reassembler.bytes() <= Reassembler::kMaxBytes);
    if (step.outcome == Reassembler::Outcome::kComplete && !step.verdict)
      use_chain(header, step.opened.chain);
  }
}

}  // namespace
}  // namespace kanmon::ike

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const kanmon::wire::Bytes rest{data + 1, size - 1};
  switch (data[0] % 3) {
    case 0:
      kanmon::ike::from_network(rest);
      break;
    case 1:
      kanmon::ike::inside_sk(rest);
      break;
    default:
      kanmon::ike::fragments(rest);
      break;
  }
  return 0;
}
