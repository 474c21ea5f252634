// How a changed route reaches the readers: the nodes it touches are compiled anew and shown.
#include <atomic>
#include <bit>
#include <cassert>

#include "dataplane/fib/node_compiler.h"
#include "dataplane/fib/rooted.h"
#include "dataplane/fib/table.h"

namespace kanmon::fib {
namespace {

using Ref = RouteTrie::Ref;

// The slots of a node at `depth` that a route touches. REQUIRES: the node is on its way or below.
SlotRange slots_of(Key prefix, unsigned length, unsigned depth) {
  if (length <= depth) return {0, kSlots};
  if (length >= depth + kStride) return {slot_at(prefix, depth), 1};
  return range_of_place(place_of(prefix, length, depth));
}

}  // namespace

uint32_t Table::compile(const std::array<NextHop, kSlots>& slots, uint64_t borders,
                        const Children& children) {
  const uint32_t node =
      compile_node(pool_.nodes(), rooted_->wide, codes_, slots, borders, children);
  node_bytes_ += pool_.nodes().block_bytes(node);
  return node;
}

void Table::retire(uint32_t node) {
  if (!node) return;
  node_bytes_ -= pool_.nodes().block_bytes(node);
  pool_.retire(node);
}

void Table::publish(const RouteTrie::Path& path, const Change& change) {
  const Ref node = path.last();
  if (trie_.at(node).depth < rooted_->root_bits) {
    sweep(trie_.top(), 0, {}, {}, change);
    return;
  }
  NextHop inherited{};
  for (unsigned i = 0; i + 1 < path.count; ++i) {
    RouteNode& above = trie_.at(path.nodes[i]);
    if (const unsigned place = above.longest_place(slot_at(change.prefix, above.depth)))
      inherited = NextHop{above.hops()[above.route_rank(place)]};
  }
  refresh(node, inherited, false, change);
  link(path.count > 1 ? path.nodes[path.count - 2] : 0, node);
}

void Table::link(Ref parent, Ref node) {
  const RouteNode& child = trie_.at(node);
  if (parent && trie_.at(parent).depth >= rooted_->root_bits) {
    const RouteNode& above = trie_.at(parent);
    const unsigned number = above.child_rank(slot_at(child.prefix, above.depth));
    edge_ref(pool_.nodes(), above.compiled, rooted_->wide, number)
        .store(child.compiled, std::memory_order_release);
    return;
  }
  std::atomic<uint32_t>& root =
      rooted_->slots()[rooted_->root_bits ? child.prefix.hi >> (64 - rooted_->root_bits) : 0];
  std::atomic<uint32_t>& ref =
      child.depth == rooted_->root_bits
          ? root
          : edge_ref(pool_.nodes(), root.load(std::memory_order_relaxed), rooted_->wide, 0);
  ref.store(child.compiled, std::memory_order_release);
}

// Compiles `ref` and all below it that is new or inherits another answer. `changed`: what `ref`
// inherits is not what it was compiled with.
void Table::refresh(Ref ref, NextHop inherited, bool changed, const Change& change) {
  RouteNode& node = trie_.at(ref);
  std::array<NextHop, kSlots> slots;
  const RouteTrie::Extent extent = RouteTrie::answers(node, inherited, slots);
  const uint64_t stale = (changed ? ~extent.covered : 0) | (ref == change.home ? change.slots : 0);
  const uint32_t* child = node.child_refs();
  for (uint64_t left = node.children; left != 0; left &= left - 1, ++child) {
    const auto slot = static_cast<unsigned>(std::countr_zero(left));
    const bool child_changed = stale >> slot & 1;
    if (child_changed || trie_.at(*child).compiled == 0)
      refresh(*child, slots[slot], child_changed, change);
  }
  const uint32_t old = node.compiled;
  node.compiled = compile(slots, extent.borders, {node.children, node.child_refs(), &trie_});
  retire(old);
}

// Emits the root slots that `change` touches below `at`, the first address at `depth`; `node` is
// the first node of the trie at or below it, if any.
void Table::sweep(Ref node, unsigned depth, Key at, Cover cover, const Change& change) {
  if (depth == rooted_->root_bits) {
    emit(depth ? at.hi >> (64 - depth) : 0, node, cover.hop, change);
    return;
  }
  const bool here = node && trie_.at(node).depth == depth;
  const SlotRange range = slots_of(change.prefix, change.length, depth);
  for (unsigned slot = range.first; slot < range.first + range.count; ++slot) {
    Cover best = cover;
    Ref below = node && slot_at(trie_.at(node).prefix, depth) == slot ? node : 0;
    if (here) {
      RouteNode& n = trie_.at(node);
      if (const unsigned place = n.longest_place(slot))
        best = {NextHop{n.hops()[n.route_rank(place)]}, depth + bits_of_place(place)};
      below = trie_.child(node, slot);
    }
    if (change.inherited && best.length > change.length) continue;
    sweep(below, depth + kStride, {at.hi | uint64_t{slot} << (64 - kStride - depth), 0}, best,
          change);
  }
}

void Table::emit(uint64_t slot, Ref node, NextHop hop, const Change& change) {
  std::atomic<uint32_t>& root = rooted_->slots()[slot];
  const uint32_t old = root.load(std::memory_order_relaxed);
  const uint32_t before = node ? trie_.at(node).compiled : 0;
  if (node && (change.inherited || before == 0)) refresh(node, hop, change.inherited, change);
  const bool own = node && trie_.at(node).depth == rooted_->root_bits;
  if (own) {
    root.store(trie_.at(node).compiled, std::memory_order_release);
    if (old != before && !is_shared(old)) retire(old);
    return;
  }
  uint32_t fresh = 0;
  if (node) {
    std::array<NextHop, kSlots> slots;
    slots.fill(hop);
    const unsigned slot_of_node = slot_at(trie_.at(node).prefix, rooted_->root_bits);
    fresh = compile(slots, 1, {uint64_t{1} << slot_of_node, &node, &trie_});
  } else {
    fresh = plain_node(hop);
  }
  root.store(fresh, std::memory_order_release);
  if (!is_shared(old)) retire(old);
}

uint32_t Table::plain_node(NextHop hop) {
  uint32_t own = 0;
  uint32_t& node = rooted_->wide ? own : codes_.note(codes_.find(hop));
  if (node == 0) {
    std::array<NextHop, kSlots> slots;
    slots.fill(hop);
    node = compile(slots, 1, {});
  }
  return node;
}

bool Table::is_shared(uint32_t node) const {
  if (!node || rooted_->wide) return false;
  const char* p = pool_.nodes().at(node);
  if (*reinterpret_cast<const uint64_t*>(p) != 1) return false;  // more than one leaf
  const auto leaf = leaf_at<uint16_t>(p, 0);
  return !(leaf & kEdgeFlag<uint16_t>)&&codes_.note(leaf) == node;
}

void Table::retire_nodes() {
  if (!rooted_) return;
  for (size_t i = 0; i < rooted_->count(); ++i) {
    const uint32_t node = rooted_->slots()[i].load(std::memory_order_relaxed);
    if (!is_shared(node)) retire(node);
  }
  for (uint32_t code = 0; code < codes_.count(); ++code) retire(codes_.note(code));
  trie_.each_node(trie_.top(), [&](RouteNode& node) {
    if (node.depth > rooted_->root_bits) retire(node.compiled);
    node.compiled = 0;
  });
}

}  // namespace kanmon::fib
