// ESP-28: SAs, tunnels, routes and neighbours come and go without pause while two workers carry
// traffic. No worker touches what was freed, the books balance to the packet, and what control
// freed was let go of first. Under ThreadSanitizer and AddressSanitizer that is judged by them;
// everywhere by the keys: a freed SA's key is wiped, so that one bad ICV would tell.
//
//   generator ─ clear ─► lan ─► route ─► encrypt ─► wan ─┐ each tunnel ends at ourselves
//       ▲                                               wire
//       └── far ◄─ route ◄─ decrypt ◄─ (handoff) ◄─ wan ─┘
#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include "dataplane/packet/pool.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/outbound_sa.h"
#include "tests/support/esp_bed.h"
#include "tests/support/gateway.h"
#include "tests/support/sanitized.h"
#include "tests/support/visible.h"

namespace kanmon {
namespace {

using fib::NextHop;
using fib::NextHopKind;
using test::Gateway;
using test::Octets;

constexpr uint32_t kChanges = test::kSanitized ? 10'000 : 100'000;
constexpr uint32_t kTunnels = 8;  // numbers 1 … 8, networks 10.5.1/24 … 10.5.8/24
constexpr uint32_t kLinger = 3;   // predecessors whose inbound half is still installed
constexpr uint16_t kAfterTunnel = 3;
constexpr uint16_t kWorkers = 2;

// The pairs of SAs, and what is to be freed when the workers have let go of it.
class Control {
 public:
  explicit Control(Gateway& gateway) : plane_(gateway.dataplane()) {}

  // Tunnel `number` gets a new pair; an old inbound half goes.
  void rekey(uint32_t number) {
    Line& line = lines_[number];
    const uint32_t spi = sa::make_spi(next_slot_++ % 4096 + 16, static_cast<uint16_t>(rng_() | 1));
    const Octets keymat = test::pattern(36, static_cast<uint32_t>(rng_()));
    const std::vector<sa::Selector> any = test::any_selectors();
    sa::InboundParams in;
    in.spi = spi;
    in.tunnel = number;
    in.table = kAfterTunnel;
    in.owner_worker = static_cast<uint16_t>(rng_() % kWorkers);
    in.keymat = keymat;
    in.local = wire::IpAddress::parse("192.0.2.1").value();
    in.local_ts = in.remote_ts = any;
    sa::OutboundParams out;
    out.spi = spi;
    out.tunnel = number;
    out.keymat = keymat;
    out.local_ts = out.remote_ts = any;
    out.workers = kWorkers;
    sa::EncapParams encap;
    encap.local.address = wire::IpAddress::parse("192.0.2.2").value();
    encap.remote.address = in.local;
    sa::InboundSa* inbound = sa::make_inbound(in);
    sa::OutboundSa* outbound = sa::make_outbound(out);
    ASSERT_TRUE(inbound != nullptr && outbound != nullptr);
    ++made_;
    plane_.publish(rings::SetInboundSa{spi, inbound});
    show(number, outbound, sa::make_encap(outbound, encap, 0));
    line.inbound.push_back(inbound);
    if (line.inbound.size() > kLinger) remove_oldest(line);
  }
  // The tunnel is without an SA until its next rekey.
  void cut(uint32_t number) { show(number, nullptr, {}); }

  void free_what_was_let_go() {
    while (!graves_.empty() && plane_.acknowledged(graves_.front().first)) {
      graves_.front().second();
      graves_.pop_front();
    }
  }
  void remove_all() {
    for (uint32_t number = 1; number <= kTunnels; ++number) {
      cut(number);
      while (!lines_[number].inbound.empty()) remove_oldest(lines_[number]);
    }
  }
  bool crowded() const { return graves_.size() > 64; }
  size_t unburied() const { return graves_.size(); }
  uint64_t made() const { return made_; }
  uint64_t destroyed() const { return destroyed_; }

 private:
  struct Line {
    std::deque<sa::InboundSa*> inbound;
    sa::OutboundSa* outbound = nullptr;
  };
  void show(uint32_t number, sa::OutboundSa* outbound, const sa::Encap& encap) {
    const uint64_t at = plane_.publish(rings::SetTunnel{number, encap});
    sa::OutboundSa* old = std::exchange(lines_[number].outbound, outbound);
    if (old != nullptr) graves_.emplace_back(at, [old] { sa::destroy(old); });
  }
  void remove_oldest(Line& line) {
    sa::InboundSa* old = line.inbound.front();
    line.inbound.pop_front();
    const uint64_t at = plane_.publish(rings::SetInboundSa{old->spi, nullptr});
    graves_.emplace_back(at, [this, old] {
      sa::destroy(old);
      ++destroyed_;
    });
  }

