#include "tests/support/visible.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "dataplane/port/eal.h"
#include "dataplane/port/ring_wire.h"

namespace kanmon::test {
namespace {

// A pool's free packets, behind a lock.
struct Shelf {
  std::mutex mutex;
  std::vector<void*> free;
};

Shelf& shelf(const rte_mempool* pool) {
  return *static_cast<Shelf*>(pool->pool_data);
}

int make_shelf(rte_mempool* pool) {
  pool->pool_data = new Shelf;
  return 0;
}

void free_shelf(rte_mempool* pool) {
  delete static_cast<Shelf*>(pool->pool_data);
}

int put(rte_mempool* pool, void* const* objects, unsigned n) {
  Shelf& s = shelf(pool);
  const std::lock_guard lock(s.mutex);
  s.free.insert(s.free.end(), objects, objects + n);
  return 0;
}

int get(rte_mempool* pool, void** objects, unsigned n) {
  Shelf& s = shelf(pool);
  const std::lock_guard lock(s.mutex);
  if (s.free.size() < n) return -ENOBUFS;
  for (unsigned i = 0; i < n; ++i) {
    objects[i] = s.free.back();
    s.free.pop_back();
  }
  return 0;
}

unsigned count(const rte_mempool* pool) {
  Shelf& s = shelf(pool);
  const std::lock_guard lock(s.mutex);
  return static_cast<unsigned>(s.free.size());
}

uint16_t receive(void* ring, Packet** packets, uint16_t n) {
  return static_cast<uint16_t>(rte_ring_dequeue_burst(
      static_cast<rte_ring*>(ring), reinterpret_cast<void**>(packets), n, nullptr));
}

uint16_t transmit(void* ring, Packet** packets, uint16_t n) {
  return static_cast<uint16_t>(rte_ring_enqueue_burst(
      static_cast<rte_ring*>(ring), reinterpret_cast<void* const*>(packets), n, nullptr));
}

}  // namespace

void start_eal_visibly(uint16_t workers) {
  port::EalOptions options;
  options.workers = workers;
  const std::string error =
      port::start_eal(port::compose(options, port::look_at_machine()), workers);
  static rte_mempool_ops ops = [] {
    rte_mempool_ops o{};
    std::snprintf(o.name, sizeof o.name, "visible");
    o.alloc = make_shelf;
    o.free = free_shelf;
    o.enqueue = put;
    o.dequeue = get;
    o.get_count = count;
    return o;
  }();
  static const int index = error.empty() ? rte_mempool_register_ops(&ops) : -1;
  if (index < 0 || rte_mbuf_set_user_mempool_ops("visible") != 0) {
    std::fprintf(stderr, "no visible pools: %s\n", error.c_str());
    std::abort();
  }
}

void make_visible(uint16_t port, port::RingWire& wire) {
  static std::vector<std::vector<void*>> kept;  // the driver's table has pointers to these
  auto& fast = ::rte_eth_fp_ops[port];
  kept.emplace_back(wire.to_near.begin(), wire.to_near.end());
  fast.rxq.data = kept.back().data();
  kept.emplace_back(wire.to_far.begin(), wire.to_far.end());
  fast.txq.data = kept.back().data();
  fast.rx_pkt_burst = receive;
  fast.tx_pkt_burst = transmit;
}

}  // namespace kanmon::test
