// What travels between control and a worker besides packets. Fixed size, copied by value.
#pragma once

#include <cstdint>
#include <variant>

#include "dataplane/bfd/session.h"
#include "dataplane/sa/encap.h"
#include "dataplane/worker/tables.h"

namespace kanmon::observe {
class Session;
}
namespace kanmon::vigil {
struct Check;
}

namespace kanmon::rings {

// Control to worker: replace one record of the worker's tables.
struct SetInboundSa {
  uint32_t spi;
  sa::InboundSa* sa;  // null: the SA with this SPI goes, if it is still the one in its slot
};
struct SetTunnel {
  uint32_t tunnel;
  sa::Encap encap;
};
struct SetAdjacency {
  uint32_t adjacency;
  Adjacency record;
};
// Null: the group goes. A route may name a group when every worker has acknowledged this.
struct SetGroup {
  uint32_t group;
  fib::Group* record;
};
struct SetTable {
  uint16_t table;
  RouteTable record;
};
struct SetPort {
  uint16_t port;
  PortRecord record;
};
// Which worker drives which queue of a port: queue q belongs to worker (first_worker + q) modulo
// the number of workers, for receiving and sending alike. Zero queues: nobody, the port goes.
struct SetQueues {
  uint16_t port;
  uint16_t rx_queues;
  uint16_t tx_queues;
  uint16_t first_worker;
  // The workers that poll it share its clear packets out over all workers, by flow.
  bool share_out = false;
};
// Give this thread's stock of free packets back to the pool, whose device is closed.
struct FlushPool {
  rte_mempool* pool;
};
// What is to be watched of packets: each worker takes its own probe of the session. Null: nothing.
struct SetProbe {
  observe::Session* session;
};
// Which check of a path is in this slot (vigil/check.h). Null: none; what was there may be freed
// when every worker has acknowledged.
struct SetCheck {
  uint32_t slot;
  vigil::Check* check;
};
// New intervals and multiplier of the BFD session in this slot; no session, no change.
struct ChangeCheck {
  uint32_t slot;
  bfd::Policy policy;
};
// Leave the loop after this command.
struct Stop {};

using Command = std::variant<SetInboundSa, SetTunnel, SetAdjacency, SetGroup, SetTable, SetPort,
                             SetQueues, FlushPool, SetProbe, SetCheck, ChangeCheck, Stop>;

// Worker to control.
enum class EventKind : uint8_t {
  kInboundSoftLimit,   // value: SPI
  kInboundHardLimit,   // value: SPI
  kOutboundSoftLimit,  // value: tunnel
  kOutboundHardLimit,  // value: tunnel
  kCheckChanged,       // value: slot of a check whose report says what changed
};
struct Event {
  EventKind kind;
  uint32_t value;
};

}  // namespace kanmon::rings
