// Checks of static routes: next hops that exist and that this table can reach.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "control/config/check.h"
#include "control/config/selectors.h"

namespace kanmon::config {
namespace {

using Tunnels = std::unordered_map<std::string_view, const Tunnel*>;

struct TableView {
  std::string path;                // "route-tables.main"
  std::vector<const Port*> ports;  // that are in it
  const std::vector<Route>* routes = nullptr;
  bool ports_are_sound = true;
};

bool connects(const Port& port, const wire::IpAddress& neighbour) {
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const auto& a) { return a.subnet().contains(neighbour); });
}

bool holds(const Port& port, const wire::IpAddress& address) {
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const auto& a) { return a.address == address; });
}

std::string subnets_of(const TableView& table) {
  std::string out;
  for (const Port* p : table.ports)
    for (const auto& a : p->addresses) out += (out.empty() ? "" : ", ") + a.subnet().to_string();
  return out.empty() ? "it has none" : out;
}

void check_via(Context& context, const TableView& table, const std::string& key,
               const wire::IpAddress& via) {
  bool connected = false;
  for (const Port* p : table.ports) {
    if (holds(*p, via)) {
      context.error_at(key, "found " + via.to_string() + ", an own address of port " + p->name +
                                ", expected a neighbour's");
      return;
    }
    connected = connected || connects(*p, via);
  }
  if (!connected && table.ports_are_sound)
    context.error_at(
        key, "found " + via.to_string() +
                 ", expected an address in a subnet of the table's ports: " + subnets_of(table));
}

// What INV-2 would drop: control says so before the first packet is lost.
void check_into_tunnel(Context& context, const Config& config, const Tunnels& tunnels,
                       const std::string& path, const Route& route) {
  const auto found = tunnels.find(route.tunnel);
  if (found == tunnels.end()) {
    check_reference(context, path + ".tunnel", route.tunnel, names_in(config.tunnels), "tunnels");
  } else if (!covers(found->second->ike.remote_ts, route.prefix)) {
    context.warning_at(path + ".prefix",
                       "found " + route.prefix.to_string() +
                           ", which is not within the remote traffic selectors of tunnel " +
                           route.tunnel + ": what is outside of them will be dropped");
  }
}

// A connected subnet wins over a static route to the same prefix.
void check_connected(Context& context, const TableView& table, const std::string& path,
                     const Route& route) {
  for (const Port* p : table.ports)
    for (const auto& a : p->addresses)
      if (a.subnet() == route.prefix)
        context.error_at(path + ".prefix", "found " + route.prefix.to_string() +
                                               ", the connected subnet of port " + p->name);
}

void check_table(Context& context, const Config& config, const Tunnels& tunnels,
                 const TableView& table) {
  for (std::size_t i = 0; i < table.routes->size(); ++i) {
    const Route& route = (*table.routes)[i];
    const std::string path = context.item_path(table.path + ".routes", i);
    check_connected(context, table, path, route);
    if (route.kind == Route::Kind::kVia) check_via(context, table, path + ".via", route.via);
    if (route.kind == Route::Kind::kTunnel)
      check_into_tunnel(context, config, tunnels, path, route);
  }
}

// A tunnel that no route leads into receives, but nothing is ever sent through it.
void check_unused(Context& context, const Config& config) {
  if (context.problems().failed_at("route-tables")) return;
  std::unordered_set<std::string_view> used;
  for (const RouteTable& t : config.tables)
    for (const Route& r : t.routes) used.insert(r.tunnel);
  for (const Tunnel& t : config.tunnels)
    if (used.count(t.name) == 0)
      context.warning_at("tunnels." + t.name,
                         "has no route that leads into it: nothing will be sent through it");
}

}  // namespace

void check_routes(Context& context, const Config& config) {
  Tunnels tunnels;
  for (const Tunnel& t : config.tunnels) tunnels.emplace(t.name, &t);
  const bool sound = ports_are_sound(context, config);
  for (const Underlay& u : config.underlays) {
    TableView table{"underlays." + u.name, {}, &u.routes, sound};
    for (const Port& p : config.ports)
      if (p.underlay == u.name) table.ports.push_back(&p);
    check_table(context, config, tunnels, table);
  }
  for (const RouteTable& t : config.tables) {
    TableView table{"route-tables." + t.name, {}, &t.routes, sound};
    for (const Port& p : config.ports)
      if (p.table == t.name) table.ports.push_back(&p);
    check_table(context, config, tunnels, table);
  }
  check_unused(context, config);
}

}  // namespace kanmon::config
