#include "control/ike/crypto/sha1.h"

#include <openssl/evp.h>

namespace kanmon::ike {

Result<std::array<uint8_t, 20>> sha1(wire::Bytes data) {
  std::array<uint8_t, 20> hash;
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), hash.data(), &size, EVP_sha1(), nullptr) != 1 ||
      size != hash.size())
    return Errc::kSystem;
  return hash;
}

}  // namespace kanmon::ike
