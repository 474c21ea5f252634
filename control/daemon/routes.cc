// The gateway's routes: the difference of two plans as offers to the compiler, what the compiler
// makes of them as entries of forwarding tables, and what it has to know of tunnels and neighbours.
#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "control/daemon/gateway.h"
#include "control/log/log.h"

namespace kanmon::daemon {

using fib::NextHop;
using fib::NextHopKind;
using routing::Target;

namespace {

// Workers apply commands within a turn; a reload does not wait longer for one that is stalled.
constexpr uint32_t kGroupWaitMs = 100;

}  // namespace

uint32_t Gateway::route_clock_s(TimePoint now) const {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now - started_).count());
}

// ---- what the compiler drives

Status Gateway::set(routing::TableId number, const wire::Prefix& prefix, NextHop hop) {
  const auto it = tables_by_number_.find(number);
  if (it == tables_by_number_.end()) return Errc::kNotFound;
  LiveTable& table = *it->second;
  Status done = success();
  // A route to a group is shown when every worker has the group.
  if (hop.kind() == NextHopKind::kGroup && !plane_->acknowledged(groups_.published()))
    (void)plane_->wait_for(groups_.published(), kGroupWaitMs);
  if (!table.underlay) {
    done = table.overlay_routes->set(prefix, hop);
  } else {
    const auto outer = routing::UnderlayNextHop::of(hop);
    done = outer ? table.underlay_routes->set(prefix, *outer) : Status(Errc::kBadValue);
    is_underlay_changed_ = true;
  }
  if (!done.ok())
    log::error("routing", "install-failed",
               {{"table", table_name(number)},
                {"prefix", prefix.to_string()},
                {"why", to_string(done.error().code)}});
  return done;
}

void Gateway::unset(routing::TableId number, const wire::Prefix& prefix) {
  const auto it = tables_by_number_.find(number);
  if (it == tables_by_number_.end()) return;
  LiveTable& table = *it->second;
  if (table.underlay) {
    table.underlay_routes->unset(prefix);
    is_underlay_changed_ = true;
  } else {
    table.overlay_routes->unset(prefix);
  }
}

void Gateway::set_group(uint32_t group, std::span<const routing::Member> members) {
  if (members.empty()) return groups_.remove(group);
  std::vector<fib::GroupMember> shares;
  for (const routing::Member& m : members) shares.push_back({m.hop, m.weight});
  if (const Status done = groups_.set(group, shares); !done.ok())
    log::error("routing", "no-group", {{"group", group}, {"why", to_string(done.error().code)}});
}

// ---- tables

// Makes tables that are new, and takes away those that are not wanted any more.
void Gateway::apply_tables(const std::map<std::string, routing::PlannedTable>& wanted) {
  for (auto it = tables_.begin(); it != tables_.end();) {
    const auto plan = wanted.find(it->first);
    if (plan != wanted.end() && plan->second.underlay == it->second.underlay) {
      ++it;
      continue;
    }
    const uint64_t gone = plane_->publish(rings::SetTable{it->second.number, {}});
    tables_by_number_.erase(it->second.number);
    forget_fpm(it->first);
    bgp_->table_gone(it->first, it->second.number);
    compiler_.drop_table(it->second.number);
    old_tables_.emplace_back(gone, std::move(it->second));
    table_numbers_.give_back(it->first);
    it = tables_.erase(it);
  }
  for (const auto& [name, plan] : wanted) {
    if (tables_.count(name) != 0) continue;
    LiveTable& table = tables_[name];
    table.number = static_cast<uint16_t>(table_numbers_.take(name).value_or(0));
    table.underlay = plan.underlay;
    if (plan.underlay) table.underlay_routes = std::make_unique<routing::UnderlayTable>(nodes_);
    if (!plan.underlay) table.overlay_routes = std::make_unique<routing::Table>(nodes_);
    tables_by_number_[table.number] = &table;
    compiler_.add_table(table.number, table.underlay);
  }
}

// Stations found for other tables are found again: their routes are to stand in all that have the
// port's subnets.
void Gateway::apply_port_tables(PortTables next) {
  for (const auto& [name, port] : ports_)
    if (const auto now = next.find(name); now == next.end() || now->second != port_tables_[name])
      forget_neighbors(port);
  port_tables_ = std::move(next);
}

