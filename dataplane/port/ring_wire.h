// Wires inside the process, for tests and benchmarks: what is sent into one end is received at the
// other, with the same queue number. Both ends may be ports ("ring:NAME" opened twice), or one end
// is a port and the other is held here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet/packet.h"

struct rte_ring;

namespace kanmon::port {

// The rings of one wire; they live until the process ends.
struct RingWire {
  static constexpr uint32_t kSlots = 4096;  // packets per queue and direction

  std::string name;
  std::vector<rte_ring*> to_far;   // [queue]: from the near end (the first port) to the far one
  std::vector<rte_ring*> to_near;  // [queue]
  uint16_t near_port = kNoPort;    // whose ports hold the ends
  uint16_t far_port = kNoPort;

  // The far end by hand. REQUIRES: queue < queues(). Send returns how many were taken; the caller
  // keeps the rest.
  uint16_t queues() const { return static_cast<uint16_t>(to_far.size()); }
  uint32_t send(uint16_t queue, Packet* const* packets, uint32_t n);
  uint32_t receive(uint16_t queue, Packet** packets, uint32_t n);
};

// The wire of that name, made if there is none yet (then with `queues` queues); null if memory is
// short or the name too long. REQUIRES: EAL runs.
RingWire* find_or_make_wire(const std::string& name, uint16_t queues);
// The wire of that name, or null.
RingWire* find_wire(const std::string& name);

// Makes a port of a free end. Its id, or a negative number if both ends are taken or it failed.
int open_wire_end(RingWire& wire, const std::string& port_name);
// Frees the end a port held, with the packets that wait to be received by it.
void close_wire_end(uint16_t port);

}  // namespace kanmon::port
