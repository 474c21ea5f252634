#include "tests/support/ike_puppet.h"

#include <algorithm>

#include "control/ike/nat.h"
#include "control/ike/proposal.h"
#include "control/ike/ts.h"
#include "control/ike/wire/rules.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;
using ike::NotifyType;
using ike::PayloadType;

Octets id_body(const ike::Identity& id) {
  return body_of([&](wire::Writer& w) { ike::write_id(w, id); });
}

Octets sa_body(const std::vector<ike::Proposal>& proposals) {
  return body_of([&](wire::Writer& w) { ike::write_sa(w, proposals); });
}

Octets ts_body(const std::vector<sa::Selector>& selectors) {
  return body_of([&](wire::Writer& w) { ike::write_ts(w, selectors); });
}

Octets notify_body(NotifyType type, uint32_t esp_spi) {
  std::array<uint8_t, 4> spi{};
  store_be(spi.data(), esp_spi);
  ike::NotifyView view;
  view.type = type;
  if (esp_spi != 0) {
    view.protocol = ike::ProtocolId::kEsp;
    view.spi = spi;
  }
  return body_of([&](wire::Writer& w) { ike::write_notify(w, view); });
}

}  // namespace

Puppet::Puppet(ike::TunnelParameters engine_side, ike::EngineOptions options) {
  host.dice.seed(7);
  host.on_send = [this](const wire::Endpoint&, const wire::Endpoint&, wire::Bytes bytes) {
    outbox_.emplace_back(bytes.begin(), bytes.end());
  };
  host.on_install = [this](uint32_t spi) { installs_.push_back(spi); };
  engine = std::make_unique<ike::Engine>(host, options);
  engine->add(now, std::move(engine_side));
}

void Puppet::settle() {
  while (!installs_.empty()) {
    const uint32_t spi = installs_.back();
    installs_.pop_back();
    const auto it = host.inbound.find(spi);
    if (it != host.inbound.end()) it->second.acknowledged = true;
    engine->inbound_installed(now, spi);
  }
}

void Puppet::deliver(const Octets& bytes) {
  engine->receive(now, remote, local, bytes);
  settle();
}

void Puppet::run_for(Duration d) {
  const TimePoint end = now + d;
  while (engine->next_deadline() <= end) {
    now = std::max(now, engine->next_deadline());
    engine->tick(now);
    settle();
  }
  now = end;
}

std::vector<Puppet::Heard> Puppet::heard() {
  std::vector<Heard> all;
  for (Octets& bytes : outbox_) {
    Heard one;
    one.bytes = std::move(bytes);
    const auto header = ike::parse_header(one.bytes);
    if (!header.ok()) continue;
    one.header = header.value();
    ike::Chain chain;
    const auto inside = wire::Bytes(one.bytes).subspan(ike::kHeaderBytes);
    if (!ike::parse_chain(inside, one.header.next, chain) && chain.encrypted() != nullptr)
      one.opened = !ike::open_message(one.bytes, chain, open_cipher, one.inside);
    all.push_back(std::move(one));
  }
  outbox_.clear();
  return all;
}

const Puppet::Heard* Puppet::find(const std::vector<Heard>& heard, ExchangeType exchange,
                                  bool response) {
  for (const Heard& one : heard)
    if (one.header.exchange == exchange && one.header.response == response) return &one;
  return nullptr;
}

uint64_t Puppet::counter(std::string_view name) const {
  for (const auto& [key, value] : engine->counters())
    if (key == name) return value;
  return ~uint64_t{0};
}

bool Puppet::take_keys(const ike::Dh& dh, wire::Bytes peer_public) {
  const auto shared = dh.shared(peer_public);
  if (!shared.ok()) return false;
  const auto seed = ike::skeyseed(suite.prf, ni, nr, shared.value());
  if (!seed.ok()) return false;
  auto derived = ike::derive_ike_keys(suite, seed.value(), ni, nr, spi_i, spi_r);
  if (!derived.ok()) return false;
  keys = std::move(derived).value();
  const auto make = [this](const Secret& e, const Secret& a) {
    return ike::SkCipher::make(suite.encryption, suite.key_bits, suite.integrity, e.clone(),
                               a.clone());
  };
  auto i = make(keys.ei, keys.ai);
  auto r = make(keys.er, keys.ar);
  if (!i.ok() || !r.ok()) return false;
  seal_cipher = std::move(initiator ? i : r).value();
  open_cipher = std::move(initiator ? r : i).value();
  return true;
}

