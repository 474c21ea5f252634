// BFD in UDP in IP: the datagram a session sends, and what of a received one is looked at before
// the session sees it (RFC 5881 sections 4 and 5, RFC 5883 section 5). Pure.
#pragma once

#include <cstdint>

#include "dataplane/bfd/packet.h"
#include "dataplane/vigil/check.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::vigil {

inline constexpr uint32_t kMostDatagram = 40 + 8 + bfd::kMostBytes;

// Octets of IP and UDP header in front of the payload of a path's datagrams.
inline uint32_t headers_of(const Path& path) {
  return path.local.is_v4() ? 28 : 48;
}

// Each session has a source port of its own, above 49151.
constexpr uint16_t source_port(uint32_t slot) {
  return static_cast<uint16_t>(bfd::kFirstSourcePort + slot % kSlots);
}

// Writes the headers around the payload that stands `headers_of(path)` octets into `packet`, which
// is as long as the whole packet is to be.
void write_headers(const Check& check, wire::MutableBytes packet);

// A UDP datagram as it came: `ip` from the IP header on, `udp` from the UDP header on.
struct Arrived {
  wire::Bytes ip;
  wire::Bytes udp;
  bool multihop = false;

  uint8_t ttl() const;
  uint16_t source_port() const;
  // What the UDP length says is there. REQUIRES: well_formed().
  wire::Bytes payload() const;
  // Length and checksum are right (zero: none was made, in IPv4).
  bool well_formed() const;
  wire::IpAddress source() const;
  wire::IpAddress destination() const;
};

}  // namespace kanmon::vigil
