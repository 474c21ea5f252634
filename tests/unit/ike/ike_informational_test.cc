// Deletes, liveness, shutdown (IKE-23, IKE-30).
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

using ike::DpdAction;
using ike::TunnelState;

//   A                            B
//   INFORMATIONAL D(IKE SA) -->
//                           <--  (empty)
TEST(Delete, DownEndsBothSides) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  ASSERT_TRUE(peers.a.engine->down(peers.now(), "t").ok());
  // No packet leaves from the moment of the command on (INV-2).
  EXPECT_TRUE(peers.a.host.outbound.empty());
  peers.run_for(seconds(1));
  EXPECT_EQ(peers.status(true).state, TunnelState::kIdle);
  EXPECT_EQ(peers.status(true).reason, "taken down by the operator");
  EXPECT_EQ(peers.status(false).state, TunnelState::kIdle);
  EXPECT_EQ(peers.status(false).reason, "the peer deleted the IKE SA");
  EXPECT_TRUE(peers.a.host.inbound.empty());
  EXPECT_TRUE(peers.b.host.inbound.empty());
  EXPECT_TRUE(peers.b.host.outbound.empty());
  // Up again.
  ASSERT_TRUE(peers.a.engine->up(peers.now(), "t").ok());
  peers.run_for(seconds(1));
  EXPECT_EQ(peers.mirror_problem(), "");
}

TEST(Delete, ATunnelThatShouldBeUpComesBack) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  ASSERT_TRUE(peers.b.engine->down(peers.now(), "t").ok());
  peers.run_for(milliseconds(100));
  EXPECT_EQ(peers.status(true).state, TunnelState::kWaiting);
  ASSERT_TRUE(peers.b.engine->up(peers.now(), "t").ok());
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(3)));
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.mirror_problem(), "");
}

TEST(Delete, ShutDownIsIdleWhenAcknowledged) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.a.engine->shut_down(peers.now());
  EXPECT_FALSE(peers.a.engine->idle());
  EXPECT_TRUE(peers.run_until([&] { return peers.a.engine->idle(); }, milliseconds(11)));
  EXPECT_TRUE(peers.a.host.inbound.empty());
  peers.run_for(seconds(60));
  EXPECT_TRUE(peers.a.engine->idle());
}

TEST(Delete, ShutDownOfADeadPeerEndsToo) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.fate = [](const Message&) { return Fate{}; };
  peers.a.engine->shut_down(peers.now());
  EXPECT_TRUE(peers.run_until([&] { return peers.a.engine->idle(); }, seconds(40)));
}

// Both delete the same child SA at once (1.4.1): each answers without naming it.
TEST(Delete, ConfigurationRemovalEndsTheTunnel) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.a.engine->remove(peers.now(), "t");
  EXPECT_TRUE(peers.a.engine->status(peers.now()).empty());
  peers.run_for(seconds(1));
  EXPECT_TRUE(peers.a.engine->idle());
  EXPECT_TRUE(peers.b.host.inbound.empty());
}

// The data plane keeps a tunnel's settings until then. A closed IKE SA still answers repetitions
// when the tunnel is gone, also those that somebody else recorded.
TEST(Delete, ARemovedTunnelIsReportedGoneOnceNothingIsLeft) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  ASSERT_TRUE(peers.b.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(seconds(12));
  const auto last = std::ranges::find_if(peers.sent.rbegin(), peers.sent.rend(),
                                         [](const Message& m) { return !m.from_a; });
  ASSERT_FALSE(last->header.response);
  const Message recorded = *last;
  peers.a.engine->remove(peers.now(), "t");
  EXPECT_TRUE(peers.a.host.gone.empty());
  peers.run_for(seconds(11));
  EXPECT_EQ(peers.a.host.gone, std::vector<uint32_t>{7});
  EXPECT_EQ(peers.a.engine->sizes().tunnels, 0u);
  EXPECT_EQ(peers.a.engine->sizes().ike_sas, 1u);
  const std::size_t said = peers.sent.size();
  peers.inject(true, recorded.from, recorded.to, recorded.bytes);
  EXPECT_EQ(peers.sent.size(), said + 1);
  peers.run_for(seconds(60));
  EXPECT_EQ(peers.a.host.gone.size(), 1u);
  EXPECT_EQ(peers.a.engine->sizes(), ike::EngineSizes{});
}

TEST(Delete, ATunnelThatIsAddedAgainIsNotGone) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  auto changed = TwoPeers::parameters(true);
  changed.child_lifetime = seconds(1800);
  peers.a.engine->add(peers.now(), std::move(changed));
  peers.run_for(seconds(60));
  EXPECT_TRUE(peers.a.host.gone.empty());
  EXPECT_TRUE(peers.both_up());
  // One without SAs is gone at once.
  auto idle = TwoPeers::parameters(false);
  idle.name = "idle";
  idle.tunnel = 9;
  peers.a.engine->add(peers.now(), std::move(idle));
  peers.a.engine->remove(peers.now(), "idle");
  EXPECT_EQ(peers.a.host.gone, std::vector<uint32_t>{9});
}

