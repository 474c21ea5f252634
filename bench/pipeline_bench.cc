// A whole turn of a worker on in-memory ports: frames wait on a wire, the worker receives,
// classifies, (decrypts,) routes, (encrypts) and transmits them; and in the same run the bare
// IPsec-MB call on the same payload, which is the part of a tunnel's cost that is not Kanmon's.
//
//   bytes     of the clear IP packet; AES-128-GCM, IPv4 in IPv4, anti-replay on, ESN on
//   burst     frames a turn finds
//   cyc_pkt   time-stamp counter cycles of the turn per packet (median turn), all stages and the
//             loop; cyc_<stage>: of each stage; medians
//
// Packets are in the cache when they arrive, as with a NIC that writes into it.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <intel-ipsec-mb.h>
#include <rte_cycles.h>

#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/wire/headers.h"
#include "tests/support/esp_bed.h"
#include "tests/support/gateway.h"

namespace kanmon {
namespace {

using test::Gateway;
using test::Octets;

constexpr uint32_t kPackets = 256;  // in turn
constexpr uint16_t kAfterTunnel = 3;
constexpr uint32_t kTunnel = 5;

// A gateway whose tunnel leads back to itself: what it encrypts it can be given to decrypt.
class Rig {
 public:
  Rig(std::size_t bytes, const char* network) : gateway_({}), nodes_(gateway_.dataplane().qsbr()) {
    make_tunnel();
    make_table();
    for (uint32_t i = 0; i < kPackets; ++i) {
      const std::string to = network + std::to_string(i / 16) + "." + std::to_string(i % 16 + 1);
      frames_.push_back(test::frame(test::ip({"10.0.1.9", to.c_str()}, Octets(bytes - 20, 7))));
      packets_.push_back(allocate(gateway_.dataplane().packet_pool(), 0));
    }
    // The slot is taken by an SA: the worker has to look at it to know better.
    Octets esp(bytes + 36, 0xa5);
    store_be(esp.data(), in_->spi ^ 0x10000);
    bad_ = test::frame(test::ip({"192.0.2.2", "192.0.2.1", wire::kProtocolEsp}, esp));
  }
  ~Rig() {
    for (Packet* p : packets_) rte_pktmbuf_free(p);
    DataPlane& d = gateway_.dataplane();
    d.publish(rings::SetTunnel{kTunnel, {}});
    (void)d.wait_for(d.publish(rings::SetInboundSa{in_->spi, nullptr}));
    (void)d.wait_for(d.publish(rings::SetTable{kAfterTunnel, {}}));
    sa::destroy(out_);
    sa::destroy(in_);
  }

  // The next `n` clear frames, on the wire to the LAN port.
  bool fill_clear(uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) {
      Packet* p = packets_[(at_ + i) % kPackets];
      const Octets& f = frames_[(at_ + i) % kPackets];
      rte_pktmbuf_reset(p);
      std::memcpy(append(p, static_cast<uint16_t>(f.size())), f.data(), f.size());
      burst_[i] = p;
    }
    at_ += n;
    return send(gateway_.lan(), n);
  }
  // The next `n` sealed frames, on the wire to the WAN port.
  bool fill_sealed(uint32_t n) {
    if (!fill_clear(n)) return false;
    (void)gateway_.dataplane().worker(0).turn();
    return collect(gateway_.wan()) == n && send(gateway_.wan(), n);
  }
  // `n` frames of ESP that belongs to no SA, on the wire to the WAN port. They do not come back.
  bool fill_bad(uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) {
      burst_[i] = allocate(gateway_.dataplane().packet_pool(), 0);
      if (burst_[i] == nullptr) return false;
      std::memcpy(append(burst_[i], static_cast<uint16_t>(bad_.size())), bad_.data(), bad_.size());
    }
    return send(gateway_.wan(), n);
  }
  uint32_t collect(uint16_t port) { return gateway_.wire(port).receive(0, burst_, kBurst); }
  Gateway& gateway() { return gateway_; }

 private:
  bool send(uint16_t port, uint32_t n) { return gateway_.wire(port).send(0, burst_, n) == n; }

