#include <algorithm>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/crypto/engine.h"
#include "dataplane/sa/encap.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/sa/spi.h"
#include "tests/support/esp_bed.h"
#include "tests/support/memory.h"

namespace kanmon::sa {
namespace {

using test::Octets;

// Parameters that make an SA; each test spoils one thing.
struct Params {
  Octets keymat = test::pattern(20);
  std::vector<Selector> any = test::any_selectors();
  InboundParams in;
  OutboundParams out;
  Params() {
    in.spi = out.spi = 0x12345678;
    in.algorithm = out.algorithm = esp::Algorithm::kAes128Gcm16;
    in.keymat = out.keymat = keymat;
    in.local_ts = out.local_ts = any;
    in.remote_ts = out.remote_ts = any;
  }
  bool makes_in() const {
    InboundSa* sa = make_inbound(in);
    destroy(sa);
    return sa != nullptr;
  }
  bool makes_out() const {
    OutboundSa* sa = make_outbound(out);
    destroy(sa);
    return sa != nullptr;
  }
};

// ESP-21: reserved SPIs make no SA.
TEST(Making, RefusesReservedSpis) {
  for (const uint32_t spi : {0u, 1u, 255u, 256u, 0xffffffffu}) {
    Params p;
    p.in.spi = p.out.spi = spi;
    EXPECT_EQ(p.makes_in(), spi >= 256) << spi;
    EXPECT_EQ(p.makes_out(), spi >= 256) << spi;
  }
}

// ESP-18: 20 octets of KEYMAT for AES-128-GCM, 36 for AES-256-GCM, nothing else; and so for all.
TEST(Making, RefusesKeymatOfTheWrongLength) {
  for (const auto& row : esp::kAlgorithms)
    for (std::size_t n = 0; n <= 112; ++n) {
      Params p;
      const auto a = row.algorithm;
      const Octets keymat(n, 1);
      p.in.algorithm = p.out.algorithm = a;
      p.in.keymat = p.out.keymat = keymat;
      EXPECT_EQ(p.makes_in(), n == esp::info(a).keymat_bytes());
      EXPECT_EQ(p.makes_out(), n == esp::info(a).keymat_bytes());
    }
}

// ESP-23: windows from 64 to 65,536 in steps of 64.
TEST(Making, RefusesWindowsOutOfRange) {
  for (const uint32_t w : {0u, 1u, 63u, 65u, 100u, 65'537u, 65'600u, 0xffffffc0u}) {
    Params p;
    p.in.replay_window = w;
    EXPECT_FALSE(p.makes_in()) << w;
  }
  for (const uint32_t w : {64u, 128u, 4096u, 65'472u, 65'536u}) {
    Params p;
    p.in.replay_window = w;
    EXPECT_TRUE(p.makes_in()) << w;
  }
}

TEST(Making, RefusesImpossibleSequences) {
  Params p;
  p.out.first_sequence = 0;
  EXPECT_FALSE(p.makes_out());
  p.out.first_sequence = 0x100000000;
  EXPECT_FALSE(p.makes_out());
  p.out.esn = true;
  EXPECT_TRUE(p.makes_out());
  p.out.first_sequence = ~uint64_t{0};
  EXPECT_FALSE(p.makes_out());
  p.out.first_sequence = 1;
  p.out.workers = 0;
  EXPECT_FALSE(p.makes_out());
}

// ESP-28, INV-9: after destroy() no octet of the key is left where it was.
TEST(Destroying, WipesTheKeys) {
  Params p;
  InboundSa* in = make_inbound(p.in);
  OutboundSa* out = make_outbound(p.out);
  ASSERT_TRUE(in != nullptr && out != nullptr);
  const auto* in_key = in->key.expanded;
  const auto* out_key = out->key.expanded;
  const auto dirty = [](const uint8_t* k) {
    const Octets now = test::read_memory(k, crypto::Key::kExpandedBytes);
    return std::any_of(now.begin(), now.end(), [](uint8_t o) { return o != 0; });
  };
  EXPECT_TRUE(dirty(in_key) && dirty(out_key));
  destroy(in);
  destroy(out);
  EXPECT_FALSE(dirty(in_key) || dirty(out_key));  // the memory stays mapped for the next SA
  destroy(static_cast<InboundSa*>(nullptr));
  destroy(static_cast<OutboundSa*>(nullptr));
}

TEST(Destroying, ThousandsOfSas) {
  Params p;
  std::vector<InboundSa*> all;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) {
      all.push_back(make_inbound(p.in));
      ASSERT_NE(all.back(), nullptr);
    }
    for (InboundSa* sa : all) destroy(sa);
    all.clear();
  }
}

