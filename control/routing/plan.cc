#include "control/routing/plan.h"

#include <algorithm>

namespace kanmon::routing {
namespace {

using config::Attachment;
using Kind = Target::Kind;

template <class T>
const T* by_name(const std::vector<T>& list, const std::string& name) {
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const T& x) { return x.name == name; });
  return it == list.end() ? nullptr : &*it;
}

// `owner`: whose addresses they are. In the tables of others a port has its addresses too, to
// answer at, but not the machine's own stack.
void add_port(const config::Port& port, const std::string& owner, bool own, PlannedTable& table) {
  for (const auto& a : port.addresses) {
    table.routes.push_back({.prefix = wire::Prefix::host(a.address),
                            .origin = own ? Origin::kLocal : Origin::kPropagated,
                            .source = owner,
                            .targets = {{.kind = Kind::kLocal,
                                         .name = port.name,
                                         .hosted = own && !port.host_device.empty()}}});
    if (a.length < a.address.bits())
      table.routes.push_back({.prefix = a.subnet(),
                              .origin = own ? Origin::kConnected : Origin::kPropagated,
                              .source = owner,
                              .targets = {{.kind = Kind::kConnected, .name = port.name}}});
  }
}

// The gateway's addresses inside a tunnel, and what lies beside them at the other end.
void add_inside(const config::Tunnel& tunnel, PlannedTable& table) {
  for (const auto& a : tunnel.inside_addresses) {
    table.routes.push_back({.prefix = wire::Prefix::host(a.address),
                            .origin = Origin::kLocal,
                            .source = tunnel.name,
                            .targets = {{.kind = Kind::kLocal, .hosted = true}}});
    if (a.length < a.address.bits())
      table.routes.push_back({.prefix = a.subnet(),
                              .origin = Origin::kConnected,
                              .source = tunnel.name,
                              .targets = {{.kind = Kind::kTunnel, .name = tunnel.name}}});
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

void add_tunnels(const config::Config& config, const Attachment& attachment,
                 std::vector<Target>& targets) {
  for (const std::string& name : attachment.tunnels)
    if (const auto* tunnel = by_name(config.tunnels, name))
      targets.push_back({.kind = Kind::kTunnel, .name = name, .weight = tunnel->weight});
}

void add_attachment(const config::Config& config, const config::Route& route,
                    std::vector<Target>& targets) {
  const auto* to = by_name(config.attachments, route.attachment);
  if (to == nullptr) return;
  switch (to->kind) {
    case Attachment::Kind::kVpc:
      targets.push_back({.kind = Kind::kConnected, .name = to->port, .weight = route.weight});
      break;
    case Attachment::Kind::kVpn:
      add_tunnels(config, *to, targets);
      if (targets.size() == 1) targets[0].weight = route.weight;
      break;
    case Attachment::Kind::kDirectConnect:
      break;
  }
}

std::vector<Target> targets_of(const config::Config& config, const std::string& table,
                               const config::Route& route) {
  std::vector<Target> targets;
  switch (route.kind) {
    case config::Route::Kind::kBlackhole:
      targets.push_back({.kind = Kind::kBlackhole});
      break;
    case config::Route::Kind::kTunnel:
      targets.push_back({.kind = Kind::kTunnel, .name = route.tunnel, .weight = route.weight});
      break;
    case config::Route::Kind::kAttachment:
      add_attachment(config, route, targets);
      break;
    case config::Route::Kind::kVia:
      if (const auto* port = port_towards(config, table, route.via))
        targets.push_back(
            {.kind = Kind::kVia, .name = port->name, .via = route.via, .weight = route.weight});
      break;
  }
  return targets;
}

// No next hop stands twice among the targets of a route.
void append(std::vector<Target>& to, const Target& target) {
  const bool known = std::any_of(to.begin(), to.end(), [&](const Target& t) {
    return t.kind == target.kind && t.name == target.name && t.via == target.via;
  });
  if (!known) to.push_back(target);
}

// Routes that share a prefix become one with several targets.
void add_static(const config::Config& config, const std::string& name,
                const std::vector<config::Route>& routes, PlannedTable& table) {
  std::map<wire::Prefix, Wanted> by_prefix;
  for (const auto& route : routes) {
    if (table.underlay && (route.kind == config::Route::Kind::kTunnel ||
                           route.kind == config::Route::Kind::kAttachment))
      continue;  // INV-1
    const auto targets = targets_of(config, name, route);
    if (targets.empty()) continue;
    Wanted& w = by_prefix[route.prefix];
    w.prefix = route.prefix;
    w.on_down = route.on_down;
    for (const Target& t : targets) append(w.targets, t);
    if (!route.fallback.empty())
      append(w.targets, {.kind = Kind::kTunnel, .name = route.fallback, .weight = 0});
  }
  for (auto& [prefix, w] : by_prefix) table.routes.push_back(std::move(w));
}

void add_propagations(const config::Config& config, const config::RouteTable& to,
                      PlannedTable& table) {
  for (const std::string& name : to.propagations) {
    const auto* a = by_name(config.attachments, name);
    if (a == nullptr) continue;
    if (const auto* port = by_name(config.ports, a->port);
        port != nullptr && a->kind == Attachment::Kind::kVpc && a->association != to.name)
      add_port(*port, a->name, false, table);
    for (const auto& prefix : a->static_routes) {
      Wanted w{.prefix = prefix,
               .origin = Origin::kVpnStatic,
               .source = a->name,
               .on_down = a->on_down,
               .targets = {}};
      add_tunnels(config, *a, w.targets);
      if (!w.targets.empty()) table.routes.push_back(std::move(w));
    }
  }
}

}  // namespace

std::map<std::string, PlannedTable> plan(const config::Config& config) {
  std::map<std::string, PlannedTable> tables;
  for (const auto& u : config.underlays) tables[u.name].underlay = true;
  for (const auto& t : config.tables) tables[t.name];
  for (const auto& port : config.ports) {
    PlannedTable& table = tables[port.domain()];
    table.underlay = !port.underlay.empty();
    add_port(port, port.name, true, table);
  }
  for (const auto& u : config.underlays) add_static(config, u.name, u.routes, tables[u.name]);
  for (const auto& t : config.tables) {
    add_static(config, t.name, t.routes, tables[t.name]);
    add_propagations(config, t, tables[t.name]);
  }
  for (const auto& t : config.tunnels) add_inside(t, tables[t.table]);
  for (auto& [name, table] : tables) {
    std::sort(table.routes.begin(), table.routes.end());
    table.routes.erase(std::unique(table.routes.begin(), table.routes.end()), table.routes.end());
  }
  return tables;
}

std::map<std::string, std::vector<std::string>> tables_by_port(
    const std::map<std::string, PlannedTable>& tables) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [name, table] : tables)
    for (const Wanted& w : table.routes) {
      const Target& t = w.targets.front();
      if (t.kind != Kind::kLocal || t.name.empty()) continue;
      auto& list = out[t.name];
      if (list.empty() || list.back() != name) list.push_back(name);
    }
  return out;
}

}  // namespace kanmon::routing
