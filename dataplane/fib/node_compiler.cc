#include "dataplane/fib/node_compiler.h"

#include <cassert>
#include <new>

namespace kanmon::fib {
namespace {

// A one for every slot whose leaf is not the one before it; an edge is never shared.
uint64_t run_starts(const std::array<NextHop, kSlots>& slots, uint64_t borders, uint64_t children) {
  uint64_t starts = children | (children << 1) | 1;
  for (uint64_t left = borders & ~uint64_t{1}; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    if (slots[i] != slots[i - 1]) starts |= uint64_t{1} << i;
  }
  return starts;
}

template <class Leaf>
class LeafOf {
 public:
  explicit LeafOf(const NextHopCodes& codes) : codes_(codes) {}
  Leaf operator()(NextHop hop) {
    if constexpr (sizeof(Leaf) == sizeof hop.raw) return hop.raw;
    if (hop == last_) return code_;  // runs alternate between few next hops
    const uint32_t code = codes_.find(hop);
    assert(code != NextHopCodes::kUnknown);
    last_ = hop;
    code_ = static_cast<Leaf>(code);
    return code_;
  }

 private:
  const NextHopCodes& codes_;
  NextHop last_{};
  Leaf code_ = 0;
};

template <class Leaf>
uint32_t compile(Arena& arena, const NextHopCodes& codes, const std::array<NextHop, kSlots>& slots,
                 uint64_t borders, const Children& children) {
  const uint64_t starts = run_starts(slots, borders, children.slots);
  const size_t edges_bytes =
      sizeof(Edge<Leaf>) * static_cast<size_t>(std::popcount(children.slots));
  const size_t leaves_bytes = sizeof(Leaf) * static_cast<size_t>(std::popcount(starts));
  const Arena::Ref block = arena.allocate(edges_bytes + sizeof starts + leaves_bytes);
  char* node = arena.at(block) + edges_bytes;
  *reinterpret_cast<uint64_t*>(node) = starts;
  auto* edge = reinterpret_cast<Edge<Leaf>*>(node);
  auto* leaf = reinterpret_cast<Leaf*>(node + sizeof starts);
  LeafOf<Leaf> leaf_of(codes);
  unsigned edges = 0;
  for (uint64_t left = starts; left != 0; left &= left - 1) {
    const auto slot = static_cast<unsigned>(std::countr_zero(left));
    const Leaf answer = leaf_of(slots[slot]);
    if ((children.slots >> slot & 1) == 0) {
      *leaf++ = answer;
      continue;
    }
    const RouteNode& child = children.trie->at(children.refs[edges]);
    assert(child.compiled != 0);
    new (--edge)
        Edge<Leaf>{guard_word(child.prefix, child.depth), {child.compiled}, answer, child.depth};
    *leaf++ = edge_leaf<Leaf>(edges++);
  }
  return block + static_cast<uint32_t>(edges_bytes >> Arena::kRefShift);
}

}  // namespace

uint32_t compile_node(Arena& arena, bool wide, const NextHopCodes& codes,
                      const std::array<NextHop, kSlots>& slots, uint64_t borders,
                      const Children& children) {
  return wide ? compile<uint32_t>(arena, codes, slots, borders, children)
              : compile<uint16_t>(arena, codes, slots, borders, children);
}

std::atomic<uint32_t>& edge_ref(Arena& arena, uint32_t node, bool wide, unsigned number) {
  const int at = -1 - static_cast<int>(number);
  char* p = arena.at(node);
  return wide ? reinterpret_cast<Edge<uint32_t>*>(p)[at].ref
              : reinterpret_cast<Edge<uint16_t>*>(p)[at].ref;
}

}  // namespace kanmon::fib