bool Puppet::init() {
  initiator = true;
  auto dh = ike::Dh::make(mine.ike.groups.at(0));
  ike::Header header;
  header.spi_initiator = spi_i;
  header.initiator = true;
  ike::MessageBuilder message(header);
  const auto offered = ike::make_ike_proposals(mine.ike, 0);
  message.sa(offered).ke(dh->group(), dh->public_value()).nonce(ni);
  if (announce_nat) {
    message.notify(NotifyType::kNatDetectionSourceIp, ike::nat_hash_of_nothing(spi_i));
    message.notify(NotifyType::kNatDetectionDestinationIp, ike::nat_hash(spi_i, 0, remote).value());
  }
  if (offer_fragmentation) message.notify(NotifyType::kIkev2FragmentationSupported);
  init_request = message.plain().value();
  deliver(init_request);
  const auto all = heard();
  const Heard* answer = find(all, ExchangeType::kIkeSaInit, true);
  if (answer == nullptr) return false;
  ike::Chain chain;
  if (ike::parse_chain(wire::Bytes(answer->bytes).subspan(ike::kHeaderBytes), answer->header.next,
                       chain))
    return false;
  if (chain.find(PayloadType::kSa) == nullptr) return false;
  const auto choice =
      ike::accept_ike(offered, ike::parse_sa(chain.find(PayloadType::kSa)->body).value());
  if (!choice.ok()) return false;
  suite = choice->suite;
  spi_r = answer->header.spi_responder;
  init_response = answer->bytes;
  const wire::Bytes nonce = chain.find(PayloadType::kNonce)->body;
  nr.assign(nonce.begin(), nonce.end());
  return take_keys(dh.value(), ike::parse_ke(chain.find(PayloadType::kKe)->body)->data);
}

Octets Puppet::signed_auth(bool as_initiator) const {
  const auto mac =
      as_initiator
          ? ike::psk_auth(suite.prf, mine.psk, init_request, nr, keys.pi, id_body(mine.local_id))
          : ike::psk_auth(suite.prf, mine.psk, init_response, ni, keys.pr, id_body(mine.local_id));
  return body_of(
      [&](wire::Writer& w) { ike::write_auth(w, ike::AuthMethod::kSharedKey, mac->bytes()); });
}

Payloads Puppet::auth_payloads() const {
  return {{PayloadType::kIdi, id_body(mine.local_id)},
          {PayloadType::kIdr, id_body(mine.remote_id)},
          {PayloadType::kAuth, signed_auth(true)},
          {PayloadType::kSa, sa_body(ike::make_esp_proposals(mine.esp, child_spi, false))},
          {PayloadType::kTsi, ts_body(mine.local_ts)},
          {PayloadType::kTsr, ts_body(mine.remote_ts)}};
}

Octets Puppet::seal(ExchangeType exchange, bool response, uint32_t id, const Payloads& payloads) {
  ike::Header header;
  header.spi_initiator = spi_i;
  header.spi_responder = spi_r;
  header.exchange = exchange;
  header.initiator = initiator;
  header.response = response;
  header.message_id = id;
  ike::MessageBuilder message(header);
  for (const RawPayload& payload : payloads)
    message.raw(payload.type, payload.body, payload.critical);
  return message.sealed(seal_cipher, [this](wire::MutableBytes out) { host.random(out); }).value();
}

bool Puppet::auth() {
  deliver(seal(ExchangeType::kIkeAuth, false, 1, auth_payloads()));
  const auto all = heard();
  const Heard* answer = find(all, ExchangeType::kIkeAuth, true);
  if (answer == nullptr || !answer->opened) return false;
  const ike::Payload* sa = answer->inside.chain.find(PayloadType::kSa);
  if (sa != nullptr) engine_child_spi = ike::parse_sa(sa->body)->at(0).esp_spi();
  return answer->inside.chain.find(PayloadType::kAuth) != nullptr;
}

