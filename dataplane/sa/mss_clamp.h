// Lowers the maximum segment size a TCP SYN announces, so that segments fit the tunnel without
// fragmentation or path MTU discovery (RFC 4459 section 3.2; RFC 9293 section 3.7.1). Done on the
// way into a tunnel and out of it: each SYN limits what the other side sends.
#pragma once

#include <cstdint>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/headers.h"

namespace kanmon::sa {

// `tcp`: a TCP header and what follows. If it is a SYN whose MSS option exceeds `mss`, sets the
// option to `mss` and adjusts the checksum. Headers that do not add up are left as they are: the
// receiver judges them. Returns whether anything changed.
bool clamp_mss(wire::MutableBytes tcp, uint16_t mss);

// Finds the TCP header of an IP packet and does the above with the limit of its family; a limit of
// 0 means to leave it. Fragments but the first are left.
void clamp_packet(wire::MutableBytes packet, uint16_t mss4, uint16_t mss6);

// False if the packet is certainly no TCP SYN: the few instructions every packet pays.
// REQUIRES: a whole IP header of either family.
inline bool may_be_syn(wire::Bytes packet) {
  constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestinationOptions = 60;
  constexpr unsigned kFlags = 13;
  constexpr uint8_t kSynFlag = 0x02;
  const uint8_t* ip = packet.data();
  if (ip[0] >> 4 == 4) {
    if (ip[wire::ip4::kProtocol] != wire::kProtocolTcp) return false;
    if (ip[0] != 0x45) return true;  // options: look closer
    return packet.size() > wire::kIp4Header + kFlags && (ip[wire::kIp4Header + kFlags] & kSynFlag);
  }
  const uint8_t next = ip[wire::ip6::kNextHeader];
  if (next == wire::kProtocolTcp)
    return packet.size() > wire::kIp6Header + kFlags && (ip[wire::kIp6Header + kFlags] & kSynFlag);
  return next == kHopByHop || next == kRouting || next == kFragment || next == kDestinationOptions;
}

}  // namespace kanmon::sa
