// Ports: DPDK Ethernet devices made from device strings, configured, watched and closed.
//
// Control's side of a port; what a worker does with its queues is in queue.h. Everything here may
// block for as long as the driver takes, allocates, and makes system calls.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/packet.h"
#include "dataplane/port/spread.h"
#include "dataplane/wire/address.h"

namespace kanmon {

// Whose XDP program an af_xdp port gets: Kanmon's (dataplane/xdp), or the one of the AF_XDP
// library, which gives every frame to the gateway.
enum class XdpProgram : uint8_t { kOwn, kLibrary };

struct PortOptions {
  std::string name{};  // for messages
  // "pci:0000:3b:00.0", "af_packet:eth1", "af_xdp:eth1", "tap:kan0", "ring:wire", "null:",
  // "memif:id=0,role=client,socket=/run/m.sock", "pcap:rx=in.pcap,tx=out.pcap";
  // arguments of the driver may follow after a comma.
  std::string device{};
  uint16_t mtu = 1500;                    // octets of an IP packet
  std::optional<wire::MacAddress> mac{};  // absent: the device's own
  XdpProgram xdp = XdpProgram::kOwn;
  bool underlay = false;  // it carries ESP: spread by SPI where the device can
  bool shared = false;    // the kernel keeps addresses of its own on the interface, and shall
  // False: one queue each way, and the worker that has it does all that is received.
  bool share_out = true;
};

// A port that is open. `id` is what commands and metadata call it.
struct PortInfo {
  uint16_t id = kNoPort;
  std::string name;
  std::string device;
  wire::MacAddress mac{};
  uint16_t mtu = 1500;
  uint16_t rx_queues = 0;
  uint16_t tx_queues = 0;
  port::Spread spread{};
  uint64_t hash_able = 0;  // RTE_ETH_RSS_ bits the device offers
  int node = -1;           // NUMA node it is attached to; -1: none, or unknown
  // The interface on which xdp::PlainProgram runs and waits to be replaced; empty: none.
  std::string plain_xdp{};
};

struct PortStatus {
  bool link_up = false;
  uint32_t speed_mbps = 0;  // 0: unknown
  uint64_t rx_packets = 0;
  uint64_t tx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_bytes = 0;
  uint64_t rx_missed = 0;  // dropped by the device: the workers were behind
  uint64_t rx_errors = 0;
  uint64_t tx_errors = 0;
  uint64_t rx_no_buffer = 0;
};

// A value or a sentence for the operator; warnings come with either.
template <class T>
struct Outcome {
  std::optional<T> value{};
  std::string error{};  // "port wan: af_packet:eth9: no such interface"; empty if there is a value
  std::vector<std::string> warnings{};
  explicit operator bool() const { return value.has_value(); }
};

namespace port {

// The packet pool for a device on a NUMA node (-1: any). `own`: the device must have it for itself,
// because it will keep some of its packets after close(). Null: no memory.
using PoolFor = std::function<rte_mempool*(int node, bool own)>;

// Attaches, configures and starts the device. `queues` is how many queues of each direction are
// wanted; fewer are made where the device has fewer. REQUIRES: EAL runs.
Outcome<PortInfo> open(const PortOptions& options, uint16_t queues, const PoolFor& pool_for);

// Stops and removes the device; an XDP program it attached is detached. REQUIRES: no worker uses
// its queues any more.
void close(const PortInfo& port);

PortStatus status(uint16_t id);

}  // namespace port
}  // namespace kanmon
