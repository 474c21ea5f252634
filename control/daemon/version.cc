#include <fmt/format.h>

#include "control/common/library_versions.h"
#include "control/daemon/views.h"
#include "dataplane/worker/versions.h"

namespace kanmon::daemon::views {

api::Json version(const Gateway& g) {
  const auto uptime = std::chrono::steady_clock::now() - g.started();
  return {
      {"version", KANMON_VERSION},     {"name", g.config().system.name},
      {"dpdk", dpdk_version()},        {"ipsec_mb", ipsec_mb_version()},
      {"openssl", openssl_version()},  {"isa", crypto_isa()},
      {"crypto", crypto_backends()},   {"uptime_s", std::chrono::duration<double>(uptime).count()},
      {"config_file", g.config_file()}};
}

}  // namespace kanmon::daemon::views
