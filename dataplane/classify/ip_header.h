// Is this an IP packet one may work with, and what does it carry? Pure, over bytes in place.
#pragma once

#include <cstdint>

#include "dataplane/wire/bytes.h"
#include "dataplane/worker/drops.h"

namespace kanmon::classify {

// What stands behind the IP header(s).
struct Upper {
  uint8_t protocol = 0;   // of the transport, behind IPv6 extension headers
  uint16_t offset = 0;    // from the IP header
  bool fragment = false;  // one of several
  bool first = true;      // the fragment that has the transport header
  bool ok = false;        // false: the headers do not add up, or there are too many
};

// Checks an IPv4 header (RFC 791 section 3.1, RFC 1812 section 5.2.2): version, header length,
// total length against what is there, checksum. Sets `total` if all is well (kNone).
// Drops: kFrameTooShort, kIp4BadHeader, kIp4BadChecksum.
Drop check_ip4(wire::Bytes packet, uint16_t& total);

// Checks an IPv6 header (RFC 8200 section 3). Jumbograms are not carried.
// Drops: kFrameTooShort, kIp6BadHeader.
Drop check_ip6(wire::Bytes packet, uint32_t& total);

// The transport of a packet that passed the check above, cut to its total length.
Upper upper4(wire::Bytes packet);
// Walks hop-by-hop, routing, destination and fragment headers (RFC 8200 section 4), at most eight.
// An atomic fragment (RFC 6946) counts as whole.
Upper upper6(wire::Bytes packet);
inline Upper upper(wire::Bytes packet) {
  return packet[0] >> 4 == 4 ? upper4(packet) : upper6(packet);
}

}  // namespace kanmon::classify
