// What the methods of trace.… and capture.… share: parameters, names, refusals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"
#include "control/watch/filter_text.h"

namespace kanmon::daemon {

// The integer params[key], `otherwise` if it is not there; nothing if it is not 1 … `most`.
std::optional<uint64_t> watch_number(const api::Json& params, const char* key, uint64_t otherwise,
                                     uint64_t most);
// The number of a session that was started, params[key].
std::optional<uint16_t> session_param(const api::Json& params, const char* key);

// Names a filter may use. `gateway` outlives them.
watch::Names filter_names(const Gateway& gateway);

api::Answer bad_request(const std::string& what);
api::Answer already_watched();

}  // namespace kanmon::daemon
