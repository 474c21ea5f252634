// What only a peer with the keys can test: who must prove what to whom, and who deletes what after
// a collision (IKE-01, IKE-14, IKE-19, IKE-20).
#include <gtest/gtest.h>

#include "control/ike/proposal.h"
#include "tests/support/ike_puppet.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;
using ike::NotifyType;
using ike::PayloadType;
using ike::TunnelState;

ike::TunnelParameters starting() {
  auto p = TwoPeers::parameters(false);
  p.startup = ike::StartupAction::kStart;
  return p;
}

void expect_nothing_installed(const Puppet& puppet) {
  EXPECT_NE(puppet.status().state, TunnelState::kUp);
  EXPECT_NE(puppet.status().state, TunnelState::kEstablished);
  EXPECT_TRUE(puppet.host.keys_seen.empty());
  EXPECT_TRUE(puppet.host.outbound.empty());
}

// --- the responder proves itself to the initiator ---

TEST(Verify, AResponderWithAnotherKeyIsRefused) {
  Puppet puppet(starting());
  puppet.mine.psk = Secret(wire::Bytes(Octets(32, 'x')));
  ASSERT_TRUE(puppet.answer_init() && puppet.answer_auth());
  expect_nothing_installed(puppet);
  EXPECT_EQ(puppet.status().reason,
            "AUTHENTICATION_FAILED: the peer's AUTH does not verify with our pre-shared key");
  // It is told, under the keys it has, so that it does not keep its half (2.21.2).
  const auto all = puppet.heard();
  const auto* told = Puppet::find(all, ExchangeType::kInformational, false);
  ASSERT_NE(told, nullptr);
  ASSERT_TRUE(told->opened);
  EXPECT_TRUE(ike::find_notify(told->inside.chain, NotifyType::kAuthenticationFailed).has_value());
}

TEST(Verify, AResponderWithAnotherIdentityIsRefused) {
  for (const char* name : {"A.example", "a.example.org", "192.0.2.1", "a@example"}) {
    Puppet puppet(starting());
    puppet.mine.local_id = ike::Identity::parse(name);
    ASSERT_TRUE(puppet.answer_init() && puppet.answer_auth());
    expect_nothing_installed(puppet);
    EXPECT_NE(puppet.status().reason.find("a.example"), std::string::npos);
  }
}

TEST(Verify, AnotherAuthMethodIsRefused) {
  for (const uint8_t method : {0, 1, 3, 13, 14, 255}) {
    Puppet puppet(starting());
    ASSERT_TRUE(puppet.answer_init());
    (void)puppet.heard();
    Payloads payloads = puppet.auth_answer_payloads();
    payloads[1].body[0] = method;
    puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, true, 1, payloads));
    expect_nothing_installed(puppet);
  }
}

TEST(Verify, AnAuthCutShortOrLengthenedIsRefused) {
  for (const bool as_initiator : {true, false})
    for (const std::size_t size :
         {std::size_t{4}, std::size_t{5}, std::size_t{51}, std::size_t{53}}) {
      Puppet puppet(as_initiator ? TwoPeers::parameters(false) : starting());
      ASSERT_TRUE(as_initiator ? puppet.init() : puppet.answer_init());
      (void)puppet.heard();
      Payloads payloads = as_initiator ? puppet.auth_payloads() : puppet.auth_answer_payloads();
      Octets& auth = payloads[as_initiator ? 2 : 1].body;
      ASSERT_EQ(auth.size(), 52u);  // four octets of head, PRF-SHA2-384
      auth.resize(size);
      puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, !as_initiator, 1, payloads));
      expect_nothing_installed(puppet);
    }
}

// AUTH covers the identity: one that was changed on the way does not verify.
TEST(Verify, AuthOverAnotherIdentityIsRefused) {
  auto engine_side = TwoPeers::parameters(false);
  engine_side.remote_id = ike::Identity::parse("c.example");
  Puppet puppet(std::move(engine_side));
  ASSERT_TRUE(puppet.init());
  Payloads payloads = puppet.auth_payloads();  // AUTH over a.example
  const std::string other = "c.example";
  std::copy(other.begin(), other.end(), payloads[0].body.begin() + 4);
  puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, false, 1, payloads));
  expect_nothing_installed(puppet);
  EXPECT_EQ(puppet.counter("authentication_failed"), 1u);
}

// The AUTH of one end, sent back, is not the AUTH of the other.
TEST(Verify, AReflectedAuthIsRefused) {
  Puppet puppet(starting());
  ASSERT_TRUE(puppet.answer_init());
  const auto all = puppet.heard();
  const auto* request = Puppet::find(all, ExchangeType::kIkeAuth, false);
  ASSERT_TRUE(request != nullptr && request->opened);
  const wire::Bytes theirs = request->inside.chain.find(PayloadType::kAuth)->body;
  Payloads payloads = puppet.auth_answer_payloads();
  payloads[1].body.assign(theirs.begin(), theirs.end());
  puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, true, 1, payloads));
  expect_nothing_installed(puppet);
}

// --- answers within what was asked ---

