// How what a port receives comes to all workers: by the device, by the kernel, by who sends, or by
// the workers themselves. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/port/device.h"

namespace kanmon::port {

enum class SpreadBy : uint8_t {
  kNothing,  // there is one worker
  kDevice,   // the NIC hashes (RSS), a queue for each worker
  kKernel,   // af_packet's fan-out hashes, a queue for each worker
  kSender,   // whoever is at the other end chooses the queue
  kWorkers,  // fewer queues than workers: clear packets by flow, ESP by the owner of its SA
  kOff,      // nobody: one worker does it all, as the operator wants it (PortOptions::share_out)
};
const char* to_string(SpreadBy by);

struct Spread {
  SpreadBy by = SpreadBy::kNothing;
  uint16_t rx_queues = 1;
  uint64_t hash = 0;  // RTE_ETH_RSS_ bits to ask of the device
  std::string why{};  // a sentence for the operator; empty: nothing is less than could be
};

// `underlay`: the port carries ESP, whose flows its SPIs tell apart; others carry clear IP.
// `able`: RTE_ETH_RSS_ bits the device offers (flow_type_rss_offloads). `rx_queues`: how many it
// can have, at most one for each worker. A PCI device that cannot hash gets one queue only: to the
// others nothing would ever come.
Spread plan_spread(DeviceKind kind, bool underlay, uint64_t able, uint16_t rx_queues,
                   uint16_t workers);

// What the bits mean here, for the operator: "ip tcp udp esp-spi"; empty for none.
std::string hash_names(uint64_t bits);

}  // namespace kanmon::port
