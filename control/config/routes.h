// Static routes in the configuration: a prefix and exactly one of via, tunnel, attachment and
// blackhole. Routes that share a prefix carry a weight each.
#pragma once

#include <string>
#include <vector>

#include "control/config/codec.h"

namespace kanmon::config {

// "via 192.0.2.254", "tunnel branch", "attachment office", "blackhole", and what differs from the
// defaults behind it: "tunnel branch weight 50 on-down withdraw".
std::string next_hop_text(const Route& route, bool with_options = true);

// The routes of a route table.
struct TableRoutes {
  static void read(Context& context, const Node& node, std::vector<Route>& out);
  static std::string show(const std::vector<Route>& routes);
  static Json schema();
  // One change per prefix.
  static void diff(const std::string& path, const std::vector<Route>& before,
                   const std::vector<Route>& after, Changes& changes);
};

// What happens to a route whose next hops are all down, by its word in the file.
std::string to_string(OnDown on_down);
struct OnDownWord {
  static void read(Context& context, const Node& node, OnDown& out);
  static std::string show(const OnDown& value) { return to_string(value); }
  static Json schema();
};

// The routes of an underlay: a tunnel is refused (INV-1).
struct UnderlayRoutes : TableRoutes {
  static void read(Context& context, const Node& node, std::vector<Route>& out);
  static Json schema();
};

}  // namespace kanmon::config