TEST(Delete, ManyTunnelsThatComeAndGoLeaveNothing) {
  TwoPeers peers;
  peers.record = false;
  for (uint32_t cycle = 0; cycle < 300; ++cycle) {
    peers.add_both();
    ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(30)));
    if (cycle % 3 == 0) (void)peers.b.engine->rekey_child(peers.now(), "t");
    peers.run_for(milliseconds(cycle % 40));
    peers.side(cycle % 2 == 0).engine->remove(peers.now(), "t");
    peers.side(cycle % 2 != 0).engine->remove(peers.now(), "t");
    peers.run_for(seconds(cycle % 5 * 10));
  }
  peers.run_for(seconds(120));
  for (const bool is_a : {true, false}) {
    EXPECT_EQ(peers.side(is_a).engine->sizes(), ike::EngineSizes{});
    EXPECT_TRUE(peers.side(is_a).host.inbound.empty());
    EXPECT_TRUE(peers.side(is_a).host.reserved.empty());
    EXPECT_FALSE(peers.side(is_a).host.has_log("BUG"));
  }
}

// A parameter that changes starts the tunnel anew, whichever it is and however deep it stands.
TEST(Configuration, EveryParameterMakesADifference) {
  using Change = void (*)(ike::TunnelParameters&);
  constexpr Change kChanges[] = {
      [](auto& p) { p.name = "u"; },
      [](auto& p) { p.tunnel = 8; },
      [](auto& p) { p.local_address = TwoPeers::kAddressB; },
      [](auto& p) { p.remote_address.reset(); },
      [](auto& p) { p.local_id.data.push_back('x'); },
      [](auto& p) { p.remote_id.type = ike::Identity::Type::kKeyId; },
      [](auto& p) { p.ike.encryption[0].key_bits = 128; },
      [](auto& p) { p.ike.integrity = {12}; },
      [](auto& p) { p.ike.prf = {5}; },
      [](auto& p) { p.ike.groups.pop_back(); },
      [](auto& p) { p.esp.algorithms.push_back(esp::Algorithm::kAes128Gcm16); },
      [](auto& p) { p.esp.groups = {19}; },
      [](auto& p) { p.esp.esn = !p.esp.esn; },
      [](auto& p) { p.local_ts.clear(); },
      [](auto& p) { p.remote_ts.push_back(p.remote_ts[0]); },
      [](auto& p) { p.startup = ike::StartupAction::kAdd; },
      [](auto& p) { p.dpd_action = DpdAction::kNone; },
      [](auto& p) { p.force_udp_encapsulation = true; },
      [](auto& p) { p.ike_lifetime += seconds(1); },
      [](auto& p) { p.child_lifetime += seconds(1); },
      [](auto& p) { p.rekey_margin += seconds(1); },
      [](auto& p) { ++p.rekey_fuzz_percent; },
      [](auto& p) { p.dpd_timeout += seconds(1); },
      [](auto& p) { p.retransmit_first += milliseconds(1); },
      [](auto& p) { ++p.retransmit_tries; },
      [](auto& p) { p.keepalive += seconds(1); },
      [](auto& p) { p.psk.mutable_bytes()[0] ^= 1; },
  };
  const auto model = TwoPeers::parameters(true);
  EXPECT_TRUE(model == model.clone());
  for (std::size_t i = 0; i < std::size(kChanges); ++i) {
    auto changed = model.clone();
    kChanges[i](changed);
    EXPECT_FALSE(changed == model) << i;
  }
}

TEST(Configuration, AddingTheSameAgainDisturbsNothing) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.sent.clear();
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
  peers.run_for(seconds(1));
  EXPECT_TRUE(peers.sent.empty());
  auto changed = TwoPeers::parameters(true);
  changed.child_lifetime = seconds(1800);
  peers.a.engine->add(peers.now(), std::move(changed));
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(3)));
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.mirror_problem(), "");
}

// --- liveness ---

ike::TunnelParameters with_dpd(bool for_a, seconds timeout, DpdAction action) {
  auto p = TwoPeers::parameters(for_a);
  p.dpd_timeout = timeout;
  p.dpd_action = action;
  return p;
}

struct Dead {
  DpdAction action;
  TunnelState state;
};

TEST(Liveness, ASilentPeerIsDeadAfterDpdTimeout) {
  for (const Dead& expected :
       {Dead{DpdAction::kRestart, TunnelState::kWaiting},
        Dead{DpdAction::kClear, TunnelState::kIdle}, Dead{DpdAction::kNone, TunnelState::kUp}}) {
    TwoPeers peers;
    peers.b.engine->add(peers.now(), with_dpd(false, seconds(40), expected.action));
    peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
    ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(10)));
    peers.run_for(seconds(5));
    peers.fate = [](const Message&) { return Fate{}; };
    const uint32_t spi = peers.status(false).children.at(0).inbound_spi;
    const TimePoint silent = peers.now();
    peers.b.engine->traffic_seen(peers.now(), spi, 0, 1, {});
    const bool died = peers.run_until([&] { return !peers.up(false); }, seconds(60));
    EXPECT_EQ(peers.status(false).state, expected.state);
    if (expected.action == DpdAction::kNone) continue;
    ASSERT_TRUE(died);
    EXPECT_EQ(peers.now() - silent, Duration(seconds(40)));
    EXPECT_TRUE(peers.b.host.inbound.empty());
    EXPECT_TRUE(peers.b.host.outbound.empty());
    EXPECT_NE(peers.status(false).reason.find("no sign of life"), std::string::npos);
  }
}

