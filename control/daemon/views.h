// The gateway's state as JSON documents, one function per `kanmon show` view. Keys are those of
// api/views.h; docs/api.md describes them. No key material ever (INV-9).
#pragma once

#include <optional>
#include <string>

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"

namespace kanmon::daemon::views {

api::Json tunnels(const Gateway& gateway, TimePoint now);
api::Json sas(const Gateway& gateway, TimePoint now);
// Routes, attachments and tables: route_views.cc.
struct RouteQuery {
  static constexpr size_t kMost = 10'000;
  std::string table;                       // only this one; empty: all
  std::optional<wire::Prefix> within;      // only prefixes within it
  std::optional<wire::IpAddress> address;  // only the longest match of it
  size_t limit = 1000;                     // prefixes in the answer; at most kMost
  // Begins behind this prefix of this table: what "next" of the answer before said.
  std::string after_table;
  std::optional<wire::Prefix> after;
};
// One row for each next hop of each candidate; never more than the limit, whatever the tables hold.
api::Json routes(const Gateway& gateway, TimePoint now, const RouteQuery& query);
api::Json attachments(const Gateway& gateway);
api::Json tables(const Gateway& gateway);
api::Json groups(const Gateway& gateway);
api::Json fpm(const Gateway& gateway, TimePoint now);
// BFD sessions and health probes: path_views.cc.
api::Json bfd(const Gateway& gateway);
api::Json health(const Gateway& gateway);
api::Json neighbors(const Gateway& gateway, TimePoint now);
api::Json workers(const Gateway& gateway);
api::Json stages(const Gateway& gateway);
api::Json latency(const Gateway& gateway);
api::Json drops(const Gateway& gateway);
api::Json steering(const Gateway& gateway);
api::Json ports(const Gateway& gateway);
// Network devices shared with the machine's own stack.
api::Json host_devices(const Gateway& gateway);
api::Json version(const Gateway& gateway);

}  // namespace kanmon::daemon::views
