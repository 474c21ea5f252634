// IPv6 longest-prefix match: what is different from IPv4, above all the border at bit 64 and the
// skipping of bits that routes share.
#include "dataplane/fib/lpm6.h"

#include <string_view>

#include <gtest/gtest.h>

#include "dataplane/wire/address.h"
#include "tests/unit/fib/route_sets.h"

namespace kanmon::fib {
namespace {

using testing::address6;

NextHop hop(uint32_t index) {
  return NextHop::make(NextHopKind::kNeighbour, index);
}
Address6 ip(std::string_view text) {
  return wire::IpAddress::parse(text).value().octets;
}

class Lpm6Test : public ::testing::Test {
 protected:
  NextHop lookup(const Address6& address) {
    const NextHop one = lpm_.lookup(address);
    NextHop bulk;
    lpm_.lookup_bulk(&address, &bulk, 1);
    EXPECT_EQ(one.raw, bulk.raw) << "single and bulk differ";
    return one;
  }
  NextHop lookup(std::string_view text) { return lookup(ip(text)); }
  void add(std::string_view text, uint32_t index) {
    const auto p = wire::Prefix::parse(text).value();
    ASSERT_TRUE(lpm_.insert(p.address.octets, p.length, hop(index)).ok()) << text;
  }
  Status erase(std::string_view text) {
    const auto p = wire::Prefix::parse(text).value();
    return lpm_.erase(p.address.octets, p.length);
  }

