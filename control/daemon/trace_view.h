// What the workers told of packets, in the words of the configuration: the documents of trace.read
// (docs/api.md). No octet of a packet beyond its headers, no key.
#pragma once

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"
#include "control/watch/stories.h"

namespace kanmon::daemon {

// {"number","source","destination","protocol",…,"outcome","steps":[{"stage","at_us","text",…}]}
api::Json describe(const Gateway& gateway, const watch::Story& story);

// "10.1.0.9:1000 -> 10.2.0.9:53 udp"; of ESP its SPI.
std::string to_text(const observe::Flow& flow);

}  // namespace kanmon::daemon