TEST(Answers, SelectorsWiderThanOfferedAreRefused) {
  auto engine_side = starting();
  engine_side.local_ts = {sa::Selector::of(wire::Prefix::parse("10.2.0.0/16").value())};
  Puppet puppet(std::move(engine_side));
  ASSERT_TRUE(puppet.answer_init());
  ASSERT_TRUE(puppet.answer_auth());  // 0.0.0.0/0 === 0.0.0.0/0
  EXPECT_EQ(puppet.status().state, TunnelState::kEstablished);
  EXPECT_TRUE(puppet.host.keys_seen.empty());
  EXPECT_NE(puppet.status().reason.find("10.2.0.0/16"), std::string::npos);
  // The peer's half is deleted by the SPI it was offered.
  const auto all = puppet.heard();
  const auto* goodbye = Puppet::find(all, ExchangeType::kInformational, false);
  ASSERT_TRUE(goodbye != nullptr && goodbye->opened);
  const auto view = ike::parse_delete(goodbye->inside.chain.find(PayloadType::kDelete)->body);
  ASSERT_EQ(view->count, 1u);
  EXPECT_EQ(view->spi(0), puppet.engine_child_spi);
}

TEST(Answers, SpisThatAreReservedAreRefused) {
  for (const uint32_t spi : {0u, 1u, 255u}) {
    Puppet puppet(starting());
    puppet.child_spi = spi;
    ASSERT_TRUE(puppet.answer_init() && puppet.answer_auth());
    EXPECT_NE(puppet.status().state, TunnelState::kUp) << spi;
    EXPECT_TRUE(puppet.host.keys_seen.empty());
  }
}

// --- who deletes what (2.8.1, 2.8.2) ---

// CREATE_CHILD_SA's answer to the engine's own rekeying.
Payloads child_answer(Puppet& puppet, uint8_t nonce) {
  Payloads all = puppet.auth_answer_payloads();
  all.erase(all.begin(), all.begin() + 2);
  all.push_back({PayloadType::kNonce, Octets(32, nonce)});
  return all;
}

std::vector<uint32_t> deleted_spis(std::vector<Puppet::Heard> heard) {
  std::vector<uint32_t> spis;
  for (const auto& one : heard) {
    if (!one.opened || one.header.response) continue;
    const ike::Payload* payload = one.inside.chain.find(PayloadType::kDelete);
    if (payload == nullptr) continue;
    const auto view = ike::parse_delete(payload->body);
    for (uint16_t i = 0; i < view->count; ++i) spis.push_back(view->spi(i));
  }
  return spis;
}

//   engine: CREATE_CHILD_SA N(REKEY_SA) Ni=random -->
//                <-- CREATE_CHILD_SA N(REKEY_SA) Ni :puppet
//   engine: response Nr=random -->
//                <-- response Nr :puppet
// One of the puppet's two nonces is all zeros: the SA of that exchange must go, by who began it.
TEST(LowestNonce, OfAChildRekeyDecidesWhoDeletesWhat) {
  for (const bool puppet_loses : {true, false}) {
    Puppet puppet(TwoPeers::parameters(false));
    ASSERT_TRUE(puppet.init() && puppet.auth());
    const uint32_t old_spi = puppet.engine_child_spi;
    ASSERT_TRUE(puppet.engine->rekey_child(puppet.now, "t").ok());
    Payloads request = puppet.create_child_payloads(puppet.child_spi);
    request[2].body = Octets(32, puppet_loses ? 0x00 : 0xff);
    const uint32_t old_child = puppet.child_spi;
    puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, false, 2, request));
    (void)puppet.heard();
    puppet.child_spi = old_child + 7;
    puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, true, 0,
                               child_answer(puppet, puppet_loses ? 0xff : 0x00)));
    const auto spis = deleted_spis(puppet.heard());
    ASSERT_EQ(spis.size(), 1u);
    const uint32_t ours = old_spi + 1;  // reserved first, for the engine's own request
    EXPECT_EQ(spis[0], puppet_loses ? old_spi : ours);
    EXPECT_TRUE(puppet.host.has_log("child-rekey-collision"));
  }
}

