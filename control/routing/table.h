// One forwarding table of either kind as control writes it: the longest-prefix-match tables the
// workers read. What is in them is the compiler's choice (compiler.h).
//
// Underlay tables cannot hold a route to a tunnel: UnderlayTable has no way to say it (INV-1).
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/wire/address.h"

namespace kanmon::routing {

class Table {
 public:
  // `pool` serves the tables of all domains and outlives them.
  explicit Table(fib::NodePool& pool) : lpm4_(pool), lpm6_(pool) {}

  // Adds or replaces. kNoSpace: memory ran out, nothing changed.
  Status set(const wire::Prefix& prefix, fib::NextHop next_hop);
  // Takes it away. Without memory to do so it becomes a blackhole: it must not lead where it led.
  void unset(const wire::Prefix& prefix);

  // What a worker would find.
  fib::NextHop lookup(const wire::IpAddress& address) const;
  size_t memory_bytes() const { return lpm4_.memory_bytes() + lpm6_.memory_bytes(); }

  // For the workers; stable for the table's life.
  const fib::Lpm4* lpm4() const { return &lpm4_; }
  const fib::Lpm6* lpm6() const { return &lpm6_; }

 private:
  fib::Lpm4 lpm4_;
  fib::Lpm6 lpm6_;
};

// A route of an underlay: to a neighbour, a connected subnet, the gateway itself, or nowhere. Never
// to a tunnel: there is no way to make one.
class UnderlayNextHop {
 public:
  // Absent: of a kind that leads inside.
  static std::optional<UnderlayNextHop> of(fib::NextHop hop);
  fib::NextHop raw() const { return value_; }

 private:
  explicit UnderlayNextHop(fib::NextHop value) : value_(value) {}
  fib::NextHop value_;
};

class UnderlayTable {
 public:
  explicit UnderlayTable(fib::NodePool& pool) : table_(pool) {}
  Status set(const wire::Prefix& prefix, UnderlayNextHop next_hop) {
    return table_.set(prefix, next_hop.raw());
  }
  void unset(const wire::Prefix& prefix) { table_.unset(prefix); }
  fib::NextHop lookup(const wire::IpAddress& address) const { return table_.lookup(address); }
  const Table& table() const { return table_; }

 private:
  Table table_;
};

}  // namespace kanmon::routing
