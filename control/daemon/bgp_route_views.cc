// Routes of BGP with every path and why it won or lost.
#include <algorithm>

#include <fmt/format.h>

#include "control/bgp/policy/community.h"
#include "control/daemon/bgp_views.h"

namespace kanmon::daemon::views {
namespace {

using api::Json;
using bgp::AttributeSet;
using bgp::Path;
using bgp::Peer;
using Kind = BgpRouteQuery::Kind;

Json number_or_null(const std::optional<uint32_t>& value) {
  return value ? Json(*value) : Json();
}

Json communities_of(const AttributeSet& set) {
  Json out = Json::array();
  for (const uint32_t c : set.communities()) out.push_back(bgp::community_text(c));
  for (size_t i = 0; i < set.extended_count(); ++i)
    out.push_back(bgp::extended_text(set.extended(i)));
  for (size_t i = 0; i < set.large_count(); ++i) out.push_back(bgp::community_text(set.large(i)));
  return out;
}

// What a route carries; the columns that stand between state and age.
void add_attributes(const AttributeSet& set, Json& row) {
  constexpr const char* kOrigins[] = {"igp", "egp", "incomplete"};
  const wire::IpAddress next_hop = set.next_hop();
  row["next_hop"] = next_hop.is_unspecified() ? Json() : Json(next_hop.to_string());
  row["local_pref"] = number_or_null(set.local_pref());
  row["med"] = number_or_null(set.med());
  row["weight"] = set.weight();
  row["as_path"] = set.as_path().to_string();
  row["origin"] = kOrigins[static_cast<size_t>(set.origin())];
  row["communities"] = communities_of(set);
  const auto originator = set.originator_id();
  row["originator_id"] = originator ? Json(wire::IpAddress::v4(*originator).to_string()) : Json();
}

const char* state_of(const Path& path) {
  switch (path.standing) {
    case bgp::Standing::kBest:
      return "best";
    case bgp::Standing::kMultipath:
      return "multipath";
    case bgp::Standing::kRefused:
      return "rejected";
    default:
      return "standby";
  }
}

Json reason_of(Peer* peer, const wire::Prefix& prefix, const Path& path) {
  if (path.standing == bgp::Standing::kBest) return nullptr;
  if (path.standing == bgp::Standing::kRefused && peer != nullptr)
    return std::string(to_string(peer->peering().judge(prefix, path).refusal));
  if (path.standing == bgp::Standing::kMultipath) return std::string(to_string(path.standing));
  return "lost: " + std::string(to_string(path.standing));
}

struct Reader {
  const BgpRouteQuery& query;
  const std::string& name;
  Bgp::Table& table;
  uint32_t now_s;
  Json& rows;

  void add(bgp::NodeId node) {
    const bgp::Rib& rib = table.speaker.rib();
    const wire::Prefix prefix = rib.prefix(node);
    if (query.kind == Kind::kAdvertised) return add_advertised(node, prefix);
    rib.for_each_path(node, [&](const Path& path) {
      Peer* peer = table.speaker.peer_of(path.source);
      if (!query.peer.empty() && (peer == nullptr || !is(*peer))) return;
      if (query.kind == Kind::kBest && !is_selected(path.standing)) return;
      add_path(node, prefix, peer, path);
    });
  }

  bool is(const Peer& peer) const {
    return peer.name() == query.peer || peer.remote().to_string() == query.peer;
  }

  void add_path(bgp::NodeId node, const wire::Prefix& prefix, Peer* peer, const Path& path) {
    // As received, or as the policy made it.
    const bool as_sent = query.kind == Kind::kReceived || !path.accepted;
    Json row = {{"table", name},
                {"prefix", prefix.to_string()},
                {"peer", peer == nullptr ? Json() : Json(peer->name())},
                {"state", state_of(path)}};
    add_attributes(as_sent ? *path.received : *path.accepted, row);
    row["path_id"] = path.path_id;
    row["stale"] = path.stale;
    row["installed"] = is_selected(path.standing) && table.routes.is_installed(node);
    row["age_s"] = now_s - std::min(now_s, path.since_s);
    Json reason = reason_of(peer, prefix, path);
    if (peer != nullptr && is_selected(path.standing) && !table.routes.is_installed(node) &&
        !table.speaker.has_changes())
      reason = "its next hop lies in no tunnel and no subnet of the table";
    row["reason"] = reason;
    rows.push_back(std::move(row));
  }

  void add_advertised(bgp::NodeId node, const wire::Prefix& prefix) {
    const Peer* peer = table.speaker.find(query.peer);
    if (peer == nullptr || peer->peering().out() == nullptr) return;
    const bgp::AttributeRef sent = peer->peering().out()->sent(node);
    if (!sent) return;
    const Path* best = table.speaker.rib().best(node);
    Json row = {{"table", name},
                {"prefix", prefix.to_string()},
                {"peer", peer->name()},
                {"state", "advertised"}};
    add_attributes(*sent, row);
    row["path_id"] = nullptr;
    row["stale"] = nullptr;
    row["installed"] = nullptr;
    row["age_s"] = best == nullptr ? Json() : Json(now_s - std::min(now_s, best->since_s));
    row["reason"] = nullptr;
    rows.push_back(std::move(row));
  }
};

std::optional<bgp::NodeId> longest_match(const bgp::Rib& rib, const wire::IpAddress& address) {
  for (int length = address.bits(); length >= 0; --length) {
    const bgp::NodeId node = rib.find(wire::Prefix::make(address, static_cast<uint8_t>(length)));
    if (node != bgp::kNoId && rib.best(node) != nullptr) return node;
  }
  return std::nullopt;
}

}  // namespace

Json bgp_routes(const Gateway& g, TimePoint now, const BgpRouteQuery& query) {
  Json rows = Json::array(), next;
  const size_t limit = std::min(query.limit, BgpRouteQuery::kMost);
  const auto now_s = static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  size_t shown = 0, all = 0;
  for (const auto& [name, table] : g.bgp().tables()) {
    if (!query.table.empty() && query.table != name) continue;
    const bgp::Rib& rib = table->speaker.rib();
    all += rib.prefixes();
    if (!next.is_null() || name < query.after_table) continue;
    Reader reader{query, name, *table, now_s, rows};
    if (query.address) {
      if (const auto node = longest_match(rib, *query.address)) reader.add(*node);
      shown = rows.empty() ? 0 : 1;
      continue;
    }
    const bgp::NodeId begin = name == query.after_table ? query.after : 0;
    for (bgp::NodeId node = begin; node < rib.end(); ++node) {
      if (!rib.exists(node)) continue;
      if (query.within && !query.within->contains(rib.prefix(node))) continue;
      if (shown == limit) {
        next = fmt::format("{} {}", name, node);
        break;
      }
      const size_t before = rows.size();
      reader.add(node);
      shown += rows.size() != before ? 1 : 0;
    }
  }
  return {{"bgp-routes", rows}, {"totals", {{"prefixes", all}, {"shown", shown}, {"next", next}}}};
}

}  // namespace kanmon::daemon::views
