#include "dataplane/port/ring_wire.h"

#include <memory>

#include <rte_eth_ring.h>
#include <rte_ring.h>

namespace kanmon::port {
namespace {

std::vector<std::unique_ptr<RingWire>>& wires() {
  static std::vector<std::unique_ptr<RingWire>> all;
  return all;
}

bool make_rings(std::vector<rte_ring*>& rings, const std::string& prefix, uint16_t queues) {
  for (uint16_t q = 0; q < queues; ++q) {
    const std::string name = prefix + std::to_string(q);
    rte_ring* ring =
        rte_ring_create(name.c_str(), RingWire::kSlots, -1, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) return false;
    rings.push_back(ring);
  }
  return true;
}

void drain(const std::vector<rte_ring*>& rings) {
  for (rte_ring* ring : rings) {
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) rte_pktmbuf_free(static_cast<Packet*>(packet));
  }
}

}  // namespace

uint32_t RingWire::send(uint16_t queue, Packet* const* packets, uint32_t n) {
  return rte_ring_enqueue_burst(to_near[queue], reinterpret_cast<void* const*>(packets), n,
                                nullptr);
}

uint32_t RingWire::receive(uint16_t queue, Packet** packets, uint32_t n) {
  return rte_ring_dequeue_burst(to_far[queue], reinterpret_cast<void**>(packets), n, nullptr);
}

RingWire* find_wire(const std::string& name) {
  for (const auto& wire : wires())
    if (wire->name == name) return wire.get();
  return nullptr;
}

RingWire* find_or_make_wire(const std::string& name, uint16_t queues) {
  if (RingWire* wire = find_wire(name)) return wire;
  auto wire = std::make_unique<RingWire>();
  wire->name = name;
  // Names of rings are short (RTE_RING_NAMESIZE): the wire's number stands for its name.
  const std::string prefix = "wire" + std::to_string(wires().size());
  if (!make_rings(wire->to_far, prefix + "a", queues) ||
      !make_rings(wire->to_near, prefix + "b", queues))
    return nullptr;
  wires().push_back(std::move(wire));
  return wires().back().get();
}

int open_wire_end(RingWire& wire, const std::string& port_name) {
  const bool near = wire.near_port == kNoPort;
  if (!near && wire.far_port != kNoPort) return -1;
  const int port = rte_eth_from_rings(port_name.c_str(), (near ? wire.to_near : wire.to_far).data(),
                                      wire.queues(), (near ? wire.to_far : wire.to_near).data(),
                                      wire.queues(), 0);
  if (port >= 0) (near ? wire.near_port : wire.far_port) = static_cast<uint16_t>(port);
  return port;
}

void close_wire_end(uint16_t port) {
  for (const auto& wire : wires()) {
    if (wire->near_port == port) {
      drain(wire->to_near);
      wire->near_port = kNoPort;
    } else if (wire->far_port == port) {
      drain(wire->to_far);
      wire->far_port = kNoPort;
    }
  }
}

}  // namespace kanmon::port
