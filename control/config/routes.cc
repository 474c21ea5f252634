#include "control/config/routes.h"

#include <map>
#include <set>

namespace kanmon::config {
namespace {

constexpr std::size_t kMostRoutes = 100'000;  // static ones, per table

struct Blackhole {
  static void read(Context& context, const Node& node, Route&) {
    bool value = false;
    Boolean::read(context, node, value);
    if (!value && node.text == "false") context.expected(node, "true, or no such key");
  }
  static std::string show(const Route&) { return {}; }
  static Json schema() { return {{"const", true}}; }
};

// INV-1: the outer packet of a tunnel is looked up in the underlay. Could a route there lead into a
// tunnel, that packet would be encapsulated again, without end.
struct NoTunnel {
  static void read(Context& context, const Node& node, Route&) {
    context.error(node, "found " + node.describe() +
                            ", expected via or blackhole: an underlay carries the tunnels' own "
                            "outer packets, a route from it into a tunnel would send a tunnel "
                            "through itself; routes to tunnels belong in route-tables");
  }
  static std::string show(const Route&) { return {}; }
  static Json schema() {
    Json never = {{"not", Json::object()}};
    return never;
  }
};

constexpr auto kWhole = [](auto& r) -> auto& {
  return r;
};
constexpr auto kPrefix = [](auto& r) -> auto& {
  return r.prefix;
};
constexpr auto kVia = [](auto& r) -> auto& {
  return r.via;
};
constexpr std::string_view kPrefixHelp = "Destinations; bits beyond the length are zero.";
constexpr std::string_view kViaHelp = "A neighbour in a subnet of one of the table's ports.";
constexpr std::string_view kBlackholeHelp = "Drops what the prefix covers, by name and counted.";

constexpr Key<Route> kTableKeys[] = {
    required_key<Route, PrefixText>("prefix", kPrefix, kPrefixHelp),
    key<Route, Address>("via", kVia, kViaHelp),
    key<Route, Reference>(
        "tunnel", [](auto& r) -> auto& { return r.tunnel; },
        "Encapsulates into this tunnel; drops while it is down, never in clear."),
    key<Route, Blackhole>("blackhole", kWhole, kBlackholeHelp),
};

constexpr Key<Route> kUnderlayKeys[] = {
    required_key<Route, PrefixText>("prefix", kPrefix, kPrefixHelp),
    key<Route, Address>("via", kVia, kViaHelp),
    key<Route, Blackhole>("blackhole", kWhole, kBlackholeHelp),
    key<Route, NoTunnel>("tunnel", kWhole, "Refused: an underlay never leads into a tunnel."),
};

}  // namespace

template <>
void finish(Context& context, Route& route) {
  const bool via = context.given_here("via");
  const bool tunnel = context.given_here("tunnel");
  const bool blackhole = context.given_here("blackhole");
  if (via + tunnel + blackhole != 1) {
    context.error_here(std::string("leads ") +
                       (via + tunnel + blackhole == 0 ? "nowhere" : "to several places") +
                       ", expected exactly one of via, tunnel and "
                       "blackhole");
  }
  route.kind = via ? Route::Kind::kVia : tunnel ? Route::Kind::kTunnel : Route::Kind::kBlackhole;
  const bool has_via = via && !route.via.is_unspecified();
  if (has_via && context.given_here("prefix") && route.via.family != route.prefix.address.family)
    context.error_at(context.join("via"), "found " + route.via.to_string() +
                                              ", expected the family of the prefix " +
                                              route.prefix.to_string());
}

namespace {

template <auto& Keys>
struct Item {
  static void read(Context& context, const Node& node, Route& out) {
    read_section<Route>(context, node, Keys, out);
  }
  static std::string show(const Route& r) { return r.prefix.to_string() + " " + next_hop_text(r); }
  static Json schema() {
    Json s = section_schema<Route>(Keys);
    s["oneOf"] = Json::array();
    for (const char* one : {"via", "tunnel", "blackhole"})
      s["oneOf"].push_back({{"required", Json::array({one})}});
    return s;
  }
};

template <auto& Keys>
void read_routes(Context& context, const Node& node, std::vector<Route>& out) {
  if (!check_list(context, node, 0, kMostRoutes)) return;
  std::set<wire::Prefix> seen;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Context::Step step(context, i, *node.items[i]);
    Route route;
    const std::size_t before = context.problems().errors();
    Item<Keys>::read(context, *node.items[i], route);
    if (context.problems().errors() != before) continue;
    if (!seen.insert(route.prefix).second) {
      context.error_at(context.join("prefix"),
                       "found " + route.prefix.to_string() + " a second time in this table");
      continue;
    }
    out.push_back(std::move(route));
    context.keep_item();
  }
}

template <auto& Keys>
Json routes_schema() {
  return {{"type", "array"}, {"items", Item<Keys>::schema()}, {"maxItems", kMostRoutes}};
}

}  // namespace

std::string next_hop_text(const Route& route) {
  switch (route.kind) {
    case Route::Kind::kVia:
      return "via " + route.via.to_string();
    case Route::Kind::kTunnel:
      return "tunnel " + route.tunnel;
    case Route::Kind::kBlackhole:
      return "blackhole";
  }
  return {};
}

void TableRoutes::read(Context& context, const Node& node, std::vector<Route>& out) {
  read_routes<kTableKeys>(context, node, out);
}

void UnderlayRoutes::read(Context& context, const Node& node, std::vector<Route>& out) {
  read_routes<kUnderlayKeys>(context, node, out);
}

Json TableRoutes::schema() {
  return routes_schema<kTableKeys>();
}

Json UnderlayRoutes::schema() {
  return routes_schema<kUnderlayKeys>();
}

std::string TableRoutes::show(const std::vector<Route>& routes) {
  return routes.empty() ? "[]" : std::to_string(routes.size()) + " routes";
}

void TableRoutes::diff(const std::string& path, const std::vector<Route>& before,
                       const std::vector<Route>& after, Changes& changes) {
  std::map<wire::Prefix, const Route*> left;
  for (const Route& r : before) left[r.prefix] = &r;
  for (const Route& r : after) {
    const std::string here = path + "[" + r.prefix.to_string() + "]";
    const auto old = left.find(r.prefix);
    if (old == left.end()) {
      changes.push_back({here, "", next_hop_text(r)});
      continue;
    }
    if (!(*old->second == r))
      changes.push_back({here, next_hop_text(*old->second), next_hop_text(r)});
    left.erase(old);
  }
  for (const auto& [prefix, r] : left)
    changes.push_back({path + "[" + prefix.to_string() + "]", next_hop_text(*r), ""});
}

}  // namespace kanmon::config
