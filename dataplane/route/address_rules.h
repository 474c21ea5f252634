// Addresses no packet in transit may have (RFC 1812 section 5.3.7, RFC 4291 section 2.5, RFC 6890).
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/worker/drops.h"

namespace kanmon::route {

// Addresses in host order.
constexpr bool is_this_host4(uint32_t a) {  // 0/8 and 127/8
  return a >> 24 == 0 || a >> 24 == 127;
}
constexpr bool is_group4(uint32_t a) {  // multicast, reserved, broadcast
  return a >= 0xe0000000u;
}
constexpr bool is_source4(uint32_t a) {
  return !is_this_host4(a) && !is_group4(a);
}

// Addresses in network order, 16 octets.
inline bool is_group6(const uint8_t* a) {
  return a[0] == 0xff;
}
inline bool is_this_host6(const uint8_t* a) {  // :: and ::1
  uint64_t high, low;
  std::memcpy(&high, a, 8);
  std::memcpy(&low, a + 8, 8);
  return high == 0 && (low & ~be(uint64_t{1})) == 0;
}
inline bool is_source6(const uint8_t* a) {
  return !is_group6(a) && !is_this_host6(a);
}
inline bool is_link_local6(const uint8_t* a) {
  return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

}  // namespace kanmon::route
