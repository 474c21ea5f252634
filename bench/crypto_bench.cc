// The engine alone: seal and open by size, key expansion, the self-test, and what two workers get
// from one library or from a private copy each (IPsec-MB 1.3 writes a process-wide word per call).
#include <algorithm>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/secure_slab.h"

namespace kanmon::crypto {
namespace {

constexpr uint32_t kBurst = 32;

struct Load {
  Load(esp::Algorithm algorithm, uint32_t bytes) : room(kBurst * 2048), key(new Key) {
    const std::vector<uint8_t> raw(esp::info(algorithm).key_bytes(), 1);
    if (!expand(algorithm, raw, *key).ok()) std::abort();
    for (uint32_t i = 0; i < kBurst; ++i) {
      Job j = {};
      j.key = key.get();
      j.text = room.data() + i * 2048 + 64;
      j.length = bytes;
      j.algorithm = algorithm;
      j.aad_bytes = 8;
      j.nonce[11] = static_cast<uint8_t>(i);
      jobs.push_back(j);
    }
  }
  std::vector<uint8_t> room;
  std::unique_ptr<Key> key;
  std::vector<Job> jobs;
};

// Each thread with an engine of its own; cyc_pkt is the median over bursts, the mean over threads.
template <esp::Algorithm algorithm, bool kSeal>
void BM_Engine(benchmark::State& state) {
  const auto engine = Engine::create(Isa::kAuto, state.range(1) != 0);
  if (engine == nullptr || engine->has_private_copy() != (state.range(1) != 0))
    return state.SkipWithError("no such engine here");
  Load load(algorithm, static_cast<uint32_t>(state.range(0)));
  std::vector<uint64_t> took;
  took.reserve(1 << 22);
  for (auto _ : state) {
    const uint64_t from = __rdtsc();
    if (kSeal)
      engine->seal(load.jobs.data(), kBurst);
    else
      engine->open(load.jobs.data(), kBurst);
    took.push_back(__rdtsc() - from);
  }
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  state.counters["cyc_pkt"] =
      benchmark::Counter(static_cast<double>(*middle) / kBurst, benchmark::Counter::kAvgThreads);
  state.SetItemsProcessed(state.iterations() * kBurst);
}
BENCHMARK(BM_Engine<esp::Algorithm::kAes128Gcm16, true>)
    ->Name("BM_Seal")
    ->ArgNames({"bytes", "private"})
    ->ArgsProduct({{64, 512, 1420}, {0, 1}})
    ->ThreadRange(1, 2)
    ->MinTime(0.05);
BENCHMARK(BM_Engine<esp::Algorithm::kAes128Gcm16, false>)
    ->Name("BM_Open")
    ->ArgNames({"bytes", "private"})
    ->ArgsProduct({{64, 1420}, {0, 1}})
    ->ThreadRange(1, 2)
    ->MinTime(0.05);

// The managers of the burst calls are the copy's own too: the same with CBC and HMAC, and ChaCha20.
BENCHMARK(BM_Engine<esp::Algorithm::kAes128Sha256, true>)
    ->Name("BM_SealAes128Sha256")
    ->ArgNames({"bytes", "private"})
    ->ArgsProduct({{80, 1424}, {0, 1}})
    ->ThreadRange(1, 2)
    ->MinTime(0.05);
BENCHMARK(BM_Engine<esp::Algorithm::kChaCha20Poly1305, true>)
    ->Name("BM_SealChaCha20Poly1305")
    ->ArgNames({"bytes", "private"})
    ->ArgsProduct({{64, 1420}, {0, 1}})
    ->ThreadRange(1, 2)
    ->MinTime(0.05);

void BM_ExpandKey(benchmark::State& state) {
  const auto key = std::make_unique<Key>();
  const std::vector<uint8_t> raw(32, 1);
  for (auto _ : state) {
    if (!expand(esp::Algorithm::kAes256Gcm16, raw, *key).ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(key->expanded[0]);
  }
}
BENCHMARK(BM_ExpandKey);

// At start only; the budget for all of it is 50 ms.
void BM_SelfTest(benchmark::State& state) {
  const auto engine = Engine::create();
  for (auto _ : state)
    if (!self_test(*engine)) return state.SkipWithError("the engine is wrong");
}
BENCHMARK(BM_SelfTest)->Unit(benchmark::kMicrosecond);

void BM_CreateEngine(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Engine::create(Isa::kAuto, state.range(0) != 0));
}
BENCHMARK(BM_CreateEngine)->ArgName("private")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kanmon::crypto
