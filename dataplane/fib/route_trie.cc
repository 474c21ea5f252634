#include "dataplane/fib/route_trie.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace kanmon::fib {

unsigned RouteNode::route_rank(unsigned place) const {
  const uint64_t below = (uint64_t{1} << (place & 63)) - 1;
  if (place < 64) return static_cast<unsigned>(std::popcount(places[0] & below));
  return static_cast<unsigned>(std::popcount(places[0]) + std::popcount(places[1] & below));
}

unsigned RouteNode::longest_place(unsigned slot) const {
  for (unsigned bits = kStride + 1; bits-- > 0;) {
    const unsigned place = (1u << bits) | (slot >> (kStride - bits));
    if (has_route(place)) return place;
  }
  return 0;
}

uint64_t RouteNode::slots_ruled_by(unsigned place) const {
  uint64_t slots = range_of_place(place).mask();
  for (unsigned longer = place + 1; longer < 2 * kSlots; ++longer)
    if (has_route(longer) && bits_of_place(longer) > bits_of_place(place))
      slots &= ~range_of_place(longer).mask();
  return slots;
}

RouteTrie::~RouteTrie() {
  if (!top_) return;
  // Depth first without a stack of its own: a visited child is taken out of the bitmap.
  Path path;
  path.push(top_);
  while (path.count > 0) {
    RouteNode& node = at(path.last());
    if (node.children == 0) {
      release(path.last());
      --path.count;
      continue;
    }
    const unsigned last = node.child_count() - 1;
    const Ref next = node.child_refs()[last];
    node.children &= ~(uint64_t{1} << (63 - std::countl_zero(node.children)));
    path.push(next);
  }
}

RouteTrie::Ref RouteTrie::make(Key prefix, unsigned depth) {
  const Ref ref = arena_.allocate(sizeof(RouteNode));
  auto* node = new (arena_.at(ref)) RouteNode{};
  node->prefix = prefix;
  node->depth = static_cast<uint8_t>(depth);
  ++nodes_;
  bytes_ += arena_.block_bytes(ref);
  return ref;
}

void RouteTrie::release(Ref ref) {
  --nodes_;
  bytes_ -= arena_.block_bytes(ref);
  arena_.release(ref);
}

RouteTrie::Ref RouteTrie::child(Ref node, unsigned slot) const {
  RouteNode& n = at(node);
  return n.has_child(slot) ? n.child_refs()[n.child_rank(slot)] : 0;
}

RouteTrie::Path RouteTrie::path_to(Key prefix, unsigned length) const {
  Path path;
  const unsigned home = home_depth(length);
  for (Ref ref = top_; ref != 0; ref = child(ref, slot_at(prefix, at(ref).depth))) {
    const RouteNode& node = at(ref);
    if (node.depth > home || !same_prefix(node.prefix, prefix, node.depth)) break;
    path.push(ref);
    if (node.depth == home) break;
  }
  return path;
}

NextHop RouteTrie::find(const Path& path, Key prefix, unsigned length) const {
  if (path.count == 0) return {};
  RouteNode& node = at(path.last());
  if (node.depth != home_depth(length)) return {};
  const unsigned place = place_of(prefix, length, node.depth);
  return node.has_route(place) ? NextHop{node.hops()[node.route_rank(place)]} : NextHop{};
}

RouteTrie::Ref RouteTrie::subtree(const Path& path, Key prefix, unsigned length) const {
  const RouteNode& last = at(path.last());
  if (last.depth == home_depth(length)) return path.last();
  const Ref below = child(path.last(), slot_at(prefix, last.depth));
  if (below == 0) return 0;
  const RouteNode& node = at(below);
  return node.depth > length && same_prefix(node.prefix, prefix, length) ? below : 0;
}

RouteNode& RouteTrie::resize(Path& path, size_t old_bytes, size_t new_bytes) {
  const Ref old = path.last();
  if (Arena::size_for(new_bytes) == arena_.block_bytes(old)) return at(old);
  const Ref ref = arena_.allocate(new_bytes);
  std::memcpy(arena_.at(ref), arena_.at(old), std::min(old_bytes, new_bytes));
  bytes_ += arena_.block_bytes(ref);
  bytes_ -= arena_.block_bytes(old);
  arena_.release(old);
  path.nodes[path.count - 1] = ref;
  RouteNode& node = at(ref);
  if (path.count == 1) {
    top_ = ref;
  } else {
    const Ref parent = path.nodes[path.count - 2];
    set_child(parent, slot_at(node.prefix, at(parent).depth), ref);
  }
  return node;
}

