// The stage that gives frames to ports, and to the workers that send for ports this one cannot.
#pragma once

#include "dataplane/worker/context.h"
#include "dataplane/worker/queue_map.h"

namespace kanmon::tx {

// Takes all of lanes.tx. Frames go to the port's queue of this worker, tried a bounded number of
// times; to lanes.handoff as Errand::kTransmit if another worker sends for the port; else they are
// dropped by name. Returns how many frames it handled.
uint32_t run(Context& context, const QueueMap& queues);

}  // namespace kanmon::tx
