// The ESP transforms Kanmon knows, with every size that follows from the choice.
// Ids are IANA's "IKEv2 Transform Type 1" and "Type 3"; RFC 8221 says which must exist.
#pragma once

#include <cstdint>

namespace kanmon::esp {

// Row order is the index into kAlgorithms.
enum class Algorithm : uint8_t {
  kAes128Gcm16,
  kAes256Gcm16,
};

struct AlgorithmInfo {
  Algorithm algorithm;
  const char* name;        // as shown and configured, e.g. "AES256-GCM-16"
  uint16_t encr_id;        // IKEv2 transform type 1
  uint16_t integ_id;       // IKEv2 transform type 3, 0 = none (AEAD)
  uint16_t encr_key_bits;  // value of the Key Length attribute
  uint8_t encr_key_bytes;  // key without salt
  uint8_t salt_bytes;      // last octets of the encryption KEYMAT (RFC 4106 section 8.1)
  uint8_t integ_key_bytes;
  uint8_t iv_bytes;   // on the wire
  uint8_t icv_bytes;  // on the wire
  uint8_t align;      // ciphertext is a multiple of this

  // Octets of KEYMAT one direction takes: encryption key, salt, integrity key, in this order.
  constexpr uint16_t keymat_bytes() const {
    return static_cast<uint16_t>(encr_key_bytes + salt_bytes + integ_key_bytes);
  }
};

inline constexpr AlgorithmInfo kAlgorithms[] = {
    {Algorithm::kAes128Gcm16, "AES128-GCM-16", 20, 0, 128, 16, 4, 0, 8, 16, 4},
    {Algorithm::kAes256Gcm16, "AES256-GCM-16", 20, 0, 256, 32, 4, 0, 8, 16, 4},
};

constexpr const AlgorithmInfo& info(Algorithm a) {
  return kAlgorithms[static_cast<uint8_t>(a)];
}

}  // namespace kanmon::esp
