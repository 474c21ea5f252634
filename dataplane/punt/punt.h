// The stage that gives packets to control.
#pragma once

#include "dataplane/rings/spsc.h"
#include "dataplane/worker/context.h"

namespace kanmon::punt {

// Takes all of lanes.punt. Each kind has a rate limit of its own, so that a flood of one does not
// keep the others out; what control's ring does not take is dropped. Returns how many it handled.
uint32_t run(Context& context, rings::Spsc<Packet*>& ring);

}  // namespace kanmon::punt
