// Limits of an SA as workers hold them by themselves: no control thread exists in these tests
// (ESP-13, ESP-26).
#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/rings/messages.h"
#include "tests/support/esp_oracle.h"

namespace kanmon::test {
namespace {

using rings::EventKind;

bool reported(const EspBed& bed, EventKind kind) {
  auto& events = const_cast<EspBed&>(bed).events();
  for (uint32_t i = 0; i < events.count; ++i)
    if (events.items[i].kind == static_cast<uint8_t>(kind)) return true;
  return false;
}

// To the tick: the last one before the end carries, the end itself does not; it is told once.
TEST(LimitOfTime, EndsTheOutboundHalf) {
  EspBed bed;
  TunnelSpec t;
  t.limits.expires_tsc = 1'000'000;
  add_tunnel(bed, t);
  bed.context().now_tsc = 999'999;
  EXPECT_FALSE(bed.encrypt_one(inner_packet({})).empty());
  EXPECT_EQ(bed.events().count, 0u);
  for (const uint64_t now : {1'000'000, 1'000'001, 2'000'000'000}) {
    bed.context().now_tsc = now;
    EXPECT_TRUE(bed.encrypt_one(inner_packet({})).empty());
  }
  EXPECT_EQ(bed.dropped(Drop::kOutboundSaExpired), 3u);
  EXPECT_EQ(bed.events().count, 1u);
  EXPECT_TRUE(reported(bed, EventKind::kOutboundHardLimit));
  EXPECT_EQ(bed.packets_out(), 0u);
}

TEST(LimitOfTime, EndsTheInboundHalf) {
  EspBed bed;
  TunnelSpec t;
  t.limits.expires_tsc = 1'000'000;
  const Tunnel tunnel = add_tunnel(bed, t);
  uint64_t n = 0;
  const auto passes = [&](uint64_t now) {
    bed.context().now_tsc = now;
    return !bed.decrypt_one(forge_packet(t, inner_packet({}), {.sequence = ++n})).empty();
  };
  EXPECT_TRUE(passes(0));
  EXPECT_TRUE(passes(999'999));
  EXPECT_FALSE(passes(1'000'000));
  EXPECT_FALSE(passes(~uint64_t{0}));
  EXPECT_EQ(bed.dropped(Drop::kInboundSaExpired), 2u);
  EXPECT_TRUE(reported(bed, EventKind::kInboundHardLimit));
  EXPECT_EQ(bed.events().count, 1u);
  EXPECT_EQ(sa::report(*tunnel.in).top_sequence, 2u) << "an ended SA changes no more";
}

TEST(LimitOfTime, WithoutOneNothingEnds) {
  EspBed bed;
  TunnelSpec t;
  add_tunnel(bed, t);
  bed.context().now_tsc = ~uint64_t{0} - 1;
  const Octets sealed = bed.encrypt_one(inner_packet({}));
  ASSERT_FALSE(sealed.empty());
  EXPECT_FALSE(bed.decrypt_one(sealed).empty());
}

// ESP-26: 10^6 octets over several workers at once end within one burst for each of them.
TEST(LimitOfBytes, IsHeldByAllWorkersTogether) {
  constexpr uint16_t kWorkers = 4;
  constexpr uint64_t kLimit = 1'000'000, kBurst = 16, kPacket = 500;
  EspBed bed;
  TunnelSpec t;
  t.workers = kWorkers;
  t.limits = {.soft_packets = 0, .hard_packets = 0, .soft_bytes = kLimit / 2, .hard_bytes = kLimit};
  const Tunnel tunnel = add_tunnel(bed, t);
  std::atomic<uint64_t> sent{0};
  std::atomic<uint32_t> soft{0}, hard{0};
  std::vector<rte_mempool*> pools;
  for (uint16_t w = 0; w < kWorkers; ++w)
    pools.push_back(rte_pktmbuf_pool_create(("limit" + std::to_string(w)).c_str(), 127, 0,
                                            kPacketPrivateSize, 2048 + 128, 0));
  std::vector<std::thread> threads;
  for (uint16_t w = 0; w < kWorkers; ++w)
    threads.emplace_back([&, w] {
      EspBed mine(pools[w]);
      mine.context().worker = w;
      mine.tables().tunnels[0] = sa::make_encap(tunnel.out, encap_of(t), 1);
      for (std::size_t out = kBurst; out == kBurst;) {
        std::vector<Packet*> packets;
        for (uint64_t i = 0; i < kBurst; ++i)
          packets.push_back(mine.clear_packet(inner_packet({.bytes = kPacket}), 0));
        out = mine.encrypt(packets).size();
        sent += out * kPacket;
      }
      if (reported(mine, EventKind::kOutboundSoftLimit)) ++soft;
      if (reported(mine, EventKind::kOutboundHardLimit)) ++hard;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(sent, kLimit);
  EXPECT_LE(sent, kLimit + kWorkers * kBurst * kPacket);
  EXPECT_EQ(soft, 1u) << "one worker asks for a successor";
  EXPECT_EQ(hard, 1u);
  for (rte_mempool* pool : pools) rte_mempool_free(pool);
}

}  // namespace
}  // namespace kanmon::test
