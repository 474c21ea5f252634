// Route sets for tests and benchmarks: the length distributions of the Internet's tables, addresses
// drawn without the locality of the real ones (which makes them harder to hold in little memory).
// The same seed gives the same set everywhere: only mt19937_64 is drawn from, no std distribution.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/common/byteorder.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/fib/next_hop.h"

namespace kanmon::fib::testing {

struct Route4 {
  uint32_t prefix;
  uint8_t length;
  NextHop hop;
};
struct Route6 {
  Address6 prefix;
  uint8_t length;
  NextHop hop;
};

struct Share {
  uint8_t length;
  unsigned per_mille;
};
// After the public IPv4 table of 2024, rounded: three routes of five are /24.
inline constexpr Share kShares4[] = {{24, 600}, {23, 100}, {22, 110}, {21, 50}, {20, 45}, {19, 30},
                                     {18, 15},  {17, 10},  {16, 15},  {15, 5},  {14, 4},  {13, 3},
                                     {12, 2},   {25, 3},   {28, 3},   {30, 2},  {32, 3}};
// After the public IPv6 table: nearly half are /48.
inline constexpr Share kShares6[] = {{48, 460}, {32, 130}, {44, 90}, {40, 90}, {36, 40},
                                     {29, 40},  {47, 30},  {46, 30}, {45, 20}, {42, 20},
                                     {38, 15},  {34, 15},  {33, 10}, {64, 6},  {128, 4}};

template <size_t N>
uint8_t draw_length(const Share (&shares)[N], std::mt19937_64& rng) {
  auto left = static_cast<int>(rng() % 1000);
  for (const Share& s : shares)
    if ((left -= static_cast<int>(s.per_mille)) < 0) return s.length;
  return shares[0].length;
}

inline NextHop draw_hop(unsigned hops, std::mt19937_64& rng) {
  return NextHop::make(NextHopKind::kNeighbour, static_cast<uint32_t>(rng() % hops));
}

inline uint32_t mask4(uint32_t address, unsigned length) {
  return length == 0 ? 0 : address & (~uint32_t{0} << (32 - length));
}
inline Address6 address6(Key k) {
  Address6 a;
  store_be(a.data(), k.hi);
  store_be(a.data() + 8, k.lo);
  return a;
}

// `count` different routes in 1.0.0.0 – 223.255.255.255 over `hops` next hops.
inline std::vector<Route4> internet4(size_t count, unsigned hops = 256, uint64_t seed = 4) {
  std::mt19937_64 rng(seed);
  std::vector<Route4> routes;
  std::set<uint64_t> seen;
  while (routes.size() < count) {
    const uint8_t length = draw_length(kShares4, rng);
    const uint32_t prefix = mask4(static_cast<uint32_t>(rng()), length);
    if (prefix >> 24 == 0 || prefix >> 24 > 223) continue;
    if (!seen.insert(uint64_t{prefix} << 8 | length).second) continue;
    routes.push_back({prefix, length, draw_hop(hops, rng)});
  }
  return routes;
}

// `count` different routes: allocations of /29 to /32 in the registries' blocks, and more-specifics
// inside them, half of them numbered from the bottom and half at random.
inline std::vector<Route6> internet6(size_t count, unsigned hops = 256, uint64_t seed = 6) {
  static constexpr uint64_t kBlocks[] = {0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00};
  std::mt19937_64 rng(seed);
  std::vector<Route6> routes;
  std::vector<uint64_t> allocations;
  std::set<std::pair<std::pair<uint64_t, uint64_t>, unsigned>> seen;
  while (routes.size() < count) {
    const uint8_t length = draw_length(kShares6, rng);
    const bool allocation = length <= 32 || allocations.empty();
    Key key;
    if (allocation) {
      key.hi = kBlocks[rng() % 6] << 48 | (rng() >> 20 & 0x000fffff00000000);
      key = masked(key, 29 + static_cast<unsigned>(rng() % 4));
      allocations.push_back(key.hi);
    } else {
      key.hi = allocations[rng() % allocations.size()];
      const unsigned free_bits = length < 64 ? length - 32u : 32u;
      const uint64_t number = rng() % 2 ? rng() % 16 : rng();
      key.hi |= (number & ((uint64_t{1} << free_bits) - 1)) << (32 - free_bits);
      key.lo = rng();
    }
    key = masked(key, length);
    if (!seen.insert({{key.hi, key.lo}, length}).second) continue;
    routes.push_back({address6(key), length, draw_hop(hops, rng)});
  }
  return routes;
}

// An address inside a route that is drawn evenly from the set.
inline uint32_t address_in(const std::vector<Route4>& routes, std::mt19937_64& rng) {
  const Route4& r = routes[rng() % routes.size()];
  const auto noise = static_cast<uint32_t>(rng());
  return r.prefix | (noise & ~mask4(~uint32_t{0}, r.length));
}
inline Address6 address_in(const std::vector<Route6>& routes, std::mt19937_64& rng) {
  const Route6& r = routes[rng() % routes.size()];
  const Key prefix = Key::v6(r.prefix.data());
  const Key noise{rng(), rng()};
  const Key own = masked(noise, r.length);
  return address6({prefix.hi | (noise.hi ^ own.hi), prefix.lo | (noise.lo ^ own.lo)});
}

}  // namespace kanmon::fib::testing
