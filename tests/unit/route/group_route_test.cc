// The route stage and next-hop groups: which member gets a packet, that the switch needs nothing
// but one store or one record, and what happens when nobody is left (INV-2, INV-8).
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "dataplane/route/route.h"
#include "dataplane/sa/outbound_sa.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using fib::Group;
using fib::GroupMember;
using fib::NextHop;
using fib::NextHopKind;
using test::ip;
using test::Octets;
using test::StageBed;

constexpr uint32_t kGroup = 3;
constexpr uint16_t kFlows = 200;

class GroupRoute : public ::testing::Test {
 protected:
  GroupRoute() {
    bed.tables().liveness = &liveness;
    for (const uint32_t tunnel : {20u, 21u, 22u}) set_sa(tunnel, true);
    bed.overlay().add("10.7.0.0/16", NextHop::make(NextHopKind::kGroup, kGroup));
    bed.overlay().add("2001:db8:7::/48", NextHop::make(NextHopKind::kGroup, kGroup));
    show({{tunnel_hop(20), 100}, {tunnel_hop(21), 100}, {tunnel_hop(22), 100}});
  }
  static NextHop tunnel_hop(uint32_t i) { return NextHop::make(NextHopKind::kTunnel, i); }
  void set_sa(uint32_t tunnel, bool there) {
    bed.tables().tunnels[tunnel].sa = there ? &sa : nullptr;
  }
  void show(std::vector<GroupMember> members) {
    group = Group::make(members, 1);
    bed.tables().groups[kGroup] = group.get();
  }
  // The flow `i`, sent through the stage: the next hop it got, or none if it was dropped.
  NextHop way(uint16_t i, bool v6 = false) {
    Octets udp = test::udp(static_cast<uint16_t>(1000 + i), 53, {1, 2, 3});
    const Octets packet = v6 ? ip({"2001:db8:1::9", "2001:db8:7::1", 17}, udp)
                             : ip({"10.0.1.9", "10.7.0.1", 17}, udp);
    bed.lanes().route.push(bed.routed(packet));
    route::run(bed.context());
    NextHop hop;
    for (PacketVector* lane : {&bed.lanes().encrypt, &bed.lanes().tx[StageBed::kFarPort]}) {
      if (lane->count == 1) hop = meta(lane->slots[0]).next_hop;
      (void)test::take_out(*lane);
    }
    (void)test::take_out(bed.lanes().route);  // an ICMP error, if one was made
    return hop;
  }
  std::vector<NextHop> ways(bool v6 = false) {
    std::vector<NextHop> out;
    for (uint16_t i = 0; i < kFlows; ++i) out.push_back(way(i, v6));
    return out;
  }

  StageBed bed;
  Liveness liveness{64};
  sa::OutboundSa sa{};
  std::unique_ptr<Group> group;
};

TEST_F(GroupRoute, SpreadsFlowsOverAllMembers) {
  for (const bool v6 : {false, true}) {
    std::map<uint32_t, unsigned> hits;
    for (const NextHop hop : ways(v6)) {
      EXPECT_EQ(hop.kind(), NextHopKind::kTunnel);
      ++hits[hop.index()];
    }
    EXPECT_EQ(hits.size(), 3u);
    for (const auto& [tunnel, n] : hits) EXPECT_NEAR(n, kFlows / 3.0, 35) << tunnel;
    EXPECT_EQ(ways(v6), ways(v6)) << "a flow keeps its way";
  }
}

// INV-2 and the "a dead member moves only its own flows": by the tunnel's SA …
TEST_F(GroupRoute, ATunnelWithoutAnSaLosesItsFlowsOnly) {
  const auto before = ways();
  set_sa(21, false);
  const auto during = ways();
  for (uint16_t i = 0; i < kFlows; ++i) {
    EXPECT_NE(during[i], tunnel_hop(21));
    EXPECT_TRUE(during[i]) << "no packet is lost while a member lives";
    if (before[i] != tunnel_hop(21)) {
      EXPECT_EQ(during[i], before[i]) << i;
    }
  }
  set_sa(21, true);
  EXPECT_EQ(ways(), before);
}

