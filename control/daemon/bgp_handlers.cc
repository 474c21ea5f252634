// Methods of the API about BGP: show.bgp…, bgp.clear, bgp.shutdown, bgp.drain.
#include <charconv>

#include "control/daemon/bgp_views.h"
#include "control/daemon/handlers.h"

namespace kanmon::daemon {
namespace {

using api::Answer;
using api::Json;
using api::Refusal;
using bgp::Speaker;
using views::BgpRouteQuery;

constexpr size_t kLongestText = 255;  // RFC 9003

TimePoint now() {
  return std::chrono::steady_clock::now();
}

Answer no_such_peer(const std::string& name) {
  return Answer::refuse(Refusal::kNotFound, "no BGP peer is called " + name);
}

Answer bad(const char* what) {
  return Answer::refuse(Refusal::kBadRequest, what);
}

bool knows_peer(const Gateway& gateway, const std::string& name) {
  for (const auto& [table, t] : gateway.bgp().tables())
    if (t->speaker.find(name) != nullptr) return true;
  return false;
}

bool read_kind(const std::string& text, BgpRouteQuery::Kind& out) {
  if (text == "received") out = BgpRouteQuery::Kind::kReceived;
  if (text == "advertised") out = BgpRouteQuery::Kind::kAdvertised;
  if (text == "best") out = BgpRouteQuery::Kind::kBest;
  return text.empty() || text == "all" || out != BgpRouteQuery::Kind::kAll;
}

// "TABLE NUMBER", as `next` of an answer says it.
bool read_after(const std::string& text, BgpRouteQuery& query) {
  const auto space = text.find(' ');
  if (space == std::string::npos) return false;
  query.after_table = text.substr(0, space);
  const char* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data() + space + 1, end, query.after);
  return ec == std::errc{} && stop == end;
}

Answer show_routes(const Gateway& gateway, const Json& params) {
  BgpRouteQuery query;
  query.table = api::text_param(params, "table");
  query.peer = api::text_param(params, "peer");
  if (!query.table.empty() && gateway.bgp().tables().count(query.table) == 0)
    return Answer::refuse(Refusal::kNotFound, "no BGP speaker runs in table " + query.table);
  if (!query.peer.empty() && !knows_peer(gateway, query.peer)) return no_such_peer(query.peer);
  if (!read_kind(api::text_param(params, "kind"), query.kind))
    return bad("params.kind: all, best, received or advertised");
  const bool needs_peer = query.kind == BgpRouteQuery::Kind::kReceived ||
                          query.kind == BgpRouteQuery::Kind::kAdvertised;
  if (needs_peer && query.peer.empty()) return bad("params.peer: whom they are from, or told");
  const std::string prefix = api::text_param(params, "prefix");
  const std::string address = api::text_param(params, "address");
  const std::string after = api::text_param(params, "after");
  if (const auto p = wire::Prefix::parse(prefix); p.ok()) query.within = *p;
  if (const auto a = wire::IpAddress::parse(address); a.ok()) query.address = *a;
  if (!prefix.empty() && !query.within) return bad("params.prefix: an IPv4 or IPv6 prefix");
  if (!address.empty() && !query.address) return bad("params.address: an IPv4 or IPv6 address");
  if (!after.empty() && !read_after(after, query))
    return bad("params.after: what `next` of an answer said");
  if (const auto limit = params.find("limit"); limit != params.end()) {
    if (!limit->is_number_unsigned() || *limit == 0)
      return bad("params.limit: a number of prefixes above 0");
    query.limit = limit->get<size_t>();
  }
  return Answer::of(views::bgp_routes(gateway, now(), query));
}

Answer show_neighbor(const Gateway& gateway, const Json& params) {
  const std::string name = api::text_param(params, "peer");
  if (name.empty()) return bad("params.peer: a BGP peer's name or address");
  Json row = views::bgp_neighbor(gateway, now(), name);
  return row.is_null() ? no_such_peer(name) : Answer::of(std::move(row));
}

// Does `f` to every speaker; each says whether it knows the peer.
template <class F>
Answer for_peer(Gateway& gateway, const Json& params, const char* done, F f) {
  const std::string name = api::text_param(params, "peer");
  const std::string text = api::text_param(params, "text");
  if (name.empty()) return bad("params.peer: a BGP peer's name or address");
  if (text.size() > kLongestText) return bad("params.text: at most 255 octets (RFC 9003)");
  bool found = false;
  for (auto& [table, t] : gateway.bgp().tables()) found |= f(t->speaker, name, text);
  if (!found) return no_such_peer(name);
  return Answer::of({{"peer", name}, {"done", done}});
}

Answer clear(Gateway& gateway, const Json& params) {
  const std::string how = api::text_param(params, "how");
  if (how != "hard" && how != "soft" && how != "soft-in" && how != "soft-out" && !how.empty())
    return bad("params.how: hard, soft, soft-in or soft-out");
  return for_peer(gateway, params, "cleared",
                  [&](Speaker& speaker, const std::string& name, const std::string& text) {
                    bool found = false;
                    if (how == "hard" || how.empty())
                      found |= speaker.clear(now(), name, Speaker::Clear::kHard, text);
                    if (how == "soft" || how == "soft-in")
                      found |= speaker.clear(now(), name, Speaker::Clear::kSoftIn, text);
                    if (how == "soft" || how == "soft-out")
                      found |= speaker.clear(now(), name, Speaker::Clear::kSoftOut, text);
                    return found;
                  });
}

Answer shutdown(Gateway& gateway, const Json& params) {
  return for_peer(gateway, params, "shut down",
                  [](Speaker& speaker, const std::string& name, const std::string& text) {
                    return speaker.shut_down(now(), name, text);
                  });
}

Answer drain(Gateway& gateway, const Json& params, bool draining) {
  const std::string peer = api::text_param(params, "peer");
  const std::string tunnel = api::text_param(params, "tunnel");
  const auto all = params.find("all");
  const bool is_all = all != params.end() && all->is_boolean() && all->get<bool>();
  if ((peer.empty() ? 0 : 1) + (tunnel.empty() ? 0 : 1) + (is_all ? 1 : 0) != 1)
    return bad("params: exactly one of peer, tunnel and all");
  uint64_t peers = 0;
  for (auto& [table, t] : gateway.bgp().tables())
    for (const auto& p : t->speaker.peers()) {
      const auto* config = gateway.bgp().config_of(table, *p);
      const bool is_meant = is_all || p->name() == peer || p->remote().to_string() == peer ||
                            (!tunnel.empty() && config != nullptr && config->tunnel == tunnel);
      if (!is_meant) continue;
      p->set_draining(draining);
      ++peers;
    }
  if (peers == 0 && !peer.empty()) return no_such_peer(peer);
  if (peers == 0 && !tunnel.empty())
    return Answer::refuse(Refusal::kNotFound, "no BGP peer runs in tunnel " + tunnel);
  return Answer::of({{"peers", peers}, {"draining", draining}});
}

}  // namespace

void add_bgp_handlers(api::Dispatcher& dispatcher, Gateway& gateway) {
  dispatcher.add("show.bgp",
                 [&](const Json&) { return Answer::of(views::bgp_peers(gateway, now())); });
  dispatcher.add("show.bgp-neighbor",
                 [&](const Json& params) { return show_neighbor(gateway, params); });
  dispatcher.add("show.bgp-routes",
                 [&](const Json& params) { return show_routes(gateway, params); });
  dispatcher.add("bgp.clear", [&](const Json& params) { return clear(gateway, params); });
  dispatcher.add("bgp.shutdown", [&](const Json& params) { return shutdown(gateway, params); });
  dispatcher.add("bgp.drain", [&](const Json& params) { return drain(gateway, params, true); });
  dispatcher.add("bgp.undrain", [&](const Json& params) { return drain(gateway, params, false); });
}

}  // namespace kanmon::daemon
