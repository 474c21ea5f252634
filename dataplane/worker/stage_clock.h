// Counts what each stage costs: one reading of the time-stamp counter per stage that had packets.
#pragma once

#include <cstdint>

#include <x86intrin.h>

#include "dataplane/worker/counters.h"

namespace kanmon {

inline uint64_t read_tsc() {
  return __rdtsc();
}

class StageClock {
 public:
  explicit StageClock(WorkerCounters& counters) : counters_(counters), last_(read_tsc()) {}

  void restart() { last_ = read_tsc(); }
  // `packets` went through `stage` since the last lap.
  void lap(Stage stage, uint32_t packets) {
    if (packets == 0) return;
    const uint64_t now = read_tsc();
    StageCounters& c = counters_.stages[static_cast<std::size_t>(stage)];
    c.bursts.add(1);
    c.packets.add(packets);
    c.cycles.add(now - last_);
    last_ = now;
  }

 private:
  WorkerCounters& counters_;
  uint64_t last_;
};

}  // namespace kanmon
