// Software's answer to a port with fewer queues than there are workers: the worker that polls it
// keeps its part of the flows and hands the others over. Hot path.
#pragma once

#include <cstdint>

#include "dataplane/worker/context.h"

namespace kanmon::rx {

// Looks at the packets of lanes.route from index `from` on: those of other workers' flows go to
// the lane of their worker (flow_owner), with Errand::kRoute. The order within a flow stays, here
// and on the ring. Drops: kHandoffFull.
void share_out(Context& context, uint32_t from);

}  // namespace kanmon::rx
