// Static routes in the configuration: a prefix and exactly one of via, tunnel and blackhole.
#pragma once

#include <string>
#include <vector>

#include "control/config/codec.h"

namespace kanmon::config {

// "via 192.0.2.254", "tunnel branch", "blackhole".
std::string next_hop_text(const Route& route);

// The routes of a route table.
struct TableRoutes {
  static void read(Context& context, const Node& node, std::vector<Route>& out);
  static std::string show(const std::vector<Route>& routes);
  static Json schema();
  // One change per prefix.
  static void diff(const std::string& path, const std::vector<Route>& before,
                   const std::vector<Route>& after, Changes& changes);
};

// The routes of an underlay: a tunnel is refused (INV-1).
struct UnderlayRoutes : TableRoutes {
  static void read(Context& context, const Node& node, std::vector<Route>& out);
  static Json schema();
};

}  // namespace kanmon::config
