// The stage that opens ESP packets (RFC 4303 section 3.4).
//
// Takes all of lanes.esp: data at the outer IP header, meta.l4_offset, outer_length, udp_encap and
// src_udp_port set. What is authentic, fresh, well formed and inside its SA's selectors goes to
// lanes.route as a bare inner packet with meta.table, tunnel_in and inbound_spi set; of TCP SYNs
// the MSS is lowered to what fits the tunnel. Packets of an SA another worker owns go to
// lanes.handoff. All others are dropped by name, counted once for the worker and, by its owner,
// once for the SA.
//
// A packet's fate does not depend on its neighbours in the burst (ESP-08), and nothing about an SA
// changes before its packet is authenticated (INV-7).
#pragma once

#include "dataplane/worker/context.h"

namespace kanmon::decrypt {

void run(Context& context);

}  // namespace kanmon::decrypt
