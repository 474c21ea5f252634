// Every payload of CREATE_CHILD_SA and INFORMATIONAL dropped once and doubled once, requests and
// responses, at an engine that is up (IKE-12; RFC 7296 sections 1.3, 1.4, 2.21.2, 2.21.3).
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "control/ike/proposal.h"
#include "control/ike/wire/rules.h"
#include "tests/support/ike_puppet.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;
using ike::NotifyType;
using ike::TunnelState;
using P = ike::PayloadType;

constexpr uint16_t kPfsGroup = 19;

// What the message is after that.
enum class Then : uint8_t {
  kGood,    // still one that the RFC allows: it does what it says
  kRefuse,  // well-formed, but not acceptable: an error, and everything stays as it was
  kSyntax,  // a request: INVALID_SYNTAX, then the IKE SA is gone at both ends. A response: nothing
            // in it is believed, no error is sent back, the IKE SA is deleted
};

struct Part {
  P type;
  Then dropped;
  Then doubled;
};
constexpr Part mandatory(P type) {
  return {type, Then::kSyntax, Then::kSyntax};
}

// A right message to the engine, ready to be spoilt.
struct Letter {
  Payloads payloads;
  uint32_t id = 2;  // of the puppet's first request after IKE_AUTH
};

struct Case {
  const char* name;
  ExchangeType exchange;
  bool response;
  bool pfs;
  std::function<Letter(Puppet&)> write;
  std::vector<Part> parts;
  std::function<bool(const Puppet&)> took;  // the right message has had its effect
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

// --- what the puppet writes ---

RawPayload fresh_ke(uint16_t group) {
  auto dh = ike::Dh::make(group);
  return {P::kKe, body_of([&](wire::Writer& w) { ike::write_ke(w, group, dh->public_value()); })};
}

RawPayload delete_of(uint32_t spi) {
  const std::vector<uint32_t> spis = {spi};
  return {P::kDelete, body_of([&](wire::Writer& w) { ike::write_delete_esp(w, spis); })};
}

Octets copy(wire::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

Letter new_child(Puppet& puppet) {
  Letter letter{puppet.create_child_payloads()};
  if (!puppet.mine.esp.groups.empty())
    letter.payloads.insert(letter.payloads.begin() + 2, fresh_ke(kPfsGroup));
  return letter;
}

Letter rekey_child(Puppet& puppet) {
  return {puppet.create_child_payloads(puppet.child_spi)};
}

Letter rekey_ike(Puppet& puppet) {
  return {puppet.rekey_ike_payloads()};
}

// The answer to the CREATE_CHILD_SA request the engine has just sent.
Letter answer_to_child(Puppet& puppet) {
  const auto all = puppet.heard();
  const auto* request = Puppet::find(all, ExchangeType::kCreateChildSa, false);
  if (request == nullptr || !request->opened) return {};
  const ike::Chain& asked = request->inside.chain;
  const bool pfs = asked.find(P::kKe) != nullptr;
  auto choice = ike::choose_esp(puppet.mine.esp, ike::parse_sa(asked.find(P::kSa)->body).value(),
                                pfs ? kPfsGroup : 0, true);
  choice->answer.set_esp_spi(puppet.child_spi + 1);
  const std::vector<ike::Proposal> answer = {choice->answer};
  Letter letter{{{P::kSa, body_of([&](wire::Writer& w) { ike::write_sa(w, answer); })},
                 {P::kNonce, Octets(32, 0x55)}},
                request->header.message_id};
  if (pfs) letter.payloads.push_back(fresh_ke(kPfsGroup));
  letter.payloads.push_back({P::kTsi, copy(asked.find(P::kTsi)->body)});
  letter.payloads.push_back({P::kTsr, copy(asked.find(P::kTsr)->body)});
  return letter;
}

Letter answer_to_new_child(Puppet& puppet) {
  puppet.deliver(
      puppet.seal(ExchangeType::kInformational, false, 2, {delete_of(puppet.child_spi)}));
  (void)puppet.heard();
  EXPECT_TRUE(puppet.engine->up(puppet.now, "t").ok());
  return answer_to_child(puppet);
}

Letter answer_to_rekey_child(Puppet& puppet) {
  EXPECT_TRUE(puppet.engine->rekey_child(puppet.now, "t").ok());
  return answer_to_child(puppet);
}

Letter answer_to_rekey_ike(Puppet& puppet) {
  EXPECT_TRUE(puppet.engine->rekey_ike(puppet.now, "t").ok());
  const auto all = puppet.heard();
  const auto* request = Puppet::find(all, ExchangeType::kCreateChildSa, false);
  if (request == nullptr || !request->opened) return {};
  const ike::Chain& asked = request->inside.chain;
  const uint16_t group = ike::parse_ke(asked.find(P::kKe)->body)->group;
  auto choice = ike::choose_ike(puppet.mine.ike, ike::parse_sa(asked.find(P::kSa)->body).value(),
                                group, true);
  choice->answer.set_ike_spi(0x7777888899990000);
  const std::vector<ike::Proposal> answer = {choice->answer};
  return {{{P::kSa, body_of([&](wire::Writer& w) { ike::write_sa(w, answer); })},
           {P::kNonce, Octets(32, 0x66)},
           fresh_ke(group)},
          request->header.message_id};
}

Letter answer_to_delete_child(Puppet& puppet) {
  const Letter rekeyed = answer_to_rekey_child(puppet);
  puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, true, rekeyed.id, rekeyed.payloads));
  const auto all = puppet.heard();
  const auto* request = Puppet::find(all, ExchangeType::kInformational, false);
  if (request == nullptr) return {};
  return {{delete_of(puppet.child_spi)}, request->header.message_id};
}

