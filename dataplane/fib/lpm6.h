// Longest-prefix match for IPv6: Lpm4 for addresses of sixteen octets in network order. What
// lpm4.h says of errors, memory and threads holds here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/common/result.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/fib/table.h"

namespace kanmon::fib {

// As in wire::IpAddress::octets.
using Address6 = std::array<uint8_t, 16>;

class Lpm6 {
 public:
  static constexpr unsigned kMaxLength = 128;

  explicit Lpm6(NodePool& pool) : table_(pool, kMaxLength) {}

  // ---- control.

  Status insert(const Address6& prefix, uint8_t length, NextHop hop) {
    return table_.insert(Key::v6(prefix.data()), length, hop);
  }
  Status erase(const Address6& prefix, uint8_t length) {
    return table_.erase(Key::v6(prefix.data()), length);
  }
  NextHop find(const Address6& prefix, uint8_t length) const {
    return table_.find(Key::v6(prefix.data()), length);
  }
  size_t size() const { return table_.size(); }
  size_t memory_bytes() const { return table_.memory_bytes(); }
  // Calls f(const Address6& prefix, uint8_t length, NextHop), by prefix, then by length.
  template <class F>
  void for_each(F f) const {
    table_.walk(
        [](void* ctx, Key prefix, unsigned length, NextHop hop) {
          Address6 octets;
          store_be(octets.data(), prefix.hi);
          store_be(octets.data() + 8, prefix.lo);
          (*static_cast<F*>(ctx))(octets, static_cast<uint8_t>(length), hop);
        },
        &f);
  }

  // ---- any reader.

  NextHop lookup(const Address6& address) const;
  void lookup_bulk(const Address6* addresses, NextHop* out, unsigned n) const;

 private:
  Table table_;
};

}  // namespace kanmon::fib
