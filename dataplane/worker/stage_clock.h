// Counts what each stage costs, from a sample of the turns: a reading of the time-stamp counter per
// stage that had packets, in about one turn of kTimedEvery.
#pragma once

#include <cstdint>

#include <x86intrin.h>

#include "dataplane/worker/counters.h"

namespace kanmon {

inline uint64_t read_tsc() {
  return __rdtsc();
}

// Which turns are timed: the first, then one of kTimedEvery on average, at random distances, since
// turns may alternate in what they do. Only turns with packets count. Only its worker touches it.
class TurnSampling {
 public:
  static constexpr uint32_t kTimedEvery = 16;

  // If this turn is timed: how many turns it stands for, itself and those since the one before;
  // else 0.
  uint32_t weight() const { return untimed_left_ == 0 ? turns_ : 0; }
  // A turn with packets is over.
  void end_of_turn() {
    if (untimed_left_ != 0) [[likely]] {
      --untimed_left_;
      ++turns_;
      return;
    }
    turns_ = 1;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    untimed_left_ = random_ % (2 * kTimedEvery - 1);
  }

 private:
  uint32_t untimed_left_ = 0;
  uint32_t turns_ = 1;
  uint32_t random_ = 2463534242;
};

class StageClock {
 public:
  // Of a turn that began at `now`; `weight`: see TurnSampling.
  StageClock(WorkerCounters& counters, uint32_t weight, uint64_t now)
      : counters_(counters), weight_(weight), last_(now) {}

  // What happened since the last reading was no stage's work.
  void restart() {
    if (weight_ != 0) last_ = read_tsc();
  }
  // `packets` went through `stage`; the time is counted with that of the next lap: a reading of the
  // clock costs as much as such a stage spends on one or two packets.
  void pass(Stage stage, uint32_t packets) {
    StageCounters& c = counters_.stages[static_cast<std::size_t>(stage)];
    c.bursts.add(1);
    c.packets.add(packets);
  }
  // `packets` went through `stage` since the last lap.
  void lap(Stage stage, uint32_t packets) {
    if (packets == 0) return;
    pass(stage, packets);
    if (weight_ == 0) [[likely]]
      return;
    const uint64_t now = read_tsc();
    counters_.stages[static_cast<std::size_t>(stage)].cycles.add((now - last_) * weight_);
    last_ = now;
  }

 private:
  WorkerCounters& counters_;
  const uint32_t weight_;
  uint64_t last_;
};

}  // namespace kanmon
