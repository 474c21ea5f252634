// The encrypt and decrypt stages by packet size, burst and number of tunnels, and in the same run
// the bare IPsec-MB call on the same payloads: what the stages cost above it is Kanmon's own.
//
// Counter cyc_pkt: time-stamp counter cycles per packet inside the stage, anti-replay on,
// AES-128-GCM, IPv4 in IPv4. Filling and emptying the lanes is not timed.
#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>
#include <intel-ipsec-mb.h>
#include <rte_cycles.h>

#include "dataplane/decrypt/decrypt.h"
#include "dataplane/encrypt/encrypt.h"
#include "dataplane/packet/reshape.h"
#include "tests/support/eal.h"
#include "tests/support/esp_bed.h"

namespace kanmon {
namespace {

constexpr uint32_t kBuffers = 256;  // packets in turn, so that they do not all stay in L1

// A bed with tunnels and a fixed set of packets that are restored before each burst.
class Rig {
 public:
  Rig(uint32_t tunnels, std::size_t bytes) : tunnels_(tunnels) {
    for (uint32_t i = 0; i < tunnels; ++i) {
      test::TunnelSpec t;
      t.tunnel = i;
      t.spi = 0x40000000 + i;
      t.esn = true;
      t.key_seed = static_cast<uint8_t>(i);
      test::add_tunnel(bed_, t);
    }
    for (uint32_t i = 0; i < kBuffers; ++i) {
      inner_.push_back(test::inner_packet({.bytes = bytes, .seed = i}));
      packets_.push_back(bed_.packet(inner_.back()));
    }
  }
  ~Rig() {
    for (Packet* p : packets_) rte_pktmbuf_free(p);
  }

  // Puts the next `n` inner packets into lanes.encrypt, for tunnels in random order.
  void fill_clear(uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) {
      const uint32_t k = at_++ % kBuffers;
      Packet* p = packets_[k];
      uint8_t* start = static_cast<uint8_t*>(p->buf_addr) + 142;
      std::memcpy(start, inner_[k].data(), inner_[k].size());
      set_data(p, start, static_cast<uint32_t>(inner_[k].size()));
      meta(p).next_hop =
          fib::NextHop::make(fib::NextHopKind::kTunnel, tunnels_ == 1 ? 0 : rng_() % tunnels_);
      bed_.lanes().encrypt.push(p);
    }
  }
  // The same packets sealed, in lanes.esp as classify would leave them.
  void fill_sealed(uint32_t n) {
    fill_clear(n);
    encrypt::run(bed_.context());
    PacketVector& sealed = bed_.lanes().tx[test::EspBed::kPort];
    for (uint32_t i = 0; i < sealed.count; ++i) {
      Packet* p = sealed.slots[i];
      set_data(p, data(p) + 14, length(p) - 14);
      meta(p).l4_offset = 20;
      meta(p).outer_length = static_cast<uint16_t>(length(p) - 20);
      meta(p).udp_encap = 0;
      bed_.lanes().esp.push(p);
    }
    sealed.clear();
  }
  // Empties the lanes the packets came out at; says how many there were.
  uint32_t collect() {
    PacketVector& tx = bed_.lanes().tx[test::EspBed::kPort];
    PacketVector& route = bed_.lanes().route;
    const uint32_t n = tx.count + route.count;
    tx.clear();
    route.clear();
    return n;
  }
  Context& context() { return bed_.context(); }

 private:
  test::EspBed bed_;
  uint32_t tunnels_;
  std::vector<test::Octets> inner_;
  std::vector<Packet*> packets_;
  uint32_t at_ = 0;
  std::minstd_rand rng_{4};
};

// Cycles of one burst after the other. The median is reported: what an interrupt or a neighbour
// on the core takes falls on few bursts and must not be counted as the stage's.
class Meter {
 public:
  explicit Meter(benchmark::State& state) : state_(state) { took_.reserve(1 << 20); }
  template <class Work>
  void time(uint32_t packets, Work work) {
    const uint64_t from = rte_rdtsc_precise();
    work();
    const uint64_t took = rte_rdtsc_precise() - from;
    state_.SetIterationTime(static_cast<double>(took) / static_cast<double>(rte_get_tsc_hz()));
    took_.push_back(took);
    packets_ = packets;
  }
  void report() {
    const auto middle = took_.begin() + static_cast<std::ptrdiff_t>(took_.size() / 2);
    std::nth_element(took_.begin(), middle, took_.end());
    state_.counters["cyc_pkt"] = static_cast<double>(*middle) / packets_;
  }

 private:
  benchmark::State& state_;
  std::vector<uint64_t> took_;
  uint32_t packets_ = 1;
};

template <class Fill, class Stage>
void run_stage(benchmark::State& state, Fill fill, Stage stage) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const auto burst = static_cast<uint32_t>(state.range(1));
  Rig rig(static_cast<uint32_t>(state.range(2)), bytes);
  Meter meter(state);
  for (auto _ : state) {
    fill(rig, burst);
    meter.time(burst, [&] { stage(rig.context()); });
    if (rig.collect() != burst) return state.SkipWithError("packets were lost; time means nothing");
  }
  meter.report();
}

void BM_Encrypt(benchmark::State& state) {
  run_stage(
      state, [](Rig& r, uint32_t n) { r.fill_clear(n); }, encrypt::run);
}
void BM_Decrypt(benchmark::State& state) {
  run_stage(
      state, [](Rig& r, uint32_t n) { r.fill_sealed(n); }, decrypt::run);
}

// The limit: the library's own call, key and buffers hot, nothing around it.
template <bool kSeal>
void BM_Raw(benchmark::State& state) {
  test::start_eal();
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const auto burst = static_cast<uint32_t>(state.range(1));
  IMB_MGR* m = alloc_mb_mgr(0);
  init_mb_mgr_auto(m, nullptr);
  auto key = std::make_unique<gcm_key_data>();
  gcm_context_data context;
  const uint8_t raw_key[16] = {1}, iv[12] = {2}, aad[8] = {3};
  IMB_AES128_GCM_PRE(m, raw_key, key.get());
  std::vector<uint8_t> room(kBuffers * 2048);
  uint8_t tag[16];
  uint32_t at = 0;
  const auto call = [&] {
    for (uint32_t i = 0; i < burst; ++i) {
      uint8_t* text = room.data() + (at++ % kBuffers) * 2048 + 64;
      if (kSeal) {
        IMB_AES128_GCM_ENC(m, key.get(), &context, text, text, bytes, iv, aad, 8, text + bytes, 16);
      } else {
        IMB_AES128_GCM_DEC(m, key.get(), &context, text, text, bytes, iv, aad, 8, tag, 16);
      }
    }
  };
  Meter meter(state);
  for (auto _ : state) meter.time(burst, call);
  meter.report();
  free_mb_mgr(m);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"bytes", "burst", "tunnels"})->UseManualTime()->MinTime(0.05);
  for (const int64_t bytes : {64, 512, 1420}) b->Args({bytes, 32, 1});
}
void all(benchmark::internal::Benchmark* b) {
  sizes(b);
  for (const int64_t bytes : {64, 512, 1420}) b->Args({bytes, 32, 1000});
  for (const int64_t burst : {1, 4}) b->Args({64, burst, 1});
}
BENCHMARK(BM_Raw<true>)->Name("BM_RawSeal")->Apply(sizes);
BENCHMARK(BM_Encrypt)->Apply(all);
BENCHMARK(BM_Raw<false>)->Name("BM_RawOpen")->Apply(sizes);
BENCHMARK(BM_Decrypt)->Apply(all);

}  // namespace
}  // namespace kanmon
