// The latency histogram against what sorting gives, and which bursts are sampled.
#include "dataplane/observe/latency.h"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon::observe {
namespace {

using Scale = LatencyHistogram::Scale;

TEST(LogLinear, BinsFollowEachOtherWithoutGaps) {
  using Small = LogLinear<3, 12>;
  std::size_t last = 0;
  for (uint64_t v = 0; v <= Small::kLargest; ++v) {
    const std::size_t bin = Small::bin(v);
    ASSERT_LT(bin, Small::kBins) << v;
    ASSERT_TRUE(bin == last || bin == last + 1) << v;
    ASSERT_GE(Small::top_of(bin), v);
    ASSERT_LE(Small::top_of(bin), v + v / 8) << v;
    last = bin;
  }
  EXPECT_EQ(Small::top_of(last), Small::kLargest);
  EXPECT_EQ(Small::bin(~uint64_t{0}), last);  // what is too large shares the last bin
}

TEST(LatencyHistogram, PercentilesToOnePartIn32OverAllWorkers) {
  std::mt19937_64 rng(2305);
  std::vector<uint64_t> values;
  const auto one = std::make_unique<LatencyHistogram>(), two = std::make_unique<LatencyHistogram>();
  uint64_t sum = 0;
  for (int i = 0; i < 30'000; ++i) {
    values.push_back(rng() >> (24 + rng() % 40));
    sum += values.back();
    (i % 3 == 0 ? one : two)->add(values.back());
  }
  LatencyHistogram::Reading all;
  all.add(*one);
  all.add(*two);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(all.count, values.size());
  EXPECT_EQ(all.cycles, sum);
  EXPECT_EQ(all.longest, values.back());
  const std::pair<double, std::size_t> kRanks[] = {{50, 15'000}, {99, 29'700}, {99.9, 29'970}};
  for (const auto& [percent, rank] : kRanks) {
    const auto exact = static_cast<double>(values[rank - 1]);
    const auto told = static_cast<double>(all.percentile(percent));
    EXPECT_GE(told, exact) << percent;
    EXPECT_LE(told, exact * (1 + 1.0 / 32) + 1) << percent;
  }
  EXPECT_EQ(all.percentile(100), values.back());
}

TEST(LatencyHistogram, OfNothingIsZeroAndTheLongestTimeFits) {
  const auto h = std::make_unique<LatencyHistogram>();
  LatencyHistogram::Reading none;
  none.add(*h);
  EXPECT_EQ(none.count, 0u);
  EXPECT_EQ(none.percentile(99.9), 0u);
  h->add(~uint64_t{0});
  LatencyHistogram::Reading longest;
  longest.add(*h);
  EXPECT_EQ(longest.count, 1u);
  EXPECT_EQ(longest.percentile(50), Scale::kLargest);
}

TEST(LatencySampling, StampsOneBurstInSoManyAndSaysSoUntilTheTurnEnds) {
  LatencySampling sampling;
  uint32_t stamped = 0;
  for (uint64_t burst = 1; burst <= 10 * LatencySampling::kSampleEvery; ++burst) {
    const uint64_t stamp = sampling.stamp_of_burst(1000 + burst);
    ASSERT_TRUE(stamp == 0 || stamp == 1000 + burst);
    ASSERT_EQ(sampling.pending(), stamp != 0) << burst;
    stamped += stamp != 0 ? 1 : 0;
    sampling.end_of_turn();
    ASSERT_FALSE(sampling.pending());
  }
  EXPECT_EQ(stamped, 10u);
}

TEST(LatencySampling, SeesStampsOfOtherWorkersPackets) {
  LatencySampling sampling;
  sampling.taken_over(0);
  EXPECT_FALSE(sampling.pending());
  sampling.taken_over(77);
  sampling.taken_over(0);
  EXPECT_TRUE(sampling.pending());
}

}  // namespace
}  // namespace kanmon::observe
