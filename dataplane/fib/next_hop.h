// What a route leads to, in 32 bits: four bits of kind, 28 bits of index into the table of that
// kind. Zero means "no route", so that zeroed memory forwards nothing.
#pragma once

#include <cassert>
#include <cstdint>

namespace kanmon::fib {

enum class NextHopKind : uint8_t {
  kNone = 0,   // no route matches; never stored
  kBlackhole,  // drop on purpose; the index is free for a reason
  kLocal,      // an address of ours; the index is 0 or kLocalHosted
  kGlean,      // a connected subnet whose neighbour is not resolved: index = port
  kNeighbour,  // index = adjacency
  kTunnel,     // index = tunnel
  kGroup,      // index = next-hop group (group.h): one of its members, by flow
};
// The lookup structures keep the top bit to themselves: kinds stay below 8.
inline constexpr unsigned kNextHopKinds = 8;
// Index of a kLocal next hop whose address the machine's own stack has too: what the gateway does
// not answer itself goes there.
inline constexpr uint32_t kLocalHosted = 1;

struct NextHop {
  static constexpr uint32_t kMaxIndex = (1u << 28) - 1;

  uint32_t raw = 0;

  // REQUIRES: index <= kMaxIndex.
  static constexpr NextHop make(NextHopKind kind, uint32_t index = 0) {
    assert(index <= kMaxIndex && static_cast<unsigned>(kind) < kNextHopKinds);
    return NextHop{(static_cast<uint32_t>(kind) << 28) | index};
  }
  constexpr NextHopKind kind() const { return static_cast<NextHopKind>(raw >> 28); }
  constexpr uint32_t index() const { return raw & kMaxIndex; }
  explicit constexpr operator bool() const { return kind() != NextHopKind::kNone; }

  friend constexpr bool operator==(NextHop, NextHop) = default;
};

}  // namespace kanmon::fib
