// The ESP transforms Kanmon knows, with every size that follows from the choice.
// Ids are IANA's "IKEv2 Transform Type 1" and "Type 3"; RFC 8221 says which must exist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace kanmon::esp {

// Row order is the index into kAlgorithms.
enum class Algorithm : uint8_t {
  kAes128Gcm16,
  kAes256Gcm16,
  kChaCha20Poly1305,
  kAes128Sha256,
  kAes128Sha384,
  kAes128Sha512,
  kAes256Sha256,
  kAes256Sha384,
  kAes256Sha512,
  kAes128Sha1,
  kAes256Sha1,
  kNullSha256,
  kNullSha384,
  kNullSha512,
  kAes128Gcm16Iiv,
  kAes256Gcm16Iiv,
  kChaCha20Poly1305Iiv,
};

// What an operator must have said before an algorithm is used.
enum class Consent : uint8_t {
  kNone,      // good for anything
  kWeak,      // RFC 8221 advises against it: only with allow-weak
  kReadable,  // does not encrypt: only with allow-null-encryption
};

struct AlgorithmInfo {
  Algorithm algorithm;
  const char* name;        // as shown, e.g. "AES256-GCM-16", "AES128-SHA2-256" (AES alone is CBC)
  uint16_t encr_id;        // IKEv2 transform type 1
  uint16_t integ_id;       // IKEv2 transform type 3, 0 = none (AEAD)
  uint16_t encr_key_bits;  // value of the Key Length attribute, 0 = the attribute is not sent
  uint8_t encr_key_bytes;  // key without salt
  uint8_t salt_bytes;      // last octets of the encryption KEYMAT (RFC 4106 section 8.1)
  uint8_t integ_key_bytes;
  uint8_t iv_bytes;   // on the wire
  uint8_t icv_bytes;  // on the wire
  uint8_t align;      // ciphertext is a multiple of this
  Consent consent;

  constexpr bool is_aead() const { return integ_id == 0; }
  constexpr bool is_chacha20() const { return encr_id == 28 || encr_id == 31; }
  // The IV is the sequence number, 64 bits of it, and not on the wire (RFC 8750).
  constexpr bool has_implicit_iv() const { return is_aead() && iv_bytes == 0; }
  // Octets of key without salt: encryption key, integrity key.
  constexpr uint16_t key_bytes() const {
    return static_cast<uint16_t>(encr_key_bytes + integ_key_bytes);
  }
  // Octets of KEYMAT one direction takes: encryption key, salt, integrity key, in this order
  // (RFC 7296 section 2.17).
  constexpr uint16_t keymat_bytes() const {
    return static_cast<uint16_t>(key_bytes() + salt_bytes);
  }
};

// RFC 4106 (GCM), RFC 7634 (ChaCha20), RFC 3602 (CBC), RFC 2410 (NULL), RFC 4868 (SHA-2: the ICV is
// half the hash, the key as long as the hash), RFC 2404 (SHA-1), RFC 8750 (IIV: implicit IV).
inline constexpr AlgorithmInfo kAlgorithms[] = {
    {Algorithm::kAes128Gcm16, "AES128-GCM-16", 20, 0, 128, 16, 4, 0, 8, 16, 4, Consent::kNone},
    {Algorithm::kAes256Gcm16, "AES256-GCM-16", 20, 0, 256, 32, 4, 0, 8, 16, 4, Consent::kNone},
    {Algorithm::kChaCha20Poly1305, "CHACHA20-POLY1305", 28, 0, 0, 32, 4, 0, 8, 16, 4,
     Consent::kNone},
    {Algorithm::kAes128Sha256, "AES128-SHA2-256", 12, 12, 128, 16, 0, 32, 16, 16, 16,
     Consent::kNone},
    {Algorithm::kAes128Sha384, "AES128-SHA2-384", 12, 13, 128, 16, 0, 48, 16, 24, 16,
     Consent::kNone},
    {Algorithm::kAes128Sha512, "AES128-SHA2-512", 12, 14, 128, 16, 0, 64, 16, 32, 16,
     Consent::kNone},
    {Algorithm::kAes256Sha256, "AES256-SHA2-256", 12, 12, 256, 32, 0, 32, 16, 16, 16,
     Consent::kNone},
    {Algorithm::kAes256Sha384, "AES256-SHA2-384", 12, 13, 256, 32, 0, 48, 16, 24, 16,
     Consent::kNone},
    {Algorithm::kAes256Sha512, "AES256-SHA2-512", 12, 14, 256, 32, 0, 64, 16, 32, 16,
     Consent::kNone},
    {Algorithm::kAes128Sha1, "AES128-SHA1", 12, 2, 128, 16, 0, 20, 16, 12, 16, Consent::kWeak},
    {Algorithm::kAes256Sha1, "AES256-SHA1", 12, 2, 256, 32, 0, 20, 16, 12, 16, Consent::kWeak},
    {Algorithm::kNullSha256, "NULL-SHA2-256", 11, 12, 0, 0, 0, 32, 0, 16, 4, Consent::kReadable},
    {Algorithm::kNullSha384, "NULL-SHA2-384", 11, 13, 0, 0, 0, 48, 0, 24, 4, Consent::kReadable},
    {Algorithm::kNullSha512, "NULL-SHA2-512", 11, 14, 0, 0, 0, 64, 0, 32, 4, Consent::kReadable},
    {Algorithm::kAes128Gcm16Iiv, "AES128-GCM-16-IIV", 30, 0, 128, 16, 4, 0, 0, 16, 4,
     Consent::kNone},
    {Algorithm::kAes256Gcm16Iiv, "AES256-GCM-16-IIV", 30, 0, 256, 32, 4, 0, 0, 16, 4,
     Consent::kNone},
    {Algorithm::kChaCha20Poly1305Iiv, "CHACHA20-POLY1305-IIV", 31, 0, 0, 32, 4, 0, 0, 16, 4,
     Consent::kNone},
};
inline constexpr std::size_t kAlgorithmCount = std::size(kAlgorithms);

inline constexpr uint32_t kMaxIvBytes = 16;
inline constexpr uint32_t kMaxIcvBytes = 32;
inline constexpr uint32_t kMaxAlign = 16;

// ESP-15: an AEAD has a salt and no separate integrity; whatever else there is has integrity. The
// rest of the program leans on these too.
constexpr bool rows_are_sound() {
  for (std::size_t i = 0; i < kAlgorithmCount; ++i) {
    const AlgorithmInfo& a = kAlgorithms[i];
    if (static_cast<std::size_t>(a.algorithm) != i) return false;
    if (a.is_aead() != (a.salt_bytes == 4) || a.is_aead() != (a.integ_key_bytes == 0)) return false;
    if (a.iv_bytes > kMaxIvBytes || a.icv_bytes > kMaxIcvBytes || a.align > kMaxAlign) return false;
    if (a.icv_bytes < 12 || a.align < 4) return false;
  }
  return true;
}
static_assert(rows_are_sound());

constexpr const AlgorithmInfo& info(Algorithm a) {
  return kAlgorithms[static_cast<uint8_t>(a)];
}

}  // namespace kanmon::esp
