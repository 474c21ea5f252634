// Addresses no packet in transit may have (RFC 1812 section 5.3.7, RFC 4291 section 2.5, RFC 6890).
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/headers.h"
#include "dataplane/worker/tables.h"

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
// The link-local address a port with this MAC has (RFC 4291 appendix A).
inline bool is_link_local_of(const wire::MacAddress& mac, const uint8_t* a) {
  const uint8_t tail[8] = {
      static_cast<uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
  return is_link_local6(a) && std::memcmp(a + 8, tail, sizeof tail) == 0;
}

// Everything route asks of the addresses of an IPv4 packet in transit, host order.
inline bool is_sound4(const RouteTable& table, uint32_t source, uint32_t destination) {
  return is_source4(source) && is_source4(destination) && !table.is_own4(source);
}

// Notes in its meta that route need not judge this packet again, if it is sound: what is not is
// left for route to name. REQUIRES: an IPv4 header at `ip`, meta.table that of `table`, which is in
// use; the packet was not made by control.
inline void judge4(const RouteTable& table, const uint8_t* ip, Meta& m) {
  const uint32_t destination = load_be<uint32_t>(ip + wire::ip4::kDestination);
  if (!is_sound4(table, load_be<uint32_t>(ip + wire::ip4::kSource), destination)) [[unlikely]]
    return;
  m.destination = destination;
  m.judged = 1;
}

// May a packet that came in, or out of a tunnel, claim this source? It names a single station, and
// none of the gateway's own addresses in `table`. `ip`: a sound IP header.
inline bool can_come_from(const RouteTable& table, const uint8_t* ip) {
  if (ip[0] >> 4 == 4) {
    const uint32_t source = load_be<uint32_t>(ip + wire::ip4::kSource);
    return is_source4(source) && !table.is_own4(source);
  }
  const uint8_t* source = ip + wire::ip6::kSource;
  return is_source6(source) && !table.is_own6(source);
}

}  // namespace kanmon::route
