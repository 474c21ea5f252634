// Splitting an IPv4 packet that may be split (RFC 791 section 3.2).
#pragma once

#include <cstdint>

#include "dataplane/worker/context.h"

namespace kanmon {

// Splits `p` into fragments of at most `mtu` octets, appended to `out` in order. Each fragment is
// linear, writable and has the meta of `p`; `p` itself becomes the first. Fragments beyond the
// first are counted as generated.
//
// False, and `p` unchanged and still the caller's, if buffers or `out` have no room, or if `mtu`
// cannot hold the header and eight octets: the caller drops it as kNoBuffer.
// REQUIRES: a linear, writable IPv4 packet longer than `mtu`, without DF, that classify has passed.
bool fragment4(Context& context, Packet* p, uint16_t mtu, PacketVector& out);

}  // namespace kanmon
