// Lowers the maximum segment size a TCP SYN announces, so that segments fit the tunnel without
// fragmentation or path MTU discovery (RFC 4459 section 3.2; RFC 9293 section 3.7.1).
#pragma once

#include <cstdint>

#include "dataplane/wire/bytes.h"

namespace kanmon::encrypt {

// `tcp`: a TCP header and what follows. If it is a SYN whose MSS option exceeds `mss`, sets the
// option to `mss` and adjusts the checksum. Headers that do not add up are left as they are: the
// receiver judges them. Returns whether anything changed.
bool clamp_mss(wire::MutableBytes tcp, uint16_t mss);

// Finds the TCP header of an IP packet and does the above with the limit of its family; a limit of
// 0 means to leave it. Fragments but the first are left.
void clamp_packet(wire::MutableBytes packet, uint16_t mss4, uint16_t mss6);

}  // namespace kanmon::encrypt