  DataPlane& plane_;
  std::array<Line, kTunnels + 1> lines_;
  std::deque<std::pair<uint64_t, std::function<void()>>> graves_;
  std::mt19937 rng_{28};
  uint32_t next_slot_ = 0;
  uint64_t made_ = 0, destroyed_ = 0;
};

// Routes below 10.5/16 that come and go, and the tables they come and go in.
class RouteChurn {
 public:
  explicit RouteChurn(Gateway& gateway, test::Routes& after) : gateway_(gateway), after_(after) {}
  void step() {
    const uint32_t tunnel = rng_() % kTunnels + 1;
    const uint32_t network = 10u << 24 | 5u << 16 | tunnel << 8;
    fib::Lpm4& lpm = rng_() % 2 != 0 ? gateway_.overlay().v4 : after_.v4;
    const uint8_t length = static_cast<uint8_t>(24 + rng_() % 9);
    const uint32_t prefix = (network | (rng_() & 0xff)) & ~uint32_t{0} << (32 - length);
    const NextHop hop = &lpm == &after_.v4 ? NextHop::make(NextHopKind::kNeighbour, 2)
                                           : NextHop::make(NextHopKind::kTunnel, tunnel);
    if (rng_() % 2 != 0)
      (void)lpm.insert(prefix, length, hop);
    else
      (void)lpm.erase(prefix, length);
    gateway_.dataplane().qsbr().reclaim();
  }

 private:
  Gateway& gateway_;
  test::Routes& after_;
  std::mt19937 rng_{5};
};

// Frames for the LAN, and what is sealed from one end of the WAN's wire to the other.
class Generator {
 public:
  explicit Generator(Gateway& gateway)
      : gateway_(gateway), pool_(gateway.dataplane().packet_pool()) {
    for (uint32_t i = 0; i < 64; ++i) {
      const std::string to = "10.5." + std::to_string(i % kTunnels + 1) + "." + std::to_string(i);
      frames_.push_back(
          test::frame(test::ip({"10.0.1.9", to.c_str()}, test::pattern(40 + i * 8, i))));
    }
  }
  // One round; false if there was nothing to do.
  bool step(bool feed) {
    bool busy = carry();
    for (int i = 0; feed && i < 16; ++i) {
      const auto queue = static_cast<uint16_t>(sent_ % kWorkers);
      if (rte_mempool_avail_count(pool_) < 2048) break;
      if (!gateway_.send(gateway_.lan(), frames_[sent_ % frames_.size()], queue)) break;
      ++sent_;
      busy = true;
    }
    return busy;
  }
  uint64_t arrived() const { return arrived_; }
  uint64_t into_gateway() const { return sent_ + carried_; }

 private:
  bool carry() {
    bool busy = false;
    Packet* burst[32];
    for (uint16_t queue = 0; queue < kWorkers; ++queue) {
      const uint32_t sealed = gateway_.wire(gateway_.wan()).receive(queue, burst, 32);
      // To the other worker's queue: half of the SAs are owned there.
      const uint32_t n =
          gateway_.wire(gateway_.wan()).send(static_cast<uint16_t>(1 - queue), burst, sealed);
      for (uint32_t i = n; i < sealed; ++i) rte_pktmbuf_free(burst[i]);
      carried_ += n;
      const uint32_t opened = gateway_.wire(gateway_.far()).receive(queue, burst, 32);
      for (uint32_t i = 0; i < opened; ++i) rte_pktmbuf_free(burst[i]);
      arrived_ += opened;
      const uint32_t errors = gateway_.wire(gateway_.lan()).receive(queue, burst, 32);
      for (uint32_t i = 0; i < errors; ++i) rte_pktmbuf_free(burst[i]);
      busy |= sealed + opened + errors != 0;
    }
    return busy;
  }