bool Gateway::has_port(const std::string& table, const std::string& port) const {
  const auto in = port_tables_.find(port);
  return in != port_tables_.end() &&
         std::find(in->second.begin(), in->second.end(), table) != in->second.end();
}

// ---- routes

// Carries out the difference; routes that stay are not touched.
void Gateway::apply_routes(TimePoint now, LiveTable& table,
                           const std::vector<routing::Wanted>& wanted) {
  std::vector<routing::Wanted> gone, added;
  std::set_difference(table.installed.begin(), table.installed.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(gone));
  std::set_difference(wanted.begin(), wanted.end(), table.installed.begin(), table.installed.end(),
                      std::back_inserter(added));
  const auto key = [](const routing::Wanted& w) { return std::tie(w.prefix, w.origin, w.source); };
  const auto earlier = [&](const auto& a, const auto& b) { return key(a) < key(b); };
  for (const auto& route : gone) {
    // One that only changes its next hops is replaced in one step below.
    if (std::binary_search(added.begin(), added.end(), route, earlier)) continue;
    compiler_.withdraw(table.number, compiler_.source({route.origin, route.source}), route.prefix);
  }
  for (const auto& route : added) install_route(now, table, route);
  table.installed = wanted;
}

void Gateway::install_route(TimePoint now, LiveTable& table, const routing::Wanted& route) {
  routing::OfferSpec spec{.source = compiler_.source({route.origin, route.source}),
                          .on_down = route.on_down,
                          .members = {}};
  for (const Target& target : route.targets)
    if (const auto hop = next_hop_of(now, target)) spec.members.push_back({*hop, target.weight});
  if (spec.members.empty()) {
    log::error("routing", "no-next-hop", {{"prefix", route.prefix.to_string()}});
    return;
  }
  const routing::OfferId offer = compiler_.offer(table.number, spec);
  compiler_.add(offer, route.prefix, route_clock_s(now));
  compiler_.release(offer);
}

std::optional<NextHop> Gateway::next_hop_of(TimePoint now, const Target& target) {
  const auto of = [](NextHopKind kind, std::optional<uint32_t> index) {
    return index ? std::optional(NextHop::make(kind, *index)) : std::nullopt;
  };
  const auto port_id = [this](const std::string& name) {
    const auto port = ports_.find(name);
    return port == ports_.end() ? std::nullopt : std::optional<uint32_t>(port->second.info.id);
  };
  switch (target.kind) {
    case Target::Kind::kLocal:
      return NextHop::make(NextHopKind::kLocal, target.hosted ? fib::kLocalHosted : 0);
    case Target::Kind::kConnected:
      return of(NextHopKind::kGlean, port_id(target.name));
    case Target::Kind::kTunnel:
      return of(NextHopKind::kTunnel, tunnel_numbers_.find(target.name));
    case Target::Kind::kBlackhole:
      return NextHop::make(NextHopKind::kBlackhole);
    case Target::Kind::kVia:
      break;
  }
  const auto port = port_id(target.name);
  if (!port) return std::nullopt;
  return of(NextHopKind::kNeighbour, pin_neighbor(now, static_cast<uint16_t>(*port), target.via));
}

std::optional<uint32_t> Gateway::pin_neighbor(TimePoint now, uint16_t port,
                                              const wire::IpAddress& address) {
  const auto adjacency = neighbors_.ask(now, port, address, true);
  if (!adjacency) {
    log::error("routing", "neighbor-table-full", {{"address", address.to_string()}});
    return std::nullopt;
  }
  const auto [owner, is_new] = adjacencies_.try_emplace(*adjacency, AdjacencyOwner{port, address});
  if (is_new) compiler_.set_live(NextHop::make(NextHopKind::kNeighbour, *adjacency), false);
  return adjacency;
}

// ---- neighbours and tunnels

// Routes via the port's neighbours go, for their adjacencies are given back; apply_routes() puts in
// again what is still wanted.
void Gateway::forget_neighbors(const OpenPort& port) {
  neighbors_.remove_port(port.info.id);
  for (auto& [name, live] : tables_) {
    LiveTable& table = live;
    std::erase_if(table.installed, [&](const auto& route) {
      const bool goes =
          std::any_of(route.targets.begin(), route.targets.end(), [&](const Target& t) {
            return t.kind == Target::Kind::kVia && t.name == port.config.name;
          });
      if (goes)
        compiler_.withdraw(table.number, compiler_.source({route.origin, route.source}),
                           route.prefix);
      return goes;
    });
  }
}

