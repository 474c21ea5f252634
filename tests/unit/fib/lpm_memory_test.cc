// Bounds on memory: deterministic, because the tables count every block they hold. The pool's
// footprint (pages ever used, with what fragmentation and grace periods cost) is bounded too.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "tests/unit/fib/route_sets.h"

namespace kanmon::fib {
namespace {

constexpr size_t kMB = 1000 * 1000;
constexpr size_t kMiB = size_t{1} << 20;

template <class Lpm, class Routes>
void fill(Lpm& lpm, const Routes& routes) {
  for (const auto& r : routes) ASSERT_TRUE(lpm.insert(r.prefix, r.length, r.hop).ok());
  ASSERT_EQ(lpm.size(), routes.size());
}

TEST(LpmMemory, AMillionIpv4RoutesTakeAtMost48MB) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm4 lpm(pool);
  fill(lpm, testing::internet4(1000000));
  RecordProperty("bytes", std::to_string(lpm.memory_bytes()));
  EXPECT_LE(lpm.memory_bytes(), 48 * kMB);
  EXPECT_LE(pool.footprint_bytes(), 48 * kMB);
}

TEST(LpmMemory, TwoHundredThousandIpv6RoutesTakeAtMost48MB) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm6 lpm(pool);
  fill(lpm, testing::internet6(200000));
  RecordProperty("bytes", std::to_string(lpm.memory_bytes()));
  EXPECT_LE(lpm.memory_bytes(), 48 * kMB);
  EXPECT_LE(pool.footprint_bytes(), 48 * kMB);
}

// A route table has a part for each family.
struct BothFamilies {
  explicit BothFamilies(NodePool& pool) : four(pool), six(pool) {}
  Lpm4 four;
  Lpm6 six;
};

// 1,000 tables of `four` and `six` routes; what they hold, by their own account.
size_t bytes_of_a_thousand(size_t four, size_t six) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  std::vector<std::unique_ptr<BothFamilies>> tables;
  size_t bytes = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    BothFamilies& table = *tables.emplace_back(std::make_unique<BothFamilies>(pool));
    fill(table.four, testing::internet4(four, 256, i));
    fill(table.six, testing::internet6(six, 256, i));
    bytes += table.four.memory_bytes() + table.six.memory_bytes();
  }
  EXPECT_LE(pool.footprint_bytes(), 64 * kMiB);
  return bytes;
}

TEST(LpmMemory, AThousandTablesOfAHundredRoutesTakeAtMost64MiB) {
  EXPECT_LE(bytes_of_a_thousand(100, 0), 64 * kMiB) << "IPv4";
  EXPECT_LE(bytes_of_a_thousand(0, 100), 64 * kMiB) << "IPv6";
  EXPECT_LE(bytes_of_a_thousand(50, 50), 64 * kMiB) << "half and half";
  const size_t both = bytes_of_a_thousand(100, 100);
  RecordProperty("bytes", std::to_string(both));
  EXPECT_LE(both, 64 * kMiB) << "a hundred of each";
}

// A new default route over a full table may not stall control: it makes, and retires, no node.
template <class Lpm, class Prefix, class Routes>
void default_is_one_word(Prefix any, const Routes& routes) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm lpm(pool);
  fill(lpm, routes);
  ASSERT_TRUE(lpm.insert(any, 0, NextHop::make(NextHopKind::kTunnel, 1)).ok());
  pool.reclaim();
  const size_t bytes = lpm.memory_bytes();
  const size_t used = pool.nodes().used_bytes();
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(lpm.insert(any, 0, NextHop::make(NextHopKind::kTunnel, 7 + i)).ok());
    EXPECT_EQ(lpm.lookup(any).index(), 7 + i);
  }
  ASSERT_TRUE(lpm.erase(any, 0).ok());
  EXPECT_FALSE(lpm.lookup(any));
  EXPECT_EQ(pool.reclaim(), 0u) << "something was retired";
  EXPECT_EQ(lpm.memory_bytes(), bytes);
  EXPECT_EQ(pool.nodes().used_bytes(), used);
}

