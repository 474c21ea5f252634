// Where packets come from and go back to.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.h"

namespace kanmon {

// Octets of packet data a buffer holds behind the headroom: a 1500-octet packet, its Ethernet
// header and what encapsulation appends, with room to spare.
inline constexpr uint16_t kDefaultPacketRoom = 2048;

// The room buffers need where packets of `mtu` octets come and go: the frame, and what
// encapsulation puts behind it.
constexpr uint16_t packet_room(uint16_t mtu) {
  const uint32_t wanted = (uint32_t{mtu} + 192) / 64 * 64;
  return static_cast<uint16_t>(wanted > kDefaultPacketRoom ? wanted : kDefaultPacketRoom);
}

// A pool of `buffers` packets of `room` octets on NUMA node `node` (-1: any); null if memory is
// short. `cache` packets are kept per thread. Owned by the caller, who frees it with
// rte_mempool_free() when no packet is out any more.
rte_mempool* make_pool(const char* name, uint32_t buffers, uint16_t room, uint32_t cache, int node);

// ---- pools of drivers that do not give back at close what they hold (AF_XDP's fill queue)

// Gives the calling thread's own stock of free packets back to the pool.
void flush_cache(rte_mempool* pool);
// Puts what such a driver held back into its pool and returns how many packets are there now. What
// is on its way elsewhere stays out: a driver's stock is told by its length of zero, which no
// received frame has. REQUIRES: the device is closed; every thread that used the pool has called
// flush_cache() since.
uint32_t take_back_lost(rte_mempool* pool);

// Sets meta to that of a packet made by the gateway itself: no port, no tunnel, first pass.
void reset_meta_of_own(Packet* p, uint16_t table);

// An empty packet made by the gateway itself, or null if the pool is used up.
Packet* allocate(rte_mempool* pool, uint16_t table);

// `n` empty packets whose meta the caller sets; all or none.
inline bool allocate_all(rte_mempool* pool, Packet** packets, uint32_t n) {
  return rte_pktmbuf_alloc_bulk(pool, packets, n) == 0;
}

// Appends/prepends `n` octets to a linear packet, or null if they do not fit.
inline uint8_t* append(Packet* p, uint16_t n) {
  return reinterpret_cast<uint8_t*>(rte_pktmbuf_append(p, n));
}
inline uint8_t* prepend(Packet* p, uint16_t n) {
  return reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(p, n));
}
// Takes `n` octets off the front of a linear packet. REQUIRES: n <= first_length(p).
inline void strip(Packet* p, uint16_t n) {
  (void)rte_pktmbuf_adj(p, n);
}
// Cuts a linear packet to `n` octets. REQUIRES: n <= first_length(p).
inline void cut(Packet* p, uint16_t n) {
  (void)rte_pktmbuf_trim(p, static_cast<uint16_t>(first_length(p) - n));
}
// Joins the segments in the first one. False, and nothing changed, if they do not fit there.
inline bool linearize(Packet* p) {
  return rte_pktmbuf_linearize(p) == 0;
}
// True if every segment may be written in place.
bool all_writable(const Packet* p);

}  // namespace kanmon
