#include "control/config/routes.h"

#include <array>
#include <map>

namespace kanmon::config {
namespace {

constexpr std::size_t kMostRoutes = 100'000;  // static ones, per table
constexpr std::size_t kMostNextHops = 16;     // that share a prefix

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
constexpr std::string_view kOnDownHelp =
    "While all next hops of the prefix are down: hold drops in the tunnel, blackhole in the table, "
    "withdraw leaves the field to other routes, fallback to one more tunnel.";
constexpr auto kWeight = [](auto& r) -> auto& {
  return r.weight;
};
constexpr auto kOnDown = [](auto& r) -> auto& {
  return r.on_down;
};
constexpr std::string_view kWeightHelp =
    "Share of the prefix's traffic among its routes; 0 stands by until all others are down.";

constexpr Word<OnDown> kOnDowns[] = {{"hold", OnDown::kHold},
                                     {"withdraw", OnDown::kWithdraw},
                                     {"blackhole", OnDown::kBlackhole},
                                     {"fallback", OnDown::kFallback}};

constexpr Key<Route> kTableKeys[] = {
    required_key<Route, PrefixText>("prefix", kPrefix, kPrefixHelp),
    key<Route, Address>("via", kVia, kViaHelp),
    key<Route, Reference>(
        "tunnel", [](auto& r) -> auto& { return r.tunnel; },
        "Encapsulates into this tunnel; drops while it is down, never in clear."),
    key<Route, Reference>(
        "attachment", [](auto& r) -> auto& { return r.attachment; },
        "Leads to an attachment: a port's stations, or a VPN's tunnels by their weights."),
    key<Route, Blackhole>("blackhole", kWhole, kBlackholeHelp),
    key<Route, Integer<0, 255>>("weight", kWeight, kWeightHelp),
    key<Route, OnDownWord>("on-down", kOnDown, kOnDownHelp),
    key<Route, Reference>(
        "fallback", [](auto& r) -> auto& { return r.fallback; },
        "With on-down: fallback, the tunnel that takes over; while it is down too, a blackhole."),
};

constexpr Key<Route> kUnderlayKeys[] = {
    required_key<Route, PrefixText>("prefix", kPrefix, kPrefixHelp),
    key<Route, Address>("via", kVia, kViaHelp),
    key<Route, Blackhole>("blackhole", kWhole, kBlackholeHelp),
    key<Route, Integer<0, 255>>("weight", kWeight, kWeightHelp),
    key<Route, OnDownWord>("on-down", kOnDown, kOnDownHelp),
    key<Route, NoTunnel>("tunnel", kWhole, "Refused: an underlay never leads into a tunnel."),
    key<Route, NoTunnel>("attachment", kWhole, "Refused, for the same reason."),
};

}  // namespace

std::string to_string(OnDown on_down) {
  return Choice<kOnDowns>::show(on_down);
}
void OnDownWord::read(Context& context, const Node& node, OnDown& out) {
  Choice<kOnDowns>::read(context, node, out);
}
Json OnDownWord::schema() {
  return Choice<kOnDowns>::schema();
}

namespace {

constexpr std::array<const char*, 4> kLeads = {"via", "tunnel", "attachment", "blackhole"};

// Which of kLeads the route gives; reports any number but one.
Route::Kind only_lead(Context& context) {
  constexpr Route::Kind kKinds[] = {Route::Kind::kVia, Route::Kind::kTunnel,
                                    Route::Kind::kAttachment, Route::Kind::kBlackhole};
  Route::Kind kind = Route::Kind::kBlackhole;
  int given = 0;
  for (std::size_t i = 0; i < kLeads.size(); ++i) {
    if (!context.given_here(kLeads[i])) continue;
    kind = kKinds[i];
    ++given;
  }
  if (given != 1)
    context.error_here(std::string("leads ") + (given == 0 ? "nowhere" : "to several places") +
                       ", expected exactly one of via, tunnel, attachment and blackhole");
  return kind;
}

void check_on_down(Context& context, const Route& route) {
  const bool falls_back = route.on_down == OnDown::kFallback;
  if (falls_back != context.given_here("fallback"))
    context.error_here(falls_back ? "has on-down: fallback, expected the key fallback with a tunnel"
                                  : "has a fallback, expected on-down: fallback with it");
  if (route.kind != Route::Kind::kBlackhole) return;
  for (const char* key : {"weight", "on-down"})
    if (context.given_here(key))
      context.error_at(context.join(key), "found on a blackhole, which is never down");
}

}  // namespace

template <>
void finish(Context& context, Route& route) {
  route.kind = only_lead(context);
  check_on_down(context, route);
  const bool has_via = context.given_here("via") && !route.via.is_unspecified();
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
    for (const char* one : kLeads) s["oneOf"].push_back({{"required", Json::array({one})}});
    return s;
  }
};

