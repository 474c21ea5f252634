// The forwarding node: what a lookup walks. Shared by IPv4 and IPv6.
//
//   [ edge k ] … [ edge 0 ] [ bitmap: 64 bits ] [ leaf 0 ] [ leaf 1 ] …
//                           ^ a node reference points here
//
// A node answers for 64 slots, six bits of the address. The bitmap has a one where a slot's answer
// differs from the slot before, so the leaf of a slot is found by counting the ones up to it. A
// leaf is a next hop (its code in a narrow table, its 32 bits in a wide one), 0 for whatever the
// default route says or, with the top bit set, the number of an edge to a deeper node.
//
// An edge may skip bits that all routes below it share: it carries the bits the address must have
// down to the child's depth, and the answer for an address that has others. So the number of nodes
// follows the number of routes and not the length of the prefixes.
//
// A published node never changes, with one exception: the `ref` of an edge, which names the newest
// version of the child. Who replaces a node stores the reference to it with release; readers load
// it with acquire and so see a whole node. Old nodes are freed after a grace period.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "dataplane/fib/key.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/fib/next_hop_codes.h"

namespace kanmon::fib {

template <class Leaf>
inline constexpr Leaf kEdgeFlag = static_cast<Leaf>(Leaf{1} << (sizeof(Leaf) * 8 - 1));

template <class Leaf>
struct Edge {
  uint64_t guard;             // guard_word() of the child's prefix, zeros beyond its depth
  std::atomic<uint32_t> ref;  // control writes, readers load
  Leaf miss;                  // the answer when the guard does not match
  uint8_t depth;              // of the child
};
static_assert(sizeof(Edge<uint16_t>) == 16 && sizeof(Edge<uint32_t>) == 24);

// What readers see of a table: one immutable view at a time, replaced as a whole when the table
// changes its shape. `root` and what hangs from it are replaced piecemeal.
struct View {
  const char* base = nullptr;                   // Arena::base() of the nodes
  const std::atomic<uint32_t>* root = nullptr;  // 2^root_bits references, by the address's top bits
  // By code; of a wide table the default route only. To be loaded after the reference to the node
  // whose leaves are looked up in it.
  NextHopCodes::Published next_hops{nullptr};
  uint8_t root_bits = 0;  // 0, 6, 12 or 18
  bool wide = false;      // leaves have 32 bits

  const char* node(uint32_t ref) const { return base + (uint64_t{ref} << 3); }
  const char* root_node(uint64_t index) const {
    return node(root[index].load(std::memory_order_acquire));
  }
};

// The leaf that answers for `slot` (below 64).
template <class Leaf>
inline Leaf leaf_at(const char* node, unsigned slot) {
  const uint64_t bitmap = *reinterpret_cast<const uint64_t*>(node);
  const int upto = std::popcount(bitmap << (~slot & 63));  // at least 1: bit 0 is always set
  return reinterpret_cast<const Leaf*>(node + sizeof(uint64_t))[upto - 1];
}

template <class Leaf>
constexpr Leaf edge_leaf(unsigned number) {
  return static_cast<Leaf>(kEdgeFlag<Leaf> | number * sizeof(Edge<Leaf>));
}

template <class Leaf>
inline const Edge<Leaf>& edge_of(const char* node, Leaf leaf) {
  const size_t before = leaf & static_cast<Leaf>(~kEdgeFlag<Leaf>);
  return *reinterpret_cast<const Edge<Leaf>*>(node - before - sizeof(Edge<Leaf>));
}

// Whether `key` has the bits that lead over the edge. The depth is never 0.
template <class Leaf, class AnyKey>
inline bool passes(const Edge<Leaf>& edge, AnyKey key) {
  return ((guard_word(key, edge.depth) ^ edge.guard) >> (-edge.depth & 63)) == 0;
}

// The leaf for `key`, from the node `node` at depth `depth` down.
template <class Leaf, class AnyKey>
inline Leaf descend(const View& view, const char* node, unsigned depth, AnyKey key) {
  Leaf leaf = leaf_at<Leaf>(node, slot_at(key, depth));
  while (leaf & kEdgeFlag<Leaf>) {
    const Edge<Leaf>& edge = edge_of<Leaf>(node, leaf);
    if (!passes(edge, key)) return edge.miss;
    node = view.node(edge.ref.load(std::memory_order_acquire));
    leaf = leaf_at<Leaf>(node, slot_at(key, edge.depth));
  }
  return leaf;
}

// The next hop that a leaf stands for. REQUIRES: no edge flag.
inline NextHop hop_of(NextHopCodes::Values hops, uint16_t code) {
  return NextHop{hops[code].load(std::memory_order_relaxed)};
}
inline NextHop hop_of(NextHopCodes::Values hops, uint32_t raw) {
  return raw != 0 ? NextHop{raw} : hop_of(hops, uint16_t{NextHopCodes::kDefault});
}

template <class Leaf, class AnyKey>
inline NextHop find_in(const View& view, AnyKey key) {
  const uint64_t index = view.root_bits == 0 ? 0 : key.hi >> (64 - view.root_bits);
  const Leaf leaf = descend<Leaf>(view, view.root_node(index), view.root_bits, key);
  return hop_of(view.next_hops.load(std::memory_order_acquire), leaf);
}

}  // namespace kanmon::fib
