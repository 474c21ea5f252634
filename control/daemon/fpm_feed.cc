#include "control/daemon/fpm_feed.h"

#include <algorithm>
#include <array>
#include <utility>

#include <net/if.h>

namespace kanmon::daemon {

FpmFeed::FpmFeed(routing::Compiler& compiler, routing::TableId table, const config::Fpm& settings,
                 std::shared_ptr<const host::Namespace> where, Ways ways)
    : compiler_(compiler),
      table_(table),
      settings_(settings),
      where_(std::move(where)),
      ways_(std::move(ways)),
      routes_(*this, {.stale = std::chrono::seconds(settings.stale_time_s)}) {}

FpmFeed::~FpmFeed() {
  if (!is_dropped_) routes_.clear();
}

bool FpmFeed::listen(std::string& why) {
  if (listener_ == nullptr)
    listener_ =
        fpm::Listener::open(where_.get(), {settings_.address, settings_.port}, routes_, why);
  return listener_ != nullptr;
}

bool FpmFeed::poll(fpm::TimePoint now) {
  return listener_ != nullptr && listener_->poll(now);
}

void FpmFeed::tick(fpm::TimePoint now) {
  routes_.tick(now);
}

void FpmFeed::refresh() {
  devices_.clear();
  adjacencies_.clear();
  routes_.replay();
}

routing::SourceId FpmFeed::source() const {
  return compiler_.source({routing::Origin::kFpm, {}});
}

void FpmFeed::set(const wire::Prefix& prefix, std::span<const fpm::Way> ways) {
  routing::OfferSpec spec{.source = source(), .on_down = routing::OnDown::kWithdraw, .members = {}};
  for (const fpm::Way& way : ways) {
    const auto hop = next_hop(way);
    const auto is_same = [&](const routing::Member& m) { return m.hop == *hop; };
    if (!hop || std::any_of(spec.members.begin(), spec.members.end(), is_same)) continue;
    spec.members.push_back({*hop, static_cast<uint8_t>(std::min<uint16_t>(way.weight, 255))});
    if (hop->kind() == fib::NextHopKind::kNeighbour) adjacencies_.insert(hop->index());
  }
  if (ways.empty()) spec.members.push_back({fib::NextHop::make(fib::NextHopKind::kBlackhole)});
  if (spec.members.empty()) {
    unset(prefix);
    unusable_.insert(prefix);
    return;
  }
  unusable_.erase(prefix);
  const routing::OfferId offer = compiler_.offer(table_, spec);
  compiler_.add(offer, prefix, ways_.clock_s());
  compiler_.release(offer);
}

void FpmFeed::unset(const wire::Prefix& prefix) {
  unusable_.erase(prefix);
  (void)compiler_.withdraw(table_, source(), prefix);
}

std::optional<fib::NextHop> FpmFeed::next_hop(const fpm::Way& way) {
  if (way.gateway && !way.gateway->is_link_local())
    if (const auto hop = ways_.by_gateway(*way.gateway)) return hop;
  const std::string& name = device(way.interface);
  return name.empty() ? std::nullopt : ways_.by_device(name, way.gateway);
}

// The name of an interface in the table's namespace; empty: there is none of that number.
const std::string& FpmFeed::device(uint32_t interface) {
  const auto [it, is_new] = devices_.try_emplace(interface);
  if (!is_new) return it->second;
  const host::Namespace::Visit visit(where_.get());
  std::array<char, IF_NAMESIZE> name{};
  if (visit.ok() && if_indextoname(interface, name.data()) != nullptr) it->second = name.data();
  return it->second;
}

}  // namespace kanmon::daemon
