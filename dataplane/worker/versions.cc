#include "dataplane/worker/versions.h"

#include <rte_version.h>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/version.h"

namespace kanmon {

const char* dpdk_version() {
  return rte_version();
}
const char* ipsec_mb_version() {
  return crypto::library_version();
}

const char* crypto_isa() {
  static const crypto::Isa isa = [] {
    const auto engine = crypto::Engine::create();
    return engine == nullptr ? crypto::Isa::kAuto : engine->isa();
  }();
  return crypto::to_string(isa);
}

}  // namespace kanmon
