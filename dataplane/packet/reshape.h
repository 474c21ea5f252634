// Changing where a packet begins and ends: what encapsulation and decapsulation do to a buffer.
// Single-segment packets only, except for join_segments().
#pragma once

#include <cassert>
#include <cstdint>

#include "dataplane/packet/packet.h"

namespace kanmon {

// Free octets in front of and behind the data.
inline uint16_t headroom(const Packet* p) {
  return rte_pktmbuf_headroom(p);
}
inline uint16_t tailroom(const Packet* p) {
  return rte_pktmbuf_tailroom(p);
}

// Makes the data begin at `start`, a place inside this buffer, and be `bytes` long.
inline void set_data(Packet* p, const uint8_t* start, uint32_t bytes) {
  p->data_off = static_cast<uint16_t>(start - static_cast<const uint8_t*>(p->buf_addr));
  p->data_len = static_cast<uint16_t>(bytes);
  p->pkt_len = bytes;
  assert(p->data_off + bytes <= p->buf_len);
}

// Joins all segments in the first. False, and nothing changed, if its room does not suffice or it
// may not be written.
inline bool join_segments(Packet* p) {
  if (is_linear(p)) return true;
  return is_writable(p) && rte_pktmbuf_linearize(p) == 0;
}

// Forgets what a port said of this packet: checksum verdicts, packet type, hash, VLAN. After
// decapsulation they speak of a header that is gone (ESP-43). REQUIRES: is_writable(p).
inline void clear_offloads(Packet* p) {
  p->ol_flags = 0;
  p->packet_type = 0;
}

}  // namespace kanmon
