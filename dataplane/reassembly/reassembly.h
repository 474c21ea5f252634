// The stage that puts fragments for us together, before anything in them is looked at (ESP-22, RFC
// 4303 section 3.4.1).
//
// Takes lanes.fragments: IP fragments for an address of ours, received on an underlay. Pieces of
// one datagram may come by queues of different workers: they meet at one of them, chosen by
// addresses and id (lanes.handoff). A whole datagram goes where classify puts what came whole.
#pragma once

#include "dataplane/worker/context.h"

namespace kanmon::reassembly {

void run(Context& context);

}  // namespace kanmon::reassembly