Payloads Puppet::create_child_payloads(uint32_t rekeyed_spi) const {
  Payloads all;
  if (rekeyed_spi != 0)
    all.push_back({PayloadType::kNotify, notify_body(NotifyType::kRekeySa, rekeyed_spi)});
  all.push_back(
      {PayloadType::kSa, sa_body(ike::make_esp_proposals(mine.esp, child_spi + 1, true))});
  all.push_back({PayloadType::kNonce, Octets(32, 0x33)});
  all.push_back({PayloadType::kTsi, ts_body(mine.local_ts)});
  all.push_back({PayloadType::kTsr, ts_body(mine.remote_ts)});
  return all;
}

Payloads Puppet::rekey_ike_payloads() {
  auto dh = ike::Dh::make(mine.ike.groups.at(0));
  const Octets ke =
      body_of([&](wire::Writer& w) { ike::write_ke(w, dh->group(), dh->public_value()); });
  return {{PayloadType::kSa, sa_body(ike::make_ike_proposals(mine.ike, 0x5555666677778888))},
          {PayloadType::kNonce, Octets(32, 0x44)},
          {PayloadType::kKe, ke}};
}

bool Puppet::answer_init() {
  initiator = false;
  const auto all = heard();
  const Heard* request = find(all, ExchangeType::kIkeSaInit, false);
  if (request == nullptr) return false;
  init_request = request->bytes;
  spi_i = request->header.spi_initiator;
  spi_r = 0x9999aaaabbbbcccc;
  ike::Chain chain;
  if (ike::parse_chain(wire::Bytes(request->bytes).subspan(ike::kHeaderBytes), request->header.next,
                       chain))
    return false;
  const auto ke = ike::parse_ke(chain.find(PayloadType::kKe)->body);
  const auto proposals = ike::parse_sa(chain.find(PayloadType::kSa)->body);
  auto choice = ike::choose_ike(mine.ike, proposals.value(), ke->group, false);
  if (!choice.ok()) return false;
  suite = choice->suite;
  const wire::Bytes nonce = chain.find(PayloadType::kNonce)->body;
  ni.assign(nonce.begin(), nonce.end());
  auto dh = ike::Dh::make(ke->group);
  ike::Header header;
  header.spi_initiator = spi_i;
  header.spi_responder = spi_r;
  header.response = true;
  ike::MessageBuilder message(header);
  message.sa({&choice->answer, 1}).ke(dh->group(), dh->public_value()).nonce(nr);
  if (offer_fragmentation) message.notify(NotifyType::kIkev2FragmentationSupported);
  init_response = message.plain().value();
  if (!take_keys(dh.value(), ke->data)) return false;
  deliver(init_response);
  return true;
}

Payloads Puppet::auth_answer_payloads() const {
  // What the engine offers is known: the same transforms, so that an answer can be written by hand.
  auto proposals = ike::make_esp_proposals(mine.esp, child_spi, false);
  ike::EspTransforms offered = mine.esp;
  auto choice = ike::choose_esp(offered, proposals, 0, false);
  choice->answer.set_esp_spi(child_spi);
  return {{PayloadType::kIdr, id_body(mine.local_id)},
          {PayloadType::kAuth, signed_auth(false)},
          {PayloadType::kSa, sa_body({choice->answer})},
          {PayloadType::kTsi, ts_body(mine.remote_ts)},
          {PayloadType::kTsr, ts_body(mine.local_ts)}};
}

bool Puppet::answer_auth() {
  const auto all = heard();
  const Heard* request = find(all, ExchangeType::kIkeAuth, false);
  if (request == nullptr || !request->opened) return false;
  const ike::Payload* sa = request->inside.chain.find(PayloadType::kSa);
  if (sa != nullptr) engine_child_spi = ike::parse_sa(sa->body)->at(0).esp_spi();
  deliver(seal(ExchangeType::kIkeAuth, true, 1, auth_answer_payloads()));
  return true;
}

Payloads Puppet::without(const Payloads& payloads, std::size_t index) {
  Payloads fewer = payloads;
  fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(index));
  return fewer;
}

Payloads Puppet::doubled(const Payloads& payloads, std::size_t index) {
  Payloads more = payloads;
  more.insert(more.begin() + static_cast<std::ptrdiff_t>(index), payloads[index]);
  return more;
}

}  // namespace kanmon::test
