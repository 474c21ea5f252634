// Life of an SA between IKE and the workers: INV-5 (acknowledged before it counts), ESP-28 (freed
// only when no worker can see it), INV-2 (a tunnel without SA is shown as such).
#include "control/publish/sa_store.h"

#include <functional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon::publish {
namespace {

// Remembers commands; acknowledges as far as the test says.
class FakePlane : public Plane {
 public:
  uint64_t publish(const rings::Command& command) override {
    commands.push_back(command);
    return commands.size();
  }
  bool acknowledged(uint64_t sequence) const override { return sequence <= applied; }
  // The SPIs that may pass, and how many commands were published when that changed last.
  void announce_spi(uint32_t spi) override {
    passing.insert(spi);
    changed_at = commands.size();
  }
  void withdraw_spi(uint32_t spi) override {
    passing.erase(spi);
    changed_at = commands.size();
  }
  uint64_t tsc_after(std::chrono::seconds from_now) const override {
    return 1'000'000 + static_cast<uint64_t>(from_now.count());
  }
  void apply_all() { applied = commands.size(); }
  template <class T>
  const T& last() const {
    return std::get<T>(commands.back());
  }

  std::set<uint32_t> passing;
  size_t changed_at = 0;
  std::vector<rings::Command> commands;
  uint64_t applied = 0;
};

class Store : public ::testing::Test {
 protected:
  void SetUp() override {
    TunnelSettings settings;
    settings.table = 3;
    store.set_tunnel(7, settings);
    store.set_path(7, {.adjacency = 5, .mtu = 1500});
  }
  ike::ChildSa child(uint32_t outbound_spi) {
    ike::ChildSa c;
    c.tunnel = 7;
    c.inbound_spi = store.reserve_spi().value();
    c.outbound_spi = outbound_spi;
    c.local = {wire::IpAddress::parse("192.0.2.1").value(), 500};
    c.remote = {wire::IpAddress::parse("192.0.2.2").value(), 500};
    c.local_ts = {sa::Selector::of(wire::Prefix::parse("0.0.0.0/0").value())};
    c.remote_ts = c.local_ts;
    c.inbound_key = Secret(size_t{36});
    c.outbound_key = Secret(size_t{36});
    return c;
  }

  FakePlane plane;
  SaStore store{plane,
                [n = uint8_t{1}](wire::MutableBytes out) mutable {
                  for (auto& b : out) b = n++;
                },
                2};
};

TEST_F(Store, InboundCountsOnlyWhenEveryWorkerHasIt) {
  const auto c = child(0x1000);
  ASSERT_TRUE(store.install_inbound(c).ok());
  EXPECT_TRUE(store.sweep().empty());
  EXPECT_EQ(plane.last<rings::SetInboundSa>().spi, c.inbound_spi);
  EXPECT_EQ(plane.last<rings::SetInboundSa>().sa->table, 3);
  plane.apply_all();
  EXPECT_EQ(store.sweep(), std::vector<uint32_t>{c.inbound_spi});
  EXPECT_TRUE(store.sweep().empty()) << "reported once";
}

TEST_F(Store, RemovedInboundIsFreedAfterTheAcknowledgement) {
  const auto c = child(0x1000);
  ASSERT_TRUE(store.install_inbound(c).ok());
  plane.apply_all();
  store.sweep();
  store.remove_inbound(c.inbound_spi);
  EXPECT_EQ(plane.last<rings::SetInboundSa>().sa, nullptr);
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 1u);
  plane.apply_all();
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 0u);
}

// What drops unknown SPIs in front of the workers knows at least what any worker knows.
TEST_F(Store, AnSpiMayPassBeforeItsSaIsKnownAndUntilNobodyKnowsIt) {
  const auto c = child(0x1000);
  ASSERT_TRUE(store.install_inbound(c).ok());
  EXPECT_EQ(plane.passing, std::set<uint32_t>{c.inbound_spi});
  EXPECT_EQ(plane.changed_at, plane.commands.size() - 1) << "announced before the command";
  plane.apply_all();
  store.sweep();
  store.remove_inbound(c.inbound_spi);
  store.sweep();
  EXPECT_EQ(plane.passing.count(c.inbound_spi), 1u) << "a worker may still have it";
  plane.apply_all();
  store.sweep();
  EXPECT_TRUE(plane.passing.empty());
}

TEST_F(Store, AnSpiThatIsInstalledAgainKeepsPassing) {
  const auto c = child(0x1000);
  ASSERT_TRUE(store.install_inbound(c).ok());
  ASSERT_TRUE(store.install_inbound(c).ok());
  plane.apply_all();
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 0u);
  EXPECT_EQ(plane.passing, std::set<uint32_t>{c.inbound_spi});
}

