// Splitting a packet that this gateway made: of either family, since a source may fragment IPv6 too
// (RFC 8200 section 4.5).
#pragma once

#include <cstdint>

#include "dataplane/worker/context.h"

namespace kanmon {

// Splits `p` into fragments of at most `mtu` octets, appended to `out` in order; as it is, if it
// fits. A DF bit is taken away. Each fragment is linear and has the meta of `p`; `p` itself becomes
// the first. Fragments beyond the first are counted as generated.
//
// False, and `p` still the caller's, if buffers or `out` have no room.
// REQUIRES: linear, writable, no IPv4 options and no IPv6 extension headers; 8 octets of headroom.
bool fragment_outer(Context& context, Packet* p, uint16_t mtu, PacketVector& out);

}  // namespace kanmon
