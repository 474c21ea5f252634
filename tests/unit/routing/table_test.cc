// Candidates of a prefix, the best of them installed, and what an underlay cannot hold (INV-1).
#include "control/routing/table.h"

#include <type_traits>

#include <gtest/gtest.h>

#include "dataplane/rings/qsbr.h"

namespace kanmon::routing {
namespace {

using fib::NextHop;
using fib::NextHopKind;
using wire::IpAddress;
using wire::Prefix;

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}
IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}
NextHop tunnel(uint32_t n) {
  return NextHop::make(NextHopKind::kTunnel, n);
}
NextHop neighbour(uint32_t n) {
  return NextHop::make(NextHopKind::kNeighbour, n);
}

class RoutingTable : public ::testing::Test {
 protected:
  rings::Qsbr qsbr;
  fib::NodePool pool{qsbr};
  Table table{pool};
};

TEST_F(RoutingTable, BetterOriginWinsWhateverTheOrderOfArrival) {
  for (const bool static_first : {true, false}) {
    const auto p = prefix("10.0.0.9/32");
    if (static_first) ASSERT_TRUE(table.set(Origin::kStatic, p, tunnel(1)).ok());
    ASSERT_TRUE(table.set(Origin::kNeighbor, p, neighbour(2)).ok());
    if (!static_first) ASSERT_TRUE(table.set(Origin::kStatic, p, tunnel(1)).ok());
    EXPECT_EQ(table.lookup(ip("10.0.0.9")), tunnel(1));
    EXPECT_TRUE(table.unset(Origin::kStatic, p));
    EXPECT_EQ(table.lookup(ip("10.0.0.9")), neighbour(2)) << "the next best takes over";
    EXPECT_TRUE(table.unset(Origin::kNeighbor, p));
    EXPECT_EQ(table.lookup(ip("10.0.0.9")).kind(), NextHopKind::kNone);
    EXPECT_FALSE(table.unset(Origin::kNeighbor, p));
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST_F(RoutingTable, LongestPrefixWinsOverBetterOrigin) {
  ASSERT_TRUE(table.set(Origin::kLocal, prefix("2001:db8::/64"), tunnel(1)).ok());
  ASSERT_TRUE(table.set(Origin::kNeighbor, prefix("2001:db8::9/128"), neighbour(2)).ok());
  EXPECT_EQ(table.lookup(ip("2001:db8::9")), neighbour(2));
  EXPECT_EQ(table.lookup(ip("2001:db8::8")), tunnel(1));
}

TEST_F(RoutingTable, ListsEveryCandidateAndWhichIsActive) {
  ASSERT_TRUE(table.set(Origin::kStatic, prefix("0.0.0.0/0"), tunnel(1)).ok());
  ASSERT_TRUE(table.set(Origin::kConnected, prefix("0.0.0.0/0"), neighbour(2)).ok());
  const auto all = table.candidates();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].origin, Origin::kConnected);
  EXPECT_TRUE(all[0].active);
  EXPECT_FALSE(all[1].active);
}

// There is no way to say "tunnel" to an underlay: neither a maker nor a conversion.
TEST(Underlay, CannotBeGivenATunnel) {
  static_assert(!std::is_constructible_v<UnderlayNextHop, NextHop>);
  static_assert(!std::is_convertible_v<NextHop, UnderlayNextHop>);
  for (const auto hop : {UnderlayNextHop::local(), UnderlayNextHop::blackhole(),
                         UnderlayNextHop::glean(3), UnderlayNextHop::neighbour(4)})
    EXPECT_NE(hop.raw().kind(), NextHopKind::kTunnel);
}

}  // namespace
}  // namespace kanmon::routing
