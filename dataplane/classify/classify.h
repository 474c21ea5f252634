// The stage that says what a received frame is (ESP-22, ESP-35, ESP-37, ESP-43).
//
// Takes Ethernet frames just received on one port and puts each into one lane:
//   ARP, IPv6 neighbour discovery  lanes.punt, as whole frames
//   ESP and ESP in UDP             lanes.esp, if the port is an underlay's
//   IP fragments for us            lanes.fragments, likewise
//   other IP                       lanes.route, in the table of the port
// All others are dropped by name. In lanes.esp and lanes.route packets are linear, writable, begin
// at their IP header and end where it says; every field of meta is set.
#pragma once

#include "dataplane/worker/context.h"

namespace kanmon::classify {

// REQUIRES: n <= kBurst; port < kMaxPorts.
void run(Context& context, uint16_t port, Packet** frames, uint32_t n);

// The same for an IP packet that was put together of fragments which run() has seen: it goes to
// lanes.esp or lanes.route, or is dropped by name.
void run_whole(Context& context, Packet* packet);

}  // namespace kanmon::classify
