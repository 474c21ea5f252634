// What a second worker adds: the turns of one worker, then of two at once on two cores, on
// in-memory ports with a queue each. Every worker feeds itself between its turns, so that nothing
// but the workers runs and only their turns are timed.
//
//   bytes        of the clear IP packet; AES-128-GCM, ESN, bursts of 32
//   library      1: each worker has its own copy of IPsec-MB, as in the product; 0: both share the
//                one that is linked, whose calls all write one word (imb_errno)
//   one_sa       1: both workers seal on one SA (they meet at its sequence number)
//   <stage>_cyc  median cycles of a turn per packet with two workers, mean of both
//   <stage>_x    packets a cycle of two workers together to those of one, in this run; 2 is perfect
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <rte_cycles.h>

#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/sa/outbound_sa.h"
#include "tests/support/esp_bed.h"
#include "tests/support/gateway.h"

namespace kanmon {
namespace {

using test::Gateway;
using test::Octets;

constexpr uint32_t kTurnBurst = 32;
constexpr uint32_t kPackets = 256;  // of each worker, in turn
constexpr uint32_t kTurns = 20'000;
constexpr uint16_t kAfterTunnel = 3;
constexpr uint32_t kFirstTunnel = 5;
constexpr uint16_t kMostWorkers = 2;

struct Spec {
  std::size_t bytes;
  uint16_t workers;
  bool own_library;
  bool one_sa;
};
struct Cost {
  double encrypt = 0, decrypt = 0;  // median cycles of a turn per packet
  bool lost = false;
};

double median(std::vector<uint64_t>& v) {
  if (v.empty()) return 0;
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return static_cast<double>(*middle) / kTurnBurst;
}

// A gateway with a tunnel to itself for each worker.
class Rig {
 public:
  explicit Rig(const Spec& spec)
      : spec_(spec), gateway_({spec.workers, true}), nodes_(gateway_.dataplane().qsbr()) {
    for (uint16_t w = 0; w < spec.workers; ++w) {
      make_tunnel(w);
      make_frames(w);
      if (spec.own_library) continue;
      shared_.push_back(crypto::Engine::create(crypto::Isa::kAuto, false));
      gateway_.dataplane().worker(w).context().crypto = shared_.back().get();
    }
    make_table();
  }
  ~Rig() {
    DataPlane& d = gateway_.dataplane();
    for (uint16_t w = 0; w < spec_.workers; ++w) {
      for (Packet* p : lines_[w].packets) rte_pktmbuf_free(p);
      d.publish(rings::SetTunnel{kFirstTunnel + w, {}});
      d.publish(rings::SetInboundSa{lines_[w].in->spi, nullptr});
    }
    (void)d.wait_for(d.publish(rings::SetTable{kAfterTunnel, {}}));
    for (uint16_t w = 0; w < spec_.workers; ++w) {
      sa::destroy(lines_[w].out);
      sa::destroy(lines_[w].in);
    }
  }

  // All workers at once, each on a core of its own.
  std::vector<Cost> run() {
    std::vector<Cost> costs(spec_.workers);
    std::atomic<int> ready{0}, busy{spec_.workers};
    std::vector<std::thread> threads;
    for (uint16_t w = 0; w < spec_.workers; ++w)
      threads.emplace_back([&, w] {
        cpu_set_t core;
        CPU_ZERO(&core);
        CPU_SET(w, &core);
        pthread_setaffinity_np(pthread_self(), sizeof core, &core);
        ready.fetch_add(1);
        while (ready.load() < spec_.workers) {
        }
        costs[w] = turns(w, busy);
      });
    for (std::thread& t : threads) t.join();
    return costs;
  }

 private:
  struct Line {
    sa::OutboundSa* out = nullptr;
    sa::InboundSa* in = nullptr;
    std::vector<Octets> frames;
    std::vector<Packet*> packets;
    Packet* burst[kBurst];
    uint32_t at = 0;
  };

  // Times only while all others are busy too.
  Cost turns(uint16_t w, std::atomic<int>& busy) {
    Cost cost;
    std::vector<uint64_t> encrypt, decrypt;
    encrypt.reserve(kTurns);
    decrypt.reserve(kTurns);
    for (uint32_t i = 0; i < kTurns && busy.load(std::memory_order_relaxed) == spec_.workers; ++i) {
      fill(w);
      encrypt.push_back(turn(w));
      cost.lost |= collect(w, gateway_.wan()) != kTurnBurst;
      if (spec_.one_sa) continue;
      cost.lost |= gateway_.wire(gateway_.wan()).send(w, lines_[w].burst, kTurnBurst) != kTurnBurst;
      decrypt.push_back(turn(w));
      cost.lost |= collect(w, gateway_.far()) != kTurnBurst;
    }
    busy.fetch_sub(1);
    cost.encrypt = median(encrypt);
    cost.decrypt = median(decrypt);
    return cost;
  }
  uint64_t turn(uint16_t w) {
    const uint64_t from = rte_rdtsc_precise();
    (void)gateway_.dataplane().worker(w).turn();
    return rte_rdtsc_precise() - from;
  }
  void fill(uint16_t w) {
    Line& line = lines_[w];
    for (uint32_t i = 0; i < kTurnBurst; ++i) {
      Packet* p = line.packets[(line.at + i) % kPackets];
      const Octets& f = line.frames[(line.at + i) % kPackets];
      rte_pktmbuf_reset(p);
      std::memcpy(append(p, static_cast<uint16_t>(f.size())), f.data(), f.size());
      line.burst[i] = p;
    }
    line.at += kTurnBurst;
    (void)gateway_.wire(gateway_.lan()).send(w, line.burst, kTurnBurst);
  }
  uint32_t collect(uint16_t w, uint16_t port) {
    return gateway_.wire(port).receive(w, lines_[w].burst, kBurst);
  }

