// Room for one expanded AEAD key. Opaque: only crypto/ knows what is inside.
#pragma once

#include <cstdint>

#include "dataplane/common/cacheline.h"

namespace kanmon::crypto {

// Sized for the largest layout any instruction set of IPsec-MB uses; the tail is there because its
// vector code may read past the end of a key. Lives in memory of crypto/secure_slab.h.
struct alignas(kCacheLine) Key {
  static constexpr uint32_t kExpandedBytes = 1024;
  static constexpr uint32_t kTailBytes = 64;
  uint8_t expanded[kExpandedBytes];
  uint8_t tail[kTailBytes];
};

}  // namespace kanmon::crypto
