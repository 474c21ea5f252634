#include "dataplane/fib/lpm6.h"

#include <algorithm>

#include "dataplane/common/prefetch.h"
#include "dataplane/fib/node.h"

namespace kanmon::fib {
namespace {

constexpr unsigned kBatch = 64;

// The deepest node of which a batch knows the slot by the upper word alone. The few lookups that go
// deeper finish by themselves.
constexpr unsigned kDeepest = 54;

// All lookups of a batch go down one level at a time, so that their cache misses overlap and no
// branch depends on where a single one ends.
template <class Leaf>
struct Batch {
  uint64_t words[kBatch];  // the upper halves of the addresses
  const char* nodes[kBatch];
  Leaf leaves[kBatch];
  uint8_t shifts[kBatch];  // 63 less the slot: what brings its bit to the top of the bitmap
  uint8_t active[kBatch];  // the lookups that have a node to look into
  uint8_t onward[kBatch];  // the lookups whose leaf is an edge

  [[gnu::always_inline]] void start(const View& view, const Address6* addresses, unsigned n) {
    const unsigned bits = view.root_bits;
    const std::atomic<uint32_t>* const root = view.root;
    const char* const base = view.base;
    for (unsigned i = 0; i < n; ++i) {
      const uint64_t word = load_be<uint64_t>(addresses[i].data());
      const uint64_t index = word >> 1 >> (63 - bits);  // no slot at all for 0 bits
      nodes[i] = base + (uint64_t{root[index].load(std::memory_order_acquire)} << 3);
      prefetch_line(nodes[i]);
      words[i] = word;
      shifts[i] = static_cast<uint8_t>((~word << bits) >> (64 - kStride));
      active[i] = static_cast<uint8_t>(i);
    }
  }
  // Reads the leaves of the active lookups; returns how many are edges.
  [[gnu::always_inline]] unsigned read_leaves(unsigned n) {
    unsigned edges = 0;
    for (unsigned j = 0; j < n; ++j) {
      const unsigned i = active[j];
      const Leaf leaf = leaf_at<Leaf>(nodes[i], 63u - shifts[i]);
      leaves[i] = leaf;
      onward[edges] = static_cast<uint8_t>(i);
      edges += leaf >> (8 * sizeof(Leaf) - 1);
    }
    return edges;
  }
  // Takes the edges; returns how many lookups passed their guard and are active again.
  [[gnu::always_inline]] unsigned follow_edges(const View& view, const Address6* addresses,
                                               unsigned n) {
    const char* const base = view.base;
    unsigned passed = 0;
    for (unsigned j = 0; j < n; ++j) {
      const unsigned i = onward[j];
      const uint64_t word = words[i];
      const Edge<Leaf>& edge = edge_of<Leaf>(nodes[i], leaves[i]);
      const char* child = base + (uint64_t{edge.ref.load(std::memory_order_acquire)} << 3);
      if (edge.depth > kDeepest) [[unlikely]] {
        const Key key = Key::v6(addresses[i].data());
        leaves[i] = passes(edge, key) ? descend<Leaf>(view, child, edge.depth, key) : edge.miss;
        continue;
      }
      prefetch_line(child);
      leaves[i] = edge.miss;
      nodes[i] = child;
      shifts[i] = static_cast<uint8_t>((~word << edge.depth) >> (64 - kStride));
      active[passed] = static_cast<uint8_t>(i);
      passed += passes(edge, ShortKey{word});
    }
    return passed;
  }
};

template <class Leaf>
[[gnu::always_inline]] inline void look_up(const View& view, const Address6* addresses,
                                           NextHop* out, unsigned n) {
  Batch<Leaf> batch;
  while (n > 0) {
    const unsigned now = std::min(n, kBatch);
    batch.start(view, addresses, now);
    unsigned active = now;
    while (const unsigned edges = batch.read_leaves(active))
      active = batch.follow_edges(view, addresses, edges);
    const NextHopCodes::Values hops = view.next_hops.load(std::memory_order_acquire);
    for (unsigned i = 0; i < now; ++i) out[i] = hop_of(hops, batch.leaves[i]);
    addresses += now;
    out += now;
    n -= now;
  }
}

[[gnu::always_inline]] inline void look_up_any(const View& view, const Address6* addresses,
                                               NextHop* out, unsigned n) {
  if (view.wide) {
    look_up<uint32_t>(view, addresses, out, n);
  } else {
    look_up<uint16_t>(view, addresses, out, n);
  }
}

// The same code for processors with BMI2, whose shifts need no fixed register.
[[gnu::target("bmi,bmi2")]] void look_up_bmi2(const View& view, const Address6* addresses,
                                              NextHop* out, unsigned n) {
  look_up_any(view, addresses, out, n);
}

const bool has_bmi2 = __builtin_cpu_supports("bmi2");

}  // namespace

NextHop Lpm6::lookup(const Address6& address) const {
  const View& view = table_.view();
  const Key key = Key::v6(address.data());
  return view.wide ? find_in<uint32_t>(view, key) : find_in<uint16_t>(view, key);
}

void Lpm6::lookup_bulk(const Address6* addresses, NextHop* out, unsigned n) const {
  const View& view = table_.view();
  if (has_bmi2) {
    look_up_bmi2(view, addresses, out, n);
  } else {
    look_up_any(view, addresses, out, n);
  }
}

}  // namespace kanmon::fib
