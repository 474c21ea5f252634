// Protection of SK and SKF payloads, one direction of one IKE SA (RFC 7296 section 3.14, RFC 5282,
// RFC 7383 section 2.5), by OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/common/secret.h"
#include "control/ike/crypto/random.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// Key octets SK_e takes for an encryption transform, salt included (RFC 5282 section 7.1): 16, 32;
// GCM 20, 36. 0 if Kanmon does not have it.
std::size_t encryption_key_bytes(uint16_t encryption_id, uint16_t key_bits);
// AEAD transforms take no integrity transform.
bool is_aead(uint16_t encryption_id);

// The keys of one direction, for the export an operator has allowed (INV-9). Views.
struct SkKeys {
  wire::Bytes encryption;  // without salt
  wire::Bytes salt;        // empty for CBC
  wire::Bytes integrity;   // empty for an AEAD
};

// Movable. The GCM counter lives here: there must be one sealing object per key, ever.
class SkCipher {
 public:
  // An empty cipher: every operation fails with kUnsupported.
  SkCipher() = default;
  // `encryption_key` is SK_ei or SK_er (salt last), `integrity_key` SK_ai or SK_ar, empty for AEAD.
  // kUnsupported for other transforms, kBadLength for keys of another size.
  static Result<SkCipher> make(uint16_t encryption_id, uint16_t key_bits, uint16_t integrity_id,
                               Secret encryption_key, Secret integrity_key);

  // As long as this object lives and is not moved.
  SkKeys keys() const { return {key_.bytes(), salt_.bytes(), integrity_key_.bytes()}; }

  std::size_t iv_bytes() const { return iv_bytes_; }
  std::size_t icv_bytes() const { return icv_bytes_; }
  // Octets of IV | ciphertext | ICV for so many octets of payloads: padding and its length octet
  // included.
  std::size_t sealed_bytes(std::size_t plain_bytes) const;
  // The most payload octets whose sealed_bytes() fit `room`; 0 if none.
  std::size_t plain_room(std::size_t room) const;

  // Seals in place. `message` is the whole message, header with its final length included; from
  // `body_at` on, just after the SK generic header (SKF: after the fragment fields), it has
  // sealed_bytes(plain_bytes) octets to its end, the payloads lying at body_at + iv_bytes().
  // `random` makes the CBC IV; GCM counts. Errors: kBadLength if the sizes disagree, kNoSpace after
  // 2^64 - 1 messages, kSystem. On error `message` must not be sent.
  Status seal(wire::MutableBytes message, std::size_t body_at, std::size_t plain_bytes,
              const RandomFn& random);

  // Verifies and decrypts. `message` is the whole message as received. Returns the payloads without
  // padding. Errors: kTruncated if IV, pad length and ICV do not fit, kBadAlign if the ciphertext
  // is no multiple of the block, kAuthFailed, kBadLength if the padding is longer than what there
  // is (after authentication). Nothing is decrypted before the ICV of CBC has been verified.
  Result<std::vector<uint8_t>> open(wire::Bytes message, std::size_t body_at) const;

 private:
  Status seal_aead(wire::MutableBytes message, std::size_t body_at, std::size_t inner_bytes);
  Status seal_cbc(wire::MutableBytes message, std::size_t body_at, std::size_t inner_bytes,
                  const RandomFn& random);
  Status open_aead(wire::Bytes message, std::size_t body_at, wire::MutableBytes out) const;
  Status open_cbc(wire::Bytes message, std::size_t body_at, wire::MutableBytes out) const;

  uint16_t encryption_id_ = 0;
  uint16_t key_bits_ = 0;
  uint16_t integrity_id_ = 0;
  std::size_t iv_bytes_ = 0;
  std::size_t icv_bytes_ = 0;
  std::size_t block_bytes_ = 1;
  Secret key_;
  Secret salt_;
  Secret integrity_key_;
  uint64_t next_iv_ = 1;  // GCM: number of the next message; 0 once used up
};

}  // namespace kanmon::ike
