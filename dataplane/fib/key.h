// Addresses as 128-bit keys, and how they are cut into steps of six bits.
//
// An IPv4 address is the top 32 bits of `hi`. Steps begin at depths 0, 6, … 60 in `hi` and 64, 70,
// … 124 in `lo`: a step never straddles the two words, so the one at 60 (and 124) has four bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "dataplane/common/byteorder.h"

namespace kanmon::fib {

inline constexpr unsigned kStride = 6;
inline constexpr unsigned kSlots = 1u << kStride;
inline constexpr unsigned kMaxSteps = 22;  // an IPv6 host route

struct Key {
  uint64_t hi = 0;
  uint64_t lo = 0;

  static constexpr Key v4(uint32_t host_order) { return {uint64_t{host_order} << 32, 0}; }
  static Key v6(const uint8_t* network_order) {
    return {load_be<uint64_t>(network_order), load_be<uint64_t>(network_order + 8)};
  }
  friend constexpr bool operator==(const Key&, const Key&) = default;
};

// `word` with everything below its `bits` topmost bits cleared. REQUIRES: bits <= 64.
constexpr uint64_t top_bits(uint64_t word, unsigned bits) {
  return bits == 0 ? 0 : word & (~uint64_t{0} << (64 - bits));
}

constexpr Key masked(Key k, unsigned length) {
  return length <= 64 ? Key{top_bits(k.hi, length), 0} : Key{k.hi, top_bits(k.lo, length - 64)};
}

constexpr bool same_prefix(Key a, Key b, unsigned length) {
  return masked(Key{a.hi ^ b.hi, a.lo ^ b.lo}, length) == Key{};
}

constexpr unsigned common_bits(Key a, Key b) {
  return static_cast<unsigned>(a.hi != b.hi ? std::countl_zero(a.hi ^ b.hi)
                                            : 64 + std::countl_zero(a.lo ^ b.lo));
}

// The slot of `k` in a node at `depth`: six bits from there, zeros beyond the end of the word.
constexpr unsigned slot_at(Key k, unsigned depth) {
  return static_cast<unsigned>(((depth < 64 ? k.hi : k.lo) << (depth & 63)) >> (64 - kStride));
}

// The same for keys that end within `hi`: readers of IPv4 tables save the choice of the word.
struct ShortKey {
  uint64_t hi = 0;
};
constexpr unsigned slot_at(ShortKey k, unsigned depth) {
  return static_cast<unsigned>((k.hi << depth) >> (64 - kStride));
}
constexpr uint64_t guard_word(ShortKey k, unsigned) {
  return k.hi;
}

// The deepest step that begins at or before bit `bit`. REQUIRES: bit < 128.
constexpr unsigned step_of(unsigned bit) {
  const unsigned base = bit & 64;
  return base + (bit - base) / kStride * kStride;
}

// The depth of the node that holds routes of `length`: it covers the route's last bit.
constexpr unsigned home_depth(unsigned length) {
  return length == 0 ? 0 : step_of(length - 1);
}

// The word of `k` that a comparison of its first `depth` bits ends in.
constexpr uint64_t guard_word(Key k, unsigned depth) {
  return depth <= 64 ? k.hi : k.lo;
}

}  // namespace kanmon::fib
