#include "dataplane/packet/pool.h"

#include <rte_mempool.h>

namespace kanmon {

rte_mempool* make_pool(const char* name, uint32_t buffers, uint16_t room, uint32_t cache,
                       int node) {
  return rte_pktmbuf_pool_create(name, buffers, cache, kPacketPrivateSize,
                                 static_cast<uint16_t>(room + RTE_PKTMBUF_HEADROOM), node);
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