TEST(LpmMemory, ADefaultRouteTouchesNoNode) {
  default_is_one_word<Lpm4>(uint32_t{0}, testing::internet4(20000));
  default_is_one_word<Lpm6>(Address6{}, testing::internet6(20000));
  // More next hops than a narrow table can number.
  default_is_one_word<Lpm4>(uint32_t{0}, testing::internet4(60000, 1u << 28));
  default_is_one_word<Lpm6>(Address6{}, testing::internet6(60000, 1u << 28));
}

TEST(LpmMemory, AnEmptyTableIsOnlyItself) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm4 lpm(pool);
  EXPECT_EQ(lpm.memory_bytes(), sizeof lpm);
  EXPECT_EQ(pool.footprint_bytes(), 0u);
}

template <class Lpm, class Routes>
void back_to_baseline(const Routes& routes) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm lpm(pool);
  const size_t empty = lpm.memory_bytes();
  for (int round = 0; round < 2; ++round) {
    fill(lpm, routes);
    const size_t full = lpm.memory_bytes();
    for (const auto& r : routes) ASSERT_TRUE(lpm.erase(r.prefix, r.length).ok());
    EXPECT_EQ(lpm.memory_bytes(), empty);
    pool.reclaim();
    EXPECT_EQ(qsbr.pending(), 0u);
    EXPECT_EQ(pool.nodes().used_bytes(), 0u);
    EXPECT_EQ(pool.routes().used_bytes(), 0u);
    EXPECT_LE(pool.footprint_bytes(), 2 * full) << "round " << round;
  }
}

TEST(LpmMemory, GoesBackToTheBaselineWhenAllIsErased) {
  back_to_baseline<Lpm4>(testing::internet4(50000));
  back_to_baseline<Lpm6>(testing::internet6(50000));
}

TEST(LpmMemory, ATableGivesAllBackWhenItIsDestroyed) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  {
    Lpm4 four(pool);
    Lpm6 six(pool);
    fill(four, testing::internet4(20000));
    fill(six, testing::internet6(20000));
  }
  pool.reclaim();
  EXPECT_EQ(pool.nodes().used_bytes(), 0u);
  EXPECT_EQ(pool.routes().used_bytes(), 0u);
}

TEST(LpmMemory, ChurnDoesNotPileUp) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm4 lpm(pool);
  const auto routes = testing::internet4(20000);
  fill(lpm, routes);
  pool.reclaim();
  const size_t before = lpm.memory_bytes();
  const size_t footprint = pool.footprint_bytes();
  for (int round = 0; round < 10; ++round)
    for (const auto& r : routes) {
      ASSERT_TRUE(lpm.erase(r.prefix, r.length).ok());
      ASSERT_TRUE(lpm.insert(r.prefix, r.length, r.hop).ok());
    }
  EXPECT_EQ(lpm.memory_bytes(), before);
  EXPECT_LE(pool.footprint_bytes(), footprint + footprint / 4);
}

TEST(LpmMemory, NothingIsFreedUnderAReader) {
  rings::Qsbr qsbr;
  NodePool pool(qsbr);
  Lpm4 lpm(pool);
  ASSERT_TRUE(lpm.insert(0x0a000000, 8, NextHop::make(NextHopKind::kTunnel, 1)).ok());
  pool.reclaim();
  qsbr.online(0);
  const size_t before = pool.nodes().used_bytes();
  for (uint32_t i = 0; i < 5000; ++i)
    ASSERT_TRUE(lpm.insert(0x0a000000, 8, NextHop::make(NextHopKind::kTunnel, 2 + i % 2)).ok());
  pool.reclaim();
  EXPECT_GE(pool.nodes().used_bytes(), before + 5000 * 16) << "a node was freed too early";
  qsbr.quiescent(0);
  pool.reclaim();
  EXPECT_EQ(pool.nodes().used_bytes(), before);
  qsbr.offline(0);
}

}  // namespace
}  // namespace kanmon::fib
