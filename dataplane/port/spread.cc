#include "dataplane/port/spread.h"

#include <rte_ethdev.h>

namespace kanmon::port {
namespace {

struct HashName {
  uint64_t bits;
  const char* name;
};
constexpr HashName kHashNames[] = {
    {RTE_ETH_RSS_IP, "ip"},     {RTE_ETH_RSS_TCP, "tcp"},     {RTE_ETH_RSS_UDP, "udp"},
    {RTE_ETH_RSS_SCTP, "sctp"}, {RTE_ETH_RSS_ESP, "esp-spi"},
};
constexpr uint64_t kFlows = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;

std::string queues_of(uint16_t queues, uint16_t workers) {
  return std::to_string(queues) + (queues == 1 ? " queue for " : " queues for ") +
         std::to_string(workers) + " workers";
}

Spread by_device(bool underlay, uint64_t able, Spread spread, uint16_t workers) {
  // On an underlay IKE and ESP in UDP go by their addresses and ports, ESP by its SPI.
  spread.hash = able & (underlay ? kFlows | RTE_ETH_RSS_ESP : kFlows);
  if (spread.hash == 0) {
    spread.rx_queues = 1;
    spread.by = SpreadBy::kWorkers;
    spread.why =
        "the device cannot hash (RSS): 1 queue for " + std::to_string(workers) + " workers";
  } else if (spread.by == SpreadBy::kDevice && underlay && (able & RTE_ETH_RSS_ESP) == 0) {
    spread.why =
        "the device cannot hash SPIs: ESP of one peer comes by one queue, and its worker "
        "hands over to the owner of each SA";
  }
  return spread;
}

}  // namespace

const char* to_string(SpreadBy by) {
  constexpr const char* kNames[] = {"-", "device", "kernel", "sender", "workers", "off"};
  return kNames[static_cast<std::size_t>(by)];
}

Spread plan_spread(DeviceKind kind, bool underlay, uint64_t able, uint16_t rx_queues,
                   uint16_t workers) {
  Spread spread;
  spread.rx_queues = rx_queues;
  if (workers <= 1) return spread;
  spread.by = kind == DeviceKind::kPci        ? SpreadBy::kDevice
              : kind == DeviceKind::kAfPacket ? SpreadBy::kKernel
                                              : SpreadBy::kSender;
  if (rx_queues < workers) {
    spread.by = SpreadBy::kWorkers;
    spread.why = "it has " + queues_of(rx_queues, workers);
  }
  return kind == DeviceKind::kPci && rx_queues > 1 ? by_device(underlay, able, spread, workers)
                                                   : spread;
}

std::string hash_names(uint64_t bits) {
  std::string names;
  for (const HashName& h : kHashNames)
    if ((bits & h.bits) != 0) names += (names.empty() ? "" : " ") + std::string(h.name);
  return names;
}

}  // namespace kanmon::port
