// What a speaker selected, as candidates of the route compiler: in the speaker's own table, and in
// those that the neighbour's attachment propagates to.
//
// Prefixes that lead the same way, from the same neighbour, share a Way: one offer for each table.
// A prefix keeps the number of its way, so that a change of attributes that moves nothing costs
// nothing in the compiler.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "control/bgp/speaker/speaker.h"
#include "control/routing/compiler.h"

namespace kanmon::daemon {

class BgpRoutes {
 public:
  struct World {
    // Where a route with this next hop from this neighbour leads; none: nowhere.
    std::function<std::optional<fib::NextHop>(const bgp::Peer&, const wire::IpAddress&)> resolve;
    // The tables the neighbour's routes are for.
    std::function<std::vector<routing::TableId>(const bgp::Peer&)> tables;
    std::function<routing::Origin(const bgp::Peer&)> origin;
    // Keeps a station that resolve() gave as a next hop from being forgotten.
    std::function<void(fib::NextHop)> pin;
  };
  // `compiler` outlives it.
  BgpRoutes(routing::Compiler& compiler, World world)
      : compiler_(compiler), world_(std::move(world)), ways_(1) {}

  void take(bgp::NodeId node, const wire::Prefix& prefix,
            std::span<const bgp::Speaker::Selected> paths, uint32_t now_s);
  // Next hops and tables are looked up anew; Speaker::replay() has to follow.
  void forget_ways();
  // The compiler has dropped this table with all that was in it.
  void table_gone(routing::TableId table);
  // Takes back everything.
  void withdraw_all(const bgp::Rib& rib);
  // All stations that are next hops, once more, through World::pin.
  void pin_again() const;

  bool is_installed(bgp::NodeId node) const {
    return node < installed_.size() && installed_[node] != 0;
  }

 private:
  struct Key {
    uint64_t peer = 0;  // serial of the best path's
    std::vector<routing::Member> members;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Place {
    routing::TableId table = 0;
    routing::OfferId offer = 0;
    routing::SourceId source = 0;
  };
  struct Way {
    Key key;
    std::vector<Place> places;
    uint64_t uses = 0;  // prefixes
    bool is_known = false;
  };
  using HopKey = std::pair<uint64_t, wire::IpAddress>;  // serial of a peer, next hop

  uint32_t way_of(std::span<const bgp::Speaker::Selected> paths);
  uint32_t make_way(const bgp::Peer& best, Key key);
  std::optional<fib::NextHop> resolve(const bgp::Peer& peer, const wire::IpAddress& next_hop);
  void leave(uint32_t way, uint32_t for_way, const wire::Prefix& prefix);
  void drop_if_unused(uint32_t way);

  routing::Compiler& compiler_;
  World world_;
  std::vector<uint32_t> installed_;  // by node: its way; 0: none
  std::vector<Way> ways_;            // 0 is none
  std::vector<uint32_t> free_ways_;
  std::map<Key, uint32_t> known_;
  std::map<HopKey, std::optional<fib::NextHop>> hops_;
  // Of the last prefix with one path: a neighbour's prefixes come together.
  struct Last {
    uint64_t peer = 0;
    wire::IpAddress next_hop;
    uint32_t way = 0;
  };
  std::optional<Last> last_;
};

}  // namespace kanmon::daemon
