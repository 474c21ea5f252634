// What a forwarding table of either kind holds, and what an underlay cannot hold (INV-1).
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

TEST_F(RoutingTable, TheLongestPrefixAnswersInBothFamilies) {
  ASSERT_TRUE(table.set(prefix("2001:db8::/64"), tunnel(1)).ok());
  ASSERT_TRUE(table.set(prefix("2001:db8::9/128"), neighbour(2)).ok());
  ASSERT_TRUE(table.set(prefix("0.0.0.0/0"), tunnel(3)).ok());
  EXPECT_EQ(table.lookup(ip("2001:db8::9")), neighbour(2));
  EXPECT_EQ(table.lookup(ip("2001:db8::8")), tunnel(1));
  EXPECT_EQ(table.lookup(ip("192.0.2.1")), tunnel(3));
  ASSERT_TRUE(table.set(prefix("0.0.0.0/0"), tunnel(4)).ok());
  EXPECT_EQ(table.lookup(ip("192.0.2.1")), tunnel(4)) << "replaced";
  table.unset(prefix("0.0.0.0/0"));
  table.unset(prefix("10.0.0.0/8"));  // was never there
  EXPECT_EQ(table.lookup(ip("192.0.2.1")).kind(), NextHopKind::kNone);
}

TEST(Underlay, CannotBeGivenWhatLeadsInside) {
  static_assert(!std::is_constructible_v<UnderlayNextHop, NextHop>);
  static_assert(!std::is_convertible_v<NextHop, UnderlayNextHop>);
  for (unsigned kind = 0; kind < fib::kNextHopKinds; ++kind) {
    const auto hop = NextHop::make(static_cast<NextHopKind>(kind), 3);
    const auto outer = UnderlayNextHop::of(hop);
    const bool is_outer = hop.kind() == NextHopKind::kLocal || hop.kind() == NextHopKind::kGlean ||
                          hop.kind() == NextHopKind::kNeighbour ||
                          hop.kind() == NextHopKind::kBlackhole;
    ASSERT_EQ(outer.has_value(), is_outer) << kind;
    if (outer) {
      EXPECT_EQ(outer->raw(), hop);
    }
  }
}

}  // namespace
}  // namespace kanmon::routing