// In every table that has the port's subnets.
void Gateway::set_neighbor_routes(uint16_t port, const wire::IpAddress& address,
                                  uint32_t adjacency) {
  const std::string& name = port_name(port);
  for (const std::string& in : port_tables_[name]) {
    const auto table = tables_.find(in);
    if (table == tables_.end()) continue;
    const routing::OfferId offer = compiler_.offer(
        table->second.number, {.source = compiler_.source({routing::Origin::kNeighbor, name}),
                               .members = {{NextHop::make(NextHopKind::kNeighbour, adjacency)}}});
    compiler_.add(offer, wire::Prefix::host(address), route_clock_s(now_));
    compiler_.release(offer);
  }
}

void Gateway::unset_neighbor_routes(uint16_t port, const wire::IpAddress& address) {
  const std::string& name = port_name(port);
  for (const std::string& in : port_tables_[name])
    if (const auto table = tables_.find(in); table != tables_.end())
      compiler_.withdraw(table->second.number, compiler_.source({routing::Origin::kNeighbor, name}),
                         wire::Prefix::host(address));
}

void Gateway::judge_tunnel(uint32_t tunnel) {
  const bool live = is_tunnel_live(tunnel);
  compiler_.set_live(NextHop::make(NextHopKind::kTunnel, tunnel), live);
  const auto [known, is_new] = live_tunnels_.try_emplace(tunnel, false);
  if (known->second == live) return;
  known->second = live;
  // A probe that fails says nothing of BGP's own packets; BFD that does, does.
  if (!live && why_tunnel_is_down(tunnel).rfind("bfd", 0) == 0)
    bgp_->tunnel_died(now_, tunnel_name(tunnel));
  bgp_->local_routes_changed();
}

void Gateway::judge_adjacency(uint32_t adjacency, const AdjacencyOwner& owner) {
  const bool dead = paths_.is_neighbor_down(port_name(owner.port), owner.address);
  if (dead) bgp_->neighbor_died(now_, port_name(owner.port), owner.address);
  const bool live = owner.is_up && !dead;
  compiler_.set_live(NextHop::make(NextHopKind::kNeighbour, adjacency), live);
}

bool Gateway::is_tunnel_live(uint32_t tunnel) const {
  return sas_.outbound(tunnel) != nullptr && !paths_.is_down(tunnel);
}

std::string Gateway::why_tunnel_is_down(uint32_t tunnel) const {
  if (sas_.outbound(tunnel) == nullptr) return "no SA";
  return paths_.reason(tunnel);
}

// ---- learned routes

std::optional<NextHop> Gateway::learned_next_hop(TimePoint now, const std::string& table,
                                                 const std::string& tunnel,
                                                 const wire::IpAddress& next_hop) {
  const auto live = tables_.find(table);
  if (live == tables_.end()) return std::nullopt;
  for (const auto& t : config_.tunnels)
    for (const auto& a : t.inside_addresses) {
      // In an underlay the compiler rejects what leads into a tunnel, and shows it (INV-1).
      const bool is_here = live->second.underlay || t.table == table;
      if (is_here && a.subnet().contains(next_hop))
        if (const auto number = tunnel_numbers_.find(t.name))
          return NextHop::make(NextHopKind::kTunnel, *number);
    }
  for (const auto& [name, port] : ports_) {
    if (!has_port(table, name)) continue;
    for (const auto& a : port.config.addresses)
      if (a.address.family == next_hop.family && a.subnet().contains(next_hop))
        if (const auto adjacency = pin_neighbor(now, port.info.id, next_hop))
          return NextHop::make(NextHopKind::kNeighbour, *adjacency);
  }
  const auto number = tunnel.empty() ? std::nullopt : tunnel_numbers_.find(tunnel);
  if (!number) return std::nullopt;
  return NextHop::make(NextHopKind::kTunnel, *number);
}

void Gateway::pin_adjacency(TimePoint now, uint32_t adjacency) {
  const auto owner = adjacencies_.find(adjacency);
  if (owner == adjacencies_.end()) return;
  const AdjacencyOwner known = owner->second;
  (void)pin_neighbor(now, known.port, known.address);
}

}  // namespace kanmon::daemon