Letter answer_to_probe(Puppet& puppet) {
  puppet.engine->traffic_seen(puppet.now, puppet.engine_child_spi, 0, 1, {});
  puppet.run_for(seconds(11));
  const auto all = puppet.heard();
  const auto* request = Puppet::find(all, ExchangeType::kInformational, false);
  if (request == nullptr) return {};
  return {{}, request->header.message_id};
}

// --- the table ---

const Case kCases[] = {
    {"NewChildRequest",
     ExchangeType::kCreateChildSa,
     false,
     false,
     new_child,
     {mandatory(P::kSa), mandatory(P::kNonce), mandatory(P::kTsi), mandatory(P::kTsr)},
     [](const Puppet& p) { return p.status().children.size() == 2; }},
    // Without KE the responder asks for the group (1.3).
    {"NewChildRequestWithPfs",
     ExchangeType::kCreateChildSa,
     false,
     true,
     new_child,
     {mandatory(P::kSa),
      mandatory(P::kNonce),
      {P::kKe, Then::kRefuse, Then::kSyntax},
      mandatory(P::kTsi),
      mandatory(P::kTsr)},
     [](const Puppet& p) { return p.status().children.size() == 2; }},
    // Without N(REKEY_SA) it is a request for a new child SA; twice the same says no more than
    // once.
    {"RekeyChildRequest",
     ExchangeType::kCreateChildSa,
     false,
     false,
     rekey_child,
     {{P::kNotify, Then::kGood, Then::kGood},
      mandatory(P::kSa),
      mandatory(P::kNonce),
      mandatory(P::kTsi),
      mandatory(P::kTsr)},
     [](const Puppet& p) { return p.status().children.size() == 2; }},
    {"RekeyIkeRequest",
     ExchangeType::kCreateChildSa,
     false,
     false,
     rekey_ike,
     {mandatory(P::kSa), mandatory(P::kNonce), mandatory(P::kKe)},
     [](const Puppet& p) { return p.status().ike_rekeys == 1; }},
    {"NewChildResponse",
     ExchangeType::kCreateChildSa,
     true,
     false,
     answer_to_new_child,
     {mandatory(P::kSa), mandatory(P::kNonce), mandatory(P::kTsi), mandatory(P::kTsr)},
     [](const Puppet& p) { return p.status().state == TunnelState::kUp; }},
    {"RekeyChildResponse",
     ExchangeType::kCreateChildSa,
     true,
     false,
     answer_to_rekey_child,
     {mandatory(P::kSa), mandatory(P::kNonce), mandatory(P::kTsi), mandatory(P::kTsr)},
     [](const Puppet& p) { return p.status().child_rekeys == 1; }},
    {"RekeyChildResponseWithPfs",
     ExchangeType::kCreateChildSa,
     true,
     true,
     answer_to_rekey_child,
     {mandatory(P::kSa),
      mandatory(P::kNonce),
      {P::kKe, Then::kRefuse, Then::kSyntax},
      mandatory(P::kTsi),
      mandatory(P::kTsr)},
     [](const Puppet& p) { return p.status().child_rekeys == 1; }},
    {"RekeyIkeResponse",
     ExchangeType::kCreateChildSa,
     true,
     false,
     answer_to_rekey_ike,
     {mandatory(P::kSa), mandatory(P::kNonce), mandatory(P::kKe)},
     [](const Puppet& p) { return p.status().ike_rekeys == 1; }},
    // Deletes are optional and may come several times; without any it is a liveness check.
    {"DeleteRequest",
     ExchangeType::kInformational,
     false,
     false,
     [](Puppet& p) { return Letter{{delete_of(p.child_spi)}}; },
     {{P::kDelete, Then::kRefuse, Then::kGood}},
     [](const Puppet& p) { return p.host.outbound.empty(); }},
    {"LivenessRequest",
     ExchangeType::kInformational,
     false,
     false,
     [](Puppet&) { return Letter{}; },
     {},
     [](const Puppet& p) { return p.status().state == TunnelState::kUp; }},
    {"DeleteResponse",
     ExchangeType::kInformational,
     true,
     false,
     answer_to_delete_child,
     {{P::kDelete, Then::kGood, Then::kGood}},
     [](const Puppet& p) { return p.status().state == TunnelState::kUp; }},
    {"LivenessResponse",
     ExchangeType::kInformational,
     true,
     false,
     answer_to_probe,
     {},
     [](const Puppet& p) { return p.status().state == TunnelState::kUp; }},
};

