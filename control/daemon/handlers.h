// The API's methods of a running gateway (docs/api.md).
#pragma once

#include <functional>
#include <string>

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"

namespace kanmon::daemon {

// Adds all methods. `reload` reads the configuration file again and applies it; SIGHUP calls the
// same. The dispatcher keeps references: `gateway` outlives it.
void add_handlers(api::Dispatcher& dispatcher, Gateway& gateway,
                  std::function<api::Answer()> reload);

// Parts of them: show.bgp… and bgp.…; start, read and stop of trace.… and capture.….
void add_bgp_handlers(api::Dispatcher& dispatcher, Gateway& gateway);
void add_trace_handlers(api::Dispatcher& dispatcher, Gateway& gateway);
void add_capture_handlers(api::Dispatcher& dispatcher, Gateway& gateway);

}  // namespace kanmon::daemon