uint32_t& RouteTrie::open_word(Path& path, unsigned index) {
  const size_t bytes = at(path.last()).bytes();
  uint32_t* word = resize(path, bytes, bytes + 4).child_refs() + index;
  std::memmove(word + 1, word, bytes - sizeof(RouteNode) - 4 * index);
  return *word;
}

void RouteTrie::close_word(Path& path, unsigned index) {
  RouteNode& node = at(path.last());
  const size_t bytes = node.bytes();
  uint32_t* word = node.child_refs() + index;
  std::memmove(word, word + 1, bytes - sizeof(RouteNode) - 4 * (index + 1));
  resize(path, bytes, bytes - 4);
}

void RouteTrie::add_child(Path& path, unsigned slot, Ref child) {
  open_word(path, at(path.last()).child_rank(slot)) = child;
  at(path.last()).children |= uint64_t{1} << slot;
}

void RouteTrie::drop_child(Path& path, unsigned slot) {
  close_word(path, at(path.last()).child_rank(slot));
  at(path.last()).children &= ~(uint64_t{1} << slot);
}

void RouteTrie::set_child(Ref node, unsigned slot, Ref child) {
  at(node).child_refs()[at(node).child_rank(slot)] = child;
}

void RouteTrie::open() {
  if (!top_) top_ = make({}, 0);
}

bool RouteTrie::insert(Path& path, Key prefix, unsigned length, NextHop hop) {
  const unsigned home = home_depth(length);
  while (at(path.last()).depth < home) {
    const RouteNode& node = at(path.last());
    const unsigned limit = node.depth < 64 && home > 64 ? 64 : home;
    const unsigned slot = slot_at(prefix, node.depth);
    if (!node.has_child(slot)) {
      const Ref fresh = make(masked(prefix, limit), limit);
      add_child(path, slot, fresh);
      path.push(fresh);
      continue;
    }
    // The child there lies deeper or elsewhere: a node where the two part takes its place.
    const Ref other = child(path.last(), slot);
    const Key other_prefix = at(other).prefix;
    const unsigned parting = std::min(step_of(common_bits(other_prefix, prefix)), limit);
    const Ref middle = make(masked(prefix, parting), parting);
    set_child(path.last(), slot, middle);
    path.push(middle);
    add_child(path, slot_at(other_prefix, parting), other);
  }
  const unsigned place = place_of(prefix, length, home);
  RouteNode& node = at(path.last());
  if (node.has_route(place)) {
    node.hops()[node.route_rank(place)] = hop.raw;
    return false;
  }
  open_word(path, node.child_count() + node.route_rank(place)) = hop.raw;
  at(path.last()).places[place >> 6] |= uint64_t{1} << (place & 63);
  return true;
}

void RouteTrie::erase(Path& path, unsigned place) {
  const RouteNode& node = at(path.last());
  assert(node.has_route(place));
  close_word(path, node.child_count() + node.route_rank(place));
  at(path.last()).places[place >> 6] &= ~(uint64_t{1} << (place & 63));
}

RouteTrie::Pruned RouteTrie::prune(Path& path) {
  const RouteNode node = at(path.last());
  if (path.count == 1 || node.route_count() > 0 || node.child_count() > 1) return {};
  const Ref only = node.child_count() == 1 ? at(path.last()).child_refs()[0] : 0;
  if (only && node.depth == 64 && at(only).depth > 64) return {};
  release(path.last());
  --path.count;
  const unsigned slot = slot_at(node.prefix, at(path.last()).depth);
  if (only) {
    set_child(path.last(), slot, only);
  } else {
    drop_child(path, slot);
  }
  return {true, node.compiled, slot};
}

void RouteTrie::clear() {
  if (top_) release(top_);
  top_ = 0;
}

RouteTrie::Extent RouteTrie::answers(RouteNode& node, NextHop inherited,
                                     std::array<NextHop, kSlots>& slots) {
  Extent extent;
  slots.fill(inherited);
  const uint32_t* hop = node.hops();
  for (unsigned half = 0; half < 2; ++half) {  // ascending places: longer routes overwrite
    for (uint64_t left = node.places[half]; left != 0; left &= left - 1) {
      const SlotRange r = range_of_place(half * 64 + std::countr_zero(left));
      const uint64_t mask = r.mask();
      extent.covered |= mask;
      extent.borders |= (mask & -mask) | ((mask << 1) & ~mask);  // its first, and the one after it
      std::fill_n(slots.begin() + r.first, r.count, NextHop{*hop++});
    }
  }
  return extent;
}

}  // namespace kanmon::fib
