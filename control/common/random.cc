#include "control/common/random.h"

#include <cstdio>
#include <cstdlib>

#include <openssl/rand.h>

namespace kanmon {

void strong_random(wire::MutableBytes out) {
  if (out.empty() || RAND_bytes(out.data(), static_cast<int>(out.size())) == 1) return;
  std::fputs("random number generator failed\n", stderr);
  std::abort();
}

}  // namespace kanmon