// What routes of one prefix must agree about; reports where they do not.
void check_shared(Context& context, const Route& first, const Route& route, bool all_weighted) {
  const std::string again = "found " + route.prefix.to_string() + " a second time in this table";
  if (!all_weighted) {
    context.error_at(context.join("prefix"),
                     again + ", expected a weight on each route that shares a prefix");
  } else if (next_hop_text(first, false) == next_hop_text(route, false)) {
    context.error_at(context.join("prefix"), again + ", to the same place");
  } else if (first.on_down != route.on_down || first.fallback != route.fallback) {
    context.error_at(context.join("on-down"), again + ", expected the same on-down on each route");
  }
}

template <auto& Keys>
void read_routes(Context& context, const Node& node, std::vector<Route>& out) {
  if (!check_list(context, node, 0, kMostRoutes)) return;
  struct Seen {
    Route first;
    std::size_t routes = 0;
    bool weighted = false;
  };
  std::map<wire::Prefix, Seen> seen;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Context::Step step(context, i, *node.items[i]);
    Route route;
    const std::size_t before = context.problems().errors();
    Item<Keys>::read(context, *node.items[i], route);
    if (context.problems().errors() != before) continue;
    const bool weighted = context.given_here("weight");
    const auto [known, is_new] = seen.try_emplace(route.prefix, Seen{route, 0, weighted});
    if (!is_new)
      check_shared(context, known->second.first, route, known->second.weighted && weighted);
    if (++known->second.routes > kMostNextHops)
      context.error_at(context.join("prefix"), "found " + route.prefix.to_string() +
                                                   " on more than " +
                                                   std::to_string(kMostNextHops) + " routes");
    if (context.problems().errors() != before) continue;
    out.push_back(std::move(route));
    context.keep_item();
  }
}

template <auto& Keys>
Json routes_schema() {
  return {{"type", "array"}, {"items", Item<Keys>::schema()}, {"maxItems", kMostRoutes}};
}

}  // namespace

std::string next_hop_text(const Route& route, bool with_options) {
  std::string text;
  switch (route.kind) {
    case Route::Kind::kVia:
      text = "via " + route.via.to_string();
      break;
    case Route::Kind::kTunnel:
      text = "tunnel " + route.tunnel;
      break;
    case Route::Kind::kAttachment:
      text = "attachment " + route.attachment;
      break;
    case Route::Kind::kBlackhole:
      text = "blackhole";
      break;
  }
  if (!with_options) return text;
  if (route.weight != Route::kFullWeight) text += " weight " + std::to_string(route.weight);
  if (route.on_down != OnDown::kHold) text += " on-down " + to_string(route.on_down);
  return route.fallback.empty() ? text : text + " to " + route.fallback;
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

namespace {

// By prefix, what its routes lead to.
std::map<wire::Prefix, std::string> texts_of(const std::vector<Route>& routes) {
  std::map<wire::Prefix, std::string> out;
  for (const Route& r : routes) {
    std::string& text = out[r.prefix];
    text += (text.empty() ? "" : ", ") + next_hop_text(r);
  }
  return out;
}

}  // namespace

void TableRoutes::diff(const std::string& path, const std::vector<Route>& before,
                       const std::vector<Route>& after, Changes& changes) {
  auto left = texts_of(before);
  for (const auto& [prefix, text] : texts_of(after)) {
    const auto old = left.extract(prefix);
    const std::string was = old ? old.mapped() : "";
    if (was != text) changes.push_back({path + "[" + prefix.to_string() + "]", was, text});
  }
  for (const auto& [prefix, text] : left)
    changes.push_back({path + "[" + prefix.to_string() + "]", text, ""});
}

}  // namespace kanmon::config
