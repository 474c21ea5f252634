// From one configuration to the next: what can fail comes first (opening ports), then the change is
// carried out so that at no moment a packet finds a table or tunnel half made.
#include <algorithm>
#include <set>

#include "control/config/changes.h"
#include "control/daemon/gateway.h"
#include "control/log/log.h"

namespace kanmon::daemon {
namespace {

const config::Port* find(const std::vector<config::Port>& ports, const std::string& name) {
  const auto it = std::find_if(ports.begin(), ports.end(),
                               [&](const config::Port& p) { return p.name == name; });
  return it == ports.end() ? nullptr : &*it;
}

// A port that must be opened anew: the device, its MTU, its MAC, its XDP program and its queues are
// set when it is opened.
bool same_device(const config::Port& a, const config::Port& b) {
  return a.device == b.device && a.mtu == b.mtu && a.mac == b.mac && a.xdp == b.xdp &&
         a.share_out == b.share_out;
}

// What the data plane is built with at start.
std::vector<config::Problem> needs_restart(const config::System& before,
                                           const config::System& after) {
  std::vector<config::Problem> problems;
  const auto check = [&](bool same, const char* key) {
    if (!same)
      problems.push_back({.key = std::string("system.") + key,
                          .text = "cannot change while the gateway runs: restart it"});
  };
  check(before.workers == after.workers, "workers");
  check(before.worker_cores == after.worker_cores, "worker-cores");
  check(before.packet_buffers == after.packet_buffers, "packet-buffers");
  check(before.eal_args == after.eal_args, "eal-args");
  check(before.crypto_isa == after.crypto_isa, "crypto-isa");
  check(before.crypto_backend == after.crypto_backend, "crypto-backend");
  check(before.power == after.power, "power");
  check(before.api_socket == after.api_socket, "api-socket");
  return problems;
}

wire::IpAddress first_address(const config::Port& port, wire::Family family) {
  for (const auto& a : port.addresses)
    if (a.address.family == family) return a.address;
  wire::IpAddress none;
  none.family = family;
  return none;
}

// A successor is asked for at seven eighths of what an SA may carry: the peer may need several
// tries.
constexpr uint64_t soft_of(uint64_t hard) {
  return hard - hard / 8;
}

sa::Limits limits_of(const config::Tunnel& tunnel) {
  sa::Limits l;
  l.hard_bytes = tunnel.lifetime_kilobytes * 1024;
  l.soft_bytes = soft_of(l.hard_bytes);
  l.hard_packets = tunnel.lifetime_packets;
  l.soft_packets = soft_of(l.hard_packets);
  return l;
}

publish::TunnelSettings settings_of(const config::Tunnel& tunnel, uint16_t table) {
  publish::TunnelSettings s;
  s.table = table;
  s.replay_window = tunnel.replay_window;
  s.limits = limits_of(tunnel);
  s.lifetime = tunnel.ike.child_lifetime;
  s.dscp = tunnel.dscp == config::DscpPolicy::kSet   ? sa::DscpMode::kSet
           : tunnel.dscp == config::DscpPolicy::kMap ? sa::DscpMode::kMap
                                                     : sa::DscpMode::kCopy;
  s.dscp_map = tunnel.dscp_map;
  s.dscp_value = tunnel.dscp_value;
  s.df = tunnel.df == config::DfPolicy::kCopy    ? sa::DfMode::kCopy
         : tunnel.df == config::DfPolicy::kClear ? sa::DfMode::kClear
                                                 : sa::DfMode::kSet;
  s.fragmentation = tunnel.fragmentation == config::FragmentationPolicy::kAfter
                        ? sa::FragmentMode::kAfter
                        : sa::FragmentMode::kBefore;
  s.mss_clamp = tunnel.mss_clamp;
  s.tfc_to_mtu = tunnel.tfc_padding == config::TfcPolicy::kToMtu;
  s.configured_mtu = tunnel.mtu.value_or(0);
  return s;
}

// What next hops of learned routes depend on.
bool routing_differs(const config::Config& before, const config::Config& after) {
  for (const auto& change : config::changes_between(before, after))
    for (const char* section :
         {"ports.", "tunnels.", "attachments.", "route-tables.", "underlays."})
      if (change.key.rfind(section, 0) == 0) return true;
  return false;
}

config::Problem too_many_tunnels() {
  return {.key = "tunnels",
          .text =
              "too many at once: those taken out count until their SAs are deleted; try again "
              "in a minute, or replace fewer in one step"};
}

}  // namespace

bool Gateway::enough_tunnel_numbers(const config::Config& next) const {
  const auto fresh = std::count_if(next.tunnels.begin(), next.tunnels.end(),
                                   [this](const auto& t) { return !tunnel_numbers_.find(t.name); });
  return static_cast<std::size_t>(fresh) <= tunnel_numbers_.free();
}

ReloadResult Gateway::reload(TimePoint now, config::Config next) {
  now_ = now;
  ReloadResult result;
  result.problems = needs_restart(config_.system, next.system);
  if (!enough_tunnel_numbers(next)) result.problems.push_back(too_many_tunnels());
  if (!result.problems.empty()) return result;
  std::vector<std::string> opened;
  if (!open_ports(next, opened, result.problems)) {
    close_ports(opened);
    return result;
  }
  if (!prepare_host_devices(next, result.problems)) {
    close_ports(opened);
    return result;
  }
  apply(now, std::move(next));
  result.ok = true;
  return result;
}

// Opens what is new. A device that moves to another name or changes must be closed first: such a
// port is closed and opened again, and opened as it was if that fails.
bool Gateway::open_ports(const config::Config& next, std::vector<std::string>& opened,
                         std::vector<config::Problem>& problems) {
  for (const auto& port : next.ports) {
    const auto it = ports_.find(port.name);
    const bool open = it != ports_.end();
    if (open && same_device(it->second.config, port)) continue;
    if (open) {
      problems.push_back(
          {.key = "ports." + port.name,
           .text = "device, mtu, mac, xdp and share-out cannot change while the gateway runs: "
                   "restart it, or give the port another name"});
      return false;
    }
    const bool library = port.xdp == config::XdpProgram::kLibrary;
    auto outcome = plane_->open_port({.name = port.name,
                                      .device = port.device,
                                      .mtu = port.mtu,
                                      .mac = port.mac,
                                      .xdp = library ? XdpProgram::kLibrary : XdpProgram::kOwn,
                                      .underlay = !port.underlay.empty(),
                                      .shared = !port.kernel_addresses.empty(),
                                      .share_out = port.share_out});
    for (const auto& warning : outcome.warnings)
      log::warning("port", "opened", {{"port", port.name}, {"text", warning}});
    if (!outcome) {
      problems.push_back({.key = "ports." + port.name + ".device", .text = outcome.error});
      return false;
    }
    log::info("port", "opened",
              {{"port", port.name},
               {"device", port.device},
               {"mac", wire::to_string(outcome.value->mac)}});
    ports_[port.name] = {port, *outcome.value};
    opened.push_back(port.name);
  }
  return true;
}

void Gateway::close_ports(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto it = ports_.find(name);
    if (it == ports_.end()) continue;
    neighbors_.remove_port(it->second.info.id);
    if (!plane_->close_port(it->second.info.id).ok())
      log::error("port", "close-failed", {{"port", name}});
    ports_.erase(it);
  }
}

