// The oracle of route tables: one hash map per length, asked from the longest. Slow, and knows
// nothing of tries.
#pragma once

#include <functional>
#include <map>
#include <unordered_map>

#include "dataplane/fib/key.h"
#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/fib/next_hop.h"
#include "tests/unit/fib/route_sets.h"

namespace kanmon::fib::testing {

struct KeyHash {
  size_t operator()(const Key& k) const {
    return k.hi * 0x9E3779B97F4A7C15 ^ (k.lo + 0x7F4A7C15) * 0xBF58476D1CE4E5B9;
  }
};

class SlowTruth {
 public:
  using Routes = std::unordered_map<Key, NextHop, KeyHash>;

  void insert(Key prefix, unsigned length, NextHop hop) { by_length_[length][prefix] = hop; }
  bool erase(Key prefix, unsigned length) {
    const auto it = by_length_.find(length);
    if (it == by_length_.end() || it->second.erase(prefix) == 0) return false;
    if (it->second.empty()) by_length_.erase(it);
    return true;
  }
  struct Answer {
    NextHop hop;
    unsigned length = 0;
  };
  Answer longest(Key address) const {
    for (const auto& [length, routes] : by_length_)
      if (const auto it = routes.find(masked(address, length)); it != routes.end())
        return {it->second, length};
    return {};
  }
  NextHop lookup(Key address) const { return longest(address).hop; }
  size_t size() const {
    size_t n = 0;
    for (const auto& [length, routes] : by_length_) n += routes.size();
    return n;
  }
  const std::map<unsigned, Routes, std::greater<>>& by_length() const { return by_length_; }

 private:
  std::map<unsigned, Routes, std::greater<>> by_length_;
};

// The two families, for tests that are templates.
struct V4 {
  using Lpm = Lpm4;
  using Address = uint32_t;
  static Address of(Key k) { return static_cast<uint32_t>(k.hi >> 32); }
  static Key key(Address a) { return Key::v4(a); }
  static constexpr unsigned kMax = 32;
};
struct V6 {
  using Lpm = Lpm6;
  using Address = Address6;
  static Address of(Key k) { return address6(k); }
  static Key key(const Address& a) { return Key::v6(a.data()); }
  static constexpr unsigned kMax = 128;
};

}  // namespace kanmon::fib::testing
