// The prefixes of a RIB: a node for each, found by a hash table of eight octets a slot. A node is
// 20 octets; an IPv6 address lies apart, so that an IPv4 table does not pay for it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "control/bgp/rib/slab.h"
#include "dataplane/wire/address.h"

namespace kanmon::bgp {

using NodeId = uint32_t;

struct Node {
  uint32_t key = 0;  // the IPv4 address in host order, or the number of the IPv6 address
  uint8_t length = 0;
  uint8_t family = 0;  // wire::Family; 0: nobody uses this node
  bool queued = false;
  uint32_t paths = kNoId;                 // the first of the node's candidates
  NodeId previous = kNoId, next = kNoId;  // in the queue of changes, if `queued`
};
static_assert(sizeof(Node) == 20);

class Nodes {
 public:
  // `seed`: a random number, so that a peer cannot choose prefixes that fall together.
  explicit Nodes(uint64_t seed) : seed_(seed), slots_(kFirstSlots, kEmpty) {}

  // kNoId if there is none.
  NodeId find(const wire::Prefix& prefix) const;
  // Makes it if there is none. REQUIRES: host bits are zero.
  NodeId find_or_add(const wire::Prefix& prefix);
  // REQUIRES: it exists.
  void erase(NodeId id);

  Node& operator[](NodeId id) { return nodes_[id]; }
  const Node& operator[](NodeId id) const { return nodes_[id]; }
  wire::Prefix prefix(NodeId id) const;
  wire::Family family(NodeId id) const { return static_cast<wire::Family>(nodes_[id].family); }

  uint32_t size() const { return nodes_.used(); }
  // For walks: every node's number is below; unused ones have family 0.
  NodeId end() const { return nodes_.end(); }
  bool exists(NodeId id) const { return nodes_[id].family != 0; }
  size_t memory_bytes() const {
    return nodes_.memory_bytes() + addresses_.memory_bytes() + slots_.size() * sizeof(uint64_t);
  }

 private:
  static constexpr size_t kFirstSlots = 64;
  static constexpr uint64_t kEmpty = UINT64_MAX;
  using Address6 = std::array<uint8_t, 16>;

  uint32_t hash_of(const wire::Prefix& prefix) const;
  bool is(NodeId id, const wire::Prefix& prefix) const;
  size_t slot_of(const wire::Prefix& prefix, uint32_t hash) const;
  void grow();

  uint64_t seed_;
  Slab<Node> nodes_;
  Slab<Address6> addresses_;
  std::vector<uint64_t> slots_;  // hash << 32 | node; a power of two, at most three quarters full
};

}  // namespace kanmon::bgp
