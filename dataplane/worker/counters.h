// What a worker counts. Each counter has one writer, its worker; control reads at any time.
#pragma once

#include <cstdint>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/counter.h"
#include "dataplane/observe/latency.h"
#include "dataplane/worker/drops.h"

namespace kanmon {

struct StageCounters {
  Counter bursts;
  Counter packets;
  Counter
      cycles;  // time-stamp counter; estimated from a sample of the turns (worker/stage_clock.h)
};

// worker: rw, control: ro.
// Conservation (INV-8): received + injected + generated
//                     = transmitted + punted + drops + packets still in the worker's hands.
struct alignas(kCacheLine) WorkerCounters {
  Counter drops[kDropCount];
  StageCounters stages[kStageCount];
  Counter received;     // from ports
  Counter injected;     // from control
  Counter generated;    // made here: ICMP errors, fragments beyond the first
  Counter transmitted;  // taken by ports
  Counter punted;       // taken by control
  Counter handed_over;  // given to another worker's ring …
  Counter taken_over;  // … and taken from one; the sums over all workers differ by what is queued
  Counter timed_turns;  // turns with packets that the stages' cycles stand for
  Counter loops;
  Counter idle_loops;
  Counter busy_cycles;
  Counter total_cycles;
  Counter heartbeat;                  // time-stamp counter at the last housekeeping
  observe::LatencyHistogram latency;  // of packets this worker sent

  void drop(Drop d, uint64_t n = 1) { drops[static_cast<std::size_t>(d)].add(n); }
};

}  // namespace kanmon
