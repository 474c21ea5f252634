#include "dataplane/fib/lpm4.h"

#include <algorithm>

#include "dataplane/fib/node.h"

namespace kanmon::fib {
namespace {

// Lookups in flight: as many as the processor has line fills, and what fits a burst.
constexpr unsigned kBatch = 64;

template <class Leaf, unsigned kRootBits>
inline void look_up(const View& view, const uint32_t* addresses, NextHop* out, unsigned n) {
  const char* nodes[kBatch];
  for (unsigned i = 0; i < n; ++i) {
    nodes[i] = view.root_node(uint64_t{addresses[i]} >> (32 - kRootBits));
    __builtin_prefetch(nodes[i]);
  }
  const uint32_t* hops = view.next_hops.load(std::memory_order_acquire);
  for (unsigned i = 0; i < n; ++i) {
    const Leaf leaf = leaf_at<Leaf>(nodes[i], addresses[i] >> (32 - kRootBits - kStride) & 63);
    if (leaf & kEdgeFlag<Leaf>) [[unlikely]] {
      out[i] = hop_of(view, descend<Leaf>(view, nodes[i], kRootBits, Key::v4(addresses[i])));
    } else {
      out[i] = sizeof(Leaf) == 2 ? NextHop{hops[leaf]} : NextHop{leaf};
    }
  }
}

template <class Leaf>
void look_up_any(const View& view, const uint32_t* addresses, NextHop* out, unsigned n) {
  for (; n > 0;) {
    const unsigned now = std::min(n, kBatch);
    switch (view.root_bits) {
      case 0:
        look_up<Leaf, 0>(view, addresses, out, now);
        break;
      case 6:
        look_up<Leaf, 6>(view, addresses, out, now);
        break;
      case 12:
        look_up<Leaf, 12>(view, addresses, out, now);
        break;
      default:
        look_up<Leaf, 18>(view, addresses, out, now);
        break;
    }
    addresses += now;
    out += now;
    n -= now;
  }
}

}  // namespace

NextHop Lpm4::lookup(uint32_t address) const {
  const View& view = table_.view();
  const Key key = Key::v4(address);
  return view.wide ? find_in<uint32_t>(view, key) : find_in<uint16_t>(view, key);
}

void Lpm4::lookup_bulk(const uint32_t* addresses, NextHop* out, unsigned n) const {
  const View& view = table_.view();
  if (view.wide) {
    look_up_any<uint32_t>(view, addresses, out, n);
  } else {
    look_up_any<uint16_t>(view, addresses, out, n);
  }
}

}  // namespace kanmon::fib
