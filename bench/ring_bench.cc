// The ring between threads: what an item costs by burst size, beside DPDK's rte_ring in the same
// mode, and how long one takes from thread to thread and back.
//
//   cyc_item  time-stamp counter cycles per item, both sides on one thread (no line moves between
//             cores: the code's own cost)
//   pair      two threads on two cores, one pushes and one pops; items per second
//   round     there and back through two rings; p50 and p99 in nanoseconds. On a machine with fewer
//             idle cores than threads it measures the scheduler.
#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_ring.h>

#include "dataplane/rings/spsc.h"
#include "tests/support/eal.h"

namespace kanmon {
namespace {

constexpr uint32_t kSlots = 1024;
constexpr uint32_t kMostBurst = 64;

struct Ours {
  rings::Spsc<void*> ring{kSlots};
  uint32_t push(void* const* items, uint32_t n) { return ring.push(items, n); }
  uint32_t pop(void** items, uint32_t n) { return ring.pop(items, n); }
};

struct Dpdk {
  rte_ring* ring = nullptr;
  Dpdk() {
    test::start_eal();
    ring = rte_ring_create("bench", kSlots, -1, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
  }
  ~Dpdk() { rte_ring_free(ring); }
  uint32_t push(void* const* items, uint32_t n) {
    return rte_ring_sp_enqueue_burst(ring, items, n, nullptr);
  }
  uint32_t pop(void** items, uint32_t n) {
    return rte_ring_sc_dequeue_burst(ring, items, n, nullptr);
  }
};

template <class Ring>
void BM_OneThread(benchmark::State& state) {
  Ring ring;
  const auto burst = static_cast<uint32_t>(state.range(0));
  void* items[kMostBurst] = {};
  uint64_t done = 0;
  const uint64_t from = rte_rdtsc();
  for (auto _ : state) {
    const uint32_t in = ring.push(items, burst);
    const uint32_t out = ring.pop(items, burst);
    if (in != burst || out != burst) return state.SkipWithError("the ring lost items");
    done += burst;
  }
  state.counters["cyc_item"] = static_cast<double>(rte_rdtsc() - from) / static_cast<double>(done);
  state.SetItemsProcessed(static_cast<int64_t>(done));
}

template <class Ring>
void BM_Pair(benchmark::State& state) {
  Ring ring;
  const auto burst = static_cast<uint32_t>(state.range(0));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> popped{0};
  std::thread reader([&] {
    void* items[kMostBurst];
    while (!stop.load(std::memory_order_relaxed))
      if (const uint32_t n = ring.pop(items, burst); n != 0)
        popped.store(popped.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  });
  void* items[kMostBurst] = {};
  uint64_t pushed = 0;
  for (auto _ : state) {
    uint32_t n = 0;
    while (n < burst) n += ring.push(items + n, burst - n);
    pushed += burst;
  }
  while (popped.load(std::memory_order_relaxed) != pushed) {
  }
  stop = true;
  reader.join();
  state.SetItemsProcessed(static_cast<int64_t>(pushed));
}

void BM_RoundTrip(benchmark::State& state) {
  test::start_eal();  // knows the counter's frequency
  Ours there, back;
  std::atomic<bool> stop{false};
  std::thread mirror([&] {
    void* item = nullptr;
    while (!stop.load(std::memory_order_relaxed))
      if (there.pop(&item, 1) == 1) (void)back.push(&item, 1);
  });
  std::vector<uint64_t> took;
  took.reserve(1 << 20);
  void* item = nullptr;
  for (auto _ : state) {
    const uint64_t from = rte_rdtsc();
    (void)there.push(&item, 1);
    while (back.pop(&item, 1) == 0) {
    }
    took.push_back(rte_rdtsc() - from);
  }
  stop = true;
  mirror.join();
  std::sort(took.begin(), took.end());
  const double ns = 1e9 / static_cast<double>(rte_get_tsc_hz());
  state.counters["p50_ns"] = static_cast<double>(took[took.size() / 2]) * ns;
  state.counters["p99_ns"] = static_cast<double>(took[took.size() * 99 / 100]) * ns;
}

void bursts(benchmark::internal::Benchmark* b) {
  b->ArgName("burst")->MinTime(0.1);
  for (const int64_t n : {1, 8, 32, 64}) b->Arg(n);
}
BENCHMARK(BM_OneThread<Ours>)->Apply(bursts);
BENCHMARK(BM_OneThread<Dpdk>)->Apply(bursts);
BENCHMARK(BM_Pair<Ours>)->Apply(bursts)->UseRealTime();
BENCHMARK(BM_Pair<Dpdk>)->Apply(bursts)->UseRealTime();
BENCHMARK(BM_RoundTrip)->Iterations(2'000)->UseRealTime();

}  // namespace
}  // namespace kanmon
