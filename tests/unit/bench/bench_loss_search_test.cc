// The loss search of RFC 2544 section 26.1 against devices whose answer is known.
#include <gtest/gtest.h>

#include "bench/harness/loss_search.h"

namespace kanmon::bench {
namespace {

// A device that passes so much and drops the rest, offered by a source with a limit of its own.
struct Device {
  double capacity = 3.1e6;
  double source = 1e9;
  int calls = 0;
  int glitch = -1;  // the trial in which it loses one packet whatever the rate

  RunTrial trial() {
    return [this](double asked) {
      Trial t;
      t.rate = asked < source ? asked : source;
      t.offered = static_cast<uint64_t>(t.rate);
      if (t.rate > capacity) t.lost = static_cast<uint64_t>(t.rate - capacity);
      if (calls++ == glitch) t.lost += 1;
      return t;
    };
  }
};

SearchSpec from(double max_rate, double max_loss = 0) {
  SearchSpec s;
  s.max_rate = max_rate;
  s.max_loss = max_loss;
  return s;
}

TEST(LossSearch, FindsTheRateWithoutLossWithinTheResolution) {
  for (const double capacity : {0.2e6, 1e6, 3.1e6, 9.9e6}) {
    Device device;
    device.capacity = capacity;
    const SearchResult r = search(from(10e6), device.trial());
    EXPECT_LE(r.rate, capacity);
    EXPECT_GE(r.rate, capacity * 0.98) << capacity;
    EXPECT_EQ(r.loss, 0);
    EXPECT_FALSE(r.source_limited);
  }
}

TEST(LossSearch, PdrIsTheRateAtWhichTheAllowedPartIsLost) {
  Device device;
  const SearchResult r = search(from(10e6, 0.1), device.trial());
  // (rate - capacity) / rate = 0.1
  EXPECT_NEAR(r.rate, device.capacity / 0.9, device.capacity * 0.02);
  EXPECT_LE(r.loss, 0.1);
}

TEST(LossSearch, ADeviceThatTakesAllIsAskedOnce) {
  Device device;
  device.capacity = 1e12;
  const SearchResult r = search(from(10e6), device.trial());
  EXPECT_EQ(r.rate, 10e6);
  EXPECT_EQ(r.trials.size(), 1u);
  EXPECT_FALSE(r.source_limited);
}

TEST(LossSearch, SaysWhenTheSourceIsTheLimit) {
  Device device;
  device.capacity = 1e12;
  device.source = 4e6;
  const SearchResult r = search(from(10e6), device.trial());
  EXPECT_TRUE(r.source_limited);
  EXPECT_EQ(r.rate, 4e6);
  EXPECT_EQ(r.loss, 0);
}

// A source that stumbles once, far below what it can do, must not end the search there.
TEST(LossSearch, ASourceThatStumblesIsAskedAgain) {
  Device device;
  int calls = 0;
  const RunTrial honest = device.trial();
  const SearchResult r =
      search(from(10e6), [&](double rate) { return honest(++calls == 3 ? rate / 5 : rate); });
  EXPECT_GE(r.rate, device.capacity * 0.98);
  EXPECT_FALSE(r.source_limited);
}

TEST(LossSearch, OneGlitchIsForgivenAndTwoAreNot) {
  Device device;
  device.capacity = 1e12;
  device.glitch = 0;
  EXPECT_EQ(search(from(10e6), device.trial()).rate, 10e6);
  Device strict;
  strict.capacity = 1e12;
  strict.glitch = 0;
  SearchSpec spec = from(10e6);
  spec.attempts = 1;
  EXPECT_LT(search(spec, strict.trial()).rate, 10e6);
}

TEST(LossSearch, ADeviceThatPassesNothingEndsAtZero) {
  Device device;
  device.capacity = -1;
  const SearchResult r = search(from(10e6), device.trial());
  EXPECT_EQ(r.rate, 0);
  EXPECT_LE(r.trials.size(), SearchSpec{}.max_trials + SearchSpec{}.attempts);
}

TEST(LossSearch, NothingOfferedIsAllLost) {
  EXPECT_EQ(loss_of({}), 1);
  EXPECT_EQ(loss_of({1e6, 1000, 5}), 0.005);
}

}  // namespace
}  // namespace kanmon::bench