TEST_F(Store, OutboundIsReplacedInOneCommand) {
  ASSERT_TRUE(store.install_outbound(child(0x1000)).ok());
  const auto* first = plane.last<rings::SetTunnel>().encap.sa;
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(plane.last<rings::SetTunnel>().encap.adjacency, 5u);
  const size_t before = plane.commands.size();
  ASSERT_TRUE(store.install_outbound(child(0x2000)).ok());
  EXPECT_EQ(plane.commands.size(), before + 1);
  EXPECT_NE(plane.last<rings::SetTunnel>().encap.sa, first);
  EXPECT_EQ(store.waiting_to_be_freed(), 1u);
  // A late removal of the old one must not take the new one away.
  store.remove_outbound(7, 0x1000);
  ASSERT_NE(store.outbound(7), nullptr);
  EXPECT_EQ(store.outbound(7)->spi, 0x2000u);
  store.remove_outbound(7, 0x2000);
  EXPECT_EQ(plane.last<rings::SetTunnel>().encap.sa, nullptr);
  EXPECT_EQ(store.outbound(7), nullptr);
}

TEST_F(Store, PathAndEndpointReachTheWorkersAtOnce) {
  ASSERT_TRUE(store.install_outbound(child(0x1000)).ok());
  store.set_path(7, {.adjacency = 9, .mtu = 1400});
  EXPECT_EQ(plane.last<rings::SetTunnel>().encap.adjacency, 9u);
  const uint16_t mtu = plane.last<rings::SetTunnel>().encap.mtu;
  EXPECT_LT(mtu, 1400);
  const size_t before = plane.commands.size();
  store.set_path(7, {.adjacency = 9, .mtu = 1400});
  EXPECT_EQ(plane.commands.size(), before) << "no change, no command";
  store.move_endpoint(7, {wire::IpAddress::parse("192.0.2.99").value(), 4501});
  EXPECT_EQ(plane.commands.size(), before + 1);
  EXPECT_EQ(store.remote(7)->port, 4501);
}

TEST_F(Store, UnknownTunnelIsRefused) {
  auto c = child(0x1000);
  c.tunnel = 8;
  EXPECT_EQ(store.install_inbound(c).error().code, Errc::kNotFound);
  EXPECT_EQ(store.install_outbound(c).error().code, Errc::kNotFound);
}

// A configuration whose tunnels come and go for years leaves nothing behind (INV-9 too: no key).
TEST_F(Store, ForgottenTunnelsLeaveNothingBehind) {
  store.forget_tunnel(7);
  for (uint32_t cycle = 0; cycle < 2000; ++cycle) {
    const uint32_t number = cycle % 64;
    store.set_tunnel(number, {});
    store.set_path(number, {.adjacency = cycle, .mtu = 1500});
    auto c = child(0x1000 + cycle);
    c.tunnel = number;
    ASSERT_TRUE(store.install_inbound(c).ok());
    ASSERT_TRUE(store.install_outbound(c).ok());
    EXPECT_EQ(store.tunnels(), 1u);
    // IKE takes its SAs away first; the store does not depend on it.
    if (cycle % 2 == 0) {
      store.remove_outbound(number, c.outbound_spi);
      store.remove_inbound(c.inbound_spi);
    }
    store.forget_tunnel(number);
    EXPECT_EQ(store.outbound(number), nullptr);
    store.set_path(number, {.adjacency = 1, .mtu = 1400});  // a late word about it
    if (cycle % 10 == 0) plane.apply_all();
    store.sweep();
  }
  plane.apply_all();
  store.sweep();
  EXPECT_EQ(store.tunnels(), 0u);
  EXPECT_TRUE(store.inbound().empty());
  EXPECT_EQ(store.waiting_to_be_freed(), 0u);
  EXPECT_EQ(store.install_inbound(child(0x1000)).error().code, Errc::kNotFound);
}

TEST_F(Store, SettingsThatInboundSasAreMadeWithNeedNewOnes) {
  TunnelSettings settings;
  settings.table = 3;
  EXPECT_FALSE(store.needs_new_sas(7, settings));
  settings.mss_clamp = false;
  EXPECT_FALSE(store.needs_new_sas(7, settings));
  settings.table = 4;
  EXPECT_TRUE(store.needs_new_sas(7, settings));
}

// ESP-44: TFC padding is sent if it is configured and the peer did not refuse it, in the SA at
// hand.
TEST_F(Store, TfcPaddingWhereThePeerTakesIt) {
  for (const bool configured : {true, false})
    for (const bool refused : {true, false}) {
      TunnelSettings settings;
      settings.table = 3;
      settings.tfc_to_mtu = configured;
      store.set_tunnel(7, settings);
      ike::ChildSa c = child(0x3000);
      c.peer_refuses_tfc = refused;
      ASSERT_TRUE(store.install_inbound(c).ok());
      ASSERT_TRUE(store.install_outbound(c).ok());
      EXPECT_EQ(store.encap(7)->pads_to_mtu, configured && !refused);
      EXPECT_EQ(plane.last<rings::SetTunnel>().encap.pads_to_mtu, configured && !refused);
    }
}

