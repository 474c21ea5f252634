// What a speaker selects becomes candidates of the compiler: in the tables it is for, by the way of
// its next hop, with the next best path as a standby. BGP-07 (next hops), BGP-15 (RIB to FIB).
#include "control/daemon/bgp_routes.h"

#include <map>

#include <gtest/gtest.h>

namespace kanmon::daemon {
namespace {

using bgp::Attributes;
using fib::NextHop;
using fib::NextHopKind;

wire::Prefix prefix(const char* text) {
  return *wire::Prefix::parse(text);
}
wire::IpAddress address(const char* text) {
  return *wire::IpAddress::parse(text);
}
NextHop tunnel(uint32_t number) {
  return NextHop::make(NextHopKind::kTunnel, number);
}

struct Fib : routing::Forwarding {
  Status set(routing::TableId table, const wire::Prefix& p, NextHop hop) override {
    entries[{table, p}] = hop;
    ++sets;
    return success();
  }
  void unset(routing::TableId table, const wire::Prefix& p) override { entries.erase({table, p}); }
  void set_group(uint32_t group, std::span<const routing::Member> members) override {
    groups[group].assign(members.begin(), members.end());
  }
  std::optional<NextHop> at(routing::TableId table, const char* p) const {
    const auto it = entries.find({table, prefix(p)});
    return it == entries.end() ? std::nullopt : std::optional(it->second);
  }
  std::map<std::pair<routing::TableId, wire::Prefix>, NextHop> entries;
  std::map<uint32_t, std::vector<routing::Member>> groups;
  unsigned sets = 0;
};

struct Host : bgp::SpeakerHost {
  uint32_t random() override { return 7; }
  void say(bgp::Severity, const bgp::Peer&, const char*, std::span<const bgp::Saying>) override {}
  void received(const bgp::Peer&, const bgp::Update&) override {}
};

bgp::PeerSettings peer_settings(const char* name, const char* at, uint32_t as) {
  bgp::PeerSettings s;
  s.name = name;
  s.neighbor = wire::Prefix::host(address(at));
  s.session.local_as = 65001;
  s.session.remote_as = as;
  s.session.router_id = 1;
  s.session.passive = true;
  s.session.family[wire::Family::kV4] = true;
  s.tcp.listens = false;
  return s;
}

// Two peers a and b in tunnels 1 and 2; 10.99.0.0/16 is behind no tunnel. Table 5 propagates b's.
class BgpRoutesTest : public ::testing::Test {
 protected:
  BgpRoutesTest() {
    compiler.add_table(3, false);
    compiler.add_table(5, false);
    bgp::SpeakerSettings s;
    s.as = 65001;
    s.router_id = 1;
    s.peers = {peer_settings("a", "169.254.21.2", 64512),
               peer_settings("b", "169.254.21.6", 64513)};
    speaker.apply(now, s);
  }

  BgpRoutes::World world() {
    return {
        .resolve = [](const bgp::Peer&, const wire::IpAddress& next_hop) -> std::optional<NextHop> {
          if (next_hop == address("169.254.21.2")) return tunnel(1);
          if (next_hop == address("169.254.21.6")) return tunnel(2);
          return std::nullopt;
        },
        .tables =
            [](const bgp::Peer& peer) {
              return peer.name() == "b" ? std::vector<routing::TableId>{3, 5}
                                        : std::vector<routing::TableId>{3};
            },
        .origin = [](const bgp::Peer&) { return routing::Origin::kBgpVpn; },
        .pin = [](NextHop) {}};
  }

  void announce(const char* peer, const char* p, const char* next_hop, uint32_t pref = 100) {
    Attributes a;
    a.origin = bgp::Origin::kIgp;
    a.as_path = {64512};
    a.next_hop = address(next_hop);
    a.local_pref = pref;
    const auto ref = attributes.intern(a);
    speaker.rib().announce(source(peer), {prefix(p)}, ref, ref, 1);
    take();
  }
  void withdraw(const char* peer, const char* p) {
    speaker.rib().withdraw(source(peer), {prefix(p)});
    take();
  }
  bgp::SourceId source(const char* peer) { return speaker.find(peer)->peering().source(); }
  void take() {
    while (speaker.has_changes())
      speaker.take_changes(100, [&](bgp::NodeId node, const wire::Prefix& p, auto paths) {
        routes.take(node, p, paths, 9);
      });
  }