// ESP-04: four workers take numbers at once: each one is given to one of them only, none is lost,
// and at the end of the SA none is beyond.
TEST(SequenceNumbers, AreUniqueAcrossWorkers) {
  for (const uint64_t left : {uint64_t{2'000'000}, uint64_t{30'000}}) {
    Params p;
    p.out.workers = 4;
    p.out.first_sequence = 0xffffffff - left + 1;
    OutboundSa* sa = make_outbound(p.out);
    std::vector<std::vector<SequenceBlock>> taken(4);
    std::vector<std::thread> workers;
    for (auto& mine : taken)
      workers.emplace_back([sa, &mine] {
        for (uint32_t n = 1; n <= 20'000; ++n) {
          const SequenceBlock b = sa->take(1 + n % 64);
          if (b.count != 0) mine.push_back(b);
        }
      });
    for (std::thread& w : workers) w.join();
    std::vector<SequenceBlock> all;
    for (const auto& mine : taken) all.insert(all.end(), mine.begin(), mine.end());
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    uint64_t next = p.out.first_sequence;
    for (const SequenceBlock& b : all) {
      ASSERT_EQ(b.first, next);
      next += b.count;
    }
    EXPECT_EQ(next, std::min<uint64_t>(uint64_t{0x100000000}, next));
    if (left == 30'000) {
      EXPECT_EQ(next, 0x100000000u);
    }
    destroy(sa);
  }
}

// The seqlock: a reader never sees half of one endpoint and half of another.
TEST(PeerCell, ReadersSeeWholeEndpoints) {
  PeerCell cell;
  EXPECT_FALSE(cell.get().has_value());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint32_t i = 1; i <= 200'000; ++i) {
      uint8_t address[16];
      std::memset(address, static_cast<int>(i & 0xff), sizeof address);
      cell.set(wire::Family::kV6, address, static_cast<uint16_t>((i & 0xff) * 0x101));
    }
    done = true;
  });
  while (!done) {
    const auto e = cell.get();
    if (!e) continue;
    const uint8_t v = e->address.octets[0];
    for (const uint8_t o : e->address.octets) ASSERT_EQ(o, v);
    ASSERT_EQ(e->port, v * 0x101);
  }
  writer.join();
}

TEST(PeerCell, Ip4LeavesTheRestZero) {
  PeerCell cell;
  const uint8_t v6[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  const uint8_t v4[4] = {192, 0, 2, 1};
  cell.set(wire::Family::kV6, v6, 1);
  cell.set(wire::Family::kV4, v4, 4500);
  EXPECT_EQ(cell.get(), (wire::Endpoint{wire::IpAddress::v4(v4), 4500}));
  EXPECT_TRUE(cell.holds(wire::Family::kV4, v4, 4500));
  EXPECT_FALSE(cell.holds(wire::Family::kV4, v4, 4501));
}

// The tunnel's MTU is the smaller of the computed and the configured; MSS follows it.
TEST(MakeEncap, Sizes) {
  Params p;
  OutboundSa* sa = make_outbound(p.out);
  EncapParams e;
  e.local.address = *wire::IpAddress::parse("192.0.2.1");
  e.remote.address = *wire::IpAddress::parse("192.0.2.2");
  EXPECT_EQ(make_encap(sa, e, 9).mtu, 1446);
  EXPECT_EQ(make_encap(sa, e, 9).mss4, 1406);
  EXPECT_EQ(make_encap(sa, e, 9).mss6, 1386);
  EXPECT_EQ(make_encap(sa, e, 9).adjacency, 9u);
  e.configured_mtu = 1400;
  EXPECT_EQ(make_encap(sa, e, 9).mtu, 1400);
  EXPECT_EQ(make_encap(sa, e, 9).mss4, 1360);
  e.configured_mtu = 9000;
  e.mss_clamp = false;
  EXPECT_EQ(make_encap(sa, e, 9).mtu, 1446);
  EXPECT_EQ(make_encap(sa, e, 9).mss4 | make_encap(sa, e, 9).mss6, 0);
  e.udp_encapsulation = true;
  EXPECT_EQ(make_encap(sa, e, 9).mtu, 1438);
  // Without an SA the record still tells the size, so that routes may be made before keys.
  EXPECT_EQ(make_encap(nullptr, e, 9).mtu, 1438);
  EXPECT_EQ(make_encap(nullptr, e, 9).sa, nullptr);
  destroy(sa);
}

// SPIs: slot and random part, none reserved.
TEST(Spi, IsNeverReserved) {
  for (const uint32_t s : {0u, 1u, 255u, 256u, kSlots - 1})
    for (const uint16_t r : {uint16_t{0}, uint16_t{1}, uint16_t{0xffff}}) {
      EXPECT_GE(make_spi(s, r), kFirstSpi);
      EXPECT_EQ(slot(make_spi(s, r)), s);
    }
}

}  // namespace
}  // namespace kanmon::sa
