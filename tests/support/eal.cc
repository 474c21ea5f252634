#include "tests/support/eal.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>

#include <rte_eal.h>
#include <rte_errno.h>

namespace kanmon::test {

void start_eal() {
  static const bool started = [] {
    const char* args[] = {"test", "--no-shconf", "--no-huge",      "-m",
                          "256",  "--no-pci",    "--no-telemetry", "-l",
                          "0",    "--log-level", "lib.eal:error"};
    if (rte_eal_init(static_cast<int>(std::size(args)), const_cast<char**>(args)) < 0) {
      std::fprintf(stderr, "EAL refused to start: %s\n", rte_strerror(rte_errno));
      std::abort();
    }
    return true;
  }();
  (void)started;
}

}  // namespace kanmon::test
