// Checks of the system section and of ports: devices, addresses, subnets, cores.
#include <algorithm>
#include <map>

#include <grp.h>

#include "control/config/check.h"
#include "control/config/device.h"

namespace kanmon::config {
namespace {

// An address of a port, with the path that names it.
struct Held {
  const Port* port;
  const wire::InterfaceAddress* address;
  std::string key;
};

void check_devices(Context& context, const std::vector<Port>& ports) {
  std::map<std::string, std::string> owners;  // device without options -> port
  for (const Port& p : ports) {
    const DeviceKind* kind = device_kind(p.device);
    if (kind == nullptr || kind->is_shared) continue;
    const bool has_options = kind->name != "pcap";
    const std::string device = has_options ? p.device.substr(0, p.device.find(',')) : p.device;
    const auto [owner, is_new] = owners.emplace(device, p.name);
    if (!is_new)
      context.error_at("ports." + p.name + ".device", "found " + in_quotes(p.device) +
                                                          ", which is the device of port " +
                                                          owner->second + " already");
  }
}

void check_macs(Context& context, const std::vector<Port>& ports) {
  std::map<wire::MacAddress, std::string> owners;
  for (const Port& p : ports) {
    if (!p.mac) continue;
    const auto [owner, is_new] = owners.emplace(*p.mac, p.name);
    if (!is_new)
      context.warning_at("ports." + p.name + ".mac", "found " + wire::to_string(*p.mac) +
                                                         ", which is the MAC address of port " +
                                                         owner->second +
                                                         " too; on one link neither would work");
  }
}

// Why no host can have this address; empty if one can.
std::string address_problem(const wire::InterfaceAddress& a) {
  if (a.address.is_unspecified()) return "the unspecified address";
  if (a.address.is_multicast()) return "a multicast address";
  if (a.address.is_loopback()) return "a loopback address";
  if (!a.address.is_v4() || a.length > 30) return {};
  if (a.address == a.subnet().address) return "the subnet's own number";
  if (a.address == wire::mask(a.address, a.length, true)) return "the subnet's broadcast address";
  return {};
}

void check_addresses(Context& context, const Port& p) {
  const std::string path = "ports." + p.name;
  bool has_v6 = false;
  for (std::size_t i = 0; i < p.addresses.size(); ++i) {
    const std::string problem = address_problem(p.addresses[i]);
    if (!problem.empty())
      context.error_at(
          context.item_path(path + ".addresses", i),
          "found " + p.addresses[i].to_string() + ", " + problem + ", expected a host's address");
    has_v6 = has_v6 || !p.addresses[i].address.is_v4();
  }
  if (p.addresses.empty() && !context.problems().failed_at(path + ".addresses"))
    context.warning_at(path, "has no addresses: nobody can reach it or be reached by it");
  if (has_v6 && p.mtu < 1280)
    context.error_at(path + ".mtu", "found " + std::to_string(p.mtu) +
                                        ", expected at least 1280 on a port with an IPv6 address "
                                        "(RFC 8200 section 5)");
}

// Sharing an interface with the kernel needs the program that can tell whose a packet is.
void check_kernel_addresses(Context& context, const Port& p) {
  if (p.kernel_addresses.empty()) return;
  const std::string key = "ports." + p.name + ".kernel-addresses";
  const DeviceKind* kind = device_kind(p.device);
  if (kind != nullptr && kind->name != "af_xdp")
    context.error_at(key, "found on " + in_quotes(p.device) + ", expected an af_xdp: device");
  if (p.xdp == XdpProgram::kLibrary)
    context.error_at(key, "contradicts xdp: library, which leaves nothing to the kernel");
  for (std::size_t i = 0; i < p.kernel_addresses.size(); ++i) {
    const wire::IpAddress& address = p.kernel_addresses[i];
    const bool ours =
        std::any_of(p.addresses.begin(), p.addresses.end(),
                    [&](const wire::InterfaceAddress& a) { return a.address == address; });
    if (ours)
      context.error_at(
          context.item_path(key, i),
          "found " + address.to_string() + ", which is an address of the port: whose is it?");
  }
}

// Two ports of one table may share neither an address nor any part of a subnet: which of them would
// a packet leave by?
void check_overlaps(Context& context, const std::vector<Port>& ports) {
  std::map<std::string, std::vector<Held>> tables;
  for (const Port& p : ports) {
    const std::string table = p.underlay.empty() ? "t " + p.table : "u " + p.underlay;
    for (std::size_t i = 0; i < p.addresses.size(); ++i)
      tables[table].push_back(
          {&p, &p.addresses[i], context.item_path("ports." + p.name + ".addresses", i)});
  }
  for (const auto& [table, held] : tables) {
    for (std::size_t i = 0; i < held.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const auto& now = *held[i].address;
        const auto& before = *held[j].address;
        if (now.address == before.address) {
          context.error_at(held[i].key, "found " + now.to_string() + ", which port " +
                                            held[j].port->name + " has already");
        } else if (held[i].port != held[j].port && (now.subnet().contains(before.subnet()) ||
                                                    before.subnet().contains(now.subnet()))) {
          context.error_at(held[i].key, "found " + now.to_string() + ", whose subnet overlaps " +
                                            before.to_string() + " of port " + held[j].port->name +
                                            " in the same table");
        }
      }
    }
  }
}

}  // namespace

void check_system(Context& context, const System& system, const Machine& machine) {
  if (!system.api_group.empty() && getgrnam(system.api_group.c_str()) == nullptr)
    context.error_at("system.api-group",
                     "found " + in_quotes(system.api_group) + ", expected a group of this machine");
  if (system.allow_key_export && system.log_level == LogLevel::kError)
    context.error_at("system.log-level",
                     "found error, expected warning or below: with allow-key-export each export of "
                     "keys is logged as a warning");
  const auto& cores = system.worker_cores;
  if (!cores.empty() && cores.size() != system.workers)
    context.error_at("system.worker-cores", "names " + std::to_string(cores.size()) +
                                                " cores, expected one for each of " +
                                                std::to_string(system.workers) + " workers");
  if (machine.cores.empty()) return;
  for (std::size_t i = 0; i < cores.size(); ++i)
    if (std::find(machine.cores.begin(), machine.cores.end(), cores[i]) == machine.cores.end())
      context.error_at(context.item_path("system.worker-cores", i),
                       "found " + std::to_string(cores[i]) +
                           ", expected a core this program may run on: there are " +
                           std::to_string(machine.cores.size()) + ", the last is " +
                           std::to_string(machine.cores.back()));
  if (system.workers > machine.cores.size())
    context.warning_at("system.workers", "found " + std::to_string(system.workers) + " for " +
                                             std::to_string(machine.cores.size()) +
                                             " cores: workers will share cores");
}

void check_ports(Context& context, const Config& config) {
  if (config.ports.empty() && context.given("ports"))
    context.error_at("ports", "found none, expected at least one port");
  for (const Port& p : config.ports) {
    check_reference(context, "ports." + p.name + ".underlay", p.underlay,
                    names_in(config.underlays), "underlays");
    check_reference(context, "ports." + p.name + ".table", p.table, names_in(config.tables),
                    "route-tables");
    check_addresses(context, p);
    check_kernel_addresses(context, p);
  }
  check_devices(context, config.ports);
  check_macs(context, config.ports);
  check_overlaps(context, config.ports);
}

}  // namespace kanmon::config
