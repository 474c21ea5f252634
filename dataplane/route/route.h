// The stage that decides where an IP packet goes: one lookup, in meta.table and nowhere else
// (INV-3).
//
// Takes all of lanes.route and puts each packet into one lane by the kind of its next hop:
//   local      lanes.local
//   neighbour  lanes.tx, as an Ethernet frame, fragmented if it must be and may be
//   glean      lanes.punt, as Punt::kGlean
//   tunnel     lanes.encrypt; never from an underlay (INV-1)
// All others are dropped by name, where the RFCs want it with an ICMP error, which waits in
// lanes.route for the next round. TTL and hop limit are checked and lowered for packets in transit
// only (RFC 1812 section 5.3.1). Nothing passes through an underlay: what came in on one is for us
// or dropped.
#pragma once

#include "dataplane/worker/context.h"

namespace kanmon::route {

void run(Context& context);

}  // namespace kanmon::route