  rings::Qsbr qsbr_;
  NodePool pool_{qsbr_, 1u << 28};
  Lpm6 lpm_{pool_};
};

TEST_F(Lpm6Test, EveryLengthEndsWhereItShould) {
  const Key bases[] = {{0, 0}, {0x20010db8a5a55a5a, 0xc3c33c3c0ff0f00f}, {~0ull, ~0ull}};
  for (unsigned length = 0; length <= 128; ++length) {
    for (const Key& base : bases) {
      const Key prefix = masked(base, length);
      const auto l = static_cast<uint8_t>(length);
      ASSERT_TRUE(lpm_.insert(address6(prefix), l, hop(9)).ok());
      const Key ones{~0ull, ~0ull};
      const Key net = masked(ones, length);
      const Key last{prefix.hi | ~net.hi, prefix.lo | ~net.lo};
      EXPECT_EQ(lookup(address6(prefix)), hop(9)) << length;
      EXPECT_EQ(lookup(address6(last)), hop(9)) << length;
      if (length > 0) {  // the neighbour that differs in the last bit of the prefix
        Key other = prefix;
        (length <= 64 ? other.hi : other.lo) ^= 1ull << (-length & 63);
        EXPECT_FALSE(lookup(address6(other))) << length;
      }
      EXPECT_EQ(lpm_.find(address6(prefix), l), hop(9));
      ASSERT_TRUE(lpm_.erase(address6(prefix), l).ok());
      EXPECT_FALSE(lookup(address6(prefix))) << length;
    }
  }
}

TEST_F(Lpm6Test, ANestOfAllLengths) {
  const Key base{0x20010db8a5a55a5a, 0xc3c33c3c0ff0f00f};
  for (unsigned length = 0; length <= 128; ++length)
    ASSERT_TRUE(
        lpm_.insert(address6(masked(base, length)), static_cast<uint8_t>(length), hop(length))
            .ok());
  EXPECT_EQ(lookup(address6(base)), hop(128));
  for (unsigned length = 0; length < 128; ++length) {
    Key off = base;
    (length < 64 ? off.hi : off.lo) ^= 1ull << (63 - length % 64);
    EXPECT_EQ(lookup(address6(off)), hop(length)) << length;
  }
}

TEST_F(Lpm6Test, AHostRouteAloneStandsForItselfOnly) {
  add("2001:db8::1/128", 1);
  EXPECT_EQ(lookup("2001:db8::1"), hop(1));
  for (const char* other : {"2001:db8::", "2001:db8::2", "2001:db8:0:1::1", "2001:db9::1",
                            "3001:db8::1", "::1", "2001:db8:0:0:8000::1", "2001:db8::1:0:1"})
    EXPECT_FALSE(lookup(other)) << other;
}

TEST_F(Lpm6Test, SkippedBitsAreCheckedAgainstTheCover) {
  add("::/0", 1);
  add("2001:db8::/32", 2);
  add("2001:db8:ff::/48", 3);
  add("2001:db8:ff:ff::/64", 4);
  add("2001:db8:ff:ff::42/128", 5);
  EXPECT_EQ(lookup("2001:db8:ff:ff::42"), hop(5));
  EXPECT_EQ(lookup("2001:db8:ff:ff::43"), hop(4));
  EXPECT_EQ(lookup("2001:db8:ff:ff:1::42"), hop(4));
  EXPECT_EQ(lookup("2001:db8:ff:fe::42"), hop(3));
  EXPECT_EQ(lookup("2001:db8:fe:ff::42"), hop(2));
  EXPECT_EQ(lookup("2001:db9:ff:ff::42"), hop(1));
  ASSERT_TRUE(erase("2001:db8:ff:ff::/64").ok());
  EXPECT_EQ(lookup("2001:db8:ff:ff::43"), hop(3));
  EXPECT_EQ(lookup("2001:db8:ff:ff::42"), hop(5));
  ASSERT_TRUE(erase("2001:db8:ff::/48").ok());
  EXPECT_EQ(lookup("2001:db8:ff:ff::43"), hop(2));
  ASSERT_TRUE(erase("2001:db8:ff:ff::42/128").ok());
  EXPECT_EQ(lookup("2001:db8:ff:ff::42"), hop(2));
  ASSERT_TRUE(erase("::/0").ok());
  EXPECT_FALSE(lookup("2001:db9::"));
}

TEST_F(Lpm6Test, PointToPointLinksOfOneSubnet) {
  for (uint32_t i = 0; i < 1000; ++i) {
    Key k = Key::v6(ip("2001:db8:0:1::").data());
    k.lo = uint64_t{i} << 1;
    ASSERT_TRUE(lpm_.insert(address6(k), 127, hop(i)).ok());
  }
  for (uint32_t i = 0; i < 1000; ++i) {
    Key k = Key::v6(ip("2001:db8:0:1::").data());
    k.lo = (uint64_t{i} << 1) + 1;
    EXPECT_EQ(lookup(address6(k)), hop(i));
  }
}

TEST_F(Lpm6Test, RefusesWhatIsNoRoute) {
  EXPECT_EQ(lpm_.insert(ip("2001:db8::"), 129, hop(1)).error().code, Errc::kBadValue);
  EXPECT_EQ(lpm_.insert(ip("2001:db8::1"), 64, hop(1)).error().code, Errc::kBadValue);
  EXPECT_EQ(erase("2001:db8::/32").error().code, Errc::kNotFound);
}

TEST_F(Lpm6Test, NoRouteSetIsRefusedForItsShape) {
  // Host routes that share nothing below their allocation: the worst case for a trie. 200,000 of
  // them stay below 256 octets each.
  std::mt19937_64 rng(1);
  constexpr size_t kHosts = 200000;
  NodePool pool(qsbr_);
  Lpm6 lpm(pool);
  for (size_t i = 0; i < kHosts; ++i) {
    const Key k{0x2000000000000000 | rng() >> 3, rng()};
    ASSERT_TRUE(lpm.insert(address6(k), 128, hop(static_cast<uint32_t>(i % 1000))).ok());
  }
  EXPECT_EQ(lpm.size(), kHosts);
  EXPECT_LT(lpm.memory_bytes() / kHosts, 256u);
}

}  // namespace
}  // namespace kanmon::fib
