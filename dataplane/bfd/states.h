// The state machine of RFC 5880 section 6.2 as a table: our state by the state a packet tells.
#pragma once

#include <array>
#include <cstddef>

#include "dataplane/bfd/packet.h"

namespace kanmon::bfd {

struct Rule {
  State ours;
  State theirs;
  State next;
  Diag diag = Diag::kNone;  // set when the session goes down by this packet
};

// What is not here stays as it is. In kAdminDown no packet gets so far.
inline constexpr Rule kRules[] = {
    {State::kDown, State::kDown, State::kInit},
    {State::kDown, State::kInit, State::kUp},
    {State::kInit, State::kInit, State::kUp},
    {State::kInit, State::kUp, State::kUp},
    {State::kInit, State::kAdminDown, State::kDown, Diag::kNeighborSignaledDown},
    {State::kUp, State::kAdminDown, State::kDown, Diag::kNeighborSignaledDown},
    {State::kUp, State::kDown, State::kDown, Diag::kNeighborSignaledDown},
};

struct Move {
  State next = State::kDown;
  Diag diag = Diag::kNone;
};
inline constexpr std::size_t kStateCount = 4;
using MoveTable = std::array<std::array<Move, kStateCount>, kStateCount>;

namespace detail {
consteval MoveTable build() {
  MoveTable table{};
  for (std::size_t ours = 0; ours < kStateCount; ++ours)
    for (Move& m : table[ours]) m.next = static_cast<State>(ours);
  for (const Rule& r : kRules)
    table[static_cast<std::size_t>(r.ours)][static_cast<std::size_t>(r.theirs)] = {r.next, r.diag};
  return table;
}
consteval bool no_pair_twice() {
  for (const Rule& a : kRules)
    for (const Rule& b : kRules)
      if (&a != &b && a.ours == b.ours && a.theirs == b.theirs) return false;
  return true;
}
static_assert(no_pair_twice(), "one rule for a pair of states");
}  // namespace detail
inline constexpr MoveTable kMoves = detail::build();

constexpr Move move(State ours, State theirs) {
  return kMoves[static_cast<std::size_t>(ours)][static_cast<std::size_t>(theirs)];
}

}  // namespace kanmon::bfd
