// Tables whose routes another routing daemon gives: which feeds a configuration asks for, where
// their gateways lead, and their turn in the loop.
#include "control/daemon/gateway.h"
#include "control/log/log.h"

namespace kanmon::daemon {

using fib::NextHop;
using fib::NextHopKind;

// A tunnel has one peer: a gateway behind its device says no more than the device.
std::optional<NextHop> Gateway::hop_by_device(const std::string& table, const std::string& device,
                                              const std::optional<wire::IpAddress>& gateway) {
  for (const auto& tunnel : config_.tunnels)
    if (tunnel.table == table && tunnel.host_device == device)
      return next_hop_of(now_, {.kind = routing::Target::Kind::kTunnel, .name = tunnel.name});
  for (const auto& [name, port] : ports_)
    if (has_port(table, name) && port.config.host_device == device)
      return gateway
                 ? next_hop_of(now_,
                               {.kind = routing::Target::Kind::kVia, .name = name, .via = *gateway})
                 : next_hop_of(now_, {.kind = routing::Target::Kind::kConnected, .name = name});
  return std::nullopt;
}

std::unique_ptr<FpmFeed> Gateway::make_fpm_feed(const config::RouteTable& table) {
  std::string ignored;  // opened by prepare_host_devices(), or it is tried again
  auto where = namespaces_.of(table.name, table.host_namespace, ignored);
  const std::string name = table.name;
  return std::make_unique<FpmFeed>(
      compiler_, tables_.at(name).number, table.fpm, std::move(where),
      FpmFeed::Ways{.by_gateway =
                        [this, name](const auto& gateway) {
                          return learned_next_hop(now_, name, {}, gateway);
                        },
                    .by_device =
                        [this, name](const auto& device, const auto& gateway) {
                          return hop_by_device(name, device, gateway);
                        },
                    .clock_s = [this] { return route_clock_s(now_); }});
}

// config_ is the new configuration, and its tables and tunnels have their numbers.
void Gateway::apply_fpm() {
  std::map<std::string, std::unique_ptr<FpmFeed>> next;
  for (const auto& table : config_.tables) {
    if (!table.fpm.is_on) continue;
    std::string why;
    const auto old = fpm_.find(table.name);
    const bool stays =
        old != fpm_.end() && old->second->settings() == table.fpm &&
        old->second->where() == namespaces_.of(table.name, table.host_namespace, why);
    if (stays) {
      next[table.name] = std::move(old->second);
      next[table.name]->refresh();
      fpm_.erase(old);
      continue;
    }
    if (old != fpm_.end()) fpm_.erase(old);  // frees the port
    next[table.name] = make_fpm_feed(table);
    listen_fpm(table.name, *next[table.name]);
  }
  fpm_ = std::move(next);
}

void Gateway::forget_fpm(const std::string& table) {
  const auto it = fpm_.find(table);
  if (it == fpm_.end()) return;
  it->second->forget();
  fpm_.erase(it);
}

// Said once; afterwards `show fpm` says it.
void Gateway::listen_fpm(const std::string& table, FpmFeed& feed) {
  std::string why;
  if (!feed.listen(why)) log::error("fpm", "cannot-listen", {{"table", table}, {"why", why}});
}

bool Gateway::poll_fpm(TimePoint now) {
  bool more = false;
  for (const auto& [table, feed] : fpm_) {
    const bool was = feed->listener() != nullptr && feed->listener()->is_connected();
    more |= feed->poll(now);
    const bool is = feed->listener() != nullptr && feed->listener()->is_connected();
    if (is && !was) log::info("fpm", "connected", {{"table", table}});
    if (was && !is)
      log::warning("fpm", "disconnected",
                   {{"table", table},
                    {"why", feed->listener()->last_error()},
                    {"routes", feed->routes().size()},
                    {"stale_seconds", feed->settings().stale_time_s}});
  }
  return more;
}

void Gateway::tick_fpm(TimePoint now) {
  for (const auto& [table, feed] : fpm_) {
    std::string why;
    if (!feed->is_listening() && feed->listen(why))
      log::info("fpm", "listening", {{"table", table}});
    const size_t before = feed->routes().size();
    feed->tick(now);
    if (feed->routes().size() < before)
      log::info("fpm", "stale-removed",
                {{"table", table}, {"routes", before - feed->routes().size()}});
  }
}

}  // namespace kanmon::daemon
