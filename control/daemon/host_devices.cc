// The gateway's addresses as the machine's own stack has them: which devices a configuration asks
// for, and what their packets become.
#include <algorithm>

#include "control/daemon/gateway.h"
#include "control/log/log.h"

namespace kanmon::daemon {
namespace {

// More than any outer header, IV, padding and ICV take together: a packet of the machine then fits
// every SA the tunnel may get.
constexpr uint16_t kLargestOverhead = 120;
constexpr uint16_t kSmallestMtu = 576, kSmallestMtu6 = 1280;

uint16_t mtu_of(const config::Config& config, const config::Tunnel& tunnel) {
  uint16_t mtu = 1500;
  for (const auto& port : config.ports)
    for (const auto& a : port.addresses)
      if (a.address == tunnel.ike.local_address) mtu = port.mtu;
  const bool v6 = std::any_of(tunnel.inside_addresses.begin(), tunnel.inside_addresses.end(),
                              [](const auto& a) { return !a.address.is_v4(); });
  const int fits = std::max<int>(mtu - kLargestOverhead, v6 ? kSmallestMtu6 : kSmallestMtu);
  return static_cast<uint16_t>(std::min<int>(fits, tunnel.mtu.value_or(fits)));
}

// The key host-namespace of a table of either kind.
std::string setting_of(const config::Config& config, const std::string& table) {
  for (const auto& u : config.underlays)
    if (u.name == table) return u.host_namespace;
  for (const auto& t : config.tables)
    if (t.name == table) return t.host_namespace;
  return {};
}

}  // namespace

std::shared_ptr<const host::Namespace> Gateway::host_namespace(const config::Config& config,
                                                               const std::string& table) {
  std::string ignored;  // opened by prepare_host_devices()
  return namespaces_.of(table, setting_of(config, table), ignored);
}

std::vector<host::DeviceSpec> Gateway::device_specs(const config::Config& config,
                                                    std::string& why) {
  std::vector<host::DeviceSpec> specs;
  const auto number = [&](const std::string& table) {
    const auto it = tables_.find(table);
    return it == tables_.end() ? uint16_t{0} : it->second.number;
  };
  const auto where = [&](const std::string& table) {
    return namespaces_.of(table, setting_of(config, table), why);
  };
  for (const auto& port : config.ports)
    if (!port.host_device.empty())
      specs.push_back({.name = port.host_device,
                       .owner = "port " + port.name,
                       .tunnel = kNoTunnel,
                       .table = number(port.domain()),
                       .where = where(port.domain()),
                       .mtu = port.mtu,
                       .addresses = port.addresses,
                       .services = port.host_services});
  for (const auto& tunnel : config.tunnels)
    if (!tunnel.host_device.empty())
      specs.push_back({.name = tunnel.host_device,
                       .owner = "tunnel " + tunnel.name,
                       .tunnel = tunnel_numbers_.find(tunnel.name).value_or(kNoTunnel),
                       .table = number(tunnel.table),
                       .where = where(tunnel.table),
                       .mtu = mtu_of(config, tunnel),
                       .addresses = tunnel.inside_addresses,
                       .services = tunnel.host_services});
  return specs;
}

bool Gateway::prepare_host_devices(const config::Config& next,
                                   std::vector<config::Problem>& problems) {
  std::string why;
  const auto specs = device_specs(next, why);
  if (why.empty() && host_devices_.prepare(specs, why)) return true;
  problems.push_back({.key = "host-device", .text = why});
  return false;
}

// config_ is the new configuration, and its tables and tunnels have their numbers.
void Gateway::apply_host_devices() {
  std::string ignored;  // all namespaces have been opened by prepare_host_devices()
  for (const auto& why : host_devices_.commit(device_specs(config_, ignored)))
    log::error("host", "address-refused", {{"text", why}});
}

Status Gateway::send_from_host(const host::DeviceSpec& device, wire::Bytes packet) {
  if (device.tunnel == kNoTunnel) return plane_->send_packet(device.table, packet);
  return plane_->send_into_tunnel(device.tunnel, device.table, packet);
}

}  // namespace kanmon::daemon
