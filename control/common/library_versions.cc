#include "control/common/library_versions.h"

#include <openssl/crypto.h>

namespace kanmon {

const char* openssl_version() {
  return OpenSSL_version(OPENSSL_VERSION_STRING);
}

}  // namespace kanmon