// What must not change on kRefuse, and must not grow on kSyntax.
struct Held {
  explicit Held(const Puppet& puppet) : state(puppet.status().state) {
    for (const auto& [spi, in] : puppet.host.inbound) inbound.insert(spi);
    if (const auto out = puppet.host.outbound.find(7); out != puppet.host.outbound.end())
      outbound = out->second.spi;
    rekeys = puppet.status().child_rekeys + puppet.status().ike_rekeys;
  }
  TunnelState state;
  std::set<uint32_t> inbound;
  uint32_t outbound = 0;
  uint64_t rekeys = 0;
};

void expect_unchanged(const Held& before, const Puppet& puppet) {
  const Held after(puppet);
  EXPECT_EQ(after.state, before.state);
  EXPECT_EQ(after.inbound, before.inbound);
  EXPECT_EQ(after.outbound, before.outbound);
  EXPECT_EQ(after.rekeys, before.rekeys);
}

bool says(const std::vector<Puppet::Heard>& heard, NotifyType type) {
  for (const auto& one : heard)
    if (one.opened && ike::find_notify(one.inside.chain, type)) return true;
  return false;
}

// The peer confirms what the engine asks; what is left afterwards is for good.
void confirm_all(Puppet& puppet, std::vector<Puppet::Heard>& heard) {
  for (const auto& one : heard)
    if (one.header.exchange == ExchangeType::kInformational && !one.header.response)
      puppet.deliver(puppet.seal(ExchangeType::kInformational, true, one.header.message_id, {}));
}

