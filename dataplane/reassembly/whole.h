// Pieces put together.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.h"
#include "dataplane/worker/context.h"

namespace kanmon::reassembly {

// Makes one packet of the `count` pieces of a datagram: all of them, in order, none missing. It is
// the first piece, whose header then says what it has; the others are dropped as kFragmentJoined.
// Null, and all are dropped by name: the whole is longer than a buffer, or ECN forbids it (RFC 3168
// section 5.3).
Packet* make_whole(Context& context, Packet* const* pieces, uint32_t count);

}  // namespace kanmon::reassembly