// Likewise for the IKE SA: the engine's Delete goes out on the old IKE SA, or on its own new one,
// which the puppet has no cipher for: told apart by the SPIs.
TEST(LowestNonce, OfAnIkeRekeyDecidesWhoDeletesWhat) {
  for (const bool puppet_loses : {true, false}) {
    Puppet puppet(TwoPeers::parameters(false));
    ASSERT_TRUE(puppet.init() && puppet.auth());
    ASSERT_TRUE(puppet.engine->rekey_ike(puppet.now, "t").ok());
    const auto asked = puppet.heard();
    const auto* engine_request = Puppet::find(asked, ExchangeType::kCreateChildSa, false);
    ASSERT_TRUE(engine_request != nullptr && engine_request->opened);
    Payloads request = puppet.rekey_ike_payloads();
    request[1].body = Octets(32, puppet_loses ? 0x00 : 0xff);
    puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, false, 2, request));
    (void)puppet.heard();
    const auto offered = ike::parse_sa(engine_request->inside.chain.find(PayloadType::kSa)->body);
    auto choice = ike::choose_ike(puppet.mine.ike, offered.value(), 31, true);
    ASSERT_TRUE(choice.ok());
    const uint64_t engine_spi = choice->peer_spi;
    choice->answer.set_ike_spi(0x0123456789abcdef);
    const auto dh = ike::Dh::make(31);
    const std::vector<ike::Proposal> answer_sa{choice->answer};
    const Payloads answer = {
        {PayloadType::kSa, body_of([&](wire::Writer& w) { ike::write_sa(w, answer_sa); })},
        {PayloadType::kNonce, Octets(32, puppet_loses ? 0xff : 0x00)},
        {PayloadType::kKe,
         body_of([&](wire::Writer& w) { ike::write_ke(w, 31, dh->public_value()); })}};
    puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, true, 0, answer));
    const auto all = puppet.heard();
    const auto* goodbye = Puppet::find(all, ExchangeType::kInformational, false);
    ASSERT_NE(goodbye, nullptr);
    EXPECT_TRUE(puppet.host.has_log("ike-rekey-collision"));
    if (puppet_loses) {
      EXPECT_EQ(goodbye->header.spi_initiator, puppet.spi_i);  // the old one goes
      EXPECT_EQ(puppet.status().ike_spi_initiator, engine_spi);
    } else {
      EXPECT_EQ(goodbye->header.spi_initiator, engine_spi);  // the engine's own new one
      EXPECT_EQ(puppet.status().ike_spi_initiator, 0x5555666677778888u);
    }
    EXPECT_EQ(puppet.status().state, TunnelState::kUp);
  }
}

// --- INV-5 in CREATE_CHILD_SA ---

TEST(MakeBeforeBreak, TheAnswerToARekeyWaitsForTheInboundHalf) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.install_delay = seconds(3);
  peers.sent.clear();
  ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(milliseconds(2900));
  EXPECT_EQ(peers.b.host.inbound.size(), 2u);
  for (const Message& message : peers.sent) EXPECT_TRUE(message.from_a) << "answered too early";
  peers.run_for(seconds(30));
  EXPECT_EQ(peers.mirror_problem(), "");
}

// The initiator sends nothing with the new pair before its own inbound half is installed, and lets
// the old one go only after it has switched.
TEST(MakeBeforeBreak, TheInitiatorInstallsInboundFirst) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const uint32_t before = peers.a.host.outbound.at(7).spi;
  ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(milliseconds(4));
  peers.install_delay = seconds(2);
  peers.run_for(seconds(2));
  EXPECT_EQ(peers.a.host.outbound.at(7).spi, before);
  peers.run_for(seconds(20));
  EXPECT_NE(peers.a.host.outbound.at(7).spi, before);
  EXPECT_EQ(peers.mirror_problem(), "");
}

// --- peers with less than we have ---

// 1.3: a peer that makes child SAs only in IKE_AUTH. The pair is replaced by way of a new IKE SA.
TEST(Fallback, NoAdditionalSasStartsANewIkeSa) {
  Puppet puppet(starting());
  ASSERT_TRUE(puppet.answer_init() && puppet.answer_auth());
  (void)puppet.heard();
  ASSERT_TRUE(puppet.engine->rekey_child(puppet.now, "t").ok());
  (void)puppet.heard();
  puppet.deliver(puppet.seal(
      ExchangeType::kCreateChildSa, true, 2,
      {{PayloadType::kNotify, {0, 0, 0, static_cast<uint8_t>(NotifyType::kNoAdditionalSas)}}}));
  const auto all = puppet.heard();
  const auto* fresh = Puppet::find(all, ExchangeType::kIkeSaInit, false);
  ASSERT_NE(fresh, nullptr);
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);  // the old pair carries on
  EXPECT_FALSE(puppet.host.outbound.empty());
}

// A man on the path answers IKE_SA_INIT first, and IKE_AUTH with a refusal under his own keys: the
// true answer that comes later is still taken.
TEST(Fallback, ARefusalUnderAStrangersKeysDoesNotEndTheAttempt) {
  TwoPeers peers;
  peers.wire_delay = milliseconds(200);
  TwoPeers stranger(99);
  auto wrong = TwoPeers::parameters(false);
  wrong.psk = Secret(wire::Bytes(Octets(32, 'm')));
  stranger.b.engine->add(stranger.now(), std::move(wrong));
  stranger.b.host.on_send = [&](const wire::Endpoint& from, const wire::Endpoint& to,
                                wire::Bytes bytes) {
    peers.inject(true, from, to, Octets(bytes.begin(), bytes.end()));
  };
  // He is closer to A than B is, and hears all that A sends.
  peers.fate = [&](const Message& message) -> Fate {
    return {message.from_a ? Duration(milliseconds(1)) : peers.wire_delay};
  };
  std::set<uint64_t> seen;
  peers.on_delivery = [&](const Message& message) {
    if (message.from_a && seen.insert(message.number).second)
      stranger.inject(false, message.from, message.to, message.bytes);
  };
  peers.add_both();
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5)));
  EXPECT_TRUE(stranger.b.host.has_log("ike-auth-refused"));
}

}  // namespace
}  // namespace kanmon::test
