// The rate limit: a burst after a rest, the rate from then on, nothing saved beyond the burst.
#include "dataplane/worker/token_bucket.h"

#include <random>

#include <gtest/gtest.h>

namespace kanmon {
namespace {

constexpr uint64_t kHz = 1'000'000;

TEST(TokenBucket, LetsAllPassUnlessSet) {
  TokenBucket all;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(all.take(5));
}

TEST(TokenBucket, GivesABurstThenTheRate) {
  TokenBucket bucket(1000, 10, kHz);  // one each 1,000 ticks
  const uint64_t start = 1'000'000;
  int taken = 0;
  for (int i = 0; i < 50; ++i) taken += bucket.take(start);
  EXPECT_EQ(taken, 10);
  EXPECT_FALSE(bucket.take(start + 999));
  EXPECT_TRUE(bucket.take(start + 1000));
  EXPECT_FALSE(bucket.take(start + 1001));
}

TEST(TokenBucket, SavesNoMoreThanItsBurst) {
  TokenBucket bucket(1000, 10, kHz);
  EXPECT_TRUE(bucket.take(0));
  int taken = 0;
  for (int i = 0; i < 50; ++i) taken += bucket.take(uint64_t{1} << 60);
  EXPECT_EQ(taken, 10);
}

// Whatever the arrivals, no span of time sees more than the burst and the rate over it.
TEST(TokenBucket, NeverExceedsRatePlusBurst) {
  std::mt19937 rng(2);
  TokenBucket bucket(1000, 10, kHz);
  uint64_t now = 0, taken = 0;
  for (int i = 0; i < 100'000; ++i) {
    now += rng() % 1500;
    taken += bucket.take(now);
    ASSERT_LE(taken, 10 + now / 1000);
  }
  EXPECT_GT(taken, now / 1000 * 9 / 10 * 3 / 4);
}

}  // namespace
}  // namespace kanmon
