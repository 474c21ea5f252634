// From a configuration to the routes each table should have: pure, so that a reload is the
// difference of two plans, and validation can look at the same thing the program does.
//
// A table has: of the ports and tunnels associated with it their own addresses and subnets; its
// static routes; of the attachments that propagate into it their addresses, subnets and static
// routes. What is learned while the program runs comes on top (compiler.h).
#pragma once

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/routing/offer.h"
#include "dataplane/wire/address.h"

namespace kanmon::routing {

// A next hop by names; numbers (adjacency, port, tunnel) are looked up when it is installed.
struct Target {
  enum class Kind : uint8_t { kLocal, kConnected, kVia, kTunnel, kBlackhole };
  Kind kind = Kind::kLocal;
  std::string name;     // of the port; of kTunnel the tunnel
  wire::IpAddress via;  // kVia
  bool hosted = false;  // kLocal: the machine's own stack has the address too
  uint8_t weight = config::Route::kFullWeight;

  friend auto operator<=>(const Target&, const Target&) = default;
};

struct Wanted {
  wire::Prefix prefix;
  Origin origin = Origin::kStatic;
  std::string source;  // the port, tunnel or attachment it comes from; empty: the table itself
  OnDown on_down = OnDown::kHold;
  std::vector<Target> targets;  // one at least

  friend auto operator<=>(const Wanted&, const Wanted&) = default;
};

struct PlannedTable {
  bool underlay = false;
  std::vector<Wanted> routes;  // sorted, no duplicates
};

// By table name: underlays and route tables have one name space. A route via a neighbour outside
// every connected subnet is left out (the check of the configuration refuses it before).
std::map<std::string, PlannedTable> plan(const config::Config& config);

// The tables that have the subnets of each port: its own and those it propagates to.
std::map<std::string, std::vector<std::string>> tables_by_port(
    const std::map<std::string, PlannedTable>& tables);

}  // namespace kanmon::routing
