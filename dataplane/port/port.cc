#include "dataplane/port/port.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <set>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "dataplane/port/device.h"
#include "dataplane/port/interface.h"
#include "dataplane/port/ring_wire.h"
#include "dataplane/port/xdp_socket.h"
#include "dataplane/xdp/plain_program.h"

namespace kanmon::port {
namespace {

constexpr uint16_t kDescriptors = 1024;
// The kernel frees an interface's queue some milliseconds after the AF_XDP socket on it is closed.
constexpr uint32_t kReopenTries = 50;
constexpr long kReopenStepNs = 10'000'000;

// A port on its way from a device string to service; undone by the destructor unless kept.
class Opening {
 public:
  Opening(const PortOptions& options, Device device)
      : options_(options), device_(std::move(device)) {
    bring_program();
  }
  ~Opening() {
    if (id_ == RTE_MAX_ETHPORTS) return;
    PortInfo half;
    half.id = id_;
    half.device = options_.device;
    close(half);
  }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // Each returns a sentence about what went wrong, or an empty string.
  std::string attach(uint16_t queues);
  std::string configure(uint16_t queues, rte_mempool* pool);
  std::string address(std::vector<std::string>& warnings);
  std::string start(std::vector<std::string>& warnings);

  rte_mempool* pool(const PoolFor& pool_for) const {
    return pool_for(rte_eth_dev_socket_id(id_), device_.own_pool);
  }
  PortInfo keep();

 private:
  void bring_program();
  uint16_t mtu_to_declare() const;
  std::string set_mtu();
  std::string make_queues(rte_mempool* pool);

