// What a route leads to, in 32 bits: four bits of kind, 28 bits of index. Zero: no route.
#pragma once

#include <cstdint>

namespace kanmon::fib {

enum class NextHopKind : uint8_t {
  kNone = 0,
  kBlackhole,
  kLocal,      // an address of the gateway itself
  kGlean,      // connected subnet, neighbour not resolved yet: index = port
  kNeighbour,  // index = adjacency
  kTunnel,     // index = tunnel
  kGroup,      // index = next-hop group
};

struct NextHop {
  uint32_t raw = 0;

  static constexpr uint32_t kIndexBits = 28;
  static constexpr uint32_t kMaxIndex = (1u << kIndexBits) - 1;

  // REQUIRES: index <= kMaxIndex.
  static constexpr NextHop make(NextHopKind kind, uint32_t index = 0) {
    return {static_cast<uint32_t>(kind) << kIndexBits | index};
  }
  constexpr NextHopKind kind() const { return static_cast<NextHopKind>(raw >> kIndexBits); }
  constexpr uint32_t index() const { return raw & kMaxIndex; }
  friend constexpr bool operator==(NextHop, NextHop) = default;
};

}  // namespace kanmon::fib
