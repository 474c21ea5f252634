// When a path is used: fall and rise counts, hold-down, switch-back delay, flap damping; and that
// the time told as the worst is never exceeded.
#include "dataplane/liveness/verdict.h"

#include <gtest/gtest.h>

namespace kanmon::liveness {
namespace {

constexpr uint64_t kSecond = 1'000'000;

Policy plain(uint32_t fall = 3, uint32_t rise = 2) {
  Policy p;
  p.fall = fall;
  p.rise = rise;
  return p;
}

TEST(Verdict, CountsInARow) {
  Verdict v(plain());
  EXPECT_EQ(v.why(), Why::kNotHeard);
  EXPECT_FALSE(v.answered(0));
  EXPECT_FALSE(v.lost(1)) << "begins anew";
  EXPECT_FALSE(v.answered(2));
  EXPECT_TRUE(v.answered(3));
  EXPECT_TRUE(v.usable());
  EXPECT_FALSE(v.lost(4));
  EXPECT_FALSE(v.lost(5));
  EXPECT_FALSE(v.answered(6)) << "two losses and an answer are no fall";
  EXPECT_FALSE(v.lost(7));
  EXPECT_FALSE(v.lost(8));
  EXPECT_TRUE(v.lost(9));
  EXPECT_EQ(v.why(), Why::kLost);
  EXPECT_EQ(v.times_down(), 1u);
  EXPECT_EQ(v.next_due(), kNever) << "only an answer changes that";
}

TEST(Verdict, WhatIsReportedCountsAtOnce) {
  Verdict v(plain(9, 9));
  EXPECT_TRUE(v.report(0, true));
  EXPECT_FALSE(v.report(1, true));
  EXPECT_TRUE(v.report(2, false));
  EXPECT_TRUE(v.report(3, true));
}

TEST(Verdict, HoldDownKeepsAPathUnused) {
  Policy p = plain();
  p.hold_down_us = 10 * kSecond;
  Verdict v(p);
  EXPECT_TRUE(v.report(0, true)) << "not at the start";
  EXPECT_TRUE(v.report(5 * kSecond, false));
  EXPECT_FALSE(v.report(6 * kSecond, true));
  EXPECT_EQ(v.why(), Why::kHoldDown);
  EXPECT_EQ(v.next_due(), 15 * kSecond);
  EXPECT_FALSE(v.tick(15 * kSecond - 1));
  EXPECT_TRUE(v.tick(15 * kSecond));
  EXPECT_TRUE(v.usable());
}

TEST(Verdict, SwitchBackWaitsForATimeWithoutLoss) {
  Policy p = plain();
  p.switch_back_us = 10 * kSecond;
  Verdict v(p);
  EXPECT_TRUE(v.report(0, true)) << "not at the start";
  EXPECT_TRUE(v.report(kSecond, false));
  EXPECT_FALSE(v.report(2 * kSecond, true));
  EXPECT_EQ(v.why(), Why::kSwitchBack);
  EXPECT_EQ(v.next_due(), 12 * kSecond);
  EXPECT_FALSE(v.lost(8 * kSecond)) << "one loss is no fall";
  EXPECT_EQ(v.next_due(), 18 * kSecond) << "but the wait begins again";
  EXPECT_FALSE(v.answered(9 * kSecond));
  EXPECT_TRUE(v.tick(18 * kSecond));
  EXPECT_FALSE(v.lost(19 * kSecond)) << "in use a single loss changes nothing";
  EXPECT_TRUE(v.usable());
}

// RFC 2439 section 4.2: a penalty that halves with time, two borders.
TEST(Verdict, DampsWhatFlaps) {
  Policy p = plain();
  p.half_life_us = 60 * kSecond;
  p.suppress = 2500;
  p.reuse = 1000;
  Verdict v(p);
  uint64_t now = 0;
  for (int flap = 0; flap < 3; ++flap) {
    EXPECT_TRUE(v.report(now += kSecond, true)) << flap;
    EXPECT_TRUE(v.report(now += kSecond, false)) << flap;
  }
  EXPECT_GT(v.penalty(now), 2500u);
  EXPECT_FALSE(v.report(now += kSecond, true));
  EXPECT_EQ(v.why(), Why::kDamped);
  const uint64_t due = v.next_due();
  // 2,950 to 1,000 is 1.56 half-lives.
  EXPECT_NEAR(static_cast<double>(due - now), 1.56 * 60e6, 6e6);
  EXPECT_FALSE(v.tick(due - 1));
  EXPECT_TRUE(v.tick(due));
}

TEST(Verdict, NobodyIsDampedForEver) {
  Policy p = plain();
  p.half_life_us = 60 * kSecond;
  Verdict v(p);
  uint64_t now = 0;
  for (int flap = 0; flap < 1000; ++flap) {
    v.report(++now, true);
    v.report(++now, false);
  }
  v.report(++now, true);
  EXPECT_LE(v.next_due() - now, 4 * 60 * kSecond);
  EXPECT_EQ(v.times_down(), 1000u);
}

TEST(Verdict, ThePenaltyHalves) {
  Policy p = plain();
  p.half_life_us = 10 * kSecond;
  Verdict v(p);
  v.report(0, true);
  v.report(0, false);
  EXPECT_EQ(v.penalty(0), 1000u);
  EXPECT_EQ(v.penalty(10 * kSecond), 500u);
  EXPECT_EQ(v.penalty(30 * kSecond), 125u);
  EXPECT_EQ(v.penalty(1000 * kSecond), 0u);
  uint32_t last = 1000;
  for (uint64_t t = 0; t < 100 * kSecond; t += kSecond / 7) {
    EXPECT_LE(v.penalty(t), last);
    last = v.penalty(t);
  }
}

// A path cut at any moment between two probes is found dead within the time `validate` tells.
TEST(Verdict, WorstDetectionIsTheWorst) {
  constexpr uint64_t kInterval = 3 * kSecond, kTimeout = kSecond;
  constexpr uint32_t kFall = 3;
  uint64_t worst = 0;
  for (uint64_t cut = 1; cut < kInterval; cut += kInterval / 100) {
    Verdict v(plain(kFall, 1));
    v.answered(0);
    for (uint64_t sent = kInterval; v.usable(); sent += kInterval) v.lost(sent + kTimeout);
    worst = std::max(worst, kFall * kInterval + kTimeout - cut);
  }
  EXPECT_LE(worst, worst_probe_detection_us(kInterval, kTimeout, kFall));
  EXPECT_EQ(worst_probe_detection_us(kInterval, kTimeout, kFall), 10 * kSecond);
  EXPECT_EQ(worst_bfd_detection_us(50'000, 80'000, 3), 240'000u);
}

}  // namespace
}  // namespace kanmon::liveness
