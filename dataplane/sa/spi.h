// How an inbound SPI is made: a slot of the SA table in the low bits, random bits above.
//
// We choose our own SPIs (RFC 4303 section 2.1), so that finding an inbound SA costs one load and
// a compare instead of a hash. The random part makes a stale or guessed SPI miss: a slot that is
// used again gets another SPI.
#pragma once

#include <cstdint>

namespace kanmon::sa {

inline constexpr uint32_t kSlotBits = 16;
inline constexpr uint32_t kSlots = 1u << kSlotBits;
// SPIs 0 … 255 are reserved (RFC 4303 section 2.1) and never accepted.
inline constexpr uint32_t kFirstSpi = 256;

constexpr uint32_t slot(uint32_t spi) {
  return spi & (kSlots - 1);
}

// REQUIRES: slot < kSlots. `random` supplies the upper bits; a result below kFirstSpi is avoided
// by setting the topmost bit.
constexpr uint32_t make_spi(uint32_t slot, uint16_t random) {
  const uint32_t spi = static_cast<uint32_t>(random) << kSlotBits | slot;
  return spi < kFirstSpi ? spi | 0x80000000u : spi;
}

}  // namespace kanmon::sa
