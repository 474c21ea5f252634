// Goes through all combinations of the options and measures each.
#pragma once

#include <functional>
#include <string>

#include "bench/harness/figure.h"
#include "bench/harness/options.h"

namespace kanmon::bench {

// `say` is told what is being done, for a person who waits. REQUIRES: start_machine() succeeded.
Results run(const Options& options, const std::function<void(const std::string&)>& say);

}  // namespace kanmon::bench
