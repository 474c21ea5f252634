// Routes with every candidate and why it is in use or not, attachments, and tables.
#include <algorithm>

#include <fmt/format.h>

#include "control/config/attachments.h"
#include "control/config/routes.h"
#include "control/daemon/hop_text.h"
#include "control/daemon/views.h"

namespace kanmon::daemon::views {
namespace {

using api::Json;
using Candidate = routing::Compiler::Candidate;
using fib::NextHop;
using fib::NextHopKind;

const config::Tunnel* tunnel_of(const Gateway& g, const std::string& name) {
  for (const auto& t : g.config().tunnels)
    if (t.name == name) return &t;
  return nullptr;
}

// INV-1 in words: what the route would have done, had it been taken.
std::string would_recurse(const Gateway& g, const Candidate& c) {
  for (const auto& m : c.offer->members) {
    if (m.hop.kind() != NextHopKind::kTunnel) continue;
    const std::string& name = g.tunnel_name(m.hop.index());
    const auto* tunnel = tunnel_of(g, name);
    const auto peer = tunnel == nullptr ? std::nullopt : tunnel->ike.remote_address;
    if (peer && c.prefix.contains(*peer))
      return fmt::format(
          "would recurse: {} via tunnel {} covers {} which is tunnel {}'s outer peer",
          c.prefix.to_string(), name, peer->to_string(), name);
    return fmt::format(
        "would recurse: {} leads into tunnel {}, whose own outer packets an underlay carries",
        c.prefix.to_string(), name);
  }
  return "would recurse: an underlay leads to neighbours only";
}

// "a static route of the table", "BGP inside a tunnel (dc1)".
std::string words(const routing::Source& source) {
  const std::string text = routing::info(source.origin).words;
  return source.name.empty() ? text : fmt::format("{} ({})", text, source.name);
}

std::string lost_to(const routing::Source& winner, const routing::Source& own) {
  if (winner.origin != own.origin)
    return fmt::format("{} is preferred to {}", words(winner), words(own));
  return fmt::format("{} comes before it: of one origin the name that sorts first wins",
                     words(winner));
}

struct State {
  const char* name;
  std::string reason;
};

State state_of(const Gateway& g, const Candidate& c, const routing::Member& m,
               const std::string& down) {
  using routing::Outcome;
  if (c.outcome == Outcome::kRejected) return {"rejected", would_recurse(g, c)};
  if (c.outcome == Outcome::kWithdrawn) return {"down", down + "; withdrawn until it is up"};
  if (!c.best) return {"standby", lost_to(*c.winner, *c.source)};
  if (c.not_installed) return {"down", "the forwarding table has no memory for it"};
  if (m.hop.kind() == NextHopKind::kBlackhole) return {"blackhole", "configured so"};
  if (c.outcome == Outcome::kBlackholed)
    return {"blackhole",
            fmt::format("{} (on-down: {})", down, config::to_string(c.offer->on_down))};
  if (!g.compiler().is_live(m.hop)) return {"down", down};
  if (std::find(c.carrying.begin(), c.carrying.end(), m.hop) != c.carrying.end())
    return {"active", ""};
  return {"standby", m.weight == 0 ? "weight 0: carries while no next hop with a weight is up"
                                   : "another next hop of the route carries"};
}

void add_rows(const Gateway& g, uint32_t now_s, const std::string& table, const LiveTable& live,
              const wire::Prefix& prefix, Json& rows) {
  for (const Candidate& c : g.compiler().at(live.number, prefix)) {
    for (const auto& m : c.offer->members) {
      const HopText hop = describe(g, m.hop);
      const State state = state_of(g, c, m, hop.down);
      rows.push_back({{"table", table},
                      {"domain", live.underlay ? "underlay" : "overlay"},
                      {"prefix", c.prefix.to_string()},
                      {"kind", hop.kind},
                      {"next_hop", hop.next_hop},
                      {"weight", m.weight},
                      {"origin", routing::to_string(c.source->origin)},
                      {"source", c.source->name.empty() ? Json() : Json(c.source->name)},
                      {"state", state.name},
                      {"age_s", now_s - std::min(now_s, c.since_s)},
                      {"on_down", config::to_string(c.offer->on_down)},
                      {"reason", state.reason.empty() ? Json() : Json(state.reason)}});
    }
  }
}

// The prefixes of one table that a query asks for; one more than `most` tells that there are more.
std::vector<wire::Prefix> asked(const Gateway& g, const std::string& name, const LiveTable& table,
                                const RouteQuery& query, size_t most) {
  if (query.address) {
    const auto match = g.compiler().match(table.number, *query.address);
    return match ? std::vector{*match} : std::vector<wire::Prefix>();
  }
  const bool goes_on = !query.after_table.empty() && name == query.after_table;
  return g.compiler().prefixes(
      table.number,
      {.within = query.within, .after = goes_on ? query.after : std::nullopt, .most = most + 1});
}

}  // namespace

Json routes(const Gateway& g, TimePoint now, const RouteQuery& query) {
  Json rows = Json::array(), next;
  const size_t limit = std::min(query.limit, RouteQuery::kMost);
  size_t shown = 0, all = 0;
  std::string last;  // that was shown
  for (const auto& [name, table] : g.tables()) {
    if (!query.table.empty() && query.table != name) continue;
    all += g.compiler().size(table.number);
    if (!next.is_null() || name < query.after_table) continue;
    for (const wire::Prefix& prefix : asked(g, name, table, query, limit - shown)) {
      if (shown == limit) {
        next = last;
        break;
      }
      add_rows(g, g.route_clock_s(now), name, table, prefix, rows);
      last = name + " " + prefix.to_string();
      ++shown;
    }
  }
  return {{"routes", rows}, {"totals", {{"prefixes", all}, {"shown", shown}, {"next", next}}}};
}

namespace {

bool is_up(const Gateway& g, const config::Attachment& a) {
  if (a.kind != config::Attachment::Kind::kVpn) {
    const auto port = g.ports().find(a.port);
    return port == g.ports().end() || g.data_plane().port_status(port->second.info.id).link_up;
  }
  return std::any_of(a.tunnels.begin(), a.tunnels.end(), [&](const std::string& name) {
    const auto number = g.tunnel_number(name);
    return number && g.compiler().is_live(NextHop::make(NextHopKind::kTunnel, *number));
  });
}

}  // namespace

Json attachments(const Gateway& g) {
  Json rows = Json::array();
  for (const auto& a : g.config().attachments) {
    Json members = Json::array(), propagations = Json::array();
    if (!a.port.empty()) members.push_back(a.port);
    for (const auto& t : a.tunnels) members.push_back(t);
    for (const auto& t : g.config().tables)
      if (std::find(t.propagations.begin(), t.propagations.end(), a.name) != t.propagations.end())
        propagations.push_back(t.name);
    rows.push_back({{"attachment", a.name},
                    {"kind", to_string(a.kind)},
                    {"state", is_up(g, a) ? "up" : "down"},
                    {"association", a.association.empty() ? Json() : Json(a.association)},
                    {"propagations", propagations},
                    {"members", members},
                    {"static_routes", a.static_routes.size()},
                    {"implied", a.is_implied}});
  }
  return {{"attachments", rows}};
}

Json tables(const Gateway& g) {
  Json rows = Json::array();
  for (const auto& [name, table] : g.tables()) {
    Json associations = Json::array(), propagations = Json::array();
    for (const auto& a : g.config().attachments)
      if (a.association == name) associations.push_back(a.name);
    for (const auto& t : g.config().tables)
      if (t.name == name)
        for (const auto& p : t.propagations) propagations.push_back(p);
    rows.push_back({{"table", name},
                    {"domain", table.underlay ? "underlay" : "overlay"},
                    {"prefixes", g.compiler().size(table.number)},
                    {"candidates", g.compiler().candidates(table.number)},
                    {"associations", associations},
                    {"propagations", propagations},
                    {"fib_bytes", table.routes().memory_bytes()}});
  }
  return {{"tables", rows}};
}

}  // namespace kanmon::daemon::views
