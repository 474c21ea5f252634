// The encrypt and decrypt stages by packet size, burst and number of tunnels, and in the same run
// the bare IPsec-MB call on the same payloads: what the stages cost above it is Kanmon's own.
//
// Counter cyc_pkt: time-stamp counter cycles per packet inside the stage, anti-replay on, IPv4 in
// IPv4; AES-128-GCM, or the algorithm in the name. Filling and emptying the lanes is not timed.
#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
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
  Rig(uint32_t tunnels, std::size_t bytes, esp::Algorithm algorithm) : tunnels_(tunnels) {
    for (uint32_t i = 0; i < tunnels; ++i) {
      test::TunnelSpec t;
      t.algorithm = algorithm;
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
void run_stage(benchmark::State& state, esp::Algorithm algorithm, Fill fill, Stage stage) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const auto burst = static_cast<uint32_t>(state.range(1));
  Rig rig(static_cast<uint32_t>(state.range(2)), bytes, algorithm);
  Meter meter(state);
  for (auto _ : state) {
    fill(rig, burst);
    meter.time(burst, [&] { stage(rig.context()); });
    if (rig.collect() != burst) return state.SkipWithError("packets were lost; time means nothing");
  }
  meter.report();
}

template <esp::Algorithm algorithm>
void BM_Encrypt(benchmark::State& state) {
  run_stage(
      state, algorithm, [](Rig& r, uint32_t n) { r.fill_clear(n); }, encrypt::run);
}
template <esp::Algorithm algorithm>
void BM_Decrypt(benchmark::State& state) {
  run_stage(
      state, algorithm, [](Rig& r, uint32_t n) { r.fill_sealed(n); }, decrypt::run);
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

// What the library takes of an algorithm that is not GCM.
struct RawAlgorithm {
  IMB_CIPHER_MODE cipher;
  IMB_HASH_ALG hash;
  uint32_t key_bytes, front, align, icv_bytes;
};
constexpr RawAlgorithm kRawCbcSha256{IMB_CIPHER_CBC, IMB_AUTH_HMAC_SHA_256, 16, 24, 16, 16};
constexpr RawAlgorithm kRawCbcSha1{IMB_CIPHER_CBC, IMB_AUTH_HMAC_SHA_1, 16, 24, 16, 12};
constexpr RawAlgorithm kRawCbcSha512{IMB_CIPHER_CBC, IMB_AUTH_HMAC_SHA_512, 32, 24, 16, 32};
constexpr RawAlgorithm kRawChaCha20{
    IMB_CIPHER_CHACHA20_POLY1305, IMB_AUTH_CHACHA20_POLY1305, 32, 16, 4, 16};

// The limit where packets go in bursts: the library's burst call, cipher and hash chained, over the
// text ESP makes of a packet of `bytes`. Keys are the same for all; what they are does not matter.
class RawBurst {
 public:
  RawBurst(const RawAlgorithm& a, bool seal, uint32_t bytes)
      : a_(a), seal_(seal), length_((bytes + 2 + a.align - 1) / a.align * a.align) {
    init_mb_mgr_auto(manager_, nullptr);
    const uint8_t raw[32] = {1};
    (a.key_bytes == 16 ? manager_->keyexp_128 : manager_->keyexp_256)(raw, encrypt_, decrypt_);
  }
  ~RawBurst() { free_mb_mgr(manager_); }

  bool run(uint32_t burst) {
    IMB_JOB* jobs[64];
    if (IMB_GET_NEXT_BURST(manager_, burst, jobs) != burst) return false;
    for (uint32_t i = 0; i < burst; ++i) fill(*jobs[i]);
    uint32_t done = IMB_SUBMIT_BURST_NOCHECK(manager_, burst, jobs);
    while (done < burst) {
      const uint32_t flushed = IMB_FLUSH_BURST(manager_, burst - done, jobs);
      if (flushed == 0) return false;
      done += flushed;
    }
    return true;
  }

 private:
  void fill(IMB_JOB& j) {
    const bool chacha = a_.cipher == IMB_CIPHER_CHACHA20_POLY1305;
    uint8_t* packet = room_.data() + (at_++ % kBuffers) * 2048 + 64;
    j.cipher_mode = a_.cipher;
    j.hash_alg = a_.hash;
    j.cipher_direction = seal_ ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    j.chain_order = seal_ ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    j.enc_keys = encrypt_;
    j.dec_keys = chacha ? encrypt_ : decrypt_;
    j.key_len_in_bytes = a_.key_bytes;
    j.src = packet;
    j.dst = packet + a_.front;
    j.cipher_start_src_offset_in_bytes = a_.front;
    j.msg_len_to_cipher_in_bytes = length_;
    j.hash_start_src_offset_in_bytes = chacha ? a_.front : 0;
    j.msg_len_to_hash_in_bytes = chacha ? length_ : a_.front + length_;
    j.iv = packet + 8;
    j.iv_len_in_bytes = chacha ? 12 : 16;
    j.auth_tag_output = seal_ ? packet + a_.front + length_ : tag_;
    j.auth_tag_output_len_in_bytes = a_.icv_bytes;
    if (chacha) {
      j.u.CHACHA20_POLY1305.aad = packet;
      j.u.CHACHA20_POLY1305.aad_len_in_bytes = 8;
    } else {
      j.u.HMAC._hashed_auth_key_xor_ipad = state_;
      j.u.HMAC._hashed_auth_key_xor_opad = state_;
    }
#if IMB_VERSION_NUM >= IMB_VERSION(1, 5, 0)
    imb_set_session(manager_, &j);  // its bursts want to know the suite beforehand
#endif
  }

  const RawAlgorithm& a_;
  const bool seal_;
  const uint32_t length_;
  IMB_MGR* manager_ = alloc_mb_mgr(0);
  std::vector<uint8_t> room_ = std::vector<uint8_t>(kBuffers * 2048);
  uint32_t at_ = 0;
  alignas(64) uint8_t encrypt_[256] = {}, decrypt_[256] = {}, state_[64] = {}, tag_[64] = {};
};

template <const RawAlgorithm& algorithm, bool kSeal>
void BM_RawBurst(benchmark::State& state) {
  test::start_eal();
  const auto burst = static_cast<uint32_t>(state.range(1));
  RawBurst raw(algorithm, kSeal, static_cast<uint32_t>(state.range(0)));
  Meter meter(state);
  bool whole = true;
  for (auto _ : state) meter.time(burst, [&] { whole = raw.run(burst) && whole; });
  if (!whole) return state.SkipWithError("the library left jobs undone");
  meter.report();
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
BENCHMARK(BM_Encrypt<esp::Algorithm::kAes128Gcm16>)->Name("BM_Encrypt")->Apply(all);
BENCHMARK(BM_Raw<false>)->Name("BM_RawOpen")->Apply(sizes);
BENCHMARK(BM_Decrypt<esp::Algorithm::kAes128Gcm16>)->Name("BM_Decrypt")->Apply(all);

void other_sizes(benchmark::internal::Benchmark* b) {
  sizes(b);
  for (const int64_t burst : {1, 4, 8}) b->Args({64, burst, 1});
}
void other_all(benchmark::internal::Benchmark* b) {
  other_sizes(b);
  for (const int64_t bytes : {64, 512, 1420}) b->Args({bytes, 32, 1000});
}
// An algorithm's four: the limit and the stage, in both directions.
template <esp::Algorithm algorithm, const RawAlgorithm& raw>
void add(const std::string& name) {
  const auto benchmark = [](const std::string& full, void (*run)(benchmark::State&)) {
    return benchmark::RegisterBenchmark(full.c_str(), run);
  };
  benchmark("BM_RawSeal" + name, BM_RawBurst<raw, true>)->Apply(other_sizes);
  benchmark("BM_Encrypt" + name, BM_Encrypt<algorithm>)->Apply(other_all);
  benchmark("BM_RawOpen" + name, BM_RawBurst<raw, false>)->Apply(other_sizes);
  benchmark("BM_Decrypt" + name, BM_Decrypt<algorithm>)->Apply(other_all);
}
[[maybe_unused]] const bool kAdded = [] {
  add<esp::Algorithm::kAes128Sha256, kRawCbcSha256>("Aes128Sha256");
  add<esp::Algorithm::kAes256Sha512, kRawCbcSha512>("Aes256Sha512");
  add<esp::Algorithm::kAes128Sha1, kRawCbcSha1>("Aes128Sha1");
  add<esp::Algorithm::kChaCha20Poly1305, kRawChaCha20>("ChaCha20Poly1305");
  return true;
}();

}  // namespace
}  // namespace kanmon
