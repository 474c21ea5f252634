// A traffic selector: which packets an SA may carry (RFC 4301 section 4.4.1.1, RFC 7296 section
// 3.13). IKE negotiates them, the data plane enforces them; this is the one form both use.
#pragma once

#include <compare>
#include <cstdint>

#include "dataplane/wire/address.h"

namespace kanmon::sa {

// Ranges are inclusive. `start` and `end` have one family and start <= end; so have the ports, but
// for OPAQUE, which is 65535 to 0 (RFC 7296 section 3.13.1): packets whose ports are not to be
// seen, as later fragments (RFC 4301 section 7.2) and protocols without ports, and no others. For
// ICMP and ICMPv6 the port fields hold type (high octet) and code (low octet).
struct Selector {
  wire::IpAddress start;
  wire::IpAddress end;
  uint16_t port_start = 0;
  uint16_t port_end = 0xffff;
  uint8_t protocol = 0;  // 0 = any

  static Selector of(const wire::Prefix& prefix) {
    Selector s;
    s.start = prefix.address;
    s.end = wire::mask(prefix.address, prefix.length, true);
    return s;
  }
  bool any_port() const { return port_start == 0 && port_end == 0xffff; }
  bool opaque_port() const { return port_start == 0xffff && port_end == 0; }
  void make_opaque() {
    port_start = 0xffff;
    port_end = 0;
  }
  bool has(const wire::IpAddress& a) const {
    return a.family == start.family && start <= a && a <= end;
  }
  friend auto operator<=>(const Selector&, const Selector&) = default;
};

}  // namespace kanmon::sa
