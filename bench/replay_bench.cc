// The replay window: judging and recording a sequence number, by how far packets are out of order.
#include <algorithm>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include "dataplane/esp/replay_window.h"

namespace kanmon::esp {
namespace {

constexpr uint32_t kPackets = 1 << 16;

// 1, 2, 3, … with each number moved by less than `reorder` places.
std::vector<uint64_t> sequence(uint32_t reorder) {
  std::vector<std::pair<uint64_t, uint64_t>> order;
  std::minstd_rand rng(4303);
  for (uint64_t n = 1; n <= kPackets; ++n)
    order.emplace_back(n + (reorder == 0 ? 0 : rng() % reorder), n);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<uint64_t> out;
  for (const auto& [place, n] : order) out.push_back(n);
  return out;
}

void BM_Replay(benchmark::State& state) {
  const auto packets = static_cast<uint32_t>(state.range(0));
  const auto numbers = sequence(static_cast<uint32_t>(state.range(1)));
  uint64_t cycles = 0, taken = 0;
  for (auto _ : state) {
    std::vector<uint64_t> bitmap(ReplayWindow::words(packets));
    ReplayWindow window;
    window.start(bitmap, packets);
    const uint64_t from = __rdtsc();
    taken = 0;
    for (const uint64_t n : numbers) {
      const uint64_t whole = window.infer(static_cast<uint32_t>(n));
      if (window.check(whole) == Verdict::kFresh && window.commit(whole) == Verdict::kFresh)
        ++taken;
    }
    cycles += __rdtsc() - from;
    if (taken != kPackets)
      return state.SkipWithError("the window lost packets; the time means nothing");
  }
  state.counters["cyc_pkt"] =
      static_cast<double>(cycles) / (static_cast<double>(state.iterations()) * kPackets);
  state.SetItemsProcessed(state.iterations() * kPackets);
}
BENCHMARK(BM_Replay)
    ->ArgNames({"window", "reorder"})
    ->Args({64, 0})
    ->Args({64, 32})
    ->Args({4096, 0})
    ->Args({4096, 8})
    ->Args({4096, 512})
    ->Args({4096, 4000})
    ->Args({65'536, 0})
    ->Args({65'536, 60'000});

}  // namespace
}  // namespace kanmon::esp
