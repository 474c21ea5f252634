#include "control/routing/plan.h"

#include <algorithm>

namespace kanmon::routing {
namespace {

void add_port(const config::Port& port, PlannedTable& table) {
  for (const auto& a : port.addresses) {
    table.routes.push_back({.prefix = wire::Prefix::host(a.address),
                            .origin = Origin::kLocal,
                            .kind = Wanted::Kind::kLocal,
                            .port = port.name,
                            .hosted = !port.host_device.empty()});
    if (a.length < a.address.bits())
      table.routes.push_back({.prefix = a.subnet(),
                              .origin = Origin::kConnected,
                              .kind = Wanted::Kind::kConnected,
                              .port = port.name});
  }
}

// The gateway's addresses inside a tunnel, and what lies beside them at the other end.
void add_inside(const config::Tunnel& tunnel, PlannedTable& table) {
  for (const auto& a : tunnel.inside_addresses) {
    table.routes.push_back({.prefix = wire::Prefix::host(a.address),
                            .origin = Origin::kLocal,
                            .kind = Wanted::Kind::kLocal,
                            .hosted = true});
    if (a.length < a.address.bits())
      table.routes.push_back({.prefix = a.subnet(),
                              .origin = Origin::kConnected,
                              .kind = Wanted::Kind::kTunnel,
                              .tunnel = tunnel.name});
  }
}

// The port of `table` in whose subnet `via` lies; the longest subnet wins.
const config::Port* port_towards(const config::Config& config, const std::string& table,
                                 const wire::IpAddress& via) {
  const config::Port* best = nullptr;
  uint8_t best_length = 0;
  for (const auto& port : config.ports) {
    if (port.domain() != table) continue;
    for (const auto& a : port.addresses) {
      if (!a.subnet().contains(via) || (best != nullptr && a.length <= best_length)) continue;
      best = &port;
      best_length = a.length;
    }
  }
  return best;
}

void add_static(const config::Config& config, const std::string& name, const config::Route& route,
                PlannedTable& table) {
  Wanted w{.prefix = route.prefix, .origin = Origin::kStatic};
  switch (route.kind) {
    case config::Route::Kind::kBlackhole:
      w.kind = Wanted::Kind::kBlackhole;
      break;
    case config::Route::Kind::kTunnel:
      w.kind = Wanted::Kind::kTunnel;
      w.tunnel = route.tunnel;
      break;
    case config::Route::Kind::kVia: {
      const config::Port* port = port_towards(config, name, route.via);
      if (port == nullptr) return;
      w.kind = Wanted::Kind::kVia;
      w.port = port->name;
      w.via = route.via;
      break;
    }
  }
  table.routes.push_back(std::move(w));
}

}  // namespace

std::map<std::string, PlannedTable> plan(const config::Config& config) {
  std::map<std::string, PlannedTable> tables;
  for (const auto& u : config.underlays) tables[u.name].underlay = true;
  for (const auto& t : config.tables) tables[t.name];
  for (const auto& port : config.ports) {
    PlannedTable& table = tables[port.domain()];
    table.underlay = !port.underlay.empty();
    add_port(port, table);
  }
  for (const auto& u : config.underlays)
    for (const auto& route : u.routes)
      if (route.kind != config::Route::Kind::kTunnel)
        add_static(config, u.name, route, tables[u.name]);
  for (const auto& t : config.tables)
    for (const auto& route : t.routes) add_static(config, t.name, route, tables[t.name]);
  for (const auto& t : config.tunnels) add_inside(t, tables[t.table]);
  for (auto& [name, table] : tables) {
    std::sort(table.routes.begin(), table.routes.end());
    table.routes.erase(std::unique(table.routes.begin(), table.routes.end()), table.routes.end());
  }
  return tables;
}

}  // namespace kanmon::routing
