// ESP-03 on the wire: a million packets, sealed by OpenSSL, in and out of order, some of them twice
// in one burst or on the other worker's queue. What comes out is what a model that remembers every
// number would let out, each number once.
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/sa/inbound_sa.h"
#include "tests/support/esp_oracle.h"
#include "tests/support/gateway.h"
#include "tests/support/sanitized.h"

namespace kanmon {
namespace {

using test::Gateway;
using test::Octets;

constexpr uint32_t kPackets = test::kSanitized ? 100'000 : 1'000'000;
constexpr uint32_t kPerQueue = 32;

// The slow truth: all numbers let through, and the highest.
class Model {
 public:
  explicit Model(uint32_t window) : window_(window) {}
  bool takes(uint64_t n) {
    if (top_ >= window_ && n <= top_ - window_) return false;
    if (!seen_.insert(n).second) return false;
    top_ = std::max(top_, n);
    return true;
  }

 private:
  uint32_t window_;
  uint64_t top_ = 0;
  std::set<uint64_t> seen_;
};

// Numbers that grow, with gaps, repeats of the last ones, and late ones from in and behind the
// window.
class Stream {
 public:
  Stream(uint64_t first, uint32_t window) : first_(first), window_(window), top_(first) {}
  uint64_t next() {
    const uint32_t dice = static_cast<uint32_t>(rng_() % 100);
    if (dice < 60) return ++top_;
    if (dice < 65) return top_ += 1 + rng_() % 8;
    return back(dice < 85 ? kPerQueue : 2 * window_);
  }

 private:
  uint64_t back(uint64_t most) { return top_ - rng_() % std::min(most, top_ - first_ + 1); }

  uint64_t first_;
  uint32_t window_;
  uint64_t top_;
  std::mt19937_64 rng_{3};
};

struct Case {
  uint32_t window;
  bool esn;
  uint64_t first;
};

class ReplayWire : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    spec_.spi = sa::make_spi(77, 0x4303);
    spec_.esn = GetParam().esn;
    const Octets keymat = test::keymat_of(spec_);
    sa::InboundParams in;
    in.spi = spec_.spi;
    in.table = Gateway::kOverlay;
    in.owner_worker = 1;
    in.algorithm = spec_.algorithm;
    in.esn = spec_.esn;
    in.keymat = keymat;
    in.replay_window = GetParam().window;
    in.local = wire::IpAddress::parse("192.0.2.1").value();
    in.local_ts = in.remote_ts = spec_.near;
    sa_ = sa::make_inbound(in);
    ASSERT_NE(sa_, nullptr);
    DataPlane& d = gateway_.dataplane();
    ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{spec_.spi, sa_})).ok());
  }
  void TearDown() override {
    DataPlane& d = gateway_.dataplane();
    ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{spec_.spi, nullptr})).ok());
    sa::destroy(sa_);
    EXPECT_EQ(gateway_.sums().in, gateway_.sums().out);
    EXPECT_EQ(d.buffers_in_use(), 0u);
  }
  // Sends the packet with this number, which it also carries inside.
  void send(uint64_t number, uint16_t queue) {
    Octets text(8);
    store_be(text.data(), number);
    const Octets inner = test::ip({"10.5.0.1", "10.9.1.1", 253}, text);
    ASSERT_TRUE(gateway_.send(
        gateway_.wan(),
        test::frame(test::forge_packet(
            spec_, inner, {.sequence = number, .source = "192.0.2.2", .destination = "192.0.2.1"})),
        queue));
  }
  std::vector<uint64_t> delivered() {
    gateway_.settle();
    std::vector<uint64_t> numbers;
    for (const Octets& f : gateway_.receive(gateway_.far()))
      numbers.push_back(load_be<uint64_t>(&f[14 + 20]));
    return numbers;
  }

  Gateway gateway_{{2, true}};
  test::TunnelSpec spec_;
  sa::InboundSa* sa_ = nullptr;
};

TEST_P(ReplayWire, LetsOutWhatTheModelDoes) {
  Model model(GetParam().window);
  Stream stream(GetParam().first, GetParam().window);
  uint64_t out = 0;
  for (uint32_t sent = 0; sent < kPackets; sent += 2 * kPerQueue) {
    // The owner takes its own queue's frames first, then those handed over.
    std::vector<uint64_t> expected;
    for (const uint16_t queue : {uint16_t{1}, uint16_t{0}})
      for (uint32_t i = 0; i < kPerQueue; ++i) {
        const uint64_t number = stream.next();
        send(number, queue);
        if (model.takes(number)) expected.push_back(number);
      }
    ASSERT_EQ(delivered(), expected) << "after " << sent;
    out += expected.size();
  }
  // With extended numbers one left of the window means the same low word of the next 2^32, whose
  // ICV is another (RFC 4303 appendix A2.2).
  const uint64_t repeated = gateway_.dropped(Drop::kReplayed);
  const uint64_t old =
      gateway_.dropped(Drop::kTooOld) + (spec_.esn ? gateway_.dropped(Drop::kIcvFailed) : 0);
  EXPECT_EQ(repeated + old, gateway_.dropped_in_all());
  EXPECT_EQ(repeated + old + out, gateway_.dataplane().counters(0).received.get() +
                                      gateway_.dataplane().counters(1).received.get());
  EXPECT_EQ(sa::report(*sa_).packets, out);
  EXPECT_GT(repeated, kPackets / 20);
  EXPECT_GT(old, kPackets / 100);
  EXPECT_GT(gateway_.dataplane().counters(0).handed_over.get(), kPackets / 3);
}

// The second begins so that its low word wraps on the way (RFC 4303 appendix A2).
INSTANTIATE_TEST_SUITE_P(Windows, ReplayWire,
                         ::testing::Values(Case{4096, false, 1}, Case{64, true, 0xffffff00}),
                         [](const auto& i) { return "w" + std::to_string(i.param.window); });

}  // namespace
}  // namespace kanmon