  void make_frames(uint16_t w) {
    const std::string net = "10.5." + std::to_string(spec_.one_sa ? 0 : w) + ".";
    for (uint32_t i = 0; i < kPackets; ++i) {
      const std::string to = net + std::to_string(i % 250 + 1);
      lines_[w].frames.push_back(
          test::frame(test::ip({"10.0.1.9", to.c_str()}, Octets(spec_.bytes - 20, 7))));
      lines_[w].packets.push_back(allocate(gateway_.dataplane().packet_pool(), 0));
    }
  }
  void make_tunnel(uint16_t w) {
    test::TunnelSpec spec;
    const Octets keymat = test::keymat_of(spec);
    sa::OutboundParams out;
    out.spi = spec.spi + w;
    out.tunnel = kFirstTunnel + w;
    out.algorithm = spec.algorithm;
    out.esn = true;
    out.keymat = keymat;
    out.local_ts = out.remote_ts = spec.near;
    out.workers = kMostWorkers;
    sa::InboundParams in;
    in.spi = out.spi;
    in.tunnel = out.tunnel;
    in.table = kAfterTunnel;
    in.owner_worker = w;
    in.algorithm = spec.algorithm;
    in.esn = true;
    in.keymat = keymat;
    in.local = wire::IpAddress::parse("192.0.2.1").value();
    in.local_ts = in.remote_ts = spec.near;
    lines_[w].out = sa::make_outbound(out);
    lines_[w].in = sa::make_inbound(in);
    sa::EncapParams encap;
    encap.local.address = wire::IpAddress::parse("192.0.2.2").value();
    encap.remote.address = in.local;
    DataPlane& d = gateway_.dataplane();
    d.publish(rings::SetTunnel{out.tunnel, sa::make_encap(lines_[w].out, encap, 0)});
    d.publish(rings::SetInboundSa{in.spi, lines_[w].in});
    const std::string net = "10.5." + std::to_string(w) + ".0/24";
    gateway_.overlay().add(net.c_str(), fib::NextHop::make(fib::NextHopKind::kTunnel, out.tunnel));
  }
  void make_table() {
    DataPlane& d = gateway_.dataplane();
    Adjacency self;  // back to our own MAC address
    self.port = gateway_.wan();
    std::copy(test::kOurMac.begin(), test::kOurMac.end(), self.ethernet);
    std::copy(test::kTheirMac.begin(), test::kTheirMac.end(), self.ethernet + 6);
    d.publish(rings::SetAdjacency{0, self});
    after_ = std::make_unique<test::Routes>(nodes_);
    after_->add("10.5.0.0/16", fib::NextHop::make(fib::NextHopKind::kNeighbour, 2));
    const RouteTable table{&after_->v4, &after_->v6, TableRole::kOverlay, {}, {}};
    (void)d.wait_for(d.publish(rings::SetTable{kAfterTunnel, table}));
  }

  const Spec spec_;
  Gateway gateway_;
  fib::NodePool nodes_;
  std::unique_ptr<test::Routes> after_;
  std::vector<std::unique_ptr<crypto::Engine>> shared_;
  Line lines_[kMostWorkers];
};

// Two together to one: the sum of their packets a cycle over that of the one.
double gain(double one, double a, double b) {
  return a == 0 || b == 0 ? 0 : one / a + one / b;
}

void BM_TwoWorkers(benchmark::State& state) {
  const Spec spec{static_cast<std::size_t>(state.range(0)), 2, state.range(1) != 0,
                  state.range(2) != 0};
  if (std::thread::hardware_concurrency() < 2) return state.SkipWithError("needs two cores");
  for (auto _ : state) {
    Spec alone = spec;
    alone.workers = 1;
    const Cost one = Rig(alone).run()[0];
    const std::vector<Cost> two = Rig(spec).run();
    if (one.lost || two[0].lost || two[1].lost) return state.SkipWithError("frames were lost");
    state.counters["encrypt_x"] = gain(one.encrypt, two[0].encrypt, two[1].encrypt);
    state.counters["encrypt_cyc"] = (two[0].encrypt + two[1].encrypt) / 2;
    if (spec.one_sa) continue;
    state.counters["decrypt_x"] = gain(one.decrypt, two[0].decrypt, two[1].decrypt);
    state.counters["decrypt_cyc"] = (two[0].decrypt + two[1].decrypt) / 2;
  }
}
BENCHMARK(BM_TwoWorkers)
    ->ArgNames({"bytes", "library", "one_sa"})
    ->ArgsProduct({{64, 512, 1420}, {1, 0}, {0}})
    ->ArgsProduct({{64, 512, 1420}, {1}, {1}})
    ->Iterations(1)
    ->UseRealTime();

}  // namespace
}  // namespace kanmon
