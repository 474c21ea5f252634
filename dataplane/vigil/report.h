// What the world may read of a check, written after each thing that happened to it.
#pragma once

#include <cstdint>

#include "dataplane/vigil/check.h"

namespace kanmon::vigil {

// The owner worker only.
void write_report(Check& check, uint64_t now_us);

}  // namespace kanmon::vigil
