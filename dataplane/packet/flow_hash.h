// A number by which packets of one flow are known, to share flows out over workers.
//
// Next-hop groups choose by another one (route/flow_hash.h), and must: with one hash for both, the
// flows of a worker would all lead to the same few members. This one is the cheaper, for it is paid
// for every packet of a port without enough queues; it needs no seed, for nothing but this gateway
// sees the choice.
#pragma once

#include <cstdint>

#include "dataplane/wire/bytes.h"

namespace kanmon {

// Hash of an IP packet's addresses, protocol and, where they can be read, ports. Fragments and what
// stands behind IPv6 extension headers go by addresses and protocol alone, so that all fragments of
// a datagram agree. Both directions of a flow differ. REQUIRES: the fixed part of the IP header.
uint32_t flow_hash(wire::Bytes packet);

// The worker a flow belongs to: the same for each packet of it as long as `workers` stays.
inline uint16_t flow_owner(wire::Bytes packet, uint16_t workers) {
  return static_cast<uint16_t>(uint64_t{flow_hash(packet)} * workers >> 32);
}

}  // namespace kanmon
