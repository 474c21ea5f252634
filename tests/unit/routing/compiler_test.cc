// The route compiler: who wins and why, what liveness does, what a change costs (issue 4, "Model
// and compiler"; MISSION S1, S5; INV-1).
#include "control/routing/compiler.h"

#include <algorithm>

#include "tests/unit/routing/compiler_bed.h"

namespace kanmon::routing {
namespace {

using fib::NextHop;
using fib::NextHopKind;
using testing::blackhole;
using testing::ip;
using testing::neighbour;
using testing::prefix;
using testing::Recorder;
using testing::tunnel;

class RouteCompiler : public ::testing::Test {
 protected:
  RouteCompiler() {
    compiler.add_table(1, false);
    compiler.add_table(2, false);
    compiler.add_table(9, true);
  }
  // Adds a candidate whose offer only it holds.
  void add(TableId table, Origin origin, const char* name, const char* text,
           std::vector<Member> members, OnDown on_down = OnDown::kHold) {
    const OfferId id = compiler.offer(
        table, {.source = compiler.source({origin, name}), .on_down = on_down, .members = members});
    compiler.add(id, prefix(text), ++now);
    compiler.release(id);
  }
  bool withdraw(TableId table, Origin origin, const char* name, const char* text) {
    return compiler.withdraw(table, compiler.source({origin, name}), prefix(text));
  }
  NextHop at(TableId table, const char* text) { return forwarding.at(table, prefix(text)); }

  uint32_t now = 0;
  Recorder forwarding;
  Compiler compiler{forwarding, 16};
};

TEST_F(RouteCompiler, TheOriginDecidesInEveryOrderOfArrival) {
  // AWS: direct-connect BGP before static VPN before VPN BGP (cloud-options.md).
  const Origin kOrder[] = {Origin::kConnected, Origin::kStatic, Origin::kBgpDirectConnect,
                           Origin::kVpnStatic, Origin::kBgpVpn};
  std::vector<uint32_t> arrival{0, 1, 2, 3, 4};
  do {
    for (const uint32_t i : arrival) add(1, kOrder[i], "x", "10.0.0.0/8", {{tunnel(i)}});
    for (uint32_t best = 0; best < 5; ++best) {
      EXPECT_EQ(at(1, "10.0.0.0/8"), tunnel(best));
      EXPECT_TRUE(withdraw(1, kOrder[best], "x", "10.0.0.0/8"));
    }
    EXPECT_FALSE(withdraw(1, Origin::kStatic, "x", "10.0.0.0/8"));
    EXPECT_TRUE(forwarding.routes.empty());
  } while (std::next_permutation(arrival.begin(), arrival.end()));
  EXPECT_EQ(compiler.size(1), 0u);
  EXPECT_EQ(compiler.candidates(1), 0u);
}

TEST_F(RouteCompiler, OfEqualOriginTheNameThatSortsFirstWins) {
  add(1, Origin::kVpnStatic, "tokyo", "10.0.0.0/8", {{tunnel(2)}});
  add(1, Origin::kVpnStatic, "osaka", "10.0.0.0/8", {{tunnel(1)}});
  EXPECT_EQ(at(1, "10.0.0.0/8"), tunnel(1));
}

TEST_F(RouteCompiler, ASourceHasOneRouteAPrefix) {
  add(1, Origin::kBgpVpn, "peer", "10.0.0.0/8", {{tunnel(1)}});
  add(1, Origin::kBgpVpn, "peer", "10.0.0.0/8", {{tunnel(2)}});
  EXPECT_EQ(at(1, "10.0.0.0/8"), tunnel(2));
  EXPECT_EQ(compiler.candidates(1), 1u);
}

TEST_F(RouteCompiler, TablesAndFamiliesKnowNothingOfEachOther) {  // INV-3
  add(1, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(1)}});
  add(2, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(2)}});
  add(1, Origin::kStatic, "", "0.0.0.0/0", {{tunnel(3)}});
  add(1, Origin::kStatic, "", "::/0", {{tunnel(4)}});
  EXPECT_EQ(at(1, "10.0.0.0/8"), tunnel(1));
  EXPECT_EQ(at(2, "10.0.0.0/8"), tunnel(2));
  EXPECT_EQ(at(1, "::/0"), tunnel(4));
  EXPECT_TRUE(withdraw(1, Origin::kStatic, "", "::/0"));
  EXPECT_EQ(at(1, "0.0.0.0/0"), tunnel(3));
  EXPECT_FALSE(withdraw(2, Origin::kStatic, "", "0.0.0.0/0"));
}

