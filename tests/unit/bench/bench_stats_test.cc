// Medians, noise and percentiles against what sorting gives.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "bench/harness/histogram.h"
#include "bench/harness/stats.h"

namespace kanmon::bench {
namespace {

TEST(Median, IsTheMiddleOrTheMeanOfTwo) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({10, 1, 4, 2}), 3);
}

TEST(Summary, OneOutlierMovesTheMaximumOnly) {
  const Summary s = summarize({100, 101, 99, 100, 900});
  EXPECT_EQ(s.trials, 5u);
  EXPECT_EQ(s.median, 100);
  EXPECT_EQ(s.min, 99);
  EXPECT_EQ(s.max, 900);
  // Distances 0, 1, 1, 0, 800: their median is 1.
  EXPECT_NEAR(s.noise, 1.4826, 1e-9);
}

TEST(Summary, OfNothingIsZero) {
  const Summary s = summarize({});
  EXPECT_EQ(s.trials, 0u);
  EXPECT_EQ(s.median, 0);
}

// Nearest rank: the smallest value that at least p percent do not exceed.
uint64_t by_sorting(std::vector<uint64_t> v, double percent) {
  std::sort(v.begin(), v.end());
  const auto rank =
      static_cast<std::size_t>(std::ceil(static_cast<double>(v.size()) * percent / 100 - 1e-9));
  return v[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (uint64_t v = 1; v <= 100; ++v) h.add(v);
  EXPECT_EQ(h.count(), 100u);
  EXPECT_EQ(h.min(), 1u);
  EXPECT_EQ(h.max(), 100u);
  EXPECT_EQ(h.percentile(50), 50u);
  EXPECT_EQ(h.percentile(99), 99u);
  EXPECT_EQ(h.percentile(99.9), 100u);
  EXPECT_EQ(h.percentile(100), 100u);
  EXPECT_DOUBLE_EQ(h.mean(), 50.5);
}

TEST(Histogram, AnyValueToOnePartIn64) {
  std::mt19937_64 rng(8219);
  std::vector<uint64_t> values;
  Histogram h;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(rng() >> rng() % 64);
    h.add(values.back());
  }
  for (const double p : {0.001, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto exact = static_cast<double>(by_sorting(values, p));
    const auto told = static_cast<double>(h.percentile(p));
    EXPECT_GE(told, exact) << p;
    EXPECT_LE(told, exact * (1 + 1.0 / 64) + 1) << p;
  }
}

TEST(Histogram, HoldsTheLargestNumberAndForgets) {
  Histogram h;
  h.add(~uint64_t{0});
  EXPECT_EQ(h.percentile(50), ~uint64_t{0});
  h.clear();
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.percentile(50), 0u);
  EXPECT_EQ(h.min(), 0u);
}

}  // namespace
}  // namespace kanmon::bench
