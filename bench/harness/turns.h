// Cycles per packet of the worker loop: each worker's thread makes a burst, puts it on the wires,
// times one turn, and takes the burst out again.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "bench/harness/rig.h"
#include "bench/harness/stats.h"
#include "dataplane/worker/drops.h"

namespace kanmon::bench {

struct TurnSpec {
  Direction direction = Direction::kForward;
  Size size = 64;
  Order order = Order::kRandom;
  uint32_t burst = 64;
  uint32_t buffers = 256;
  uint32_t flows = 256;
  double seconds = 0.2;
  uint32_t trials = 5;
};

struct TurnResult {
  std::string error;           // not empty: packets were lost, nothing was measured
  std::vector<double> trials;  // cycles per packet, of several workers the mean
  Summary cycles;              // per packet; of several workers the mean of their medians
  std::array<double, kStageCount> stages{};  // per packet, medians of the first worker
  double packets_per_second = 0;             // all workers, were nothing else to do
  double inner_bits_per_second = 0;
};

// Calls `between` after each trial: what is to be compared is then measured under the same clock,
// of the processor and of its neighbours. REQUIRES: a stepped rig; for Direction::kDecrypt a tunnel
// for each worker.
TurnResult measure_turns(Rig& rig, const TurnSpec& spec, const std::function<void()>& between);

}  // namespace kanmon::bench