TEST(Liveness, NothingIsSentWithoutOutboundTraffic) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.run_for(seconds(2));
  peers.sent.clear();
  peers.run_for(std::chrono::minutes(30));
  EXPECT_TRUE(peers.sent.empty());
}

TEST(Liveness, NothingIsSentWhileThePeerIsHeard) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.sent.clear();
  const uint32_t spi = peers.status(true).children.at(0).inbound_spi;
  for (int i = 0; i < 300; ++i) {
    peers.a.engine->traffic_seen(peers.now(), spi, 1, 1, {});
    peers.run_for(seconds(1));
  }
  EXPECT_TRUE(peers.sent.empty());
}

//   A (sends ESP, hears nothing)       B (alive, has nothing to say)
//   INFORMATIONAL ()  -->
//                     <--  ()
TEST(Liveness, OneWayTrafficIsProbedAndThePeerStaysUp) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  peers.sent.clear();
  const uint32_t spi = peers.status(true).children.at(0).inbound_spi;
  for (int i = 0; i < 300; ++i) {
    peers.a.engine->traffic_seen(peers.now(), spi, 0, 1, {});
    peers.run_for(seconds(1));
  }
  EXPECT_TRUE(peers.both_up());
  EXPECT_GE(peers.sent.size(), 40u);
  EXPECT_LE(peers.sent.size(), 80u);
}

// Forged IKE and ESP that does not authenticate is no evidence: the former does not count here, the
// latter never reaches the engine.
TEST(Liveness, ForgedMessagesAreNoEvidence) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const Message model = peers.sent.at(3);  // an IKE_AUTH response of B
  peers.fate = [](const Message&) { return Fate{}; };
  const uint32_t spi = peers.status(true).children.at(0).inbound_spi;
  peers.a.engine->traffic_seen(peers.now(), spi, 0, 1, {});
  const TimePoint silent = peers.now();
  Octets forged = model.bytes;
  forged.back() ^= 1;
  while (peers.up(true) && peers.now() - silent < seconds(60)) {
    peers.inject(true, model.from, model.to, forged);
    peers.run_for(seconds(1));
  }
  EXPECT_LE(peers.now() - silent, Duration(seconds(41)));
}

// A short interruption: probes are repeated and the tunnel survives.
TEST(Liveness, AnInterruptionShorterThanTheTimeoutIsSurvived) {
  TwoPeers peers;
  peers.traffic_interval = milliseconds(100);
  ASSERT_TRUE(peers.connect());
  peers.traffic_tells = false;
  const uint32_t spi = peers.status(true).children.at(0).inbound_spi;
  peers.fate = [](const Message&) { return Fate{}; };
  peers.a.engine->traffic_seen(peers.now(), spi, 0, 1, {});
  peers.run_for(seconds(34));
  peers.fate = nullptr;
  peers.run_for(seconds(10));
  EXPECT_TRUE(peers.both_up());
  EXPECT_EQ(peers.status(true).children.at(0).inbound_spi, spi);
}

TEST(Liveness, ADeadPeerIsCalledAgainWithBackoffAndComesBack) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const uint32_t spi = peers.status(true).children.at(0).inbound_spi;
  peers.fate = [](const Message&) { return Fate{}; };
  peers.a.engine->traffic_seen(peers.now(), spi, 0, 1, {});
  peers.run_for(std::chrono::minutes(10));
  EXPECT_FALSE(peers.up(true));
  EXPECT_FALSE(peers.status(true).reason.empty());
  peers.fate = nullptr;
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(95)));
  peers.run_for(seconds(12));
  // INITIAL_CONTACT has cleared B's half of the old pair.
  EXPECT_EQ(peers.mirror_problem(), "");
}

TEST(Limits, SoftRekeysHardReplaces) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const uint32_t first = peers.status(true).children.at(0).inbound_spi;
  peers.a.engine->limit_reached(peers.now(), first, false);
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(true).child_rekeys, 1u);
  const uint32_t second = peers.status(true).children.at(0).inbound_spi;
  EXPECT_NE(second, first);
  peers.a.engine->limit_reached(peers.now(), second, true);
  EXPECT_TRUE(peers.a.host.outbound.empty());
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.mirror_problem(), "");
  EXPECT_NE(peers.status(true).children.at(0).inbound_spi, second);
}

}  // namespace
}  // namespace kanmon::test
