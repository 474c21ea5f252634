// From a configuration to the routes each table should have: pure, so that a reload is the
// difference of two plans, and validation can look at the same thing the program does.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/routing/table.h"

namespace kanmon::routing {

// A route by names; numbers (adjacency, port, tunnel) are looked up when it is installed.
struct Wanted {
  wire::Prefix prefix;
  Origin origin = Origin::kStatic;
  enum class Kind : uint8_t { kLocal, kConnected, kVia, kTunnel, kBlackhole } kind = Kind::kLocal;
  std::string port;     // kLocal, kConnected, kVia: the port it leads out of
  wire::IpAddress via;  // kVia
  std::string tunnel;   // kTunnel
  bool hosted = false;  // kLocal: the machine's own stack has the address too

  friend auto operator<=>(const Wanted&, const Wanted&) = default;
};

struct PlannedTable {
  bool underlay = false;
  std::vector<Wanted> routes;  // sorted, no duplicates
};

// By table name: underlays and route tables have one name space. A route via a neighbour outside
// every connected subnet is left out (the check of the configuration refuses it before).
std::map<std::string, PlannedTable> plan(const config::Config& config);

}  // namespace kanmon::routing