  const bgp::TimePoint now{std::chrono::hours(1)};
  Fib fib;
  routing::Compiler compiler{fib, 16};
  bgp::AttributeTable attributes;
  bgp::Transport transport;
  Host host;
  bgp::Speaker speaker{transport, attributes, host, 1};
  BgpRoutes routes{compiler, world()};
};

TEST_F(BgpRoutesTest, LeadsIntoTheTunnelOfTheNextHop) {
  announce("a", "10.0.0.0/16", "169.254.21.2");
  EXPECT_EQ(fib.at(3, "10.0.0.0/16"), tunnel(1));
  EXPECT_EQ(fib.at(5, "10.0.0.0/16"), std::nullopt) << "a's attachment does not propagate there";
  announce("b", "10.1.0.0/16", "169.254.21.6");
  EXPECT_EQ(fib.at(3, "10.1.0.0/16"), tunnel(2));
  EXPECT_EQ(fib.at(5, "10.1.0.0/16"), tunnel(2));
  withdraw("b", "10.1.0.0/16");
  EXPECT_EQ(fib.at(5, "10.1.0.0/16"), std::nullopt);
  EXPECT_EQ(compiler.candidates(3), 1u);
}

TEST_F(BgpRoutesTest, ANextHopThatLeadsNowhereIsNotInstalled) {
  announce("a", "10.0.0.0/16", "10.99.0.1");
  EXPECT_TRUE(fib.entries.empty());
  EXPECT_EQ(compiler.candidates(3), 0u);
  announce("a", "10.0.0.0/16", "169.254.21.2");
  EXPECT_EQ(fib.at(3, "10.0.0.0/16"), tunnel(1));
  announce("a", "10.0.0.0/16", "10.99.0.1");
  EXPECT_TRUE(fib.entries.empty());
}

TEST_F(BgpRoutesTest, AttributesThatMoveNothingCostNothing) {
  announce("a", "10.0.0.0/16", "169.254.21.2", 100);
  const unsigned before = fib.sets;
  announce("a", "10.0.0.0/16", "169.254.21.2", 120);
  EXPECT_EQ(fib.sets, before);
}

// The second best is a standby: the group changes hands without BGP.
TEST_F(BgpRoutesTest, TheNextBestStandsBy) {
  announce("a", "10.0.0.0/16", "169.254.21.2", 200);
  announce("b", "10.0.0.0/16", "169.254.21.6", 100);
  const auto hop = fib.at(3, "10.0.0.0/16");
  ASSERT_TRUE(hop && hop->kind() == NextHopKind::kGroup);
  EXPECT_EQ(fib.groups[hop->index()],
            (std::vector<routing::Member>{{tunnel(1), 100}, {tunnel(2), 0}}));
  EXPECT_EQ(compiler.candidates(3), 1u) << "one candidate, of the best path's peer";
  withdraw("a", "10.0.0.0/16");
  EXPECT_EQ(fib.at(3, "10.0.0.0/16"), tunnel(2));
  EXPECT_EQ(compiler.at(3, prefix("10.0.0.0/16")).at(0).source->name, "b");
  EXPECT_EQ(compiler.candidates(3), 1u);
}

// A change of hands is one step: the forwarding table never lacks the prefix.
TEST_F(BgpRoutesTest, AnotherBestPathReplacesTheFirst) {
  announce("a", "10.0.0.0/16", "169.254.21.2", 100);
  announce("b", "10.0.0.0/16", "169.254.21.6", 200);
  const auto hop = fib.at(3, "10.0.0.0/16");
  ASSERT_TRUE(hop && hop->kind() == NextHopKind::kGroup);
  const auto candidates = compiler.at(3, prefix("10.0.0.0/16"));
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].source->name, "b");
  EXPECT_TRUE(fib.at(5, "10.0.0.0/16"));
}

TEST_F(BgpRoutesTest, SurvivesNewWaysAndLostTables) {
  announce("b", "10.0.0.0/16", "169.254.21.6");
  routes.forget_ways();
  speaker.replay();
  take();
  EXPECT_EQ(fib.at(3, "10.0.0.0/16"), tunnel(2));
  EXPECT_EQ(compiler.candidates(3), 1u);
  routes.table_gone(5);
  compiler.drop_table(5);
  withdraw("b", "10.0.0.0/16");
  EXPECT_EQ(compiler.candidates(3), 0u);
  announce("a", "10.0.0.0/16", "169.254.21.2");
  routes.withdraw_all(speaker.rib());
  EXPECT_EQ(compiler.candidates(3), 0u);
}

// The gateway's own route wins: the compiler has it from elsewhere.
TEST_F(BgpRoutesTest, OwnRoutesAreNotTakenTwice) {
  announce("a", "10.0.0.0/16", "169.254.21.2");
  speaker.originate(now, {prefix("10.0.0.0/16")});
  take();
  EXPECT_EQ(compiler.candidates(3), 0u);
  speaker.originate(now, {});
  take();
  EXPECT_EQ(fib.at(3, "10.0.0.0/16"), tunnel(1));
}

}  // namespace
}  // namespace kanmon::daemon
