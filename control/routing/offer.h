// An offer is all that routes of one provenance and the same next hops share: a million routes from
// one BGP peer are a million candidates of a few offers.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/routing/origin.h"
#include "dataplane/fib/next_hop.h"

namespace kanmon::routing {

using TableId = uint16_t;   // the number the workers know the table by
using SourceId = uint32_t;  // Compiler::source()
using OfferId = uint32_t;   // Compiler::offer()

// What becomes of a route none of whose next hops is alive. kHold: it stays, and the data plane
// drops by name what is sent to a dead tunnel. kWithdraw: it goes, the next best candidate or a
// shorter prefix takes over. kBlackhole: it stays and drops what it covers. kFallback: as
// kBlackhole; the fallback is a member of weight 0.
using config::OnDown;

// One next hop of a route. Traffic is shared by weight among the members that live; those of weight
// 0 stand by and share equally while no other lives.
struct Member {
  fib::NextHop hop;
  uint8_t weight = 100;

  friend constexpr auto operator<=>(const Member& a, const Member& b) {
    const auto by_hop = a.hop.raw <=> b.hop.raw;
    return by_hop != 0 ? by_hop : a.weight <=> b.weight;
  }
  friend constexpr bool operator==(const Member&, const Member&) = default;
};

struct OfferSpec {
  SourceId source = 0;
  OnDown on_down = OnDown::kHold;
  std::vector<Member> members;  // at least one; kBlackhole is a next hop like others

  friend auto operator<=>(const OfferSpec&, const OfferSpec&) = default;
};

}  // namespace kanmon::routing