TEST_F(RouteCompiler, ADeadTunnelHoldsWithdrawsOrBlackholes) {  // S1, failure-modes B4
  add(1, Origin::kStatic, "", "10.1.0.0/16", {{tunnel(1)}}, OnDown::kHold);
  add(1, Origin::kStatic, "", "10.2.0.0/16", {{tunnel(1)}}, OnDown::kWithdraw);
  add(1, Origin::kStatic, "", "10.3.0.0/16", {{tunnel(1)}}, OnDown::kBlackhole);
  add(1, Origin::kBgpVpn, "b", "10.2.0.0/16", {{tunnel(2)}}, OnDown::kWithdraw);
  add(1, Origin::kBgpVpn, "b", "10.3.0.0/16", {{tunnel(2)}}, OnDown::kWithdraw);
  compiler.set_live(tunnel(1), false);
  EXPECT_EQ(at(1, "10.1.0.0/16"), tunnel(1));
  EXPECT_EQ(at(1, "10.2.0.0/16"), tunnel(2)) << "the next best takes over";
  EXPECT_EQ(at(1, "10.3.0.0/16"), blackhole()) << "a blackhole is a route, and a better one";
  compiler.set_live(tunnel(2), false);
  EXPECT_EQ(at(1, "10.2.0.0/16"), NextHop{});
  compiler.set_live(tunnel(1), true);
  for (const char* p : {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"})
    EXPECT_EQ(at(1, p), tunnel(1));
}

TEST_F(RouteCompiler, ARouteThatComesWhileItsTunnelIsDeadWaits) {
  compiler.set_live(tunnel(1), false);
  add(1, Origin::kStatic, "", "10.2.0.0/16", {{tunnel(1)}}, OnDown::kWithdraw);
  EXPECT_EQ(at(1, "10.2.0.0/16"), NextHop{});
  const auto rows = compiler.at(1, prefix("10.2.0.0/16"));
  ASSERT_EQ(rows.size(), 1u) << "kept, to be shown";
  EXPECT_EQ(rows[0].outcome, Outcome::kWithdrawn);
  EXPECT_EQ(rows[0].winner, nullptr);
  compiler.set_live(tunnel(1), true);
  EXPECT_EQ(at(1, "10.2.0.0/16"), tunnel(1));
}

TEST_F(RouteCompiler, WeightsShareAndZeroStandsBy) {  // S5: 100 and 0
  add(1, Origin::kStatic, "", "10.2.0.0/16", {{tunnel(1), 100}, {tunnel(2), 50}, {tunnel(3), 0}});
  const NextHop hop = at(1, "10.2.0.0/16");
  ASSERT_EQ(hop.kind(), NextHopKind::kGroup);
  using Members = std::vector<Member>;
  const auto members = [&] { return forwarding.groups.at(hop.index()); };
  const Members all = {{tunnel(1), 100}, {tunnel(2), 50}, {tunnel(3), 0}};
  using Hops = std::vector<NextHop>;
  const auto carrying = [&] { return compiler.at(1, prefix("10.2.0.0/16"))[0].carrying; };
  EXPECT_EQ(members(), all) << "who is alive is for the workers to see";
  EXPECT_EQ(carrying(), (Hops{tunnel(1), tunnel(2)}));
  compiler.set_live(tunnel(1), false);
  EXPECT_EQ(carrying(), (Hops{tunnel(2)}));
  compiler.set_live(tunnel(2), false);
  EXPECT_EQ(carrying(), (Hops{tunnel(3)}));
  compiler.set_live(tunnel(3), false);
  EXPECT_EQ(at(1, "10.2.0.0/16"), hop) << "held: dropped by name, in the group";
  compiler.set_live(tunnel(1), true);
  EXPECT_EQ(carrying(), (Hops{tunnel(1)}));
  EXPECT_EQ(members(), all) << "and the group was never touched";
  EXPECT_EQ(at(1, "10.2.0.0/16"), hop) << "the route itself was never touched";
  EXPECT_TRUE(withdraw(1, Origin::kStatic, "", "10.2.0.0/16"));
  EXPECT_TRUE(forwarding.groups.empty());
}

TEST_F(RouteCompiler, WithoutGroupsTheHeaviestAliveCarries) {
  Recorder plain;
  Compiler none(plain, 0);
  none.add_table(1, false);
  const OfferId id = none.offer(1, {.source = none.source({Origin::kStatic, ""}),
                                    .members = {{tunnel(1), 0}, {tunnel(2), 20}, {tunnel(3), 10}}});
  none.add(id, prefix("10.0.0.0/8"), 0);
  EXPECT_EQ(plain.at(1, prefix("10.0.0.0/8")), tunnel(2));
  none.set_live(tunnel(2), false);
  EXPECT_EQ(plain.at(1, prefix("10.0.0.0/8")), tunnel(3));
  none.set_live(tunnel(3), false);
  EXPECT_EQ(plain.at(1, prefix("10.0.0.0/8")), tunnel(1));
}

TEST_F(RouteCompiler, AnUnderlayTakesNoTunnelHoweverItComes) {  // INV-1, S2
  add(9, Origin::kBgpDirectConnect, "line", "0.0.0.0/0", {{tunnel(1)}});
  add(9, Origin::kFpm, "", "10.0.0.0/8", {{neighbour(1)}, {tunnel(2)}});
  EXPECT_TRUE(forwarding.routes.empty());
  EXPECT_TRUE(forwarding.groups.empty());
  ASSERT_EQ(compiler.at(9, prefix("0.0.0.0/0")).size(), 1u) << "kept, to be shown";
  EXPECT_EQ(compiler.at(9, prefix("0.0.0.0/0"))[0].outcome, Outcome::kRejected);
  add(9, Origin::kFpm, "", "0.0.0.0/0", {{neighbour(1)}});
  EXPECT_EQ(at(9, "0.0.0.0/0"), neighbour(1)) << "a worse origin, but one that takes part";
  compiler.set_live(tunnel(1), false);
  compiler.set_live(tunnel(1), true);
  EXPECT_EQ(at(9, "0.0.0.0/0"), neighbour(1));
}

TEST_F(RouteCompiler, AChangeTouchesItsOwnRoutesOnly) {  // O(change)
  const auto learn = [&](uint32_t via, uint32_t first, uint32_t count) {
    const OfferId id = compiler.offer(1, {.source = compiler.source({Origin::kBgpVpn, "p"}),
                                          .on_down = OnDown::kWithdraw,
                                          .members = {{tunnel(via)}}});
    for (uint32_t i = first; i < first + count; ++i)
      compiler.add(id, wire::Prefix{wire::IpAddress::v4(0x0a000000 + (i << 8)), 24}, 0);
    compiler.release(id);
  };
  learn(1, 0, 10'000);
  learn(2, 10'000, 7);
  auto before = compiler.work();
  add(1, Origin::kStatic, "", "10.0.5.0/24", {{tunnel(3)}});
  EXPECT_EQ(compiler.work().chains - before.chains, 1u);
  EXPECT_EQ(compiler.work().installs - before.installs, 1u);
  before = compiler.work();
  compiler.set_live(tunnel(2), false);
  EXPECT_EQ(compiler.work().chains - before.chains, 7u);
  EXPECT_EQ(compiler.work().removals - before.removals, 7u);
  EXPECT_EQ(compiler.work().offers - before.offers, 1u);
  EXPECT_EQ(forwarding.routes.size(), 10'000u);
}

TEST_F(RouteCompiler, AGroupOfManyRoutesDoesNotChange) {
  const OfferId id = compiler.offer(1, {.source = compiler.source({Origin::kBgpVpn, "p"}),
                                        .on_down = OnDown::kWithdraw,
                                        .members = {{tunnel(1)}, {tunnel(2)}}});
  for (uint32_t i = 0; i < 5'000; ++i)
    compiler.add(id, wire::Prefix{wire::IpAddress::v4(0x0a000000 + (i << 8)), 24}, 0);
  const auto before = compiler.work();
  compiler.set_live(tunnel(1), false);
  EXPECT_EQ(compiler.work().groups, before.groups);
  EXPECT_EQ(compiler.work().chains, before.chains);
  compiler.set_live(tunnel(2), false);
  EXPECT_TRUE(forwarding.routes.empty()) << "nobody is left: withdrawn";
  compiler.release(id);
}

TEST_F(RouteCompiler, TheSameRouteAgainIsNoChange) {
  add(1, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(1)}});
  const auto before = compiler.work();
  const uint32_t since = compiler.at(1, prefix("10.0.0.0/8"))[0].since_s;
  add(1, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(1)}});
  EXPECT_EQ(compiler.work().installs, before.installs);
  EXPECT_EQ(compiler.at(1, prefix("10.0.0.0/8"))[0].since_s, since);
}

TEST_F(RouteCompiler, WhatFoundNoMemoryIsShownAndTriedAgain) {
  forwarding.is_full = true;
  add(1, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(1)}});
  EXPECT_TRUE(compiler.at(1, prefix("10.0.0.0/8"))[0].not_installed);
  forwarding.is_full = false;
  add(1, Origin::kBgpVpn, "p", "10.0.0.0/8", {{tunnel(2)}});
  EXPECT_EQ(at(1, "10.0.0.0/8"), tunnel(1));
  EXPECT_FALSE(compiler.at(1, prefix("10.0.0.0/8"))[0].not_installed);
}

