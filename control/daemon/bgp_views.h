// BGP as JSON documents; keys are those of api/bgp_views.h.
#pragma once

#include <optional>
#include <string>

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"

namespace kanmon::daemon::views {

api::Json bgp_peers(const Gateway& gateway, TimePoint now);
// Null: there is no such peer. `peer`: its name or address.
api::Json bgp_neighbor(const Gateway& gateway, TimePoint now, const std::string& peer);

struct BgpRouteQuery {
  static constexpr size_t kMost = 10'000;
  enum class Kind : uint8_t { kAll, kBest, kReceived, kAdvertised } kind = Kind::kAll;
  std::string table;                       // empty: all
  std::string peer;                        // name or address; kReceived and kAdvertised have one
  std::optional<wire::Prefix> within;      // only prefixes within it
  std::optional<wire::IpAddress> address;  // only the longest match of it
  size_t limit = 1000;                     // prefixes
  std::string after_table;                 // go on behind …
  bgp::NodeId after = 0;                   // … nodes below this
};
api::Json bgp_routes(const Gateway& gateway, TimePoint now, const BgpRouteQuery& query);

}  // namespace kanmon::daemon::views