  Gateway& gateway_;
  rte_mempool* pool_;
  std::vector<Octets> frames_;
  uint64_t sent_ = 0, carried_ = 0, arrived_ = 0;
};

// Packets of before and after each change: only what the changes explain may be dropped.
constexpr Drop kExplained[] = {Drop::kUnknownSpi,  Drop::kNoSa,         Drop::kNoRoute,
                               Drop::kNoAdjacency, Drop::kHandoffFull,  Drop::kTxQueueFull,
                               Drop::kTooOld,      Drop::kPuntRingFull, Drop::kPuntRateLimited,
                               Drop::kNoBuffer};

class Churn : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const uint16_t port : {g.wan(), g.lan(), g.far()}) test::make_visible(port, g.wire(port));
    after.add("10.5.0.0/16", NextHop::make(NextHopKind::kNeighbour, 2));
    d.publish(rings::SetAdjacency{0, to(g.wan())});
    const RouteTable table{&after.v4, &after.v6, TableRole::kOverlay, {}, {}};
    ASSERT_TRUE(d.wait_for(d.publish(rings::SetTable{kAfterTunnel, table})).ok());
    for (uint32_t t = 1; t <= kTunnels; ++t) control.rekey(t);
  }
  void TearDown() override {
    ASSERT_TRUE(d.wait_for(d.publish(rings::SetTable{kAfterTunnel, {}})).ok());
    // Grace periods end: nothing that was retired is kept.
    d.qsbr().drain();
    EXPECT_EQ(d.qsbr().pending(), 0u);
  }

  // The neighbour behind a port: the gateway itself.
  static Adjacency to(uint16_t port) {
    Adjacency a;
    a.port = port;
    std::copy(test::kOurMac.begin(), test::kOurMac.end(), a.ethernet);
    std::copy(test::kTheirMac.begin(), test::kTheirMac.end(), a.ethernet + 6);
    return a;
  }
  uint32_t poll() {
    return d.poll([](const Punted&) {}, [](uint16_t, rings::Event) {});
  }
  void breathe() {
    control.free_what_was_let_go();
    (void)poll();
  }
  void start() {
    for (uint16_t w = 0; w < kWorkers; ++w)
      threads.emplace_back([this, w] {
        while (run.load(std::memory_order_acquire))
          if (!d.worker(w).turn()) std::this_thread::yield();
      });
    threads.emplace_back([this] {
      while (run.load(std::memory_order_acquire)) {
        const bool busy = generator.step(feed.load(std::memory_order_acquire));
        idle.store(busy ? 0 : idle.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        if (!busy) std::this_thread::yield();
      }
    });
  }
  void change(uint32_t i) {
    const uint32_t tunnel = rng() % kTunnels + 1;
    if (rng() % 32 == 0) control.cut(tunnel);
    control.rekey(tunnel);
    routes.step();
    if (i % 16 != 0) return;
    d.publish(rings::SetAdjacency{2, {}});  // the far neighbour is lost, and found again
    d.publish(rings::SetAdjacency{2, to(g.far())});
  }
  // What is still in the workers' hands when the threads end is worked off here.
  void finish() {
    feed.store(false, std::memory_order_release);
    control.remove_all();
    while (control.unburied() != 0) breathe();
    for (idle.store(0); idle.load(std::memory_order_acquire) < 1000;) breathe();
    run.store(false, std::memory_order_release);
    for (std::thread& t : threads) t.join();
    do g.settle();
    while (generator.step(false));
    while (poll() != 0) {
    }
  }
  uint64_t sum(Counter WorkerCounters::*counter) {
    uint64_t all = 0;
    for (uint16_t w = 0; w < kWorkers; ++w) all += (d.counters(w).*counter).get();
    return all;
  }

  // Before the gateway makes its pools.
  const bool visible = (test::start_eal_visibly(kWorkers), true);
  Gateway g{{kWorkers, /*stepped=*/true}};  // turned by threads that ThreadSanitizer knows
  DataPlane& d = g.dataplane();
  fib::NodePool nodes{d.qsbr()};
  test::Routes after{nodes};
  Control control{g};
  RouteChurn routes{g, after};
  Generator generator{g};
  std::mt19937 rng{3};
  std::atomic<bool> feed{true}, run{true};
  std::atomic<uint64_t> idle{0};  // rounds of the generator without work
  std::vector<std::thread> threads;
};

TEST_F(Churn, NothingFreedIsTouchedAndTheBooksBalance) {
  start();
  for (uint32_t i = 0; i < kChanges; ++i) {
    change(i);
    for (breathe(); control.crowded(); breathe()) std::this_thread::yield();
  }
  finish();

  const Gateway::Sums sums = g.sums();
  EXPECT_EQ(sums.in, sums.out);
  EXPECT_EQ(sums.queued, 0u);
  EXPECT_EQ(sum(&WorkerCounters::received), generator.into_gateway());
  EXPECT_EQ(d.buffers_in_use(), 0u);
  uint64_t explained = 0;
  for (const Drop why : kExplained) explained += g.dropped(why);
  EXPECT_EQ(explained, g.dropped_in_all());
  EXPECT_EQ(g.dropped(Drop::kIcvFailed), 0u) << "sealed or opened with a key that was freed";
  EXPECT_EQ(control.made(), control.destroyed());
  // It was no test of silence.
  EXPECT_GE(control.made(), kChanges);
  EXPECT_GT(generator.arrived(), kChanges / 2);
  EXPECT_GT(sum(&WorkerCounters::handed_over), kChanges / 10);
  EXPECT_GT(g.dropped(Drop::kUnknownSpi), 0u);
  std::printf("%u changes, %lu packets in, %lu handed over, %lu through a tunnel, %lu dropped\n",
              kChanges, sums.in, sum(&WorkerCounters::handed_over), generator.arrived(),
              g.dropped_in_all());
}

}  // namespace
}  // namespace kanmon