// … and by one store of a worker.
TEST_F(GroupRoute, ALivenessCheckMovesFlowsByOneStore) {
  const auto before = ways();
  liveness.mark(20, true);
  const auto during = ways();
  for (uint16_t i = 0; i < kFlows; ++i) {
    EXPECT_NE(during[i], tunnel_hop(20));
    if (before[i] != tunnel_hop(20)) {
      EXPECT_EQ(during[i], before[i]) << i;
    }
  }
  liveness.mark(20, false);
  EXPECT_EQ(ways(), before);
}

TEST_F(GroupRoute, NeighboursAreMembersWhileTheyAreResolved) {
  const NextHop far = bed.overlay().v4.lookup(0x0a090101);  // 10.9.1.1, behind a neighbour
  ASSERT_EQ(far.kind(), NextHopKind::kNeighbour);
  show({{far, 100}, {tunnel_hop(20), 0}});
  for (const NextHop hop : ways()) EXPECT_EQ(hop, far);
  bed.tables().adjacencies[far.index()].port = kNoPort;
  for (const NextHop hop : ways()) EXPECT_EQ(hop, tunnel_hop(20)) << "the standby";
}

TEST_F(GroupRoute, DropsByNameWhenNobodyIsLeft) {
  for (const uint32_t tunnel : {20u, 21u, 22u}) set_sa(tunnel, false);
  EXPECT_FALSE(way(1));
  EXPECT_EQ(bed.dropped(Drop::kNoMember), 1u);
  EXPECT_EQ(bed.generated(), 1u) << "the source is told (RFC 1812 section 5.2.7.1)";
  EXPECT_FALSE(way(2, true));
  EXPECT_EQ(bed.dropped(Drop::kNoMember), 2u);
  bed.tables().groups[kGroup] = nullptr;
  EXPECT_FALSE(way(3)) << "a group that is not there is nobody";
  EXPECT_EQ(bed.dropped(Drop::kNoMember), 3u);
  EXPECT_EQ(bed.packets_out(), 0u);
}

// A standby that drops: the flows of a dead tunnel go nowhere else.
TEST_F(GroupRoute, ABlackholeCanBeAMember) {
  show({{tunnel_hop(20), 100}, {NextHop::make(NextHopKind::kBlackhole), 0}});
  EXPECT_EQ(way(1), tunnel_hop(20));
  set_sa(20, false);
  EXPECT_FALSE(way(1));
  EXPECT_EQ(bed.dropped(Drop::kBlackhole), 1u);
  EXPECT_EQ(bed.dropped(Drop::kNoMember), 0u);
}

// INV-1: whoever puts a group of tunnels into an underlay gets a drop, not a packet in a tunnel.
TEST_F(GroupRoute, NoTunnelIsReachedFromAnUnderlay) {
  bed.underlay().add("203.0.113.0/24", NextHop::make(NextHopKind::kGroup, kGroup));
  Packet* p =
      bed.routed(ip({"192.0.2.1", "203.0.113.9", 17}, Octets(20)), kNoPort, StageBed::kUnderlay);
  meta(p).from_control = 1;
  bed.lanes().route.push(p);
  route::run(bed.context());
  EXPECT_EQ(bed.dropped(Drop::kRecursion), 1u);
}

TEST_F(GroupRoute, CountsWhatEachMemberGets) {
  const auto got = ways();
  uint64_t packets = 0;
  for (unsigned m = 0; m < group->size(); ++m) {
    const auto tally = group->tally(m);
    EXPECT_EQ(tally.packets,
              static_cast<uint64_t>(std::count(got.begin(), got.end(), group->member(m).hop)));
    EXPECT_EQ(tally.bytes, tally.packets * (20 + 8 + 3));
    packets += tally.packets;
  }
  EXPECT_EQ(packets, kFlows);
}

}  // namespace
}  // namespace kanmon
