// Which of IPsec-MB's ways an engine takes, found out by trying them. Only crypto/ sees this.
#pragma once

#include <cstdint>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/library.h"
#include "dataplane/esp/algorithm.h"

namespace kanmon::crypto {

struct Plan {
  bool gcm_by_jobs = false;
  // Packets of an algorithm in a burst from which on Library::wide() is faster than narrow().
  uint8_t wide_from[esp::kAlgorithmCount] = {};
};

// kDirect and kBurst: what they say. kAuto: measured on this machine when first asked for, some
// milliseconds, and kept for the life of the process, so that all workers do the same.
const Plan& plan_for(const Library& library, Backend backend);

}  // namespace kanmon::crypto
