// Tables whose routes another routing daemon gives.
#include "control/daemon/views.h"

namespace kanmon::daemon::views {
namespace {

using api::Json;

double seconds_since(TimePoint then, TimePoint now) {
  return std::chrono::duration<double>(now - then).count();
}

const char* state_of(const FpmFeed& feed) {
  if (!feed.is_listening()) return "cannot-listen";
  return feed.listener()->is_connected() ? "connected" : "waiting";
}

Json row_of(const std::string& table, const FpmFeed& feed, TimePoint now) {
  const fpm::Listener* listener = feed.listener();
  const fpm::Routes& routes = feed.routes();
  const bool said = listener != nullptr && !listener->last_error().empty();
  const auto due = routes.stale() != 0 ? routes.sweep_due() : std::nullopt;
  return {{"table", table},
          {"listens_at", wire::Endpoint{feed.settings().address, feed.settings().port}.to_string()},
          {"state", state_of(feed)},
          {"age_s",
           listener && listener->since() ? Json(seconds_since(*listener->since(), now)) : Json()},
          {"routes", routes.size()},
          {"next_hop_objects", routes.objects()},
          {"unresolved", routes.unresolved()},
          {"unusable", feed.unusable()},
          {"stale", routes.stale()},
          {"stale_removed_in_s", due ? Json(seconds_since(now, *due)) : Json()},
          {"messages", routes.counters().messages},
          {"refused", routes.counters().refused},
          {"connections", listener != nullptr ? listener->connections() : 0},
          {"last_error", said ? Json(listener->last_error()) : Json()}};
}

}  // namespace

Json fpm(const Gateway& g, TimePoint now) {
  Json rows = Json::array();
  for (const auto& [table, feed] : g.fpm()) rows.push_back(row_of(table, *feed, now));
  return {{"fpm", rows}};
}

}  // namespace kanmon::daemon::views
