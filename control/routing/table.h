// One route table as control keeps it: every candidate for a prefix with its origin, the best of
// them installed in the longest-prefix-match tables the workers read.
//
// Underlay tables cannot hold a route to a tunnel: UnderlayTable has no way to say it (INV-1).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/wire/address.h"

namespace kanmon::routing {

// Where a route comes from, best first: of two candidates for one prefix the earlier wins.
enum class Origin : uint8_t {
  kLocal,      // an address of the gateway
  kConnected,  // a port's subnet
  kStatic,     // the configuration
  kNeighbor,   // a resolved station of a connected subnet
};
inline constexpr size_t kOrigins = 4;
const char* to_string(Origin origin);

struct Candidate {
  wire::Prefix prefix;
  Origin origin = Origin::kStatic;
  fib::NextHop next_hop;
  bool active = false;  // the one that is installed
};

class Table {
 public:
  // `pool` serves the tables of all domains and outlives them.
  explicit Table(fib::NodePool& pool);

  // Adds or replaces the candidate of `origin`. kNoSpace: memory ran out, nothing changed.
  Status set(Origin origin, const wire::Prefix& prefix, fib::NextHop next_hop);
  // Takes it away; the next best takes over. False if there was none.
  bool unset(Origin origin, const wire::Prefix& prefix);

  // What a worker would find.
  fib::NextHop lookup(const wire::IpAddress& address) const;
  // In order of prefixes, all candidates.
  std::vector<Candidate> candidates() const;
  size_t size() const { return routes_.size(); }
  size_t memory_bytes() const { return lpm4_.memory_bytes() + lpm6_.memory_bytes(); }

  // For the workers; stable for the table's life.
  const fib::Lpm4* lpm4() const { return &lpm4_; }
  const fib::Lpm6* lpm6() const { return &lpm6_; }

 private:
  using Slots = std::array<std::optional<fib::NextHop>, kOrigins>;
  Status install(const wire::Prefix& prefix, const Slots& slots);

  std::map<wire::Prefix, Slots> routes_;
  fib::Lpm4 lpm4_;
  fib::Lpm6 lpm6_;
};

// A route of an underlay: to a neighbour, a connected subnet, the gateway itself, or nowhere. Never
// to a tunnel: there is no constructor for it.
class UnderlayNextHop {
 public:
  // `hosted`: the machine's own stack has the address too.
  static UnderlayNextHop local(bool hosted = false) {
    return make(fib::NextHopKind::kLocal, hosted ? fib::kLocalHosted : 0);
  }
  static UnderlayNextHop blackhole() { return make(fib::NextHopKind::kBlackhole, 0); }
  static UnderlayNextHop glean(uint32_t port) { return make(fib::NextHopKind::kGlean, port); }
  static UnderlayNextHop neighbour(uint32_t adjacency) {
    return make(fib::NextHopKind::kNeighbour, adjacency);
  }
  fib::NextHop raw() const { return value_; }

 private:
  static UnderlayNextHop make(fib::NextHopKind kind, uint32_t index) {
    UnderlayNextHop n;
    n.value_ = fib::NextHop::make(kind, index);
    return n;
  }
  fib::NextHop value_;
};

class UnderlayTable {
 public:
  explicit UnderlayTable(fib::NodePool& pool) : table_(pool) {}
  Status set(Origin origin, const wire::Prefix& prefix, UnderlayNextHop next_hop) {
    return table_.set(origin, prefix, next_hop.raw());
  }
  bool unset(Origin origin, const wire::Prefix& prefix) { return table_.unset(origin, prefix); }
  fib::NextHop lookup(const wire::IpAddress& address) const { return table_.lookup(address); }
  const Table& table() const { return table_; }

 private:
  Table table_;
};

}  // namespace kanmon::routing
