// Comparing the tags of AEADs. Only crypto/ sees this.
#pragma once

#include <cstdint>

#include <immintrin.h>

namespace kanmon::crypto {

// Two tags of 16 octets. Reads both whole, whatever they hold (ESP-16).
inline bool same_tag(const uint8_t* a, const uint8_t* b) {
  const __m128i x = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)),
                                  _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
  return _mm_testz_si128(x, x) != 0;
}

}  // namespace kanmon::crypto