  const PortOptions& options_;
  Device device_;
  uint16_t id_ = RTE_MAX_ETHPORTS;
  rte_eth_dev_info info_{};
  PortInfo made_;
  std::optional<xdp::PlainProgram> plain_;  // the driver reads it when it makes its queues
};

std::string reason(const char* what, int code) {
  return std::string(what) + ": " + rte_strerror(code < 0 ? -code : code);
}

// Who names a program in the device string wants that one.
void Opening::bring_program() {
  if (device_.kind != DeviceKind::kAfXdp || options_.xdp != XdpProgram::kOwn) return;
  if (device_.arguments.find("xdp_prog=") != std::string::npos) return;
  plain_.emplace();
  if (plain_->path().empty()) return;
  device_.arguments += ",xdp_prog=" + plain_->path();
  made_.plain_xdp = device_.interface;
}

std::string Opening::attach(uint16_t queues) {
  if (device_.kind == DeviceKind::kRing) {
    RingWire* wire = find_or_make_wire(device_.name, std::min(queues, device_.max_queues));
    const int id = wire == nullptr ? -1 : open_wire_end(*wire, "k" + device_.name);
    if (id < 0) return "both ends of this wire are in use, or memory is short";
    id_ = static_cast<uint16_t>(id);
  } else {
    // A PCI device named at start is there already.
    if (rte_eth_dev_get_port_by_name(device_.name.c_str(), &id_) == 0) return {};
    const int code =
        rte_eal_hotplug_add(device_.bus.c_str(), device_.name.c_str(), device_.arguments.c_str());
    if (code != 0) return reason("the driver refused the device", code);
    if (rte_eth_dev_get_port_by_name(device_.name.c_str(), &id_) != 0) {
      id_ = RTE_MAX_ETHPORTS;
      return "the driver made no port of the device";
    }
  }
  return id_ < 64 ? "" : "more than 64 ports";
}

rte_eth_conf configuration(uint64_t hash) {
  rte_eth_conf conf{};
  if (hash != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = hash;
  }
  return conf;
}

std::string Opening::configure(uint16_t queues, rte_mempool* pool) {
  int code = rte_eth_dev_info_get(id_, &info_);
  if (code != 0) return reason("the driver says nothing about it", code);
  const uint16_t wanted = std::min(queues, device_.max_queues);
  made_.hash_able = info_.flow_type_rss_offloads;
  made_.spread = plan_spread(device_.kind, options_.underlay, made_.hash_able,
                             std::min(wanted, info_.max_rx_queues), queues);
  made_.rx_queues = made_.spread.rx_queues;
  made_.tx_queues = std::min(wanted, info_.max_tx_queues);
  rte_eth_conf conf = configuration(made_.spread.hash);
  conf.rxmode.mtu = mtu_to_declare();
  code = rte_eth_dev_configure(id_, made_.rx_queues, made_.tx_queues, &conf);
  if (code != 0) return reason("the driver refused the configuration", code);
  if (std::string error = set_mtu(); !error.empty()) return error;
  return make_queues(pool);
}

// DPDK holds a device to the frame it says it takes at most. af_packet says 1,518 octets whatever
// its ring has room for, which is as much as `mtu` needs (parse_device).
uint16_t Opening::mtu_to_declare() const {
  constexpr uint32_t kAroundPacket = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  const bool understates = device_.kind == DeviceKind::kAfPacket;
  const uint32_t frame = understates ? info_.max_rx_pktlen : UINT32_MAX;
  const uint32_t most = std::min<uint32_t>(info_.max_mtu, frame - kAroundPacket);
  return static_cast<uint16_t>(std::min<uint32_t>(options_.mtu, most));
}

std::string Opening::set_mtu() {
  if (device_.kind == DeviceKind::kAfPacket && mtu_to_declare() < options_.mtu) {
    if (set_interface_mtu(device_.interface, options_.mtu)) return {};
    return "MTU " + std::to_string(options_.mtu) + " is refused by " + device_.interface;
  }
  uint16_t now = 0;
  if (rte_eth_dev_get_mtu(id_, &now) == 0 && now == options_.mtu) return {};
  const int code = rte_eth_dev_set_mtu(id_, options_.mtu);
  // Drivers without an MTU of their own carry what fits their buffers.
  if (code == 0 || code == -ENOTSUP) return {};
  return reason(("MTU " + std::to_string(options_.mtu) + " is refused").c_str(), code);
}

std::string Opening::make_queues(rte_mempool* pool) {
  uint16_t rx = kDescriptors, tx = kDescriptors;
  int code = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx);
  const int node = rte_eth_dev_socket_id(id_);
  const auto socket = static_cast<unsigned>(node);
  for (uint16_t q = 0; code == 0 && q < made_.rx_queues; ++q)
    code = rte_eth_rx_queue_setup(id_, q, rx, socket, nullptr, pool);
  for (uint16_t q = 0; code == 0 && q < made_.tx_queues; ++q)
    code = rte_eth_tx_queue_setup(id_, q, tx, socket, nullptr);
  return code == 0 ? "" : reason("the driver refused a queue", code);
}

std::string Opening::address(std::vector<std::string>& warnings) {
  rte_ether_addr mac{};
  if (options_.mac) {
    std::copy(options_.mac->begin(), options_.mac->end(), mac.addr_bytes);
    if (rte_eth_dev_default_mac_addr_set(id_, &mac) == 0) {
      made_.mac = *options_.mac;
      return {};
    }
    // The device keeps its own address; promiscuous it receives for ours too.
    if (rte_eth_promiscuous_enable(id_) != 0)
      warnings.push_back("the device keeps its own MAC address and may not receive for " +
                         wire::to_string(*options_.mac));
    made_.mac = *options_.mac;
    return {};
  }
  if (const int code = rte_eth_macaddr_get(id_, &mac); code != 0)
    return reason("it has no MAC address", code);
  std::copy_n(mac.addr_bytes, made_.mac.size(), made_.mac.begin());
  return {};
}

std::string Opening::start(std::vector<std::string>& warnings) {
  if (const int code = rte_eth_dev_start(id_); code != 0)
    return reason("the device did not start", code);
  // IPv6 neighbour discovery arrives as multicast.
  if (rte_eth_allmulticast_enable(id_) != 0 && rte_eth_promiscuous_enable(id_) != 0 &&
      device_.kind == DeviceKind::kPci)
    warnings.push_back("the device may not receive multicast, which IPv6 needs");
  return {};
}

PortInfo Opening::keep() {
  made_.id = id_;
  made_.node = rte_eth_dev_socket_id(id_);
  made_.name = options_.name;
  made_.device = options_.device;
  made_.mtu = options_.mtu;
  id_ = RTE_MAX_ETHPORTS;
  return made_;
}

void check_interface(const Device& device, bool shared, std::vector<std::string>& warnings) {
  if (device.interface.empty() || device.kind == DeviceKind::kTap) return;
  if (detach_xdp(device.interface))
    warnings.push_back("removed an XDP program that was left on " + device.interface);
  for (std::string& text : interface_warnings(device.interface, shared))
    warnings.push_back(std::move(text));
}

uint32_t next_serial() {
  static uint32_t serial = 0;
  return serial++;
}

std::string open_steps(Opening& opening, uint16_t queues, const PoolFor& pool_for,
                       std::vector<std::string>& warnings) {
  std::string error = opening.attach(queues);
  rte_mempool* pool = error.empty() ? opening.pool(pool_for) : nullptr;
  if (error.empty() && pool == nullptr) error = "no memory for packet buffers";
  if (error.empty()) error = opening.configure(queues, pool);
  if (error.empty()) error = opening.address(warnings);
  if (error.empty()) error = opening.start(warnings);
  return error;
}

// The AF_XDP sockets of each open port, and the interfaces that had any.
struct XdpLedger {
  std::map<uint16_t, std::vector<uint64_t>> sockets;
  std::set<std::string> interfaces;
};
XdpLedger& ledger() {
  static XdpLedger all;
  return all;
}

bool was_xdp(const PortOptions& options) {
  const Device device = parse_device(options.device, 0, 1, options.mtu);
  return device.kind == DeviceKind::kAfXdp && ledger().interfaces.count(device.interface) != 0;
}

void end_sockets(const PortInfo& port) {
  const auto held = ledger().sockets.find(port.id);
  if (held == ledger().sockets.end()) return;
  for (const uint64_t inode : held->second) end_xdp_socket(inode);
  ledger().sockets.erase(held);
}

Outcome<PortInfo> open_once(const PortOptions& options, uint16_t queues, const PoolFor& pool_for) {
  Outcome<PortInfo> outcome;
  const std::string head = "port " + options.name + ": " + options.device + ": ";
  Device device = parse_device(options.device, next_serial(), queues, options.mtu);
  std::string error = device.error;
  const bool on_kernel = !device.interface.empty() && device.kind != DeviceKind::kTap;
  if (error.empty() && on_kernel && !interface_exists(device.interface))
    error = "no such interface";
  std::vector<std::string> warnings;
  if (error.empty()) {
    check_interface(device, options.shared, warnings);
    const bool xdp = device.kind == DeviceKind::kAfXdp;
    const std::string interface = device.interface;
    const std::vector<uint64_t> before = xdp ? xdp_sockets() : std::vector<uint64_t>{};
    Opening opening(options, std::move(device));
    error = open_steps(opening, queues, pool_for, warnings);
    if (error.empty()) outcome.value = opening.keep();
    if (error.empty() && xdp) {
      ledger().sockets[outcome.value->id] = new_sockets(before, xdp_sockets());
      ledger().interfaces.insert(interface);
    }
  }
  if (!error.empty()) outcome.error = head + error;
  for (const std::string& text : warnings) outcome.warnings.push_back(head + text);
  return outcome;
}

}  // namespace

