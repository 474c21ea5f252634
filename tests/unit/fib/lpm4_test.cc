// IPv4 longest-prefix match: borders of prefixes, errors, and what an update may show.
#include "dataplane/fib/lpm4.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/fib/route_sets.h"

namespace kanmon::fib {
namespace {

NextHop hop(uint32_t index) {
  return NextHop::make(NextHopKind::kTunnel, index);
}

class Lpm4Test : public ::testing::Test {
 protected:
  NextHop lookup(uint32_t address) {
    const NextHop one = lpm_.lookup(address);
    NextHop bulk;
    lpm_.lookup_bulk(&address, &bulk, 1);
    EXPECT_EQ(one.raw, bulk.raw) << "single and bulk differ for " << std::hex << address;
    return one;
  }
  void add(uint32_t prefix, uint8_t length, uint32_t index) {
    ASSERT_TRUE(lpm_.insert(prefix, length, hop(index)).ok()) << std::hex << prefix;
  }

  rings::Qsbr qsbr_;
  NodePool pool_{qsbr_, 1u << 28};
  Lpm4 lpm_{pool_};
};

TEST(NextHop, KeepsKindAndAll28BitsOfTheIndex) {
  const NextHop n = NextHop::make(NextHopKind::kGroup, NextHop::kMaxIndex);
  EXPECT_EQ(n.kind(), NextHopKind::kGroup);
  EXPECT_EQ(n.index(), 0x0fffffffu);
  EXPECT_TRUE(n);
  EXPECT_FALSE(NextHop{});
}

TEST_F(Lpm4Test, AnEmptyTableKnowsNoRoute) {
  EXPECT_FALSE(lookup(0));
  EXPECT_FALSE(lookup(0xffffffff));
  EXPECT_FALSE(lookup(0x0a000001));
  EXPECT_EQ(lpm_.size(), 0u);
  lpm_.for_each([](uint32_t, uint8_t, NextHop) { FAIL(); });
}

TEST_F(Lpm4Test, EveryLengthEndsWhereItShould) {
  for (unsigned length = 0; length <= 32; ++length) {
    for (const uint32_t base : {0u, 0xc0a85533u, 0xffffffffu}) {
      const uint32_t prefix = testing::mask4(base, length);
      const uint32_t last = prefix | ~testing::mask4(~0u, length);
      add(prefix, static_cast<uint8_t>(length), 7);
      EXPECT_EQ(lookup(prefix), hop(7)) << length;
      EXPECT_EQ(lookup(last), hop(7)) << length;
      EXPECT_EQ(lookup(prefix + (last - prefix) / 2), hop(7)) << length;
      EXPECT_EQ(lookup(prefix - 1), prefix == 0 && length == 0 ? hop(7) : NextHop{}) << length;
      EXPECT_EQ(lookup(last + 1), length == 0 ? hop(7) : NextHop{}) << length;
      EXPECT_EQ(lpm_.find(prefix, static_cast<uint8_t>(length)), hop(7));
      ASSERT_TRUE(lpm_.erase(prefix, static_cast<uint8_t>(length)).ok());
      EXPECT_FALSE(lookup(prefix)) << length;
    }
  }
}

TEST_F(Lpm4Test, TheLongestOfANestWinsWhateverTheOrder) {
  for (const bool upwards : {true, false}) {
    for (unsigned i = 0; i <= 32; ++i) {
      const unsigned length = upwards ? i : 32 - i;
      add(testing::mask4(0x0a010203, length), static_cast<uint8_t>(length), length + 1);
    }
    EXPECT_EQ(lookup(0x0a010203), hop(33));
    for (unsigned length = 0; length < 32; ++length)  // flip the bit after the prefix
      EXPECT_EQ(lookup(0x0a010203 ^ (0x80000000u >> length)), hop(length + 1)) << length;
    // Taken out from the longest, the next shorter shows; from the shortest, nothing changes.
    for (unsigned i = 0; i < 32; ++i) {
      const unsigned length = upwards ? 32 - i : i;
      ASSERT_TRUE(
          lpm_.erase(testing::mask4(0x0a010203, length), static_cast<uint8_t>(length)).ok());
      EXPECT_EQ(lookup(0x0a010203), upwards ? hop(length) : hop(33));
    }
    ASSERT_TRUE(lpm_.erase(upwards ? 0 : 0x0a010203, upwards ? 0 : 32).ok());
    EXPECT_EQ(lpm_.size(), 0u);
  }
}

TEST_F(Lpm4Test, InsertReplaces) {
  add(0x0a000000, 8, 1);
  add(0x0a000000, 8, 2);
  EXPECT_EQ(lpm_.size(), 1u);
  EXPECT_EQ(lookup(0x0a123456), hop(2));
}

TEST_F(Lpm4Test, EqualNeighboursStaySeparateRoutes) {
  add(0x0a000000, 9, 1);
  add(0x0a800000, 9, 1);
  add(0x0a000000, 8, 1);
  ASSERT_TRUE(lpm_.erase(0x0a000000, 9).ok());
  EXPECT_EQ(lookup(0x0a000001), hop(1));
  ASSERT_TRUE(lpm_.erase(0x0a000000, 8).ok());
  EXPECT_FALSE(lookup(0x0a000001));
  EXPECT_EQ(lookup(0x0a800001), hop(1));
}

TEST_F(Lpm4Test, RefusesWhatIsNoRoute) {
  EXPECT_EQ(lpm_.insert(0x0a000000, 33, hop(1)).error().code, Errc::kBadValue);
  EXPECT_EQ(lpm_.insert(0x0a000001, 24, hop(1)).error().code, Errc::kBadValue) << "host bits";
  EXPECT_EQ(lpm_.insert(1, 0, hop(1)).error().code, Errc::kBadValue);
  EXPECT_EQ(lpm_.insert(0x0a000000, 8, NextHop{}).error().code, Errc::kBadValue);
  EXPECT_EQ(lpm_.insert(0x0a000000, 8, NextHop{0x80000000}).error().code, Errc::kBadValue)
      << "a kind the leaves have no room for";
  EXPECT_EQ(lpm_.erase(0x0a000000, 8).error().code, Errc::kNotFound);
  add(0x0a000000, 8, 1);
  EXPECT_EQ(lpm_.erase(0x0a000000, 9).error().code, Errc::kNotFound);
  EXPECT_EQ(lpm_.erase(0x0b000000, 8).error().code, Errc::kNotFound);
  EXPECT_EQ(lpm_.erase(0x0a000000, 33).error().code, Errc::kBadValue);
  EXPECT_EQ(lpm_.size(), 1u);
}

TEST_F(Lpm4Test, AFullPoolRefusesAndLosesNothing) {
  NodePool tiny(qsbr_, 4 << 20);
  Lpm4 lpm(tiny);
  std::vector<testing::Route4> in;
  const auto routes = testing::internet4(200000);
  size_t refused = 0;
  for (const auto& r : routes) {
    const Status done = lpm.insert(r.prefix, r.length, r.hop);
    if (done.ok()) {
      in.push_back(r);
    } else {
      ASSERT_EQ(done.error().code, Errc::kNoSpace);
      if (++refused == 1000) break;
    }
  }
  ASSERT_GT(refused, 0u) << "the pool was not small enough for the test";
  ASSERT_GT(in.size(), 1000u);
  EXPECT_EQ(lpm.size(), in.size());
  for (const auto& r : in) ASSERT_EQ(lpm.find(r.prefix, r.length), r.hop);
  // Host routes have nothing more specific: they must answer.
  std::erase_if(in, [](const auto& r) { return r.length != 32; });
  ASSERT_FALSE(in.empty());
  for (const auto& r : in) EXPECT_EQ(lpm.lookup(r.prefix), r.hop);
}

TEST_F(Lpm4Test, MoreNextHopsThanShortLeavesCanNumber) {
  // 40,000 host routes to as many tunnels: beyond 32,767 the table goes over to long leaves.
  constexpr uint32_t kTunnels = 40000;
  for (uint32_t i = 0; i < kTunnels; ++i) add(0x0a000000 + i * 3, 32, NextHop::kMaxIndex - i);
  for (uint32_t i = 0; i < kTunnels; ++i)
    ASSERT_EQ(lookup(0x0a000000 + i * 3), hop(NextHop::kMaxIndex - i)) << i;
  EXPECT_FALSE(lookup(0x0a000001));
}

TEST_F(Lpm4Test, NextHopsComeAndGoForEver) {
  // One route whose next hop is always a new one: numbers run out again and again, routes never.
  add(0, 0, 5);
  for (uint32_t i = 0; i < 100000; ++i) {
    ASSERT_TRUE(lpm_.insert(0x0a000000, 8, hop(i)).ok()) << i;
    ASSERT_EQ(lookup(0x0a000001), hop(i));
  }
  EXPECT_EQ(lookup(0x0b000000), hop(5));
}

TEST_F(Lpm4Test, WalksInOrder) {
  add(0x0a000000, 8, 1);
  add(0, 0, 2);
  add(0x0a000000, 16, 3);
  add(0x0a000000, 32, 4);
  add(0x09ffffff, 32, 5);
  add(0xffffffff, 32, 6);
  std::vector<std::pair<uint32_t, unsigned>> seen;
  lpm_.for_each([&](uint32_t p, uint8_t l, NextHop) { seen.emplace_back(p, l); });
  const std::vector<std::pair<uint32_t, unsigned>> want = {{0, 0},           {0x09ffffff, 32},
                                                           {0x0a000000, 8},  {0x0a000000, 16},
                                                           {0x0a000000, 32}, {0xffffffff, 32}};
  EXPECT_EQ(seen, want);
}

TEST_F(Lpm4Test, BulkTakesAnyCount) {
  for (uint32_t i = 0; i < 1000; ++i) add(0x0a000000 + (i << 8), 24, i);
  for (const unsigned n : {0u, 1u, 63u, 64u, 65u, 1000u}) {
    std::vector<uint32_t> addresses(n);
    std::vector<NextHop> out(n + 1, NextHop{42});
    for (unsigned i = 0; i < n; ++i) addresses[i] = 0x0a000000 + (i << 8) + i % 256;
    lpm_.lookup_bulk(addresses.data(), out.data(), n);
    for (unsigned i = 0; i < n; ++i) ASSERT_EQ(out[i], hop(i)) << n;
    EXPECT_EQ(out[n].raw, 42u) << "wrote beyond the burst";
  }
}

}  // namespace
}  // namespace kanmon::fib
