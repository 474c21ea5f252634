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

std::string crypto_isa() {
  const auto engine = crypto::Engine::create();
  return crypto::to_string(engine == nullptr ? crypto::Isa::kAuto : engine->isa());
}

std::string crypto_backends() {
  const auto engine = crypto::Engine::create();
  return engine == nullptr ? std::string() : engine->describe();
}

}  // namespace kanmon
