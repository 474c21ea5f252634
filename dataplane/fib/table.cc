#include "dataplane/fib/table.h"

#include <bit>
#include <cassert>
#include <cstdlib>
#include <new>
#include <utility>
namespace kanmon::fib {
namespace {

using Ref = RouteTrie::Ref;

// More routes than `grow_above` get the next larger root; it is given up again below a quarter. At
// the border the root costs 32 octets a route, or 256 to spare small tables a step.
struct RootSize {
  unsigned bits;
  size_t grow_above;
};
constexpr RootSize kRootSizes[] = {{0, 8}, {6, 64}, {12, 8192}, {18, ~size_t{0}}};

// What an insert may compile beside the nodes under its prefix: a changed node, a split, a node at
// depth 64, the home.
constexpr size_t kPathNodes = 6;

// The view of an empty table: one node, at reference 1, one run of "no route".
struct EmptyNodes {
  uint64_t nobody;
  uint64_t bitmap;
  uint64_t leaves;
};
constexpr EmptyNodes kEmptyNodes{0, 1, 0};
constinit std::atomic<uint32_t> empty_root{1};

struct EmptyView : View {
  EmptyView() {
    base = reinterpret_cast<const char*>(&kEmptyNodes);
    root = &empty_root;
    next_hops.store(NextHopCodes().values(), std::memory_order_relaxed);
  }
};

const View& empty_view() {
  static const EmptyView view;
  return view;
}

template <class F>
void each_node(const RouteTrie& trie, Ref ref, const F& f) {
  if (!ref) return;
  RouteNode& node = trie.at(ref);
  for (unsigned i = 0; i < node.child_count(); ++i) each_node(trie, node.child_refs()[i], f);
  f(node);
}

// The place of the longest route of `node` that covers `slot`, 0 if none does.
unsigned longest_place(const RouteNode& node, unsigned slot) {
  for (unsigned bits = kStride + 1; bits-- > 0;) {
    const unsigned place = (1u << bits) | (slot >> (kStride - bits));
    if (node.has_route(place)) return place;
  }
  return 0;
}

// The slots of `node` for which `place` is, or would be, the longest route.
uint64_t slots_ruled_by(const RouteNode& node, unsigned place) {
  uint64_t slots = range_of_place(place).mask();
  for (unsigned longer = place + 1; longer < 2 * kSlots; ++longer)
    if (node.has_route(longer) && bits_of_place(longer) > bits_of_place(place))
      slots &= ~range_of_place(longer).mask();
  return slots;
}

// The slots of a node at `depth` that a route touches. REQUIRES: the node is on its way or below.
SlotRange slots_of(Key prefix, unsigned length, unsigned depth) {
  if (length <= depth) return {0, kSlots};
  if (length >= depth + kStride) return {slot_at(prefix, depth), 1};
  return range_of_place(place_of(prefix, length, depth));
}

}  // namespace

struct Table::Rooted : View, rings::Deferred {
  std::atomic<uint32_t>* slots() { return reinterpret_cast<std::atomic<uint32_t>*>(this + 1); }
  size_t count() const { return size_t{1} << root_bits; }
  size_t bytes() const { return sizeof(Rooted) + count() * sizeof(uint32_t); }

