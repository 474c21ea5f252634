// A packet in the data plane: a DPDK mbuf whose private area holds what the stages say about it.
//
// Only packet/, port/, rings/ and worker/ name DPDK; every other room handles packets through
// these functions. After classify the data of a packet begins at its IP header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/common/cacheline.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/wire/bytes.h"

namespace kanmon {

using Packet = rte_mbuf;

// Why a packet goes to control.
enum class Punt : uint8_t {
  kNone,
  kArp,        // whole Ethernet frame
  kNeighbour,  // IPv6 neighbour discovery, whole Ethernet frame
  kIke,        // IP packet to a local address, UDP 500 or 4500 with the non-ESP marker
  kGlean,      // IP packet to an unresolved neighbour of a connected subnet
  kHost,       // IP packet for a service of the machine's own stack (fib::kLocalHosted)
  kTooBig,     // ICMP from an underlay that says an ESP packet of ours did not fit
};
inline constexpr std::size_t kPuntKinds = 7;

// What waits for a packet that another worker, or control, put on a ring to this worker.
enum class Errand : uint8_t {
  kReassemble,  // IP fragment whose datagram this worker puts together
  kDecrypt,     // ESP packet of an SA this worker owns
  kTransmit,    // frame for a port whose transmit queue this worker owns
  kRoute,       // IP packet to be looked up in meta.table
  kEncrypt,     // IP packet of control for the tunnel meta.next_hop, whatever the routes say
  kLocal,       // IP packet for us that belongs to a check of this worker (vigil/)
};

inline constexpr uint32_t kNoTunnel = 0xffffffff;

// Which packet of which trace this is (observe/probe.h).
struct Trace {
  uint16_t session;  // 0, or not that of the running trace: not followed
  uint8_t lane;      // observe::Lane where it was seen last
  uint32_t number;   // counts from 1
};

// Lives directly behind the mbuf; each field is written by the worker that holds the packet.
struct alignas(kCacheLine) Meta {
  uint16_t port;         // where it was received; kNoPort if made here
  uint16_t table;        // route table it is looked up in
  uint16_t tx_port;      // Errand::kTransmit: where it leaves
  uint8_t from_control;  // 1: made by control, may use underlay tables freely
  uint8_t is_error;      // 1: an ICMP error of ours: never answered by another
  Punt punt;
  Errand errand;
  uint8_t hops;           // route passes so far: a packet may come back at most once
  uint8_t udp_encap;      // ESP packets: 1 if it came inside UDP
  uint32_t tunnel_in;     // tunnel it was decrypted from, or kNoTunnel
  uint32_t inbound_spi;   // SA it was decrypted with, host order
  fib::NextHop next_hop;  // set by route
  uint16_t l4_offset;     // ESP packets: offset of the ESP header from the IP header
  uint16_t outer_length;  // ESP packets: octets of the datagram after the IP [and UDP] header
  uint8_t cut_outer;      // encrypt: the outer packet will be fragmented
  uint16_t src_udp_port;  // ESP in UDP: the peer's port, host order
  uint32_t destination;   // if judged: the IPv4 destination, host order
  // 1: IPv4 not from control, whose addresses and whose table were found good (route::judge4):
  // route need not ask again. Cleared by route.
  uint8_t judged;
  uint64_t received_tsc;  // when it was received, if its latency is sampled, else 0
  Trace trace;
};
static_assert(sizeof(Meta) == kCacheLine);

inline constexpr uint16_t kNoPort = 0xffff;
// Private area each mbuf pool of Kanmon must have.
inline constexpr uint16_t kPacketPrivateSize = sizeof(Meta);

inline Meta& meta(Packet* p) {
  return *reinterpret_cast<Meta*>(p + 1);
}
inline const Meta& meta(const Packet* p) {
  return *reinterpret_cast<const Meta*>(p + 1);
}

// First octet of the first segment.
inline uint8_t* data(Packet* p) {
  return rte_pktmbuf_mtod(p, uint8_t*);
}
inline const uint8_t* data(const Packet* p) {
  return rte_pktmbuf_mtod(p, const uint8_t*);
}
// Octets over all segments, and in the first.
inline uint32_t length(const Packet* p) {
  return p->pkt_len;
}
inline uint16_t first_length(const Packet* p) {
  return p->data_len;
}
inline bool is_linear(const Packet* p) {
  return p->nb_segs == 1;
}
// Neither shared with another holder nor attached to foreign memory: may be written in place.
inline bool is_writable(const Packet* p) {
  return rte_mbuf_refcnt_read(p) == 1 && RTE_MBUF_DIRECT(p);
}
// Linear and writable at once, by one word of the mbuf, and without what only a slower look can
// judge: a tag the device took off.
inline bool is_plain(const Packet* p) {
  static_assert(offsetof(Packet, refcnt) == offsetof(Packet, rearm_data) + 2 &&
                offsetof(Packet, nb_segs) == offsetof(Packet, rearm_data) + 4);
  constexpr uint64_t kOdd = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_RX_VLAN_STRIPPED;
  uint64_t word;
  std::memcpy(&word, &p->rearm_data, sizeof word);
  return static_cast<uint32_t>(word >> 16) == 0x00010001 && (p->ol_flags & kOdd) == 0;
}
// The first segment as a span.
inline wire::Bytes bytes(const Packet* p) {
  return {data(p), first_length(p)};
}
inline wire::MutableBytes mutable_bytes(Packet* p) {
  return {data(p), first_length(p)};
}

}  // namespace kanmon
