// A forwarding plane that remembers what it was told, and complains about what cannot be.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/routing/compiler.h"

namespace kanmon::routing::testing {

inline wire::Prefix prefix(const char* text) {
  return wire::Prefix::parse(text).value();
}
inline wire::IpAddress ip(const char* text) {
  return wire::IpAddress::parse(text).value();
}
inline fib::NextHop tunnel(uint32_t n) {
  return fib::NextHop::make(fib::NextHopKind::kTunnel, n);
}
inline fib::NextHop neighbour(uint32_t n) {
  return fib::NextHop::make(fib::NextHopKind::kNeighbour, n);
}
inline fib::NextHop blackhole() {
  return fib::NextHop::make(fib::NextHopKind::kBlackhole);
}

class Recorder final : public Forwarding {
 public:
  using Key = std::pair<TableId, wire::Prefix>;

  Status set(TableId table, const wire::Prefix& prefix, fib::NextHop hop) override {
    if (is_full) return Errc::kNoSpace;
    if (hop.kind() == fib::NextHopKind::kGroup) {
      EXPECT_EQ(groups.count(hop.index()), 1u) << "a route to a group that is not there";
    }
    routes[{table, prefix}] = hop;
    return success();
  }
  void unset(TableId table, const wire::Prefix& prefix) override {
    EXPECT_EQ(routes.erase({table, prefix}), is_full ? routes.count({table, prefix}) : 1u);
  }
  void set_group(uint32_t group, std::span<const Member> members) override {
    if (!members.empty()) {
      groups[group].assign(members.begin(), members.end());
      return;
    }
    for (const auto& [key, hop] : routes)
      EXPECT_NE(hop, fib::NextHop::make(fib::NextHopKind::kGroup, group)) << "a route is left";
    EXPECT_EQ(groups.erase(group), 1u);
  }
  // Where a prefix leads: none if nowhere.
  fib::NextHop at(TableId table, const wire::Prefix& prefix) const {
    const auto it = routes.find({table, prefix});
    return it == routes.end() ? fib::NextHop{} : it->second;
  }

  std::map<Key, fib::NextHop> routes;
  std::map<uint32_t, std::vector<Member>> groups;
  bool is_full = false;
};

}  // namespace kanmon::routing::testing
