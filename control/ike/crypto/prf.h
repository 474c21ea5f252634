// Pseudorandom functions, prf+ and integrity checks of IKE (RFC 7296 section 2.13, RFC 4868), by
// OpenSSL's HMAC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "control/common/secret.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// Output (and preferred key) octets of PRF `id`: 32, 48, 64; 0 if Kanmon does not have it.
std::size_t prf_bytes(uint16_t id);
inline bool prf_supported(uint16_t id) {
  return prf_bytes(id) != 0;
}

// prf(key, parts[0] | parts[1] | …). kUnsupported, kSystem.
Result<Secret> prf(uint16_t id, wire::Bytes key, std::initializer_list<wire::Bytes> parts);
// The same where the output is no secret: no locked memory is asked for. kBadLength unless `out`
// has prf_bytes(id).
Status prf_into(uint16_t id, wire::Bytes key, std::initializer_list<wire::Bytes> parts,
                wire::MutableBytes out);
// The first `bytes` octets of prf+(key, seed parts). kBadLength if that is more than 255 blocks.
Result<Secret> prf_plus(uint16_t id, wire::Bytes key, std::initializer_list<wire::Bytes> seed,
                        std::size_t bytes);

// Key and ICV octets of integrity transform `id`: 12 = 32 and 16, 13 = 48 and 24, 14 = 64 and 32;
// zeros if Kanmon does not have it.
struct IntegritySizes {
  std::size_t key = 0;
  std::size_t icv = 0;
};
IntegritySizes integrity_sizes(uint16_t id);
// Writes the truncated MAC of `data` to `icv`. REQUIRES: icv.size() == integrity_sizes(id).icv.
Status integrity(uint16_t id, wire::Bytes key, wire::Bytes data, wire::MutableBytes icv);

}  // namespace kanmon::ike