// ESP-36: what IKE agreed on reaches both halves.
TEST_F(Store, LaterFragmentsReachBothHalves) {
  for (const bool agreed : {true, false}) {
    ike::ChildSa c = child(0x4000);
    c.fragments_also = agreed;
    ASSERT_TRUE(store.install_inbound(c).ok());
    ASSERT_TRUE(store.install_outbound(c).ok());
    EXPECT_EQ(store.inbound().at(c.inbound_spi).sa->cold->fragments_also, agreed);
    EXPECT_EQ(store.outbound(7)->sa->cold->fragments_also, agreed);
  }
}

// ESP-13, ESP-26: what the configuration allows an SA arrives in it; the sender's soft limit comes
// first.
TEST_F(Store, LimitsReachBothHalves) {
  TunnelSettings settings;
  settings.limits = {
      .soft_packets = 800, .hard_packets = 1000, .soft_bytes = 80'000, .hard_bytes = 100'000};
  settings.lifetime = std::chrono::seconds(300);
  store.set_tunnel(7, settings);
  const auto c = child(0x1000);
  ASSERT_TRUE(store.install_inbound(c).ok());
  const auto& in = *plane.last<rings::SetInboundSa>().sa;
  EXPECT_EQ(in.packets_alarm, 900u);
  EXPECT_EQ(in.bytes_alarm, 90'000u);
  EXPECT_EQ(in.cold->limits.hard_packets, 1000u);
  EXPECT_EQ(in.cold->limits.hard_bytes, 100'000u);
  EXPECT_EQ(in.expires_tsc, 1'000'300u);
  ASSERT_TRUE(store.install_outbound(c).ok());
  const auto& out = *plane.last<rings::SetTunnel>().encap.sa;
  EXPECT_EQ(out.soft_sequence, 800u);
  EXPECT_EQ(out.last_sequence, 1000u);
  EXPECT_EQ(out.soft_bytes, 80'000u);
  EXPECT_EQ(out.hard_bytes, 100'000u);
  EXPECT_EQ(out.expires_tsc, 1'000'300u);
}

// Without limits of its own an SA still ends with its 32-bit numbers, and asks in time.
TEST_F(Store, WithoutLimitsOnlyNumbersEnd) {
  const auto c = child(0x1000);
  ASSERT_TRUE(store.install_outbound(c).ok());
  const auto& out = *plane.last<rings::SetTunnel>().encap.sa;
  EXPECT_LT(out.soft_sequence, 0xffffffffu);
  EXPECT_EQ(out.last_sequence, 0xffffffffu);
  EXPECT_FALSE(out.counts_bytes);
  EXPECT_EQ(out.expires_tsc, sa::OutboundSa::kNoLimit);
}

// ESP-34: workers read a DSCP map until they have acknowledged its successor.
TEST_F(Store, ADscpMapLivesAsLongAsAWorkerMayReadIt) {
  TunnelSettings settings;
  settings.dscp = sa::DscpMode::kMap;
  settings.dscp_map[46] = 40;
  store.set_tunnel(7, settings);
  ASSERT_TRUE(store.install_outbound(child(0x1000)).ok());
  const sa::DscpMap* first = plane.last<rings::SetTunnel>().encap.dscp_map;
  ASSERT_NE(first, nullptr);
  plane.apply_all();
  store.sweep();
  settings.dscp_map[46] = 10;
  store.set_tunnel(7, settings);
  EXPECT_EQ((*plane.last<rings::SetTunnel>().encap.dscp_map)[46], 10);
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 1u);
  EXPECT_EQ((*first)[46], 40) << "still there: ASan says if not";
  store.forget_tunnel(7);
  EXPECT_EQ(store.waiting_to_be_freed(), 3u) << "two maps and an SA";
  plane.apply_all();
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 0u);
}

// ESP-31: a path MTU is learned only from what quotes a packet the live SA has sent to its peer.
class PathMtu : public Store {
 protected:
  void SetUp() override {
    Store::SetUp();
    ASSERT_TRUE(store.install_outbound(child(0x1000)).ok());
    store.outbound(7)->sa->next_sequence.store(101);  // 1 … 100 were sent
    said.local = {wire::IpAddress::parse("192.0.2.1").value(), 0};
    said.remote = {wire::IpAddress::parse("192.0.2.2").value(), 0};
    said.spi = 0x1000;
    said.sequence_low = 100;
    said.mtu = 1400;
    said.length = 1500;
  }
  bool believed(const TooBig& message) {
    const auto before = plane.commands.size();
    const bool done = store.learn_mtu(now, message).ok();
    EXPECT_EQ(plane.commands.size(), before + (done ? 1 : 0)) << "workers hear of it, or nothing";
    return done;
  }
  TooBig said;
  TimePoint now{};
};

TEST_F(PathMtu, ReachesTheWorkersAsMtuAndMss) {
  const uint16_t mtu = store.encap(7)->mtu, mss = store.encap(7)->mss4;
  EXPECT_EQ(store.path_mtu(7), 1500);
  EXPECT_TRUE(believed(said));
  EXPECT_EQ(store.path_mtu(7), 1400);
  const auto& encap = plane.last<rings::SetTunnel>().encap;
  EXPECT_EQ(encap.mtu, mtu - 100);
  EXPECT_EQ(encap.mss4, mss - 100);
}

TEST_F(PathMtu, NotWithoutALiveSpiOfOurs) {
  for (const auto& change : std::vector<std::function<void(TooBig&)>>{
           [](TooBig& t) { t.spi = 0x1001; },
           [](TooBig& t) { t.local.address = wire::IpAddress::parse("192.0.2.3").value(); },
           [](TooBig& t) { t.remote.address = wire::IpAddress::parse("192.0.2.3").value(); },
           [](TooBig& t) { t.udp = true; },
           [](TooBig& t) { t.sequence_low = 101; },  // not yet sent
           [](TooBig& t) { t.sequence_low = 0; },
           [](TooBig& t) { t.sequence_low = 0xffffffff; },
       }) {
    for (const uint16_t mtu : {0, 68, 600, 1400}) {
      TooBig forged = said;
      forged.mtu = mtu;
      change(forged);
      EXPECT_FALSE(believed(forged));
    }
    EXPECT_EQ(store.path_mtu(7), 1500);
  }
}

TEST_F(PathMtu, IsBoundedWhateverIsSaid) {
  for (const auto& [mtu, becomes] :
       std::vector<std::pair<uint16_t, uint16_t>>{{0, 1492}, {600, 600}, {68, 576}}) {
    said.mtu = mtu;
    EXPECT_TRUE(believed(said)) << mtu;
    EXPECT_EQ(store.path_mtu(7), becomes);
  }
  EXPECT_FALSE(believed(said)) << "nothing new";
  said.mtu = 9000;
  EXPECT_FALSE(believed(said)) << "never raised";
  EXPECT_EQ(store.path_mtu(7), 576);
}

TEST_F(PathMtu, IsForgottenAfterTenMinutes) {
  ASSERT_TRUE(believed(said));
  store.forget_old_mtus(now + std::chrono::seconds(599));
  EXPECT_EQ(store.path_mtu(7), 1400);
  store.forget_old_mtus(now + std::chrono::seconds(600));
  EXPECT_EQ(store.path_mtu(7), 1500);
  EXPECT_GT(plane.last<rings::SetTunnel>().encap.mtu, 1400);
}

TEST_F(PathMtu, SurvivesARekeyButNotAnotherPathOrPeer) {
  ASSERT_TRUE(believed(said));
  ASSERT_TRUE(store.install_outbound(child(0x2000)).ok());
  EXPECT_EQ(store.path_mtu(7), 1400);
  EXPECT_FALSE(believed(said)) << "the old SPI is dead";
  store.set_path(7, {.adjacency = 6, .mtu = 1500});
  EXPECT_EQ(store.path_mtu(7), 1500);
  said.spi = 0x2000;
  said.sequence_low = 1;
  store.outbound(7)->sa->next_sequence.store(2);
  ASSERT_TRUE(believed(said));
  store.move_endpoint(7, {wire::IpAddress::parse("192.0.2.99").value(), 4501});
  EXPECT_EQ(store.path_mtu(7), 1500);
  EXPECT_FALSE(believed(said)) << "of another peer now";
  store.forget_tunnel(7);
  EXPECT_FALSE(believed(said));
  store.forget_old_mtus(now + std::chrono::hours(1));
}

TEST_F(PathMtu, OfEspInUdpNeedsThePorts) {
  auto c = child(0x3000);
  c.udp_encapsulation = true;
  c.local.port = 4500;
  c.remote.port = 1027;
  ASSERT_TRUE(store.install_outbound(c).ok());
  store.outbound(7)->sa->next_sequence.store(101);
  said.spi = 0x3000;
  EXPECT_FALSE(believed(said));
  said.udp = true;
  said.local.port = 4500;
  said.remote.port = 4500;
  EXPECT_FALSE(believed(said));
  said.remote.port = 1027;
  EXPECT_TRUE(believed(said));
}

}  // namespace
}  // namespace kanmon::publish
