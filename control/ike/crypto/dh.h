// Diffie-Hellman of IKE (RFC 7296 section 2.7, RFC 3526, 5903, 8031, 6989), by OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "control/common/secret.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

struct evp_pkey_st;

namespace kanmon::ike {

// Octets of a group's public value in the KE payload: 256, 64 (x|y), 96 (x|y), 32. 0 for a group
// Kanmon does not have.
std::size_t dh_public_bytes(uint16_t group);
inline bool dh_supported(uint16_t group) {
  return dh_public_bytes(group) != 0;
}

// One private key, for one exchange. Movable; the private key is wiped on destruction.
class Dh {
 public:
  // A fresh key from OpenSSL's generator. kUnsupported for a group Kanmon does not have, kSystem if
  // OpenSSL refuses.
  static Result<Dh> make(uint16_t group);
  // A key given by both halves, for known answer tests: the private value big-endian (X25519: the
  // 32 octets of RFC 7748), the public one as in the KE payload. Not checked to belong together.
  static Result<Dh> with_key(uint16_t group, wire::Bytes private_value, wire::Bytes public_value);

  uint16_t group() const { return group_; }
  // As the KE payload carries it.
  wire::Bytes public_value() const { return public_; }

  // The shared secret with the peer's KE data: g^ir padded to the prime's length (MODP), the x
  // coordinate (ECP, RFC 5903 section 9), 32 octets (X25519).
  // Errors: kBadLength if `peer` has not dh_public_bytes(group) octets; kBadValue for values that
  // must never be used: 0, 1, p-1, >= p, outside the prime order subgroup, not on the curve, the
  // point at infinity, an all-zero X25519 result (RFC 6989, RFC 7748 section 6.1). That OpenSSL
  // had no memory is not told apart from that.
  Result<Secret> shared(wire::Bytes peer) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;
  static Result<Dh> finish(uint16_t group, Key key);

  uint16_t group_ = 0;
  Key key_;
  std::vector<uint8_t> public_;
};

}  // namespace kanmon::ike