  void make_tunnel() {
    test::TunnelSpec spec;
    spec.tunnel = kTunnel;
    spec.esn = true;
    const Octets keymat = test::keymat_of(spec);
    sa::OutboundParams out;
    out.spi = spec.spi;
    out.tunnel = kTunnel;
    out.algorithm = spec.algorithm;
    out.esn = true;
    out.keymat = keymat;
    out.local_ts = out.remote_ts = spec.near;
    out_ = sa::make_outbound(out);
    sa::InboundParams in;
    in.spi = spec.spi;
    in.tunnel = kTunnel;
    in.table = kAfterTunnel;
    in.algorithm = spec.algorithm;
    in.esn = true;
    in.keymat = keymat;
    in.local = wire::IpAddress::parse("192.0.2.1").value();
    in.local_ts = in.remote_ts = spec.near;
    in_ = sa::make_inbound(in);
    sa::EncapParams encap;
    encap.local.address = wire::IpAddress::parse("192.0.2.2").value();
    encap.remote.address = in.local;
    DataPlane& d = gateway_.dataplane();
    Adjacency self;  // back to our own MAC address
    self.port = gateway_.wan();
    std::copy(test::kOurMac.begin(), test::kOurMac.end(), self.ethernet);
    std::copy(test::kTheirMac.begin(), test::kTheirMac.end(), self.ethernet + 6);
    d.publish(rings::SetAdjacency{0, self});
    d.publish(rings::SetTunnel{kTunnel, sa::make_encap(out_, encap, 0)});
    d.publish(rings::SetInboundSa{spec.spi, in_});
  }
  void make_table() {
    after_ = std::make_unique<test::Routes>(nodes_);
    after_->add("10.5.0.0/16", fib::NextHop::make(fib::NextHopKind::kNeighbour, 2));
    const RouteTable table{&after_->v4, &after_->v6, TableRole::kOverlay, {}, {}};
    DataPlane& d = gateway_.dataplane();
    (void)d.wait_for(d.publish(rings::SetTable{kAfterTunnel, table}));
  }

  Gateway gateway_;
  fib::NodePool nodes_;
  std::unique_ptr<test::Routes> after_;
  sa::OutboundSa* out_ = nullptr;
  sa::InboundSa* in_ = nullptr;
  std::vector<Octets> frames_;
  Octets bad_;
  std::vector<Packet*> packets_;
  Packet* burst_[kBurst];
  uint32_t at_ = 0;
};

double median(std::vector<uint64_t>& v) {
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return static_cast<double>(*middle);
}

using StageCycles = std::array<uint64_t, kStageCount>;
StageCycles cycles_of(const WorkerCounters& c) {
  StageCycles s{};
  for (std::size_t i = 0; i < kStageCount; ++i) s[i] = c.stages[i].cycles.get();
  return s;
}

template <class Fill>
void run(benchmark::State& state, const char* network, Fill fill,
         uint16_t (Gateway::*out)() const) {
  const auto burst = static_cast<uint32_t>(state.range(1));
  Rig rig(static_cast<std::size_t>(state.range(0)), network);
  Worker& worker = rig.gateway().dataplane().worker(0);
  const uint16_t port = (rig.gateway().*out)();
  std::vector<uint64_t> took;
  took.reserve(1 << 20);
  std::vector<uint64_t> stages[kStageCount];
  for (auto _ : state) {
    if (!fill(rig, burst)) return state.SkipWithError("frames were lost before the turn");
    const StageCycles before = cycles_of(worker.counters());
    const uint64_t timed = worker.counters().timed_turns.get();
    const uint64_t from = rte_rdtsc_precise();
    (void)worker.turn();
    took.push_back(rte_rdtsc_precise() - from);
    const StageCycles after = cycles_of(worker.counters());
    if (rig.collect(port) != burst) return state.SkipWithError("frames were lost");
    state.SetIterationTime(static_cast<double>(took.back()) /
                           static_cast<double>(rte_get_tsc_hz()));
    const uint64_t weight = worker.counters().timed_turns.get() - timed;
    for (std::size_t i = 0; weight != 0 && i < kStageCount; ++i)
      stages[i].push_back((after[i] - before[i]) / weight);
  }
  state.counters["cyc_pkt"] = median(took) / burst;
  for (std::size_t i = 0; i < kStageCount; ++i)
    if (const double middle = median(stages[i]); middle != 0)
      state.counters[std::string("cyc_") + kStageNames[i]] = middle / burst;
}

