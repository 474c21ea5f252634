// A port with one queue and two workers: software shares its flows out. Every worker gets work,
// and within a flow nothing overtakes (in steps, and with both workers running).
#include "dataplane/rx/share_out.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/common/byteorder.h"
#include "tests/support/gateway.h"

namespace kanmon {
namespace {

using test::frame;
using test::Gateway;
using test::ip;
using test::Octets;
using test::udp;

constexpr uint16_t kFlows = 97;
constexpr uint16_t kFirstPort = 20000;
constexpr std::size_t kPort = 14 + 20, kNumber = 14 + 20 + 8;  // in a frame

// Packet `number` of all, of the flow it falls to.
Octets numbered(uint32_t number) {
  Octets text(24);
  store_be(text.data(), number);
  const auto port = static_cast<uint16_t>(kFirstPort + number % kFlows);
  return frame(ip({"10.0.1.9", "10.9.1.1"}, udp(port, 443, text)));
}

// What arrived, flow by flow.
class Arrivals {
 public:
  void take(const std::vector<Octets>& frames) {
    for (const Octets& f : frames) {
      const auto flow = load_be<uint16_t>(&f[kPort]);
      const auto number = load_be<uint32_t>(&f[kNumber]);
      const auto [last, fresh] = last_.try_emplace(flow, number);
      overtaken_ += !fresh && number <= last->second;
      last->second = number;
      ++count_;
    }
  }
  std::size_t count() const { return count_; }
  std::size_t flows() const { return last_.size(); }
  std::size_t overtaken() const { return overtaken_; }

 private:
  std::map<uint16_t, uint32_t> last_;
  std::size_t count_ = 0, overtaken_ = 0;
};

uint64_t routed(Gateway& g, uint16_t worker) {
  return g.dataplane().counters(worker).stages[static_cast<int>(Stage::kRoute)].packets.get();
}

TEST(ShareOut, EveryWorkerGetsWorkAndFlowsKeepTheirOrder) {
  Gateway g({2, true, 1});
  constexpr uint32_t kPackets = 4000;
  Arrivals arrivals;
  for (uint32_t i = 0; i < kPackets; ++i) {
    ASSERT_TRUE(g.send(g.lan(), numbered(i)));
    // Turns in between, of one worker more often than of the other.
    if (i % 37 == 0) g.dataplane().worker(1).turn();
    if (i % 53 == 0) g.dataplane().worker(0).turn();
    if (i % 512 == 0) arrivals.take(g.receive(g.far()));
  }
  g.settle();
  arrivals.take(g.receive(g.far()));
  EXPECT_EQ(arrivals.count(), kPackets);
  EXPECT_EQ(arrivals.flows(), kFlows);
  EXPECT_EQ(arrivals.overtaken(), 0u);
  for (uint16_t w = 0; w < 2; ++w) EXPECT_GT(routed(g, w), kPackets / 4) << "worker " << w;
  const Gateway::Sums s = g.sums();
  EXPECT_EQ(s.in, s.out + s.queued);
}

// Both workers at once, on threads that ThreadSanitizer knows. The ports' rings are DPDK's, and not
// instrumented: while the test itself is at them, outside(), the workers are between two turns.
class Turning {
 public:
  explicit Turning(Gateway& g) {
    for (uint16_t w = 0; w < 2; ++w)
      threads_.emplace_back([this, &worker = g.dataplane().worker(w)] {
        while (!stop_.load(std::memory_order_relaxed))
          if (is_wanted_.load(std::memory_order_relaxed) || !turn(worker))
            std::this_thread::yield();
      });
  }
  ~Turning() {
    stop_ = true;
    for (std::thread& t : threads_) t.join();
  }
  template <class F>
  void outside(F f) {
    is_wanted_ = true;
    {
      const std::unique_lock lock(turning_);
      f();
    }
    is_wanted_ = false;
    std::this_thread::yield();
  }

 private:
  template <class W>
  bool turn(W& worker) {
    const std::shared_lock lock(turning_);
    return worker.turn();
  }

