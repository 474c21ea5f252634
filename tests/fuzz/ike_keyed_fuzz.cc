// A peer that holds the right IKE keys sends anything, in any state. Its messages authenticate, so
// every octet inside comes from the fuzzer: what an unkeyed fuzzer can never reach (IKE-01,
// IKE-11).
//
// Input: one octet of scenario, then steps. A step picks a template, bends its payloads and sends
// it as request or response; some steps let time pass or make the engine ask for something.
#include <cstdio>
#include <cstdlib>

#include "tests/support/ike_puppet.h"

namespace {

using namespace kanmon;
using namespace kanmon::test;
using ike::ExchangeType;
using ike::PayloadType;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool done() const { return at_ >= size_; }
  uint8_t u8() { return done() ? 0 : data_[at_++]; }
  uint16_t u16() { return static_cast<uint16_t>(u8() << 8 | u8()); }
  Octets take(size_t n) {
    Octets out;
    while (n-- != 0 && !done()) out.push_back(u8());
    return out;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

Octets delete_body(const Puppet& puppet, bool ike_sa) {
  return body_of([&](wire::Writer& w) {
    if (ike_sa) return ike::write_delete_ike(w);
    const uint32_t spis[] = {puppet.child_spi};
    ike::write_delete_esp(w, spis);
  });
}

struct Template {
  ExchangeType exchange;
  Payloads payloads;
};

Template pick(Puppet& puppet, uint8_t which) {
  switch (which % 9) {
    case 0:
      return {ExchangeType::kIkeAuth, puppet.auth_payloads()};
    case 1:
      return {ExchangeType::kIkeAuth, puppet.auth_answer_payloads()};
    case 2:
      return {ExchangeType::kCreateChildSa, puppet.create_child_payloads()};
    case 3:
      return {ExchangeType::kCreateChildSa, puppet.create_child_payloads(puppet.child_spi)};
    case 4:
      return {ExchangeType::kCreateChildSa, puppet.rekey_ike_payloads()};
    case 5:
      return {ExchangeType::kInformational, {{PayloadType::kDelete, delete_body(puppet, true)}}};
    case 6:
      return {ExchangeType::kInformational, {{PayloadType::kDelete, delete_body(puppet, false)}}};
    case 7: {
      // An answer to CREATE_CHILD_SA: that of IKE_AUTH without IDr and AUTH, with a nonce.
      Payloads answer = puppet.auth_answer_payloads();
      answer.erase(answer.begin(), answer.begin() + 2);
      answer.push_back({PayloadType::kNonce, Octets(32, 0x55)});
      return {ExchangeType::kCreateChildSa, std::move(answer)};
    }
    default:
      return {ExchangeType::kInformational, {}};
  }
}

void bend(Payloads& payloads, Input& in) {
  if (payloads.empty() || in.u8() % 4 == 0) {
    RawPayload fresh{static_cast<PayloadType>(in.u8()), in.take(in.u8() % 48), false};
    fresh.critical = in.u8() % 8 == 0;
    // Nothing outside of SK but SK: the builder's own payload types are taken as they are.
    payloads.push_back(std::move(fresh));
    return;
  }
  const size_t i = in.u8() % payloads.size();
  RawPayload& p = payloads[i];
  switch (in.u8() % 7) {
    case 0:
      payloads = Puppet::without(payloads, i);
      return;
    case 1:
      payloads = Puppet::doubled(payloads, i);
      return;
    case 2:
      p.body.resize(in.u16() % (p.body.size() + 2));
      return;
    case 3:
      if (!p.body.empty()) p.body[in.u16() % p.body.size()] = in.u8();
      return;
    case 4: {
      const Octets more = in.take(in.u8() % 32);
      p.body.insert(p.body.end(), more.begin(), more.end());
      return;
    }
    case 5:
      p.type = static_cast<PayloadType>(in.u8());
      return;
    default:
      p.body = in.take(in.u8());
      return;
  }
}

void engine_acts(Puppet& puppet, uint8_t what) {
  switch (what % 8) {
    case 0:
      (void)puppet.engine->rekey_child(puppet.now, "t");
      return;
    case 1:
      (void)puppet.engine->rekey_ike(puppet.now, "t");
      return;
    case 2:
      puppet.engine->limit_reached(puppet.now, puppet.engine_child_spi, what % 2 == 0);
      return;
    case 3:
      puppet.engine->traffic_seen(puppet.now, puppet.engine_child_spi, what & 1, 1, puppet.local);
      return;
    case 4:
      (void)puppet.engine->up(puppet.now, "t");
      return;
    case 5:
      (void)puppet.engine->down(puppet.now, "t");
      return;
    case 6:  // a reload that takes the tunnel out and another that brings it back
      puppet.engine->remove(puppet.now, "t");
      if (what & 8) puppet.run_for(seconds(12));
      puppet.engine->add(puppet.now, TwoPeers::parameters(false));
      return;
    default:
      puppet.run_for(milliseconds(what * 40));
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  const uint8_t scenario = in.u8();
  const bool as_initiator = (scenario & 1) == 0;
  const bool authenticated = (scenario & 2) != 0;
  const bool wrong_key = (scenario & 4) != 0;
  auto engine_side = TwoPeers::parameters(false);
  if (!as_initiator) engine_side.startup = ike::StartupAction::kStart;
  Puppet puppet(std::move(engine_side));
  if (wrong_key) puppet.mine.psk = Secret(wire::Bytes(Octets(32, 'x')));
  if (!(as_initiator ? puppet.init() : puppet.answer_init())) return 0;
  uint32_t request_id = 1;
  if (authenticated) {
    (void)(as_initiator ? puppet.auth() : puppet.answer_auth());
    request_id = as_initiator ? 2 : 0;
  }
  uint32_t response_id = as_initiator ? 0 : 1;
  for (int steps = 0; steps < 24 && !in.done(); ++steps) {
    const uint8_t step = in.u8();
    if (step >= 0xd0) {
      engine_acts(puppet, step);
      continue;
    }
    Template t = pick(puppet, in.u8());
    for (int i = step % 4; i > 0; --i) bend(t.payloads, in);
    if (step % 16 == 15) t.exchange = static_cast<ExchangeType>(in.u8());
    const bool response = (step & 0x40) != 0;
    const uint32_t id = response ? response_id++ : request_id++;
    if ((step & 0x20) != 0) puppet.child_spi += 2;
    puppet.deliver(puppet.seal(t.exchange, response, id, t.payloads));
    // Message IDs of ours follow the engine's requests.
    for (const auto& heard : puppet.heard())
      if (!heard.header.response) response_id = heard.header.message_id;
  }
  puppet.run_for(seconds(30));
  for (const std::string& line : puppet.host.lines) check(!line.starts_with("BUG"), line.c_str());
  if (wrong_key) check(puppet.host.keys_seen.empty(), "a child SA without a verified AUTH");
  const auto status = puppet.status();
  check(status.state == ike::TunnelState::kUp || !status.reason.empty(), "down without a reason");
  // Whatever state it was in: it ends, and nothing is left.
  puppet.host.gone.clear();
  puppet.engine->remove(puppet.now, "t");
  puppet.run_for(std::chrono::minutes(3));
  check(puppet.engine->sizes() == ike::EngineSizes{}, "a removed tunnel leaves something behind");
  check(puppet.host.gone.size() == 1, "a removed tunnel is reported gone once");
  check(puppet.host.inbound.empty() && puppet.host.reserved.empty(), "SPIs left over");
  return 0;
}
