// The stage that puts packets into tunnels (RFC 4303 section 3.3).
//
// Takes all of lanes.encrypt: data at the inner IP header, meta.next_hop of kind kTunnel. What the
// tunnel's SA may carry goes to lanes.tx of the port its adjacency names, as a whole Ethernet
// frame; everything else is dropped by name, never sent in clear (INV-2). Too large packets are
// answered with ICMP, or, IPv4 without DF, fragmented first. TCP SYNs have their MSS lowered.
#pragma once

#include "dataplane/worker/context.h"

namespace kanmon::encrypt {

void run(Context& context);

}  // namespace kanmon::encrypt
