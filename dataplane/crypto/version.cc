#include "dataplane/crypto/version.h"

#include <intel-ipsec-mb.h>

namespace kanmon::crypto {

const char* library_version() {
  return imb_get_version_str();
}

}  // namespace kanmon::crypto