  static Rooted* make(const char* base, unsigned root_bits, bool wide, const uint32_t* hops) {
    void* memory = std::calloc(1, sizeof(Rooted) + (sizeof(uint32_t) << root_bits));
    if (!memory) return nullptr;
    auto* rooted = new (memory) Rooted;
    rooted->release = [](rings::Deferred* self) { std::free(static_cast<Rooted*>(self)); };
    rooted->base = base;
    rooted->root = rooted->slots();
    rooted->next_hops.store(hops, std::memory_order_relaxed);
    rooted->root_bits = static_cast<uint8_t>(root_bits);
    rooted->wide = wide;
    return rooted;
  }
};

Table::Table(NodePool& pool, unsigned max_length)
    : pool_(pool), max_length_(max_length), trie_(pool.routes()), view_(&empty_view()) {}

Table::~Table() {
  if (!rooted_) return;
  Arena& nodes = pool_.nodes();
  for (size_t i = 0; i < rooted_->count(); ++i)
    if (const uint32_t node = rooted_->slots()[i].load(); !is_shared(node)) nodes.release(node);
  for (uint32_t code = 0; code < codes_.count(); ++code)
    if (const uint32_t node = codes_.note(code)) nodes.release(node);
  each_node(trie_, trie_.top(), [&](RouteNode& node) {
    if (node.depth > rooted_->root_bits) nodes.release(node.compiled);
  });
  std::free(rooted_);
}

bool Table::valid(Key prefix, unsigned length) const {
  return length <= max_length_ && masked(prefix, length) == prefix;
}

NextHop Table::find(Key prefix, unsigned length) const {
  if (!valid(prefix, length)) return {};
  return trie_.find(trie_.path_to(prefix, length), prefix, length);
}

size_t Table::memory_bytes() const {
  return sizeof *this + trie_.memory_bytes() + node_bytes_ + codes_.memory_bytes() +
         (rooted_ ? rooted_->bytes() : 0);
}

Status Table::insert(Key prefix, unsigned length, NextHop hop) {
  if (!valid(prefix, length) || !hop || hop.raw >> 31) return Errc::kBadValue;
  RouteTrie::Path path = trie_.path_to(prefix, length);
  if (trie_.find(path, prefix, length) == hop) return success();
  if (Status ready = prepare_codes(hop); !ready.ok()) return ready;
  if (path.count == 0) path.push(trie_.top());
  if (!reserve_for(path, prefix, length)) return Errc::kNoSpace;

  const unsigned existing = path.count;
  if (trie_.insert(path, prefix, length, hop)) ++size_;
  const RouteNode& home = trie_.at(path.last());
  const Change change{prefix, length, home.depth < rooted_->root_bits, path.last(),
                      slots_ruled_by(home, place_of(prefix, length, home.depth))};
  path.count = existing;  // what is new hangs below
  publish(path, change);
  pool_.settle();
  fit_root();
  return success();
}

// Sees to it that there is a root and that leaves can name `hop`.
Status Table::prepare_codes(NextHop hop) {
  if (!rooted_) {
    if (!pool_.reserve(0, 0, RouteTrie::kMaxChangeBytes)) return Errc::kNoSpace;
    trie_.open();
    return rebuild(0, hop);
  }
  if (rooted_->wide || codes_.add(hop, pool_.qsbr(), rooted_->next_hops).ok()) return success();
  if (codes_.count() < NextHopCodes::kMaxCodes) return Errc::kNoSpace;
  return rebuild(rooted_->root_bits, hop);
}

Status Table::erase(Key prefix, unsigned length) {
  if (!valid(prefix, length)) return Errc::kBadValue;
  RouteTrie::Path path = trie_.path_to(prefix, length);
  if (!trie_.find(path, prefix, length)) return Errc::kNotFound;
  // The last route takes the whole table with it.
  const bool room = size_ == 1 ? reserve_for_all(rooted_->root_bits, rooted_->wide)
                               : reserve_for(path, prefix, length);
  if (!room) return Errc::kNoSpace;
  const Change change = take_out(path, prefix, length);
  if (--size_ == 0) {
    reset();
    return success();
  }
  publish(path, change);
  pool_.settle();
  fit_root();
  return success();
}

// Takes the route out of the trie, with the nodes that it alone needed; `path` then ends at the
// deepest node that changed and is still there.
Table::Change Table::take_out(RouteTrie::Path& path, Key prefix, unsigned length) {
  const unsigned place = place_of(prefix, length, trie_.at(path.last()).depth);
  trie_.erase(path, place);
  Change change{prefix, length, home_depth(length) < rooted_->root_bits, path.last(),
                slots_ruled_by(trie_.at(path.last()), place)};
  for (;;) {
    const RouteNode node = trie_.at(path.last());
    const auto pruned = trie_.prune(path);
    if (!pruned.done) return change;
    // A child that moved up took its slot along: the answer it inherits may be another one now.
    change.home = path.last();
    change.slots = (change.slots & node.children) != 0 ? uint64_t{1} << pruned.slot : 0;
    if (trie_.at(path.last()).depth < rooted_->root_bits && change.slots) change.inherited = true;
    if (node.depth > rooted_->root_bits) retire(pruned.compiled);  // at the root emit() does it
  }
}

bool Table::reserve_for(const RouteTrie::Path& path, Key prefix, unsigned length) {
  const unsigned root_bits = rooted_->root_bits;
  size_t count = kPathNodes;
  size_t bytes = kPathNodes * Arena::kMaxBlockBytes;
  if (home_depth(length) < root_bits) {
    const size_t slots = size_t{1} << (root_bits - length);
    count += slots;
    bytes += slots * max_node_bytes(rooted_->wide, 1);
  }
  each_node(trie_, trie_.subtree(path, prefix, length), [&](const RouteNode& node) {
    ++count;
    bytes += max_node_bytes(rooted_->wide, node.child_count());
  });
  return pool_.reserve(bytes, count, RouteTrie::kMaxChangeBytes);
}

bool Table::reserve_for_all(unsigned root_bits, bool wide) {
  const size_t count = trie_.nodes() + (size_t{1} << root_bits) + kPathNodes;
  const size_t old_roots = rooted_ ? rooted_->count() : 0;
  return pool_.reserve(count * max_node_bytes(wide, 1), count + old_roots,
                       RouteTrie::kMaxChangeBytes);
}

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
    if (const unsigned place = longest_place(above, slot_at(change.prefix, above.depth)))
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
      if (const unsigned place = longest_place(n, slot))
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

Status Table::rebuild(unsigned root_bits, NextHop extra) {
  NextHopCodes codes;
  std::atomic<const uint32_t*> hops{nullptr};
  bool ok = true;
  const auto add = [&](uint32_t raw) {
    ok = ok && codes.add(NextHop{raw}, pool_.qsbr(), hops).ok();
  };
  each_node(trie_, trie_.top(), [&](RouteNode& node) {
    for (unsigned i = 0; i < node.route_count(); ++i) add(node.hops()[i]);
  });
  add(extra.raw);
  const bool wide = !ok && codes.count() == NextHopCodes::kMaxCodes;
  if (!ok && !wide) return Errc::kNoSpace;
  if (wide) codes = NextHopCodes();
  if (!reserve_for_all(root_bits, wide)) return Errc::kNoSpace;
  Rooted* fresh = Rooted::make(pool_.nodes().base(), root_bits, wide, codes.values());
  if (!fresh) return Errc::kNoSpace;

  retire_nodes();
  Rooted* old = std::exchange(rooted_, fresh);
  codes_.swap(codes);
  sweep(trie_.top(), 0, {}, {}, {});
  view_.store(fresh, std::memory_order_release);
  codes.retire(pool_.qsbr());
  if (old) pool_.qsbr().retire(*old);
  pool_.settle();
  return success();
}

void Table::retire_nodes() {
  if (!rooted_) return;
  for (size_t i = 0; i < rooted_->count(); ++i) {
    const uint32_t node = rooted_->slots()[i].load(std::memory_order_relaxed);
    if (!is_shared(node)) retire(node);
  }
  for (uint32_t code = 0; code < codes_.count(); ++code) retire(codes_.note(code));
  each_node(trie_, trie_.top(), [&](RouteNode& node) {
    if (node.depth > rooted_->root_bits) retire(node.compiled);
    node.compiled = 0;
  });
}

void Table::reset() {
  view_.store(&empty_view(), std::memory_order_release);
  retire_nodes();
  trie_.clear();
  codes_.retire(pool_.qsbr());
  pool_.qsbr().retire(*rooted_);
  rooted_ = nullptr;
  pool_.settle();
}

// A rebuild that finds no memory is no error: the table answers right with the root it has. It is
// tried again when the table is an eighth larger or smaller, so that failing costs no time either.
void Table::fit_root() {
  const unsigned step = rooted_->root_bits / kStride;
  unsigned bits = rooted_->root_bits;
  if (size_ > kRootSizes[step].grow_above) bits = kRootSizes[step + 1].bits;
  if (step > 0 && size_ < kRootSizes[step - 1].grow_above / 4) bits = kRootSizes[step - 1].bits;
  const size_t distance = size_ > unfit_size_ ? size_ - unfit_size_ : unfit_size_ - size_;
  if (bits == rooted_->root_bits || distance <= unfit_size_ / 8) return;
  unfit_size_ = rebuild(bits, {}).ok() ? 0 : size_;
}

namespace {

struct Walker {
  const RouteTrie& trie;
  Table::Visit visit;
  void* ctx;

  // The routes and children of `node` below `place`, in order.
  void go(RouteNode& node, unsigned place) const {
    const unsigned bits = bits_of_place(place);
    const unsigned first = range_of_place(place).first;
    if (node.has_route(place)) {
      Key prefix = node.prefix;
      const uint64_t slot = uint64_t{first} << (64 - kStride) >> (node.depth & 63);
      (node.depth < 64 ? prefix.hi : prefix.lo) |= slot;
      visit(ctx, prefix, node.depth + bits, NextHop{node.hops()[node.route_rank(place)]});
    }
    if (bits < kStride) {
      go(node, 2 * place);
      go(node, 2 * place + 1);
    } else if (const Ref child =
                   node.has_child(first) ? node.child_refs()[node.child_rank(first)] : 0) {
      go(trie.at(child), 1);
    }
  }
};

}  // namespace

void Table::walk(Visit visit, void* ctx) const {
  if (trie_.top()) Walker{trie_, visit, ctx}.go(trie_.at(trie_.top()), 1);
}

}  // namespace kanmon::fib
