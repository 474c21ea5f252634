// ESP-36: later fragments where selectors name ports (RFC 4301 section 7.3): they follow a first
// fragment that was let through, and nothing else.
#include "dataplane/reassembly/followers.h"

#include <gtest/gtest.h>

#include "dataplane/wire/headers.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using reassembly::fits;
using reassembly::Followers;
using test::ip;
using test::Octets;
using test::udp;
using test::operator+;

constexpr uint64_t kTimeout = 1000;
constexpr uint32_t kWay = 6;

struct Fragment {
  uint16_t start = 0;  // octets
  uint16_t bytes = 64;
  bool more = true;
  uint16_t id = 7;
  const char* source = "10.1.0.1";
  uint8_t protocol = 17;
};

Octets fragment4(const Fragment& f) {
  const auto field = static_cast<uint16_t>((f.more ? 0x2000u : 0u) | f.start / 8u);
  Octets p = ip({f.source, "10.2.0.1", f.protocol, 64, field}, Octets(f.bytes, 0xab));
  store_be(&p[4], f.id);
  return p;
}

Octets fragment6(const Fragment& f) {
  Octets p(40 + 8 + f.bytes, 0xab);
  store_be(p.data(), uint32_t{6} << 28);
  store_be(&p[4], static_cast<uint16_t>(8 + f.bytes));
  p[6] = 44, p[7] = 64;
  for (std::size_t i = 8; i < 40; ++i) p[i] = static_cast<uint8_t>(i);
  p[40] = f.protocol, p[41] = 0;
  store_be(&p[42], static_cast<uint16_t>(f.start | (f.more ? 1u : 0u)));
  store_be(&p[44], uint32_t{f.id});
  return p;
}

class EachFamily : public ::testing::TestWithParam<bool> {
 protected:
  Octets make(const Fragment& f) const { return GetParam() ? fragment6(f) : fragment4(f); }
  Followers followers{0x1234567890abcdef, kTimeout};
};
INSTANTIATE_TEST_SUITE_P(Families, EachFamily, ::testing::Bool());

TEST_P(EachFamily, FollowTheirFirst) {
  const Octets later = make({.start = 64});
  EXPECT_FALSE(followers.may_follow(later, kWay, 0)) << "nothing came before it";
  followers.passed(make({}), kWay, 0);
  EXPECT_TRUE(followers.may_follow(later, kWay, 0));
  EXPECT_TRUE(followers.may_follow(make({.start = 128, .bytes = 9, .more = false}), kWay, 0));
}

TEST_P(EachFamily, OfTheSameDatagramOnly) {
  followers.passed(make({}), kWay, 0);
  EXPECT_FALSE(followers.may_follow(make({.start = 64, .id = 8}), kWay, 0));
  EXPECT_FALSE(followers.may_follow(make({.start = 64}), kWay ^ 1, 0)) << "another direction";
  EXPECT_FALSE(followers.may_follow(make({.start = 64}), kWay + 2, 0)) << "another tunnel";
  if (GetParam()) return;
  EXPECT_FALSE(followers.may_follow(make({.start = 64, .source = "10.1.0.2"}), kWay, 0));
  EXPECT_FALSE(followers.may_follow(make({.start = 64, .protocol = 6}), kWay, 0));
}

// RFC 1858: what overlaps the first fragment would change the ports that were judged.
TEST_P(EachFamily, NotOverTheFirst) {
  followers.passed(make({.bytes = 64}), kWay, 0);
  for (const uint16_t start : {8, 16, 56})
    EXPECT_FALSE(followers.may_follow(make({.start = start}), kWay, 0)) << start;
  // A shorter first fragment of the same datagram does not open the gap.
  followers.passed(make({.bytes = 16}), kWay, 0);
  EXPECT_FALSE(followers.may_follow(make({.start = 16}), kWay, 0));
  EXPECT_TRUE(followers.may_follow(make({.start = 64}), kWay, 0));
}

TEST_P(EachFamily, NotForEver) {
  followers.passed(make({}), kWay, 100);
  EXPECT_TRUE(followers.may_follow(make({.start = 64}), kWay, 100 + kTimeout - 1));
  EXPECT_FALSE(followers.may_follow(make({.start = 64}), kWay, 100 + kTimeout));
}

TEST_P(EachFamily, LaterAndWholeOnesAreNotFirst) {
  followers.passed(make({.start = 64}), kWay, 0);
  followers.passed(make({.more = false}), kWay, 0);
  EXPECT_FALSE(followers.may_follow(make({.start = 128}), kWay, 0));
  EXPECT_FALSE(followers.may_follow(make({.start = 64}), kWay, 0));
}

// Bounded: a flood pushes out what is old, and what came last is there.
TEST_P(EachFamily, TheNewestStay) {
  for (uint32_t i = 0; i < 20'000; ++i) {
    const auto id = static_cast<uint16_t>(i);
    followers.passed(make({.id = id}), kWay, i);
    ASSERT_TRUE(followers.may_follow(make({.start = 64, .id = id}), kWay, i)) << i;
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < 20'000; ++i)
    kept += followers.may_follow(make({.start = 64, .id = static_cast<uint16_t>(i)}), kWay, 19'999);
  EXPECT_LE(kept, Followers::kSets * Followers::kWays);
  EXPECT_GE(kept, Followers::kSets);
}

TEST(Followers, NothingOutsideOfTheSelectors) {
  sa::Selector ports = sa::Selector::of(*wire::Prefix::parse("0.0.0.0/0"));
  ports.protocol = 17, ports.port_start = ports.port_end = 1000;
  const sa::Selector all = sa::Selector::of(*wire::Prefix::parse("0.0.0.0/0"));
  const sa::SelectorSet set({&ports, 1}, {&all, 1});
  const auto first = [](uint16_t port) {
    Octets p = ip({"10.1.0.1", "10.2.0.1", 17, 64, 0x2000}, udp(port, 2000, Octets(56, 1)));
    store_be(&p[4], uint16_t{port});
    return p;
  };
  const auto later = [](uint16_t id) { return fragment4({.start = 64, .id = id}); };
  Followers followers(1, kTimeout);
  EXPECT_FALSE(fits(set, first(1001), true, &followers, 3, 0));
  EXPECT_FALSE(fits(set, later(1001), true, &followers, 3, 0)) << "its first was refused";
  EXPECT_TRUE(fits(set, first(1000), true, &followers, 3, 0));
  EXPECT_TRUE(fits(set, later(1000), true, &followers, 3, 0));
  EXPECT_FALSE(fits(set, later(1000), true, nullptr, 3, 0)) << "not agreed on";
}

}  // namespace
}  // namespace kanmon
