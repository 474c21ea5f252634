// What a worker does with a queue of a port.
#pragma once

#include <cstdint>

#include <rte_ethdev.h>

#include "dataplane/packet/packet.h"

namespace kanmon::port {

// Takes up to `n` frames; returns how many. One thread per queue.
inline uint32_t receive(uint16_t port, uint16_t queue, Packet** packets, uint32_t n) {
  return rte_eth_rx_burst(port, queue, packets, static_cast<uint16_t>(n));
}

// Gives up to `n` frames to the device, which frees them when they are sent; returns how many it
// took, the rest stays the caller's. One thread per queue.
inline uint32_t transmit(uint16_t port, uint16_t queue, Packet** packets, uint32_t n) {
  return rte_eth_tx_burst(port, queue, packets, static_cast<uint16_t>(n));
}

// True if the receiving device took a VLAN tag off the frame.
inline bool had_vlan_tag(const Packet* p) {
  return (p->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
}
// Forgets what the receiving device said about the packet: it speaks of the outer headers only
// and must not reach the inner ones (ESP-43).
inline void forget_offloads(Packet* p) {
  p->ol_flags = 0;
  p->packet_type = 0;
}

}  // namespace kanmon::port
