// The routes of one table as they were given, in order: control's own copy, from which the nodes
// that readers walk are compiled. A trie with steps of six bits that skips what routes share.
//
// Shape (INV of this file): the top node has depth 0; a child lies at a deeper
// step and agrees with its parent's prefix; a node other than the top holds a route or has two
// children, but one at depth 64 is kept wherever a path crosses from the upper 64 bits to the
// lower. A route of length n lives in the node at home_depth(n). Control thread only.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/fib/arena.h"
#include "dataplane/fib/key.h"
#include "dataplane/fib/next_hop.h"

namespace kanmon::fib {

// A route's place in its node: 2–3 for one bit more than its depth, … 64–127 for six bits more.
// Ascending places are ascending lengths. (Place 1 would be the default route, which the table
// keeps elsewhere.)
constexpr unsigned place_of(Key prefix, unsigned length, unsigned depth) {
  const unsigned bits = length - depth;
  return (1u << bits) | (slot_at(prefix, depth) >> (kStride - bits));
}
constexpr unsigned bits_of_place(unsigned place) {
  return std::bit_width(place) - 1;
}

// One node of the trie, followed by its child references (by slot) and its next hops (by place).
struct RouteNode {
  Key prefix;
  std::array<uint64_t, 2> places;  // a bit for every place that holds a route
  uint64_t children;               // a bit for every slot that has a child
  uint32_t compiled;               // the forwarding node made from this one, 0 if none
  uint8_t depth;

  unsigned child_count() const { return static_cast<unsigned>(std::popcount(children)); }
  unsigned route_count() const {
    return static_cast<unsigned>(std::popcount(places[0]) + std::popcount(places[1]));
  }
  unsigned child_rank(unsigned slot) const {
    return static_cast<unsigned>(std::popcount(children & ((uint64_t{1} << slot) - 1)));
  }
  unsigned route_rank(unsigned place) const;
  bool has_child(unsigned slot) const { return children >> slot & 1; }
  bool has_route(unsigned place) const { return places[place >> 6] >> (place & 63) & 1; }
  // The place of the longest route that covers `slot`, 0 if none does.
  unsigned longest_place(unsigned slot) const;
  // The slots for which `place` is, or would be, the longest route.
  uint64_t slots_ruled_by(unsigned place) const;
  uint32_t* child_refs() { return reinterpret_cast<uint32_t*>(this + 1); }
  uint32_t* hops() { return child_refs() + child_count(); }
  size_t bytes() const { return sizeof(RouteNode) + 4 * (child_count() + route_count()); }
};
static_assert(sizeof(RouteNode) == 48);

// The slots [first, first + count) that a place covers.
struct SlotRange {
  unsigned first;
  unsigned count;
  uint64_t mask() const { return (~uint64_t{0} >> (64 - count)) << first; }
};
constexpr SlotRange range_of_place(unsigned place) {
  const unsigned bits = bits_of_place(place);
  const unsigned count = kSlots >> bits;
  return {(place - (1u << bits)) * count, count};
}

class RouteTrie {
 public:
  using Ref = Arena::Ref;
  // The most one change allocates: a split, a node at depth 64, the home, and the growth of two.
  static constexpr size_t kMaxChangeBytes = 5 * Arena::kMaxBlockBytes;

  // The nodes from the top to one of interest.
  struct Path {
    std::array<Ref, kMaxSteps> nodes;
    unsigned count = 0;
    Ref last() const { return nodes[count - 1]; }
    void push(Ref ref) { nodes[count++] = ref; }
  };

  explicit RouteTrie(Arena& arena) : arena_(arena) {}
  ~RouteTrie();
  RouteTrie(const RouteTrie&) = delete;
  RouteTrie& operator=(const RouteTrie&) = delete;

  RouteNode& at(Ref ref) const { return *reinterpret_cast<RouteNode*>(arena_.at(ref)); }
  // 0 before open() and after clear().
  Ref top() const { return top_; }
  // Makes the top node if there is none. REQUIRES: kMaxChangeBytes reserved.
  void open();
  Ref child(Ref node, unsigned slot) const;

  // The nodes on the way to a route of this prefix and length, down to its home if that exists.
  Path path_to(Key prefix, unsigned length) const;
  // The next hop of exactly this route; none if it is absent. `path` is path_to() it.
  NextHop find(const Path& path, Key prefix, unsigned length) const;
  // The highest node that is the route's home or lies wholly under its prefix; 0 if there is none.
  Ref subtree(const Path& path, Key prefix, unsigned length) const;

  // Adds or replaces a route; true if it was added. `path`, path_to() it, is continued to its home.
  // REQUIRES: open(), kMaxChangeBytes reserved.
  bool insert(Path& path, Key prefix, unsigned length, NextHop hop);
  // Takes a route out of the last node of `path`, its home, and leaves the node where it is:
  // prune() tidies up. REQUIRES: the route exists, kMaxChangeBytes reserved.
  void erase(Path& path, unsigned place);
  // If the last node of `path` is not needed, takes it out, shortens `path` to its parent, and
  // returns what the node was compiled to and the slot of the parent it hung from.
  struct Pruned {
    bool done = false;
    uint32_t compiled = 0;
    unsigned slot = 0;
  };
  Pruned prune(Path& path);
  // Gives up the top node of an empty trie.
  void clear();

  // Fills `slots` with the longest match inside the node, or `inherited` where there is none.
  struct Extent {
    uint64_t covered = 0;  // the slots covered by routes of the node
    uint64_t borders = 1;  // a superset of the slots whose answer differs from the one before
  };
  static Extent answers(RouteNode& node, NextHop inherited, std::array<NextHop, kSlots>& slots);

  // Calls f(RouteNode&) for `ref` and all below it, children first. `ref` may be 0.
  template <class F>
  void each_node(Ref ref, const F& f) const {
    if (!ref) return;
    RouteNode& node = at(ref);
    for (unsigned i = 0; i < node.child_count(); ++i) each_node(node.child_refs()[i], f);
    f(node);
  }

  size_t memory_bytes() const { return bytes_; }
  size_t nodes() const { return nodes_; }

 private:
  Ref make(Key prefix, unsigned depth);
  void release(Ref ref);
  // Of the array behind the last node of `path`: opens or closes the word at `index`. The block may
  // move; the parent and the path follow.
  uint32_t& open_word(Path& path, unsigned index);
  void close_word(Path& path, unsigned index);
  RouteNode& resize(Path& path, size_t old_bytes, size_t new_bytes);
  void add_child(Path& path, unsigned slot, Ref child);
  void drop_child(Path& path, unsigned slot);
  void set_child(Ref node, unsigned slot, Ref child);

  Arena& arena_;
  Ref top_ = 0;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace kanmon::fib
