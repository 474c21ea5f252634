// Which turns are timed, and that what they say stands for all of them.
#include "dataplane/worker/stage_clock.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon {
namespace {

TEST(TurnSampling, TimesTheFirstTurn) {
  const TurnSampling sampling;
  EXPECT_EQ(sampling.weight(), 1u);
}

// Each turn is stood for once: the weights add up to the turns, at every timed one.
TEST(TurnSampling, WeightsAddUpToTheTurns) {
  TurnSampling sampling;
  uint64_t stood_for = 0, timed = 0;
  for (uint64_t turn = 1; turn <= 160'000; ++turn) {
    if (const uint32_t weight = sampling.weight(); weight != 0) {
      stood_for += weight;
      ++timed;
      ASSERT_EQ(stood_for, turn);
    }
    sampling.end_of_turn();
  }
  EXPECT_NEAR(static_cast<double>(timed), 160'000.0 / TurnSampling::kTimedEvery, 500);
}

// Turns that alternate, or come in rounds of any length, are all seen.
TEST(TurnSampling, FollowsNoPeriod) {
  for (const uint32_t period : {2u, 3u, 8u, 16u, 32u}) {
    std::vector<uint32_t> seen(period);
    TurnSampling sampling;
    for (uint32_t turn = 0; turn < 160'000; ++turn, sampling.end_of_turn())
      if (sampling.weight() != 0) ++seen[turn % period];
    for (const uint32_t n : seen) EXPECT_NEAR(n, 10'000.0 / period, 10'000.0 / period / 4);
  }
}

TEST(StageClock, CountsCyclesByWeightAndPacketsAlways) {
  const auto counters = std::make_unique<WorkerCounters>();
  const StageCounters& route = counters->stages[static_cast<int>(Stage::kRoute)];
  StageClock untimed(*counters, 0, read_tsc());
  untimed.lap(Stage::kRoute, 5);
  EXPECT_EQ(route.packets.get(), 5u);
  EXPECT_EQ(route.cycles.get(), 0u);
  constexpr uint64_t kSpent = 1'000'000'000;
  StageClock timed(*counters, 7, read_tsc() - kSpent);
  timed.lap(Stage::kRoute, 3);
  EXPECT_EQ(route.packets.get(), 8u);
  EXPECT_EQ(route.bursts.get(), 2u);
  EXPECT_GE(route.cycles.get(), 7 * kSpent);
  EXPECT_LT(route.cycles.get(), 14 * kSpent);
  timed.lap(Stage::kTx, 0);
  EXPECT_EQ(counters->stages[static_cast<int>(Stage::kTx)].bursts.get(), 0u);
}

}  // namespace
}  // namespace kanmon