TEST_F(RouteCompiler, AnswersPageByPageAndByAddress) {
  for (uint32_t i = 0; i < 300; ++i) {
    const auto p = wire::Prefix{wire::IpAddress::v4(0x0a000000 + (i << 8)), 24}.to_string();
    add(1, Origin::kStatic, "", p.c_str(), {{tunnel(1)}});
  }
  add(1, Origin::kBgpVpn, "p", "10.0.7.0/24", {{tunnel(2)}});
  add(1, Origin::kStatic, "", "0.0.0.0/0", {{tunnel(3)}});
  add(1, Origin::kStatic, "", "2001:db8::/32", {{tunnel(3)}});
  std::vector<wire::Prefix> all;
  Compiler::Query query{.most = 64};
  for (;;) {
    const auto page = compiler.prefixes(1, query);
    if (page.empty()) break;
    ASSERT_LE(page.size(), 64u);
    all.insert(all.end(), page.begin(), page.end());
    query.after = page.back();
  }
  ASSERT_EQ(all.size(), 302u) << "each prefix once, whatever its candidates";
  EXPECT_EQ(all.front(), prefix("0.0.0.0/0"));
  EXPECT_EQ(all[1], prefix("10.0.0.0/24"));
  EXPECT_EQ(all.back(), prefix("2001:db8::/32"));
  EXPECT_EQ(compiler.prefixes(1, {.within = prefix("10.0.4.0/22")}).size(), 4u);
  EXPECT_EQ(compiler.match(1, ip("10.0.7.1")), prefix("10.0.7.0/24"));
  EXPECT_EQ(compiler.match(1, ip("192.0.2.1")), prefix("0.0.0.0/0"));
  EXPECT_EQ(compiler.match(1, ip("2001:db9::1")), std::nullopt);
  EXPECT_EQ(compiler.match(2, ip("10.0.7.1")), std::nullopt);
}

TEST_F(RouteCompiler, ADroppedTableLeavesNothingBehind) {
  add(1, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(1)}, {tunnel(2)}});
  add(2, Origin::kStatic, "", "10.0.0.0/8", {{tunnel(1)}});
  forwarding.routes.erase({1, prefix("10.0.0.0/8")});  // the table is gone there
  compiler.drop_table(1);
  EXPECT_TRUE(forwarding.groups.empty());
  compiler.set_live(tunnel(1), false);
  compiler.add_table(1, false);
  EXPECT_EQ(compiler.size(1), 0u);
  EXPECT_EQ(at(2, "10.0.0.0/8"), tunnel(1));
}

}  // namespace
}  // namespace kanmon::routing
