// IKE messages in UDP in IP: what a worker punts taken apart, what the engine sends put together.
//
// Pure. RFC 768, RFC 791, RFC 8200, and RFC 3948 section 2.2 for the non-ESP marker on port 4500.
#pragma once

#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// A UDP datagram as received; `payload` views the packet and has no non-ESP marker any more.
struct Datagram {
  wire::Endpoint local;   // where it was sent to
  wire::Endpoint remote;  // where it came from
  wire::Bytes payload;
};

// Reads a whole IP packet with UDP inside. kUnsupported: not UDP, or a fragment; kBadValue: wrong
// checksum, or port 4500 without the marker; otherwise lengths that contradict each other.
Result<Datagram> parse_datagram(wire::Bytes ip_packet);

// Builds the IP packet; puts the non-ESP marker in front of `message` if local.port is 4500.
// REQUIRES: one address family; `message` fits 65,000 octets.
std::vector<uint8_t> build_datagram(const wire::Endpoint& local, const wire::Endpoint& remote,
                                    wire::Bytes message);
// A NAT keepalive: one octet 0xff, without a marker (RFC 3948 section 2.3).
std::vector<uint8_t> build_keepalive(const wire::Endpoint& local, const wire::Endpoint& remote);

}  // namespace kanmon::ike
