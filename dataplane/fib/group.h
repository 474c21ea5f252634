// A next-hop group: one route that leads to several tunnels or neighbours by weight.
//
// The flows that hash to one bucket go one way. Each bucket holds all members in its own order of
// preference, and a packet takes the first member that is alive. So a member that dies loses its
// buckets, each to the next of that bucket's order, no other bucket moves, and a member that comes
// back has exactly what it had: nothing is written into a group when a member comes or goes, who
// asks says who is alive.
//
//   weight    1 … 255: the member is first in that share of the buckets. 0: standby, behind all
//             others everywhere, alive when none of them is. All 0: equal shares.
//   buckets   a power of two, 256 … 4,096: at least 64 for a member of the smallest weight, so that
//             rounding costs it less than 1 %, as far as 4,096 go
//   order     behind the first, members follow by weighted rendezvous (Thaler and Ravishankar): the
//             buckets of a dead member spread over the others by their weights
//
// Made by control, read by the workers, freed by control when every worker has acknowledged the
// command that replaced it. Its shape never changes; the tallies have one writer each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/counter.h"
#include "dataplane/fib/next_hop.h"

namespace kanmon::fib {

struct GroupMember {
  NextHop hop;  // kTunnel, kNeighbour or kBlackhole
  uint8_t weight = 0;

  friend bool operator==(const GroupMember&, const GroupMember&) = default;
};

class Group {
 public:
  static constexpr unsigned kMaxMembers = 64;
  static constexpr unsigned kMinBuckets = 256;
  static constexpr unsigned kMaxBuckets = 4096;
  static constexpr unsigned kNobody = ~0u;

  // `previous`, or null: the group this one replaces. Buckets stay with the members both have, as
  // far as the weights allow. `seed` makes gateways in a row choose independently of each other.
  // Null: no member, too many, one of another kind, or one twice. REQUIRES: workers > 0.
  static std::unique_ptr<Group> make(std::span<const GroupMember> members, uint16_t workers,
                                     uint32_t seed = 0, const Group* previous = nullptr);

  // Members are in the order of their next hops.
  unsigned size() const { return static_cast<unsigned>(members_.size()); }
  unsigned buckets() const { return mask_ + 1; }
  uint32_t seed() const { return seed_; }
  const GroupMember& member(unsigned i) const { return members_[i]; }
  std::span<const GroupMember> members() const { return members_; }
  // The member that is `rank`th in the order of a bucket.
  unsigned preference(unsigned bucket, unsigned rank) const {
    return order_[bucket * size() + rank];
  }
  // The bucket of a flow. `flow`: all 32 bits count.
  unsigned bucket_of(uint32_t flow) const { return flow & mask_; }

  // Who gets the packets of `flow`: a member for which alive(NextHop) holds, or kNobody.
  template <class Alive>
  unsigned choose(uint32_t flow, const Alive& alive) const {
    const uint8_t* order = &order_[size_t{bucket_of(flow)} * size()];
    for (unsigned rank = 0; rank < size(); ++rank)
      if (alive(members_[order[rank]].hop)) return order[rank];
    return kNobody;
  }

  // What went to a member. Worker `worker` alone calls count() with its number; anybody reads.
  struct Tally {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  void count(uint16_t worker, unsigned member, uint32_t bytes) {
    Counters& c = lines_[worker * lines_each_ + member / kPerLine].counters[member % kPerLine];
    c.packets.add(1);
    c.bytes.add(bytes);
  }
  Tally tally(unsigned member) const;

 private:
  struct Counters {
    Counter packets;
    Counter bytes;
  };
  static constexpr unsigned kPerLine = kCacheLine / sizeof(Counters);
  struct alignas(kCacheLine) Line {
    Counters counters[kPerLine];
  };

  Group(std::span<const GroupMember> members, uint16_t workers, uint32_t seed);
  void share_out(const Group* previous);
  void rank(unsigned bucket, unsigned first, const double* liked);

  std::vector<GroupMember> members_;
  unsigned mask_;
  const uint32_t seed_;
  std::vector<uint8_t> order_;  // [bucket][rank]
  const uint16_t workers_;
  const unsigned lines_each_;  // of a worker
  std::vector<Line> lines_;
};

}  // namespace kanmon::fib
