#include "dataplane/sa/mtu.h"

#include <vector>

#include <gtest/gtest.h>

namespace kanmon::sa {
namespace {

using esp::Algorithm;
using wire::Family;

// The GCM rows of AWS's table of tunnel MTU and MSS (ESP-30).
TEST(Mtu, CloudTable) {
  for (const Algorithm a : {Algorithm::kAes128Gcm16, Algorithm::kAes256Gcm16}) {
    constexpr uint16_t kOuter = 1500;
    const uint16_t native = inner_mtu(kOuter, {a, Family::kV4, false});
    const uint16_t nat = inner_mtu(kOuter, {a, Family::kV4, true});
    EXPECT_EQ(native, 1446);
    EXPECT_EQ(mss(native, Family::kV4), 1406);
    EXPECT_EQ(mss(native, Family::kV6), 1386);
    EXPECT_EQ(nat, 1438);
    EXPECT_EQ(mss(nat, Family::kV4), 1398);
    EXPECT_EQ(mss(nat, Family::kV6), 1378);
  }
}

// And its CBC rows, with the same columns: MTU, MSS for IPv4 and for IPv6 inside.
TEST(Mtu, CloudTableOfCbc) {
  struct Row {
    std::vector<Algorithm> algorithms;
    bool nat;
    uint16_t mtu, mss4, mss6;
  };
  using A = Algorithm;
  const std::vector<A> sha1_256{A::kAes128Sha1, A::kAes256Sha1, A::kAes128Sha256, A::kAes256Sha256};
  const std::vector<A> sha384{A::kAes128Sha384, A::kAes256Sha384};
  const std::vector<A> sha512{A::kAes128Sha512, A::kAes256Sha512};
  const Row rows[] = {
      {sha1_256, false, 1438, 1398, 1378}, {sha1_256, true, 1422, 1382, 1362},
      {sha384, false, 1422, 1382, 1362},   {sha384, true, 1422, 1382, 1362},
      {sha512, false, 1422, 1382, 1362},   {sha512, true, 1406, 1366, 1346},
  };
  for (const Row& r : rows)
    for (const A a : r.algorithms) {
      const uint16_t mtu = inner_mtu(1500, {a, Family::kV4, r.nat});
      EXPECT_EQ(mtu, r.mtu) << esp::info(a).name;
      EXPECT_EQ(mss(mtu, Family::kV4), r.mss4);
      EXPECT_EQ(mss(mtu, Family::kV6), r.mss6);
    }
}

// The definition: the largest packet that fits, for every outer MTU, counted octet by octet.
TEST(Mtu, IsTheLargestThatFits) {
  for (const Family outer : {Family::kV4, Family::kV6})
    for (const bool udp : {false, true})
      for (uint32_t limit = 0; limit <= 9216; ++limit) {
        const auto outer_bytes = [&](uint32_t inner) {
          const uint32_t text = (inner + 2 + 3) / 4 * 4;
          return (outer == Family::kV4 ? 20u : 40u) + (udp ? 8u : 0u) + 8 + 8 + text + 16;
        };
        const uint32_t m =
            inner_mtu(static_cast<uint16_t>(limit), {Algorithm::kAes128Gcm16, outer, udp});
        if (m != 0) {
          ASSERT_LE(outer_bytes(m), limit);
        }
        ASSERT_GT(outer_bytes(m + 1), limit);
      }
}

TEST(Mtu, TooSmallForAnything) {
  EXPECT_EQ(inner_mtu(0, {}), 0);
  EXPECT_EQ(inner_mtu(53, {}), 0);
  EXPECT_EQ(inner_mtu(56, {}), 2);
  EXPECT_EQ(mss(30, Family::kV4), 0);
  EXPECT_EQ(mss(59, Family::kV6), 0);
}

}  // namespace
}  // namespace kanmon::sa
