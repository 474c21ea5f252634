// Longest-prefix match for IPv4: which next hop a destination address leads to.
//
// Right for a full Internet table and for a thousand tables of a hundred routes alike; see table.h
// for the structure. Addresses and prefixes are in host order. The default route (0.0.0.0/0) and
// host routes are routes like any other.
//
// Threads: one control thread changes the table; any number of readers look up at the same time
// without a lock. For every address a lookup answers with what was right before or after any change
// that goes on, never with anything else. Readers are online in the pool's Qsbr.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/common/result.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/fib/table.h"

namespace kanmon::fib {

class Lpm4 {
 public:
  static constexpr unsigned kMaxLength = 32;

  // One pool serves all tables of a process and outlives them. An empty table owns no memory.
  explicit Lpm4(NodePool& pool) : table_(pool, kMaxLength) {}
  // The destructor REQUIRES: no reader can reach the table any more.

  // ---- control.

  // Inserts or replaces. Errors: kBadValue (length above 32, bits set beyond it, no next hop),
  // kNoSpace (the table is unchanged).
  Status insert(uint32_t prefix, uint8_t length, NextHop hop) {
    return table_.insert(Key::v4(prefix), length, hop);
  }
  // Errors: kNotFound, kBadValue, kNoSpace (the table is unchanged).
  Status erase(uint32_t prefix, uint8_t length) { return table_.erase(Key::v4(prefix), length); }
  // The next hop of exactly this route; none if there is no such route.
  NextHop find(uint32_t prefix, uint8_t length) const {
    return table_.find(Key::v4(prefix), length);
  }
  size_t size() const { return table_.size(); }
  // Readers' and control's memory, without what still waits for a grace period.
  size_t memory_bytes() const { return table_.memory_bytes(); }
  // Calls f(uint32_t prefix, uint8_t length, NextHop) for all routes, by prefix, then by length.
  // The table must not change meanwhile.
  template <class F>
  void for_each(F f) const {
    table_.walk(
        [](void* ctx, Key prefix, unsigned length, NextHop hop) {
          (*static_cast<F*>(ctx))(static_cast<uint32_t>(prefix.hi >> 32),
                                  static_cast<uint8_t>(length), hop);
        },
        &f);
  }

  // ---- any reader.

  // The next hop of the longest route that covers `address`; none if none does.
  NextHop lookup(uint32_t address) const;
  // out[i] = lookup(addresses[i]) for i < n, several at a time: several times faster.
  void lookup_bulk(const uint32_t* addresses, NextHop* out, unsigned n) const;

 private:
  Table table_;
};

}  // namespace kanmon::fib
