// Makes forwarding nodes (node.h) from the answers of their 64 slots. Control thread only.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/fib/arena.h"
#include "dataplane/fib/next_hop_codes.h"
#include "dataplane/fib/node.h"
#include "dataplane/fib/route_trie.h"

namespace kanmon::fib {

// The children of a node to be made. Each must have been compiled.
struct Children {
  uint64_t slots = 0;              // a bit for every slot with a child
  const uint32_t* refs = nullptr;  // of RouteNodes, in order of slot
  const RouteTrie* trie = nullptr;
};

// The largest a node with `edges` edges can be.
constexpr size_t max_node_bytes(bool wide, size_t edges) {
  return sizeof(uint64_t) + kSlots * (wide ? sizeof(uint32_t) : sizeof(uint16_t)) +
         edges * (wide ? sizeof(Edge<uint32_t>) : sizeof(Edge<uint16_t>));
}
static_assert(max_node_bytes(true, kSlots) <= Arena::kMaxBlockBytes);

// Writes a node that answers slots[i] for slot i, or leads on where there is a child (slots[i] is
// then what the edge answers when its guard fails). Answers differ from slot to slot only where
// `borders` has a one. All next hops must have a code unless `wide`.
// REQUIRES: room reserved in `arena`. The node is for nobody to see before its reference is stored.
uint32_t compile_node(Arena& arena, bool wide, const NextHopCodes& codes,
                      const std::array<NextHop, kSlots>& slots, uint64_t borders,
                      const Children& children);

// The edge of `node` with this number, to store a new child reference in.
std::atomic<uint32_t>& edge_ref(Arena& arena, uint32_t node, bool wide, unsigned number);

}  // namespace kanmon::fib