void Gateway::apply(TimePoint now, config::Config next) {
  key_book_.allow(next.system.allow_key_export);  // before the SAs of new tunnels
  const auto wanted = routing::plan(next);
  // Tunnels that go stop first, so that no route or number of theirs is used again too early.
  std::set<std::string> staying;
  for (const auto& t : next.tunnels) staying.insert(t.name);
  for (const auto& t : config_.tunnels) {
    if (staying.count(t.name) != 0) continue;
    leaving_[t.ike.tunnel] = {t.name};
    ike_.remove(now, t.name);
  }

  std::vector<std::string> closing;
  for (const auto& [name, port] : ports_)
    if (find(next.ports, name) == nullptr) closing.push_back(name);

  for (const auto& t : next.tunnels)
    if (const auto number = tunnel_numbers_.take(t.name)) {
      leaving_.erase(*number);
      judge_tunnel(*number);
    }
  apply_tables(wanted);
  apply_port_tables(routing::tables_by_port(wanted));
  apply_ports(next);
  for (auto& [name, table] : tables_) apply_routes(now, table, wanted.at(name).routes);
  close_ports(closing);
  apply_tunnels(now, next);
  const bool moved = routing_differs(config_, next);
  config_ = std::move(next);
  paths_.apply(config_, [this](const std::string& table) { return tables_.at(table).number; });
  for (const auto& [adjacency, owner] : adjacencies_) judge_adjacency(adjacency, owner);
  apply_host_devices();
  apply_fpm();
  bgp_->apply(now, config_, moved);
  resolve_paths(now);
}

void Gateway::apply_ports(const config::Config& next) {
  for (const auto& wanted : next.ports) {
    OpenPort& port = ports_.at(wanted.name);
    // Stations found from other addresses are found again.
    if (port.config.addresses != wanted.addresses) forget_neighbors(port);
    port.config = wanted;
    auto addresses = wanted.addresses;
    const bool v6 = std::any_of(addresses.begin(), addresses.end(),
                                [](const auto& a) { return !a.address.is_v4(); });
    if (v6) addresses.push_back({neighbor::link_local(port.info.mac), 64});
    neighbors_.set_port(port.info.id, port.info.mac, addresses);
    const LiveTable& table = tables_.at(wanted.domain());
    PortRecord record;
    record.in_use = true;
    record.role = table.underlay ? TableRole::kUnderlay : TableRole::kOverlay;
    record.table = table.number;
    record.mtu = wanted.mtu;
    record.mac = port.info.mac;
    record.icmp_source4 = first_address(wanted, wire::Family::kV4);
    record.icmp_source6 = first_address(wanted, wire::Family::kV6);
    plane_->publish(rings::SetPort{port.info.id, record});
    const xdp::Rules rules{table.underlay ? xdp::kRoleUnderlay : xdp::kRoleOverlay, port.info.mac,
                           wanted.kernel_addresses};
    if (!plane_->front().set(port.info.id, rules))
      log::error("port", "steering-failed", {{"port", wanted.name}});
    neighbors_.announce(port.info.id);
  }
  for (const auto& [name, table] : tables_) publish_table(name, table, next);
}

