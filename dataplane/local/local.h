// The stage for packets to the gateway's own addresses.
//
// Takes all of lanes.local. Answers ICMP and ICMPv6 echo requests in place (back to lanes.route, as
// a packet of the gateway); gives IKE that came by an underlay to control (lanes.punt), and at
// addresses that the machine's own stack has too (fib::kLocalHosted) all else that is whole; drops
// the rest by name, on overlay tables with an ICMP error.
#pragma once

#include "dataplane/worker/context.h"

namespace kanmon::local {

void run(Context& context);

}  // namespace kanmon::local