  std::atomic<bool> stop_{false};
  std::atomic<bool> is_wanted_{false};  // or readers of the lock would never let the test in
  std::shared_mutex turning_;
  std::vector<std::thread> threads_;
};

TEST(ShareOut, FlowsKeepTheirOrderWithWorkersRunning) {
  Gateway g({2, true, 1});
  std::optional<Turning> turning(g);
  constexpr uint32_t kPackets = 30'000;
  Arrivals arrivals;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  uint32_t sent = 0;
  while (arrivals.count() < kPackets && std::chrono::steady_clock::now() < end)
    turning->outside([&] {
      arrivals.take(g.receive(g.far()));
      // Few are on their way at a time, so that no ring overflows and the count is exact.
      while (sent < kPackets && sent - arrivals.count() < 256 && g.send(g.lan(), numbered(sent)))
        ++sent;
    });
  turning.reset();
  EXPECT_EQ(arrivals.count(), kPackets);
  EXPECT_EQ(arrivals.overtaken(), 0u);
  for (uint16_t w = 0; w < 2; ++w) EXPECT_GT(routed(g, w), kPackets / 4) << "worker " << w;
}

// What is for the gateway itself on an underlay is little, and ESP goes by the owner of its SA.
TEST(ShareOut, LeavesUnderlaysAlone) {
  Gateway g({2, true, 1});
  for (uint16_t port = 0; port < 64; ++port)
    ASSERT_TRUE(
        g.send(g.wan(), frame(ip({"192.0.2.2", "192.0.2.1"},
                                 udp(static_cast<uint16_t>(1000 + port), 500, Octets(40, 1))))));
  g.settle();
  EXPECT_EQ(g.dataplane().counters(0).handed_over.get(), 0u);
  EXPECT_EQ(g.dataplane().counters(0).punted.get(), 64u);
}

// A queue for each worker: who sends has chosen, and nothing is handed over.
TEST(ShareOut, LeavesPortsWithEnoughQueuesAlone) {
  Gateway g({2, true, 2});
  for (uint32_t i = 0; i < 500; ++i)
    ASSERT_TRUE(g.send(g.lan(), numbered(i), static_cast<uint16_t>(i % 2)));
  g.settle();
  EXPECT_EQ(g.receive(g.far()).size(), 500u);
  for (uint16_t w = 0; w < 2; ++w)
    EXPECT_EQ(g.dataplane().counters(w).handed_over.get(), 0u) << "worker " << w;
}

// The operator's switch: one worker does all that a port receives, so that no packet overtakes
// another, whatever flow it is of; what tells of the port says so.
TEST(ShareOut, OffKeepsTheOrderOfAll) {
  Gateway g({.workers = 2, .stepped = true, .queues = 2, .share_out = false});
  constexpr uint32_t kPackets = 2000;
  std::vector<uint32_t> numbers;
  const auto take = [&] {
    for (const Octets& f : g.receive(g.far())) numbers.push_back(load_be<uint32_t>(&f[kNumber]));
  };
  for (uint32_t i = 0; i < kPackets; ++i) {
    ASSERT_TRUE(g.send(g.lan(), numbered(i)));
    if (i % 37 == 0) g.dataplane().worker(1).turn();
    if (i % 53 == 0) g.dataplane().worker(0).turn();
    if (i % 512 == 0) take();
  }
  g.settle();
  take();
  ASSERT_EQ(numbers.size(), kPackets);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  EXPECT_TRUE((routed(g, 0) == 0) != (routed(g, 1) == 0)) << routed(g, 0) << " " << routed(g, 1);
  for (const PortInfo& port : g.dataplane().ports()) {
    EXPECT_EQ(port.spread.by, port::SpreadBy::kOff);
    EXPECT_EQ(port.rx_queues, 1);
    EXPECT_NE(port.spread.why, "");
  }
}

// A worker that does not turn costs its own flows, by name, and nobody else's.
TEST(ShareOut, AFullRingDropsByName) {
  Gateway g({2, true, 1});
  constexpr uint32_t kPackets = 4000;
  uint32_t others = 0;
  for (uint32_t i = 0; i < kPackets; ++i) ASSERT_TRUE(g.send(g.lan(), numbered(i)));
  while (g.dataplane().worker(1).turn()) {
  }
  others = static_cast<uint32_t>(g.dropped(Drop::kHandoffFull));
  EXPECT_GT(others, 0u);
  EXPECT_EQ(g.dataplane().counters(1).handed_over.get(), 1024u) << "what the ring has room for";
  g.settle();
  EXPECT_EQ(g.receive(g.far()).size() + others, kPackets);
}

}  // namespace
}  // namespace kanmon
