// Checks of static routes: next hops that exist and that this table can reach.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "control/config/attachments.h"
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
                       const std::string& path, const char* key, const std::string& name,
                       const wire::Prefix& prefix) {
  const auto found = tunnels.find(name);
  if (found == tunnels.end()) {
    check_reference(context, path + "." + key, name, names_in(config.tunnels), "tunnels");
  } else if (!covers(found->second->ike.remote_ts, prefix)) {
    context.warning_at(path + ".prefix",
                       "found " + prefix.to_string() +
                           ", which is not within the remote traffic selectors of tunnel " + name +
                           ": what is outside of them will be dropped");
  }
}

// An attachment a route table can lead to.
void check_to_attachment(Context& context, const Config& config, const Tunnels& tunnels,
                         const std::string& path, const Route& route) {
  using Kind = Attachment::Kind;
  const std::string key = path + ".attachment";
  const Attachment* to = find_attachment(config, route.attachment);
  if (to == nullptr)
    return check_reference(context, key, route.attachment, names_in(config.attachments),
                           "attachments");
  if (to->kind == Kind::kVpn)
    for (const std::string& tunnel : to->tunnels)
      check_into_tunnel(context, config, tunnels, path, "attachment", tunnel, route.prefix);
  if (to->kind == Kind::kDirectConnect)
    context.error_at(key, "found " + in_quotes(to->name) +
                              ", a direct-connect line: it carries outer packets only");
  if (to->kind == Kind::kVpn && to->tunnels.size() > 1 && context.given(path + ".weight"))
    context.error_at(path + ".weight",
                     "found on a route to an attachment of several tunnels, whose "
                     "own weights count");
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
      check_into_tunnel(context, config, tunnels, path, "tunnel", route.tunnel, route.prefix);
    if (route.kind == Route::Kind::kAttachment)
      check_to_attachment(context, config, tunnels, path, route);
    if (!route.fallback.empty())
      check_into_tunnel(context, config, tunnels, path, "fallback", route.fallback, route.prefix);
  }
}

// A tunnel that no route leads into receives, but nothing is ever sent through it.
void check_unused(Context& context, const Config& config) {
  if (context.problems().failed_at("route-tables")) return;
  std::unordered_set<std::string_view> used;
  const auto use = [&](const std::string& name) {
    if (const Attachment* a = find_attachment(config, name))
      used.insert(a->tunnels.begin(), a->tunnels.end());
  };
  for (const RouteTable& t : config.tables) {
    for (const Route& r : t.routes) {
      used.insert({r.tunnel, r.fallback});
      use(r.attachment);
    }
    for (const std::string& name : t.propagations) use(name);
  }
  for (const BgpSpeaker& s : config.bgp.speakers)
    for (const BgpPeer& p : s.peers) used.insert(p.tunnel);  // what is learned leads into it
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
