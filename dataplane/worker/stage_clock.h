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
  // Starts at `now`, a reading just taken.
  StageClock(WorkerCounters& counters, uint64_t now) : counters_(counters), last_(now) {}

  // What happened since the last reading was no stage's work.
  void restart() { last_ = read_tsc(); }
  uint64_t last() const { return last_; }
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
    const uint64_t now = read_tsc();
    pass(stage, packets);
    counters_.stages[static_cast<std::size_t>(stage)].cycles.add(now - last_);
    last_ = now;
  }

 private:
  WorkerCounters& counters_;
  uint64_t last_;
};

}  // namespace kanmon
