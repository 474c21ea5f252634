// The stage that takes frames from the worker's receive queues and has them classified.
#pragma once

#include "dataplane/worker/context.h"
#include "dataplane/worker/queue_map.h"

namespace kanmon {
class StageClock;
}

namespace kanmon::rx {

// Most frames a turn takes in all; bounds what can be in the lanes.
inline constexpr uint32_t kMaxPerTurn = 256;

// Polls every queue once, at most kBurst frames each and kMaxPerTurn in all, and gives each burst
// to classify while it is in the cache. Returns how many were received; cycles are counted apart
// for rx and classify.
uint32_t run(Context& context, QueueMap& queues, StageClock& clock);

}  // namespace kanmon::rx
