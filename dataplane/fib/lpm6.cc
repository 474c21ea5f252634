#include "dataplane/fib/lpm6.h"

#include <algorithm>

#include "dataplane/fib/node.h"

namespace kanmon::fib {
namespace {

constexpr unsigned kBatch = 64;

// All lookups of a batch go down one level at a time, so that their cache misses overlap and no
// branch depends on where a single one ends.
template <class Leaf>
struct Batch {
  Key keys[kBatch];
  const char* nodes[kBatch];
  Leaf leaves[kBatch];
  uint8_t slots[kBatch];
  uint8_t active[kBatch];  // the lookups that have a node to look into
  uint8_t onward[kBatch];  // the lookups whose leaf is an edge

  void start(const View& view, const Address6* addresses, unsigned n) {
    const unsigned bits = view.root_bits;
    for (unsigned i = 0; i < n; ++i) {
      keys[i] = Key::v6(addresses[i].data());
      nodes[i] = view.root_node(bits == 0 ? 0 : keys[i].hi >> (64 - bits));
      __builtin_prefetch(nodes[i]);
      slots[i] = static_cast<uint8_t>((keys[i].hi << bits) >> (64 - kStride));
      active[i] = static_cast<uint8_t>(i);
    }
  }
  // Reads the leaves of the active lookups; returns how many are edges.
  unsigned read_leaves(unsigned n) {
    unsigned edges = 0;
    for (unsigned j = 0; j < n; ++j) {
      const unsigned i = active[j];
      leaves[i] = leaf_at<Leaf>(nodes[i], slots[i]);
      onward[edges] = static_cast<uint8_t>(i);
      edges += leaves[i] >> (8 * sizeof(Leaf) - 1);
    }
    return edges;
  }
  // Takes the edges; returns how many passed their guard and are active again.
  unsigned follow_edges(const View& view, unsigned n) {
    unsigned passed = 0;
    for (unsigned j = 0; j < n; ++j) {
      const unsigned i = onward[j];
      const Edge<Leaf>& edge = edge_of<Leaf>(nodes[i], leaves[i]);
      leaves[i] = edge.miss;
      slots[i] = static_cast<uint8_t>(slot_at(keys[i], edge.depth));
      nodes[i] = view.node(edge.ref.load(std::memory_order_acquire));
      __builtin_prefetch(nodes[i]);
      active[passed] = static_cast<uint8_t>(i);
      passed += passes(edge, keys[i]);
    }
    return passed;
  }
};

template <class Leaf>
void look_up(const View& view, const Address6* addresses, NextHop* out, unsigned n) {
  Batch<Leaf> batch;
  while (n > 0) {
    const unsigned now = std::min(n, kBatch);
    batch.start(view, addresses, now);
    unsigned active = now;
    while (const unsigned edges = batch.read_leaves(active))
      active = batch.follow_edges(view, edges);
    for (unsigned i = 0; i < now; ++i) out[i] = hop_of(view, batch.leaves[i]);
    addresses += now;
    out += now;
    n -= now;
  }
}

}  // namespace

NextHop Lpm6::lookup(const Address6& address) const {
  const View& view = table_.view();
  const Key key = Key::v6(address.data());
  return view.wide ? find_in<uint32_t>(view, key) : find_in<uint16_t>(view, key);
}

void Lpm6::lookup_bulk(const Address6* addresses, NextHop* out, unsigned n) const {
  const View& view = table_.view();
  if (view.wide) {
    look_up<uint32_t>(view, addresses, out, n);
  } else {
    look_up<uint16_t>(view, addresses, out, n);
  }
}

}  // namespace kanmon::fib
