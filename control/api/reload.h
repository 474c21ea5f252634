// The answer of the method `reload` and of SIGHUP's log line: what changed, or every problem.
#pragma once

#include "control/api/dispatcher.h"
#include "control/config/changes.h"

namespace kanmon::api {

// REQUIRES: `loaded.config` is absent. "3 errors; nothing has changed", with all problems.
Answer reload_refused(const config::Loaded& loaded);

// {"changes":["tunnels.branch.dpd-timeout-seconds: 40 -> 10", …],"problems":[warnings]}
Answer reload_done(const config::Changes& changes, const std::vector<config::Problem>& warnings);

}  // namespace kanmon::api
