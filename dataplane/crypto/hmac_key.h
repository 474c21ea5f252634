// What a Key holds for an algorithm whose integrity is an HMAC: the cipher's schedules and the two
// hash states the HMAC goes on from (RFC 2104 section 4). Only crypto/ sees this.
#pragma once

#include <cstdint>

#include <intel-ipsec-mb.h>

#include "dataplane/common/result.h"
#include "dataplane/crypto/key.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::crypto {

struct alignas(16) HmacKey {
  static constexpr uint32_t kScheduleBytes = 240;  // 15 round keys of AES-256
  uint8_t encrypt[kScheduleBytes];
  uint8_t decrypt[kScheduleBytes];
  uint8_t inner[64];  // hash state after the key xor ipad
  uint8_t outer[64];  // hash state after the key xor opad
  // The cipher of a block that no nonce is: whitens the numbers that become IVs, so that nobody can
  // tell which block they are before it is enciphered.
  uint8_t iv_mask[16];
};
static_assert(sizeof(HmacKey) <= Key::kExpandedBytes);

inline const HmacKey& hmac_key(const Key& key) {
  return *reinterpret_cast<const HmacKey*>(key.expanded);
}

// `key`: encryption key, integrity key. REQUIRES: key.size() is info(algorithm).key_bytes(),
// `out` is zeroed.
void expand_hmac(IMB_MGR* manager, esp::Algorithm algorithm, wire::Bytes key, HmacKey& out);

// IPsec-MB's name for the integrity of an algorithm.
IMB_HASH_ALG hash_of(const esp::AlgorithmInfo& algorithm);

}  // namespace kanmon::crypto
