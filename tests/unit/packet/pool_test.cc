// The layout of a packet pool: the AF_XDP driver takes it for one piece of memory.
#include "dataplane/packet/pool.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include "tests/support/eal.h"

namespace kanmon {
namespace {

struct Span {
  uintptr_t first = UINTPTR_MAX;
  uintptr_t last = 0;
};

// What AF_XDP registers is as long as all objects together; the last must lie inside.
TEST(Pool, ObjectsLieWithoutGapsWhateverThePages) {
  test::start_eal();
  constexpr uint32_t kBuffers = 2047;
  rte_mempool* pool = make_pool("layout", kBuffers, 2048, 0, 0);
  ASSERT_NE(pool, nullptr);
  Span span;
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool*, void* arg, void* object, unsigned) {
        auto* s = static_cast<Span*>(arg);
        s->first = std::min(s->first, reinterpret_cast<uintptr_t>(object));
        s->last = std::max(s->last, reinterpret_cast<uintptr_t>(object));
      },
      &span);
  const uint32_t object = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr);
  EXPECT_LE(span.last - span.first, uint64_t{kBuffers} * object);
  rte_mempool_free(pool);
}

TEST(Pool, BuffersHaveRoomForHeadersAndMeta) {
  test::start_eal();
  rte_mempool* pool = make_pool("room", 63, 2048, 0, 0);
  ASSERT_NE(pool, nullptr);
  Packet* p = rte_pktmbuf_alloc(pool);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->priv_size, kPacketPrivateSize);
  EXPECT_EQ(rte_pktmbuf_headroom(p), RTE_PKTMBUF_HEADROOM);
  EXPECT_GE(rte_pktmbuf_tailroom(p), 2048);
  rte_pktmbuf_free(p);
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
  rte_mempool_free(pool);
}

// What a driver kept is back, once each; what is on its way elsewhere stays out until it is freed.
TEST(Pool, TakesBackWhatADriverLost) {
  test::start_eal();
  constexpr uint32_t kBuffers = 255, kLost = 40, kAway = 7;
  rte_mempool* pool = make_pool("lost", kBuffers, 2048, 32, 0);
  ASSERT_NE(pool, nullptr);
  std::vector<Packet*> lost(kLost), away(kAway), used(20);
  for (auto* set : {&lost, &away, &used}) {
    ASSERT_TRUE(allocate_all(pool, set->data(), static_cast<uint32_t>(set->size())));
    for (Packet* p : *set)
      if (set != &lost) (void)append(p, 60);
  }
  for (Packet* p : used) rte_pktmbuf_free(p);
  for (int again = 0; again < 2; ++again) {
    flush_cache(pool);
    EXPECT_EQ(take_back_lost(pool), kBuffers - kAway);
  }
  for (Packet* p : away) rte_pktmbuf_free(p);
  EXPECT_EQ(rte_mempool_in_use_count(pool), 0u);
  std::set<Packet*> all;
  for (Packet* p; (p = rte_pktmbuf_alloc(pool)) != nullptr;) EXPECT_TRUE(all.insert(p).second);
  EXPECT_EQ(all.size(), kBuffers);
  for (Packet* p : all) rte_pktmbuf_free(p);
  rte_mempool_free(pool);
}

}  // namespace
}  // namespace kanmon
