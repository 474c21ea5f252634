// ICMP and ICMPv6 errors about packets that cannot be forwarded (RFC 792, RFC 1812 section 4.3,
// RFC 4443).
//
// Each function consumes its packet: drops it under a name and, if the RFCs allow one and the rate
// limit has room, puts an error to its source into lanes.route, where it is routed like any
// other packet of the gateway in the table the offender was in. No error is ever sent about an
// error, a later fragment, a packet from or to something that is not a single station, or a packet
// of our own; nor while the port or table has no address to send it from.
//
// REQUIRES of all: the packet is linear, passed the checks of classify, and begins at its IP
// header; meta.table, port and tunnel_in are set.
#pragma once

#include <cstdint>

#include "dataplane/worker/context.h"

namespace kanmon::icmp_error {

enum class Unreachable : uint8_t { kNet, kPort, kProtocol };

// Longer than `mtu`: frag-needed (RFC 1191) or packet-too-big. Drop::kTooBig.
void too_big(Context& context, Packet* p, uint16_t mtu);
// TTL or hop limit ran out in transit. Drop::kTtlExceeded.
void ttl_exceeded(Context& context, Packet* p);
// Nowhere to go, or nobody there.
void unreachable(Context& context, Packet* p, Unreachable what, Drop why);

}  // namespace kanmon::icmp_error