class PayloadTable : public ::testing::TestWithParam<Case> {
 protected:
  // A puppet that is up with the engine and has the right message in hand.
  void prepare() {
    auto parameters = TwoPeers::parameters(false);
    if (c.pfs) parameters.esp.groups = {kPfsGroup};
    puppet = std::make_unique<Puppet>(std::move(parameters));
    if (c.pfs) puppet->mine.esp.groups = {kPfsGroup};
    ASSERT_TRUE(puppet->init() && puppet->auth());
    letter = c.write(*puppet);
    ASSERT_EQ(letter.payloads.size(), c.parts.size());
    for (std::size_t i = 0; i < c.parts.size(); ++i)
      ASSERT_EQ(letter.payloads[i].type, c.parts[i].type);
  }

  void judge(const Payloads& payloads, Then then) {
    const Held before(*puppet);
    puppet->deliver(puppet->seal(c.exchange, c.response, letter.id, payloads));
    auto heard = puppet->heard();
    EXPECT_EQ(says(heard, NotifyType::kInvalidSyntax), then == Then::kSyntax && !c.response);
    EXPECT_EQ(Puppet::find(heard, c.exchange, true) != nullptr, !c.response);
    EXPECT_TRUE(then != Then::kGood || c.took(*puppet));
    if (then == Then::kRefuse) expect_unchanged(before, *puppet);
    if (then == Then::kSyntax) expect_end(before, heard);
    confirm_all(*puppet, heard);
    EXPECT_TRUE(puppet->host.reserved.empty());
    EXPECT_FALSE(puppet->host.has_log("BUG"));
  }

  void expect_end(const Held& before, const std::vector<Puppet::Heard>& heard) {
    EXPECT_NE(puppet->status().state, TunnelState::kUp);
    EXPECT_TRUE(puppet->host.outbound.empty());
    for (const auto& [spi, in] : puppet->host.inbound) EXPECT_TRUE(before.inbound.contains(spi));
    ASSERT_EQ(heard.size(), 1u);
    if (!c.response) return;
    const auto* goodbye = Puppet::find(heard, ExchangeType::kInformational, false);
    ASSERT_NE(goodbye, nullptr);
    const ike::Payload* what = goodbye->inside.chain.find(P::kDelete);
    ASSERT_NE(what, nullptr);
    EXPECT_EQ(ike::parse_delete(what->body)->protocol, ike::ProtocolId::kIke);
  }

  const Case& c = GetParam();
  std::unique_ptr<Puppet> puppet;
  Letter letter;
};

TEST_P(PayloadTable, AsTheRfcDrawsIt) {
  ASSERT_NO_FATAL_FAILURE(prepare());
  judge(letter.payloads, Then::kGood);
}

TEST_P(PayloadTable, DropOne) {
  for (std::size_t i = 0; i < c.parts.size(); ++i) {
    SCOPED_TRACE(to_string(c.parts[i].type));
    ASSERT_NO_FATAL_FAILURE(prepare());
    judge(Puppet::without(letter.payloads, i), c.parts[i].dropped);
  }
}

TEST_P(PayloadTable, DoubleOne) {
  for (std::size_t i = 0; i < c.parts.size(); ++i) {
    SCOPED_TRACE(to_string(c.parts[i].type));
    ASSERT_NO_FATAL_FAILURE(prepare());
    judge(Puppet::doubled(letter.payloads, i), c.parts[i].doubled);
  }
}

TEST_P(PayloadTable, DropAll) {
  if (c.parts.empty() || c.exchange == ExchangeType::kInformational) return;
  ASSERT_NO_FATAL_FAILURE(prepare());
  judge({}, Then::kSyntax);
}

// Payloads that belong to other exchanges.
TEST_P(PayloadTable, AddAStranger) {
  for (const P stranger : {P::kIdi, P::kIdr, P::kAuth}) {
    SCOPED_TRACE(to_string(stranger));
    ASSERT_NO_FATAL_FAILURE(prepare());
    Payloads payloads = letter.payloads;
    payloads.push_back({stranger, Octets(20, 1)});
    judge(payloads, Then::kSyntax);
  }
}

INSTANTIATE_TEST_SUITE_P(Messages, PayloadTable, ::testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace kanmon::test
