// UPDATE bodies put together by hand, for tests of what reads them.
#pragma once

#include <vector>

#include "control/bgp/wire/update.h"
#include "tests/unit/bgp/support.h"

namespace kanmon::bgp {

inline Octets be16(std::size_t v) {
  return {static_cast<uint8_t>(v >> 8), static_cast<uint8_t>(v)};
}

// An attribute as RFC 4271 section 4.3 draws it; the long form where the value or the flags ask for
// it.
inline Octets attribute(uint8_t flags, uint8_t type, const Octets& value) {
  if (value.size() > 255) flags |= 0x10;
  const Octets length =
      (flags & 0x10) != 0 ? be16(value.size()) : Octets{static_cast<uint8_t>(value.size())};
  return Octets{flags, type} + length + value;
}

inline Octets joined(const std::vector<Octets>& parts) {
  Octets out;
  for (const Octets& part : parts) out = out + part;
  return out;
}

inline Octets update_body(const Octets& withdrawn, const Octets& attributes, const Octets& nlri) {
  return be16(withdrawn.size()) + withdrawn + be16(attributes.size()) + attributes + nlri;
}

inline const Octets kOrigin = attribute(0x40, 1, {0});
inline const Octets kPath = attribute(0x40, 2, hex("02 01 0000fde9"));  // 65001
inline const Octets kNextHop = attribute(0x40, 3, hex("c0000201"));     // 192.0.2.1
inline const Octets kLocalPref = attribute(0x40, 5, hex("00000064"));
inline const Octets kNet10 = hex("08 0a");  // 10.0.0.0/8
inline const Octets kNet11 = hex("08 0b");  // 11.0.0.0/8
inline const Octets kV6Next = hex("20010db8000000000000000000000001");
inline const Octets kV6Net = hex("20 20010db8");  // 2001:db8::/32

inline Octets mp_reach(const Octets& afi_safi, const Octets& next_hop, const Octets& nlri) {
  return attribute(
      0x80, 14,
      afi_safi + Octets{static_cast<uint8_t>(next_hop.size())} + next_hop + Octets{0} + nlri);
}
inline Octets mp_unreach(const Octets& afi_safi, const Octets& nlri) {
  return attribute(0x80, 15, afi_safi + nlri);
}

inline UpdateContext context_of(bool external) {
  UpdateContext c;
  c.external = external;
  c.family[wire::Family::kV4] = c.family[wire::Family::kV6] = true;
  c.peer_as = 65001;
  c.local[wire::Family::kV4] = wire::IpAddress::parse("192.0.2.99").value();
  c.local[wire::Family::kV6] = wire::IpAddress::parse("2001:db8::99").value();
  return c;
}

inline Nlri net(std::string_view text, uint32_t id = 0) {
  return {wire::Prefix::parse(text).value(), id};
}

}  // namespace kanmon::bgp
