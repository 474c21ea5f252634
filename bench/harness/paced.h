// Packets at a steady rate through workers on threads of their own: what is lost, and how long the
// others take.
#pragma once

#include <memory>
#include <vector>

#include "bench/harness/histogram.h"
#include "bench/harness/loss_search.h"
#include "bench/harness/rig.h"
#include "bench/harness/source.h"

namespace kanmon::bench {

struct PacedSpec {
  Direction direction = Direction::kForward;
  Size size = 64;
  Order order = Order::kRandom;
  uint32_t flows = 256;
  double seconds = 0.2;
};

// Source and sink in the calling thread, which should have a CPU to itself (threads.h, Pinned).
class Paced {
 public:
  // REQUIRES: a rig whose workers run; the caller is EAL's main thread.
  Paced(Rig& rig, const PacedSpec& spec);

  // Offers packets for the spec's time in bursts of a few, evenly spaced, waits until all have come
  // out or been lost, and says how many were. If the source falls behind it lets go of what it
  // missed rather than to send it in one heap: the trial's rate says what was offered.
  Trial offer(double packets_per_second);
  // From a packet's handing over to the wire to its arrival in the sink, time-stamp counter cycles,
  // of the last trial.
  const Histogram& latency() const { return latency_; }
  // The rate at which source and workers go when nobody waits: where to begin a search.
  double flat_out();

 private:
  uint32_t send(uint32_t n, uint64_t now);
  uint32_t drain();
  uint64_t settle(uint64_t expected, uint64_t received);

  Rig& rig_;
  const PacedSpec spec_;
  std::vector<std::unique_ptr<Source>> sources_;
  uint16_t next_worker_ = 0;
  int stamp_offset_;
  Histogram latency_;
};

}  // namespace kanmon::bench