void Gateway::publish_table(const std::string& name, const LiveTable& table,
                            const config::Config& next) {
  RouteTable record;
  record.lpm4 = table.routes().lpm4();
  record.lpm6 = table.routes().lpm6();
  record.role = table.underlay ? TableRole::kUnderlay : TableRole::kOverlay;
  record.icmp_source6.family = wire::Family::kV6;
  for (const auto& [port_name, port] : ports_) {
    if (has_port(name, port_name))
      for (const auto& own : port.config.addresses) record.own.add(own.address);
    if (port.config.domain() != name) continue;
    if (record.icmp_source4.is_unspecified())
      record.icmp_source4 = first_address(port.config, wire::Family::kV4);
    if (record.icmp_source6.is_unspecified())
      record.icmp_source6 = first_address(port.config, wire::Family::kV6);
  }
  for (const auto& tunnel : next.tunnels)
    for (const auto& a : tunnel.inside_addresses) {
      wire::IpAddress& source = a.address.is_v4() ? record.icmp_source4 : record.icmp_source6;
      if (tunnel.table == name && source.is_unspecified()) source = a.address;
    }
  plane_->publish(rings::SetTable{table.number, record});
}

void Gateway::apply_tunnels(TimePoint now, config::Config& next) {
  for (auto& tunnel : next.tunnels) {
    tunnel.ike.tunnel = tunnel_numbers_.find(tunnel.name).value();
    const auto settings = settings_of(tunnel, tables_.at(tunnel.table).number);
    // What an inbound SA is made with cannot change under it: the tunnel starts anew.
    if (sas_.needs_new_sas(tunnel.ike.tunnel, settings)) ike_.remove(now, tunnel.name);
    sas_.set_tunnel(tunnel.ike.tunnel, settings);
    ike_.add(now, tunnel.ike.clone());
  }
}

void Gateway::publish_adjacency(uint32_t adjacency, uint16_t port, const wire::MacAddress* mac) {
  Adjacency record;
  const OpenPort* open = port_by_id(port);
  if (mac != nullptr && open != nullptr) {
    record.port = port;
    record.mtu = open->config.mtu;
    std::copy(mac->begin(), mac->end(), record.ethernet);
    std::copy(open->info.mac.begin(), open->info.mac.end(), record.ethernet + 6);
  }
  plane_->publish(rings::SetAdjacency{adjacency, record});
}

// Where each tunnel's outer packets go, by its underlay alone (INV-1). Neighbours that routes and
// tunnels need are pinned, others lose their pin.
void Gateway::resolve_paths(TimePoint now) {
  neighbors_.unpin_all();
  bgp_->pin_again();
  is_underlay_changed_ = false;
  for (const auto& [name, table] : tables_)
    for (const auto& route : table.installed)
      for (const auto& target : route.targets)
        if (target.kind == routing::Target::Kind::kVia) (void)next_hop_of(now, target);
  for (const auto& [name, feed] : fpm_)
    for (const uint32_t adjacency : feed->adjacencies()) pin_adjacency(now, adjacency);
  for (const auto& tunnel : config_.tunnels) {
    if (resolve_path(now, tunnel)) continue;
    if (const auto* out = sas_.outbound(tunnel.ike.tunnel)) ike_.path_lost(now, out->inbound_spi);
  }
}

// After a change that concerns one tunnel only: with many of them, all would be too much.
void Gateway::resolve_path_of(uint32_t number) {
  for (const auto& tunnel : config_.tunnels)
    if (tunnel.ike.tunnel == number) return void(resolve_path(now_, tunnel));
}

// False: its underlay has no way to the peer.
bool Gateway::resolve_path(TimePoint now, const config::Tunnel& tunnel) {
  const auto table = tables_.find(tunnel.underlay);
  std::optional<wire::IpAddress> remote = tunnel.ike.remote_address;
  if (const auto peer = sas_.remote(tunnel.ike.tunnel)) remote = peer->address;
  if (table == tables_.end() || !remote) return false;
  const fib::NextHop hop = table->second.routes().lookup(*remote);
  publish::Path path;
  std::optional<AdjacencyOwner> owner;
  if (hop.kind() == fib::NextHopKind::kGlean) owner = {static_cast<uint16_t>(hop.index()), *remote};
  if (hop.kind() == fib::NextHopKind::kNeighbour)
    if (const auto it = adjacencies_.find(hop.index()); it != adjacencies_.end())
      owner = it->second;
  if (owner) {
    if (const auto asked = pin_neighbor(now, owner->port, owner->address)) path.adjacency = *asked;
    if (const OpenPort* port = port_by_id(owner->port)) path.mtu = port->config.mtu;
  }
  sas_.set_path(tunnel.ike.tunnel, path);
  return path.adjacency != publish::kNoAdjacency;
}

}  // namespace kanmon::daemon