void BM_Forward(benchmark::State& state) {
  run(
      state, "10.9.", [](Rig& r, uint32_t n) { return r.fill_clear(n); }, &Gateway::far);
}
void BM_ForwardEncrypt(benchmark::State& state) {
  run(
      state, "10.5.", [](Rig& r, uint32_t n) { return r.fill_clear(n); }, &Gateway::wan);
}
void BM_DecryptForward(benchmark::State& state) {
  run(
      state, "10.5.", [](Rig& r, uint32_t n) { return r.fill_sealed(n); }, &Gateway::far);
}

// Turn about a burst that is decrypted and one of unknown SPIs in the same seconds: a bad packet
// may cost a quarter of a good one. cyc_bad, cyc_good: of the turn per packet, medians.
void BM_UnknownSpi(benchmark::State& state) {
  const auto burst = static_cast<uint32_t>(state.range(1));
  Rig rig(static_cast<std::size_t>(state.range(0)), "10.5.");
  Worker& worker = rig.gateway().dataplane().worker(0);
  std::vector<uint64_t> good, bad;
  for (auto _ : state) {
    if (!rig.fill_sealed(burst)) return state.SkipWithError("frames were lost before the turn");
    uint64_t from = rte_rdtsc_precise();
    (void)worker.turn();
    good.push_back(rte_rdtsc_precise() - from);
    if (rig.collect(rig.gateway().far()) != burst) return state.SkipWithError("frames were lost");
    if (!rig.fill_bad(burst)) return state.SkipWithError("no frames to flood with");
    from = rte_rdtsc_precise();
    (void)worker.turn();
    bad.push_back(rte_rdtsc_precise() - from);
    state.SetIterationTime(static_cast<double>(bad.back()) / static_cast<double>(rte_get_tsc_hz()));
  }
  if (rig.gateway().dropped(Drop::kUnknownSpi) != bad.size() * burst)
    return state.SkipWithError("what was bad was not dropped for its SPI");
  state.counters["cyc_bad"] = median(bad) / burst;
  state.counters["cyc_good"] = median(good) / burst;
  state.counters["bad/good"] = median(bad) / median(good);
}

// The library's own call on as many octets, key and buffers hot, nothing around it.
template <bool kSeal>
void BM_Raw(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const auto burst = static_cast<uint32_t>(state.range(1));
  IMB_MGR* m = alloc_mb_mgr(0);
  init_mb_mgr_auto(m, nullptr);
  auto key = std::make_unique<gcm_key_data>();
  gcm_context_data context;
  const uint8_t raw_key[16] = {1}, iv[12] = {2}, aad[8] = {3};
  IMB_AES128_GCM_PRE(m, raw_key, key.get());
  std::vector<uint8_t> room(kPackets * 2048);
  std::vector<uint64_t> took;
  took.reserve(1 << 20);
  uint8_t tag[16];
  uint32_t at = 0;
  for (auto _ : state) {
    const uint64_t from = rte_rdtsc_precise();
    for (uint32_t i = 0; i < burst; ++i) {
      uint8_t* text = room.data() + (at++ % kPackets) * 2048;
      (kSeal ? m->gcm128_enc : m->gcm128_dec)(key.get(), &context, text, text, bytes, iv, aad, 12,
                                              tag, 16);
    }
    took.push_back(rte_rdtsc_precise() - from);
    state.SetIterationTime(static_cast<double>(took.back()) /
                           static_cast<double>(rte_get_tsc_hz()));
  }
  state.counters["cyc_pkt"] = median(took) / burst;
  free_mb_mgr(m);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"bytes", "burst"})->UseManualTime()->MinTime(0.05);
  for (const int64_t burst : {32, 64})
    for (const int64_t bytes : {64, 512, 1420}) b->Args({bytes, burst});
}
BENCHMARK(BM_Forward)->Apply(sizes);
BENCHMARK(BM_ForwardEncrypt)->Apply(sizes);
BENCHMARK(BM_Raw<true>)->Name("BM_RawSeal")->Apply(sizes);
BENCHMARK(BM_DecryptForward)->Apply(sizes);
BENCHMARK(BM_UnknownSpi)->Apply(sizes);
BENCHMARK(BM_Raw<false>)->Name("BM_RawOpen")->Apply(sizes);

}  // namespace
}  // namespace kanmon
