#include "control/daemon/bgp_views.h"

#include <algorithm>

namespace kanmon::daemon::views {
namespace {

using api::Json;
using bgp::Peer;

double seconds(bgp::Duration d) {
  return std::chrono::duration<double>(d).count();
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

std::string id_text(uint32_t id) {
  return wire::IpAddress::v4(id).to_string();
}

uint64_t sum(const std::array<uint64_t, 5>& counts) {
  uint64_t total = 0;
  for (const uint64_t c : counts) total += c;
  return total;
}

bool is_up(const Peer& peer) {
  return peer.session().state() == bgp::State::kEstablished;
}

const char* state_of(const Peer& peer) {
  return peer.is_shut_down() ? "Shutdown" : to_string(peer.session().state());
}

Json since(const Peer& peer, TimePoint now) {
  if (peer.session().counters().established == 0) return nullptr;
  return seconds(now - peer.session().since());
}

Json as_of(const Peer& peer) {
  const uint32_t configured = peer.session().settings().remote_as;
  if (is_up(peer)) return peer.session().negotiated().peer_as;
  return configured == 0 ? Json() : Json(configured);
}

struct Counts {
  uint64_t received = 0, accepted = 0, stale = 0, advertised = 0;
};
Counts counts_of(const bgp::Speaker& speaker, const Peer& peer) {
  Counts c;
  for (const auto f : bgp::kFamilies) {
    const auto& in = speaker.rib().counts(peer.peering().source(), f);
    c.received += in.received;
    c.accepted += in.accepted;
    c.stale += in.stale;
    if (peer.peering().out() != nullptr) c.advertised += peer.peering().out()->advertised(f);
  }
  return c;
}

Json reason_of(const Bgp::Table& table, const Peer& peer) {
  if (peer.is_default_route_loop())
    return "ends in silence each time it was told a default route: its outer packets seem to "
           "follow "
           "that route into the tunnel";
  if (is_up(peer)) return nullptr;
  return text_or_null(peer.trouble().empty() ? table.cannot_run : peer.trouble());
}

Json peer_row(const std::string& name, const Bgp::Table& table, const Peer& peer, TimePoint now) {
  const Counts c = counts_of(table.speaker, peer);
  const auto& counters = peer.session().counters();
  return {{"peer", peer.name()},
          {"table", name},
          {"remote", peer.remote().to_string()},
          {"as", as_of(peer)},
          {"state", state_of(peer)},
          {"since_s", since(peer, now)},
          {"received", c.received},
          {"accepted", c.accepted},
          {"stale", c.stale},
          {"advertised", c.advertised},
          {"flaps", peer.flaps()},
          {"draining", peer.is_draining()},
          {"messages_in", sum(counters.in)},
          {"messages_out", sum(counters.out)},
          {"queued_bytes", peer.session().queued()},
          {"description", text_or_null(peer.settings().description)},
          {"reason", reason_of(table, peer)}};
}

Json capabilities_of(const bgp::Negotiated& n) {
  Json out = Json::array();
  const auto add = [&](bool has, const char* name) {
    if (has) out.push_back(name);
  };
  add(n.as4, "as4");
  add(n.refresh, "route-refresh");
  add(n.enhanced_refresh, "enhanced-refresh");
  add(n.longest_sent > bgp::kMaxMessage, "extended-messages");
  add(n.receives_path_ids[wire::Family::kV4] || n.receives_path_ids[wire::Family::kV6],
      "add-path-receive");
  add(n.peer_restart.has_value(), "graceful-restart");
  add(n.restarts_on_notification, "n-bit");
  return out;
}

void add_session(const Peer& peer, Json& row) {
  const bgp::Session& s = peer.session();
  const auto local = s.local(), remote = s.remote();
  row["local"] = local ? Json(local->to_string()) : Json();
  row["remote"] = remote ? remote->to_string() : peer.remote().to_string();
  row["local_as"] = s.settings().local_as;
  row["as"] = as_of(peer);
  row["passive"] = s.settings().passive;
  for (const char* key :
       {"kind", "router_id", "families", "capabilities", "hold_time_s", "send_hold_time_s"})
    row[key] = nullptr;
  if (!is_up(peer)) return;
  const auto& n = s.negotiated();
  row["kind"] = n.external ? "external" : "internal";
  row["router_id"] = id_text(n.peer_id);
  Json families = Json::array();
  if (n.family[wire::Family::kV4]) families.push_back("ipv4");
  if (n.family[wire::Family::kV6]) families.push_back("ipv6");
  row["families"] = families;
  row["capabilities"] = capabilities_of(n);
  row["hold_time_s"] = n.hold_time.count();
  row["send_hold_time_s"] = n.send_hold_time.count();
}

void add_counters(const Peer& peer, Json& row) {
  const auto& c = peer.session().counters();
  row["connects"] = c.connects;
  row["accepts"] = c.accepts;
  row["established_count"] = c.established;
  row["flaps"] = peer.flaps();
  constexpr const char* kNames[] = {"opens", "updates", "notifications", "keepalives", "refreshes"};
  for (size_t i = 0; i < std::size(kNames); ++i) row[kNames[i]] = Json::array({c.in[i], c.out[i]});
  row["bytes"] = Json::array({c.in_bytes, c.out_bytes});
  row["queued_bytes"] = peer.session().queued();
  row["treated_as_withdrawn"] = c.withdrawn_updates;
  row["attributes_discarded"] = c.discarded_attributes;
  row["martians"] = c.martian_prefixes;
  row["refused"] = peer.peering().counters().refused;
  row["swept"] = peer.peering().counters().swept;
}

Json limit_of(const Peer& peer, wire::Family family) {
  const uint64_t limit = peer.settings().peering.max_prefix[family].limit;
  return limit == 0 ? Json() : Json(limit);
}

Json notification_text(const std::optional<bgp::Notification>& n) {
  if (!n) return nullptr;
  const std::string text = shutdown_text(unwrapped(*n));
  return to_string(*n) + (text.empty() ? "" : ": " + text);
}

std::string policy_name(const std::shared_ptr<const bgp::RouteMap>& map) {
  return map ? map->name() : std::string();
}

Json neighbor_row(const Gateway& g, const std::string& name, const Bgp::Table& table,
                  const Peer& peer, TimePoint now) {
  const config::BgpPeer* config = g.bgp().config_of(name, peer);
  const Counts c = counts_of(table.speaker, peer);
  Json row = {{"peer", peer.name()},
              {"table", name},
              {"description", text_or_null(peer.settings().description)},
              {"state", state_of(peer)},
              {"since_s", since(peer, now)},
              {"reason", reason_of(table, peer)}};
  add_session(peer, row);
  row["tunnel"] = text_or_null(config == nullptr ? "" : config->tunnel);
  row["port"] = text_or_null(config == nullptr ? "" : config->port);
  row["md5"] = peer.settings().tcp.md5 != nullptr;
  row["ttl_security"] = peer.settings().tcp.gtsm;
  row["multihop"] = peer.settings().tcp.hops;
  row["dynamic"] = peer.is_dynamic();
  row["draining"] = peer.is_draining();
  row["import_policy"] = text_or_null(policy_name(peer.settings().peering.import.policy));
  row["export_policy"] = text_or_null(policy_name(peer.settings().peering.exports.policy));
  row["received"] = c.received;
  row["accepted"] = c.accepted;
  row["stale"] = c.stale;
  row["advertised"] = c.advertised;
  row["limit_ipv4"] = limit_of(peer, wire::Family::kV4);
  row["limit_ipv6"] = limit_of(peer, wire::Family::kV6);
  const auto restart = peer.restart_at();
  row["restarts_in_s"] = restart ? Json(std::max(0.0, seconds(*restart - now))) : Json();
  add_counters(peer, row);
  row["last_sent"] = notification_text(peer.session().last_sent());
  row["last_received"] = notification_text(peer.session().last_received());
  return row;
}

}  // namespace

Json bgp_peers(const Gateway& g, TimePoint now) {
  Json rows = Json::array();
  uint64_t established = 0, prefixes = 0, paths = 0, bytes = g.bgp().attributes().memory_bytes();
  for (const auto& [name, table] : g.bgp().tables()) {
    prefixes += table->speaker.rib().prefixes();
    paths += table->speaker.rib().paths();
    bytes += table->speaker.rib().memory_bytes();
    for (const auto& peer : table->speaker.peers()) {
      established += is_up(*peer) ? 1 : 0;
      rows.push_back(peer_row(name, *table, *peer, now));
    }
  }
  Json totals = {{"peers", rows.size()},
                 {"established", established},
                 {"prefixes", prefixes},
                 {"paths", paths},
                 {"attribute_sets", g.bgp().attributes().size()},
                 {"rib_bytes", bytes},
                 {"strangers", g.bgp().refused_connections()}};
  return {{"bgp", rows}, {"totals", totals}};
}

Json bgp_neighbor(const Gateway& g, TimePoint now, const std::string& peer) {
  for (const auto& [name, table] : g.bgp().tables())
    if (const Peer* found = table->speaker.find(peer))
      return neighbor_row(g, name, *table, *found, now);
  return nullptr;
}

}  // namespace kanmon::daemon::views
