#include "control/daemon/bgp_routes.h"

#include <algorithm>

namespace kanmon::daemon {
namespace {

constexpr size_t kMostHops = 65'536;  // looked up and remembered; a neighbour chooses them
constexpr uint8_t kAlone = 100;       // weight of a path that shares with none

}  // namespace

void BgpRoutes::take(bgp::NodeId node, const wire::Prefix& prefix,
                     std::span<const bgp::Speaker::Selected> paths, uint32_t now_s) {
  if (node >= installed_.size()) installed_.resize(node + node / 2 + 64);
  const bool is_theirs = !paths.empty() && paths.front().peer != nullptr;
  const uint32_t next = is_theirs ? way_of(paths) : 0;
  const uint32_t was = installed_[node];
  if (next == was) return;
  for (const Place& p : ways_[next].places) compiler_.add(p.offer, prefix, now_s);
  installed_[node] = next;
  ++ways_[next].uses;
  leave(was, next, prefix);
}

// What `for_way` does not replace goes.
void BgpRoutes::leave(uint32_t way, uint32_t for_way, const wire::Prefix& prefix) {
  for (const Place& p : ways_[way].places) {
    const auto& now = ways_[for_way].places;
    const bool is_replaced = std::any_of(now.begin(), now.end(), [&](const Place& q) {
      return p.table == q.table && p.source == q.source;
    });
    if (!is_replaced) compiler_.withdraw(p.table, p.source, prefix);
  }
  --ways_[way].uses;
  drop_if_unused(way);
}

void BgpRoutes::drop_if_unused(uint32_t id) {
  Way& way = ways_[id];
  if (id == 0 || way.uses != 0) return;
  for (const Place& p : way.places) compiler_.release(p.offer);
  if (way.is_known) known_.erase(way.key);
  if (last_ && last_->way == id) last_.reset();
  way = {};
  free_ways_.push_back(id);
}

uint32_t BgpRoutes::way_of(std::span<const bgp::Speaker::Selected> paths) {
  const auto& first = paths.front();
  const uint64_t peer = first.peer->serial();
  const wire::IpAddress next_hop = first.path->accepted->next_hop();
  if (paths.size() == 1 && last_ && last_->peer == peer && last_->next_hop == next_hop)
    return last_->way;
  Key key{peer, {}};
  for (const auto& s : paths) {
    if (s.peer == nullptr || !s.path->accepted) continue;
    const auto hop = resolve(*s.peer, s.path->accepted->next_hop());
    if (!hop || std::any_of(key.members.begin(), key.members.end(),
                            [&](const routing::Member& m) { return m.hop == *hop; }))
      continue;
    const uint8_t share = s.peer->settings().peering.source.share;
    key.members.push_back({*hop, s.is_standby ? uint8_t{0} : share});
  }
  if (key.members.empty()) return 0;
  const auto carry = std::count_if(key.members.begin(), key.members.end(),
                                   [](const routing::Member& m) { return m.weight != 0; });
  if (carry <= 1)
    for (auto& m : key.members)
      if (m.weight != 0 || key.members.size() == 1) m.weight = kAlone;
  const auto known = known_.find(key);
  const uint32_t way = known != known_.end() ? known->second : make_way(*first.peer, key);
  if (paths.size() == 1) last_ = Last{peer, next_hop, way};
  return way;
}

uint32_t BgpRoutes::make_way(const bgp::Peer& best, Key key) {
  uint32_t id = 0;
  if (free_ways_.empty()) {
    id = static_cast<uint32_t>(ways_.size());
    ways_.emplace_back();
  } else {
    id = free_ways_.back();
    free_ways_.pop_back();
  }
  Way& way = ways_[id];
  way.is_known = true;
  for (const routing::TableId table : world_.tables(best)) {
    const routing::SourceId source = compiler_.source({world_.origin(best), best.name()});
    const routing::OfferId offer = compiler_.offer(
        table, {.source = source, .on_down = routing::OnDown::kWithdraw, .members = key.members});
    way.places.push_back({table, offer, source});
  }
  known_.emplace(key, id);
  way.key = std::move(key);
  return id;
}

std::optional<fib::NextHop> BgpRoutes::resolve(const bgp::Peer& peer,
                                               const wire::IpAddress& next_hop) {
  const HopKey key{peer.serial(), next_hop};
  const auto known = hops_.find(key);
  if (known != hops_.end()) return known->second;
  if (hops_.size() >= kMostHops) hops_.clear();
  const auto hop = world_.resolve(peer, next_hop);
  hops_.emplace(key, hop);
  return hop;
}

void BgpRoutes::forget_ways() {
  hops_.clear();
  last_.reset();
  known_.clear();
  for (Way& way : ways_) way.is_known = false;
}

void BgpRoutes::table_gone(routing::TableId table) {
  for (Way& way : ways_)
    std::erase_if(way.places, [table](const Place& p) { return p.table == table; });
}

void BgpRoutes::withdraw_all(const bgp::Rib& rib) {
  for (bgp::NodeId node = 0; node < installed_.size(); ++node) {
    if (installed_[node] == 0) continue;
    leave(installed_[node], 0, rib.prefix(node));
    installed_[node] = 0;
  }
}

void BgpRoutes::pin_again() const {
  for (const Way& way : ways_)
    for (const auto& m : way.key.members)
      if (m.hop.kind() == fib::NextHopKind::kNeighbour) world_.pin(m.hop);
}

}  // namespace kanmon::daemon
