#include "dataplane/worker/queue_map.h"

#include <algorithm>
#include <cassert>

namespace kanmon {

void QueueMap::assign(uint16_t worker, uint16_t workers, uint16_t port, uint16_t rx_queues,
                      uint16_t tx_queues, uint16_t first_worker, bool share_out) {
  assert(port < kMaxPorts && rx_queues <= workers && tx_queues <= workers);
  const uint64_t bit = uint64_t{1} << port;
  known_ports |= bit;
  shared_out = share_out ? shared_out | bit : shared_out & ~bit;
  RxQueue* end = std::remove_if(rx, rx + rx_count, [port](RxQueue q) { return q.port == port; });
  rx_count = static_cast<uint32_t>(end - rx);
  // Which queue number falls to this worker.
  const auto mine = static_cast<uint16_t>((worker + workers - first_worker % workers) % workers);
  if (mine < rx_queues) rx[rx_count++] = {port, mine};
  tx[port] = {};
  if (tx_queues == 0) return;
  // A worker without a queue of its own hands over to one that has one.
  const auto queue = static_cast<uint16_t>(mine % tx_queues);
  tx[port].worker = static_cast<uint16_t>((first_worker + queue) % workers);
  if (mine < tx_queues) tx[port].queue = mine;
}

}  // namespace kanmon
