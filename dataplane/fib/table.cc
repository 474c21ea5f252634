#include "dataplane/fib/table.h"

#include <bit>
#include <cassert>
#include <cstdlib>
#include <new>
#include <utility>

#include "dataplane/fib/rooted.h"
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

}  // namespace

Table::Table(NodePool& pool, unsigned max_length)
    : pool_(pool), max_length_(max_length), trie_(pool.routes()), view_(&empty_view()) {}

Table::~Table() {
  if (!rooted_) return;
  Arena& nodes = pool_.nodes();
  for (size_t i = 0; i < rooted_->count(); ++i)
    if (const uint32_t node = rooted_->slots()[i].load(); !is_shared(node)) nodes.release(node);
  for (uint32_t code = 0; code < codes_.count(); ++code)
    if (const uint32_t node = codes_.note(code)) nodes.release(node);
  trie_.each_node(trie_.top(), [&](RouteNode& node) {
    if (node.depth > rooted_->root_bits) nodes.release(node.compiled);
  });
  std::free(rooted_);
}

bool Table::valid(Key prefix, unsigned length) const {
  return length <= max_length_ && masked(prefix, length) == prefix;
}

NextHop Table::find(Key prefix, unsigned length) const {
  if (!valid(prefix, length)) return {};
  if (length == 0) return default_;
  return trie_.find(trie_.path_to(prefix, length), prefix, length);
}

size_t Table::memory_bytes() const {
  return sizeof *this + trie_.memory_bytes() + node_bytes_ + codes_.memory_bytes() +
         (rooted_ ? rooted_->bytes() : 0);
}

Status Table::insert(Key prefix, unsigned length, NextHop hop) {
  if (!valid(prefix, length) || !hop || hop.raw >> 31) return Errc::kBadValue;
  if (length == 0) return insert_default(hop);
  RouteTrie::Path path = trie_.path_to(prefix, length);
  if (trie_.find(path, prefix, length) == hop) return success();
  if (Status ready = prepare_codes(hop); !ready.ok()) return ready;
  if (path.count == 0) path.push(trie_.top());
  if (!reserve_for(path, prefix, length)) return Errc::kNoSpace;

  const unsigned existing = path.count;
  if (trie_.insert(path, prefix, length, hop)) ++size_;
  const RouteNode& home = trie_.at(path.last());
  const Change change{prefix, length, home.depth < rooted_->root_bits, path.last(),
                      home.slots_ruled_by(place_of(prefix, length, home.depth))};
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

Status Table::insert_default(NextHop hop) {
  const NextHop before = std::exchange(default_, hop);
  const Status done =
      rooted_ ? codes_.set_default(hop, rooted_->next_hops) : prepare_codes(NextHop{});
  if (!done.ok()) {
    default_ = before;
    return done;
  }
  if (before) return success();
  ++size_;
  fit_root();
  return success();
}

Status Table::erase_default() {
  if (!default_) return Errc::kNotFound;
  if (size_ == 1 && !reserve_for_all(rooted_->root_bits, rooted_->wide)) return Errc::kNoSpace;
  default_ = {};
  if (--size_ == 0) {
    reset();
    return success();
  }
  (void)codes_.set_default({}, rooted_->next_hops);  // there are codes: it cannot fail
  fit_root();
  return success();
}

Status Table::erase(Key prefix, unsigned length) {
  if (!valid(prefix, length)) return Errc::kBadValue;
  if (length == 0) return erase_default();
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
                trie_.at(path.last()).slots_ruled_by(place)};
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
  trie_.each_node(trie_.subtree(path, prefix, length), [&](const RouteNode& node) {
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

Status Table::rebuild(unsigned root_bits, NextHop extra) {
  NextHopCodes codes;
  NextHopCodes::Published hops{nullptr};
  bool ok = true;
  const auto add = [&](uint32_t raw) {
    ok = ok && codes.add(NextHop{raw}, pool_.qsbr(), hops).ok();
  };
  trie_.each_node(trie_.top(), [&](RouteNode& node) {
    for (unsigned i = 0; i < node.route_count(); ++i) add(node.hops()[i]);
  });
  add(extra.raw);
  const bool wide = !ok && codes.count() == NextHopCodes::kMaxCodes;
  if (!ok && !wide) return Errc::kNoSpace;
  if (wide) codes = NextHopCodes();
  if (!codes.set_default(default_, hops).ok()) return Errc::kNoSpace;
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
  if (default_) visit(ctx, {}, 0, default_);
  if (trie_.top()) Walker{trie_, visit, ctx}.go(trie_.at(trie_.top()), 1);
}

}  // namespace kanmon::fib
