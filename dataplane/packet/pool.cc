#include "dataplane/packet/pool.h"

#include <algorithm>
#include <vector>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

namespace kanmon {

// As rte_pktmbuf_pool_create(), except that without hugepages the buffers still lie side by side;
// that function would start each on a page of its own. DPDK's AF_XDP driver takes the pool for one
// dense range of `buffers` sizes, and the kernel refuses every buffer beyond it without a word.
rte_mempool* make_pool(const char* name, uint32_t buffers, uint16_t room, uint32_t cache,
                       int node) {
  const auto data = static_cast<uint16_t>(room + RTE_PKTMBUF_HEADROOM);
  const unsigned flags = rte_eal_has_hugepages() != 0 ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
  rte_mempool* pool = rte_mempool_create_empty(
      name, buffers, static_cast<unsigned>(sizeof(rte_mbuf)) + kPacketPrivateSize + data, cache,
      sizeof(rte_pktmbuf_pool_private), node, flags);
  if (pool == nullptr) return nullptr;
  rte_pktmbuf_pool_private layout{};
  layout.mbuf_data_room_size = data;
  layout.mbuf_priv_size = kPacketPrivateSize;
  rte_pktmbuf_pool_init(pool, &layout);
  if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr) != 0 ||
      rte_mempool_populate_default(pool) < 0) {
    rte_mempool_free(pool);
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

void flush_cache(rte_mempool* pool) {
  rte_mempool_cache* cache = rte_mempool_default_cache(pool, rte_lcore_id());
  if (cache != nullptr) rte_mempool_cache_flush(cache, pool);
}

namespace {

// All packets of a pool, and which of them were found at home.
struct Census {
  std::vector<void*> home;
  std::vector<Packet*> lost;
};

void count_lost(rte_mempool*, void* census, void* object, unsigned) {
  Census& c = *static_cast<Census*>(census);
  auto* p = static_cast<Packet*>(object);
  if (p->pkt_len == 0 && !std::binary_search(c.home.begin(), c.home.end(), object))
    c.lost.push_back(p);
}

}  // namespace

uint32_t take_back_lost(rte_mempool* pool) {
  Census census;
  for (void* p; rte_mempool_ops_dequeue_bulk(pool, &p, 1) == 0;) census.home.push_back(p);
  std::sort(census.home.begin(), census.home.end());
  rte_mempool_obj_iter(pool, count_lost, &census);
  for (void* p : census.home) rte_mempool_ops_enqueue_bulk(pool, &p, 1);
  for (Packet* p : census.lost) {
    // As rte_mbuf_raw_free() leaves them.
    rte_mbuf_refcnt_set(p, 1);
    p->next = nullptr;
    p->nb_segs = 1;
    void* object = p;
    rte_mempool_ops_enqueue_bulk(pool, &object, 1);
  }
  return static_cast<uint32_t>(census.home.size() + census.lost.size());
}

void reset_meta_of_own(Packet* p, uint16_t table) {
  Meta m{};
  m.port = kNoPort;
  m.table = table;
  m.tx_port = kNoPort;
  m.from_control = 1;
  m.tunnel_in = kNoTunnel;
  meta(p) = m;
}

Packet* allocate(rte_mempool* pool, uint16_t table) {
  Packet* p = rte_pktmbuf_alloc(pool);
  if (p != nullptr) reset_meta_of_own(p, table);
  return p;
}

bool all_writable(const Packet* p) {
  for (; p != nullptr; p = p->next)
    if (!is_writable(p)) return false;
  return true;
}

}  // namespace kanmon
