// Which queues a worker drives, and who sends for ports it has no queue of. Its worker only.
#pragma once

#include <cstdint>

#include "dataplane/worker/tables.h"

namespace kanmon {

struct QueueMap {
  static constexpr uint16_t kNoQueue = 0xffff;

  struct RxQueue {
    uint16_t port;
    uint16_t queue;
  };
  struct TxQueue {
    uint16_t queue = kNoQueue;   // of this worker
    uint16_t worker = kNoQueue;  // who sends; kNoQueue: nobody, the port is down
  };

  uint32_t rx_count = 0;
  RxQueue rx[kMaxPorts];  // a port gives a worker at most one queue
  uint32_t next_rx = 0;   // where the next turn begins, so that no port is always served last
  TxQueue tx[kMaxPorts];
  // Ports ever heard of, one bit each: packets can wait in their lanes.
  uint64_t known_ports = 0;
  uint64_t shared_out = 0;  // ports whose clear packets go to all workers by flow, one bit each

  // Queue q of a port belongs to worker (first_worker + q) % workers. Zero queues: nobody.
  // REQUIRES: port < kMaxPorts, queues <= workers.
  void assign(uint16_t worker, uint16_t workers, uint16_t port, uint16_t rx_queues,
              uint16_t tx_queues, uint16_t first_worker, bool share_out = false);
  bool shares_out(uint16_t port) const { return (shared_out >> port & 1) != 0; }
};
static_assert(kMaxPorts <= 64, "known_ports has 64 bits");

}  // namespace kanmon