Outcome<PortInfo> open(const PortOptions& options, uint16_t queues, const PoolFor& pool_for) {
  Outcome<PortInfo> outcome = open_once(options, queues, pool_for);
  for (uint32_t i = 0; !outcome && i < kReopenTries && was_xdp(options); ++i) {
    const timespec time{0, kReopenStepNs};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
    outcome = open_once(options, queues, pool_for);
  }
  return outcome;
}

void close(const PortInfo& port) {
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(port.id, &info) == 0;
  rte_eth_dev_stop(port.id);
  rte_eth_dev_close(port.id);
  if (known && info.device != nullptr) rte_dev_remove(info.device);
  close_wire_end(port.id);
  end_sockets(port);
  const Device device = parse_device(port.device, 0, 1, port.mtu);
  if (device.kind == DeviceKind::kAfXdp) detach_xdp(device.interface);
}

PortStatus status(uint16_t id) {
  PortStatus status;
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(id, &link) == 0) {
    status.link_up = link.link_status == RTE_ETH_LINK_UP;
    const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
    status.speed_mbps = known ? link.link_speed : 0;
  }
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id, &stats) != 0) return status;
  status.rx_packets = stats.ipackets;
  status.tx_packets = stats.opackets;
  status.rx_bytes = stats.ibytes;
  status.tx_bytes = stats.obytes;
  status.rx_missed = stats.imissed;
  status.rx_errors = stats.ierrors;
  status.tx_errors = stats.oerrors;
  status.rx_no_buffer = stats.rx_nombuf;
  return status;
}

}  // namespace kanmon::port
