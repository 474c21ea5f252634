// The decrypt stage against everything a peer or a stranger may send. Packets are sealed by
// OpenSSL under the right key, then spoilt; the requirement says what must come of it.
#include "dataplane/decrypt/decrypt.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/esp/ecn.h"
#include "dataplane/wire/checksum.h"
#include "tests/support/esp_oracle.h"
#include "tests/support/stage_bed.h"

namespace kanmon::test {
namespace {

std::size_t esp_offset(const TunnelSpec& t) {
  return (t.outer6 ? 40u : 20u) + (t.udp ? 8u : 0u);
}

// The four outer wrappings a datagram can have.
class EachWrapping : public ::testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  EachWrapping() {
    t_.outer6 = std::get<0>(GetParam());
    t_.udp = std::get<1>(GetParam());
    tunnel_ = add_tunnel(bed_, t_);
  }
  void TearDown() override { EXPECT_EQ(bed_.packets_out(), 0u); }  // ESP-41

  EspBed bed_;
  TunnelSpec t_;
  Tunnel tunnel_;
};
INSTANTIATE_TEST_SUITE_P(Wrapping, EachWrapping,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()),
                         [](const auto& i) {
                           return std::string(std::get<0>(i.param) ? "v6" : "v4") +
                                  (std::get<1>(i.param) ? "_udp" : "_native");
                         });

// ESP-01: every single bit of header, IV, ciphertext and ICV. Nothing passes, the window, the
// counters and the peer's endpoint stay, and the packet itself is still welcome.
TEST_P(EachWrapping, EveryFlippedBitIsDropped) {
  const Octets good = forge_packet(t_, inner_packet({.bytes = 61}), {.sequence = 5});
  uint64_t flips = 0;
  for (std::size_t at = esp_offset(t_); at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit, ++flips) {
      Octets bad = good;
      bad[at] ^= static_cast<uint8_t>(1 << bit);
      ASSERT_TRUE(bed_.decrypt_one(bad).empty()) << at << "." << bit;
    }
  }
  EXPECT_EQ(bed_.dropped_in_all(), flips);
  // A flip in the SPI misses the SA; all others reach its key and fail there.
  EXPECT_EQ(bed_.dropped(Drop::kUnknownSpi), 32u);
  EXPECT_EQ(bed_.dropped(Drop::kIcvFailed), flips - 32);
  const sa::InboundReport r = sa::report(*tunnel_.in);
  EXPECT_EQ(r.icv_failures, flips - 32);
  EXPECT_EQ(r.top_sequence, 0u);
  EXPECT_EQ(r.packets, 0u);
  EXPECT_EQ(r.last_seen_tsc, 0u);
  EXPECT_FALSE(r.peer.has_value());
  EXPECT_FALSE(bed_.decrypt_one(good).empty());
}

// ESP-11: every proper prefix of a datagram, with the lengths of the outer headers saying so.
TEST_P(EachWrapping, EveryTruncationIsDropped) {
  const Octets good = forge_packet(t_, inner_packet({.bytes = 90}));
  const std::size_t esp = esp_offset(t_);
  for (std::size_t n = 0; esp + n < good.size(); ++n) {
    const Octets cut(good.begin(), good.begin() + static_cast<long>(esp + n));
    ASSERT_TRUE(bed_.decrypt_one(cut).empty()) << n;
  }
  EXPECT_EQ(bed_.dropped_in_all(), good.size() - esp);
  // Header, IV, the least text and the ICV.
  EXPECT_EQ(bed_.dropped(Drop::kEspTruncated), 8u + 8 + 4 + 16);
  EXPECT_EQ(bed_.decrypt_one(good), inner_packet({.bytes = 90}));
}

// ESP-11: the same datagram in two buffers, split at every offset, the first of one octet included.
TEST_P(EachWrapping, EverySegmentationIsTaken) {
  for (std::size_t at = 1;; ++at) {
    const Octets inner = inner_packet({.bytes = 90, .seed = static_cast<uint32_t>(at)});
    const Octets good = forge_packet(t_, inner, {.sequence = at});
    if (at >= good.size()) break;
    Packet* whole = bed_.esp_packet(good);
    Packet* head = bed_.packet(Octets(good.begin(), good.begin() + static_cast<long>(at)));
    Packet* tail = bed_.packet(Octets(good.begin() + static_cast<long>(at), good.end()));
    meta(head) = meta(whole);
    rte_pktmbuf_free(whole);
    ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
    const auto out = bed_.decrypt({head});
    ASSERT_EQ(out.size(), 1u) << at;
    ASSERT_EQ(out[0], inner) << at;
  }
  EXPECT_EQ(bed_.dropped_in_all(), 0u);
}

TEST_P(EachWrapping, SegmentsThatDoNotFitTheFirstAreDropped) {
  const Octets good = forge_packet(t_, inner_packet({.bytes = 400}));
  Packet* whole = bed_.esp_packet(good);
  // The first buffer's data lies at its very end.
  const Octets first(good.begin(), good.begin() + 100);
  Packet* head = bed_.packet(first, static_cast<uint16_t>(whole->buf_len - 100));
  Packet* tail = bed_.packet(Octets(good.begin() + 100, good.end()));
  meta(head) = meta(whole);
  rte_pktmbuf_free(whole);
  ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
  EXPECT_TRUE(bed_.decrypt({head}).empty());
  EXPECT_EQ(bed_.dropped(Drop::kChained), 1u);
}

// ESP-12: a buffer somebody else holds too is never written to.
TEST_P(EachWrapping, SharedBuffersAreNotWritten) {
  const Octets good = forge_packet(t_, inner_packet({.bytes = 90}));
  Packet* original = bed_.esp_packet(good);
  Packet* clone = rte_pktmbuf_clone(original, bed_.pool());
  ASSERT_NE(clone, nullptr);
  meta(clone) = meta(original);
  EXPECT_TRUE(bed_.decrypt({clone}).empty());  // indirect
  rte_mbuf_refcnt_update(original, 1);
  EXPECT_TRUE(bed_.decrypt({original}).empty());  // held twice
  EXPECT_EQ(bed_.dropped(Drop::kSharedBuffer), 2u);
  EXPECT_EQ(Octets(data(original), data(original) + first_length(original)), good);
  EXPECT_EQ(bed_.decrypt({original}).size(), 1u);
}

// ESP-09, ESP-25: every pad length over every short payload, right and with one octet changed.
TEST_P(EachWrapping, EveryPadLength) {
  uint64_t sequence = 0, bad = 0;
  for (std::size_t payload = 20; payload <= 84; payload += 4) {
    for (std::size_t pad = 0; pad <= 255; ++pad) {
      const Octets inner = inner_packet({.bytes = payload});
      Octets text = with_trailer(inner, pad, 4);
      if (text.size() % 4 != 0) continue;
      ASSERT_EQ(bed_.decrypt_one(forge(t_, text, {.sequence = ++sequence})), inner);
      if (pad == 0) continue;
      text[payload + sequence % pad] ^= 0x40;
      ASSERT_TRUE(bed_.decrypt_one(forge(t_, text, {.sequence = ++sequence})).empty());
      ++bad;
    }
  }
  EXPECT_EQ(bed_.dropped(Drop::kBadPadding), bad);
  EXPECT_EQ(bed_.dropped_in_all(), bad);
}

// ESP-09: a pad length beyond what is there, over texts of every length from the least on.
TEST_P(EachWrapping, PadLengthsBeyondTheText) {
  uint64_t sequence = 0;
  for (std::size_t bytes = 4; bytes <= 64; bytes += 4) {
    for (std::size_t pad = 0; pad <= 255; ++pad) {
      Octets text(bytes, 0);
      for (std::size_t i = 0; i + 2 < bytes; ++i) text[i] = static_cast<uint8_t>(i + 1);
      text[bytes - 2] = static_cast<uint8_t>(pad);
      text[bytes - 1] = 4;
      ASSERT_TRUE(bed_.decrypt_one(forge(t_, text, {.sequence = ++sequence})).empty());
    }
  }
  // What is left of a text with a possible pad length is no IPv4 packet either.
  EXPECT_EQ(bed_.dropped(Drop::kBadPadding) + bed_.dropped(Drop::kInnerBadHeader), sequence);
  EXPECT_GE(bed_.dropped(Drop::kBadPadding), sequence - 16 * 65);
}

// ESP-24: all next headers.
TEST_P(EachWrapping, EveryNextHeader) {
  for (unsigned nh = 0; nh < 256; ++nh) {
    const Octets inner = inner_packet({.v6 = nh == 41, .bytes = 90});
    const Octets sealed =
        forge(t_, with_trailer(inner, static_cast<uint8_t>(nh)), {.sequence = nh + 1});
    ASSERT_EQ(!bed_.decrypt_one(sealed).empty(), nh == 4 || nh == 41) << nh;
  }
  EXPECT_EQ(bed_.dropped(Drop::kDummy), 1u);
  EXPECT_EQ(bed_.dropped(Drop::kBadNextHeader), 253u);
}

// ESP-24: a dummy packet's content is nobody's business.
TEST_P(EachWrapping, DummiesOfAnyContentAreSilentlyTaken) {
  for (std::size_t n = 0; n < 40; ++n)
    bed_.decrypt_one(forge(t_, with_trailer(pattern(n), 59), {.sequence = n + 1}));
  EXPECT_EQ(bed_.dropped(Drop::kDummy), 40u);
  EXPECT_EQ(sa::report(*tunnel_.in).packets, 40u);
}

// ESP-10: IPv4 total length against what was decrypted.
TEST_P(EachWrapping, InnerTotalLength) {
  constexpr std::size_t kBytes = 60;
  uint64_t sequence = 0;
  for (const unsigned total : {0u, 1u, 19u, 20u, 59u, 60u, 61u, 64u, 1500u, 65535u}) {
    Octets inner = inner_packet({.bytes = kBytes});
    store_be(&inner[2], static_cast<uint16_t>(total));
    const Octets out = bed_.decrypt_one(forge_packet(t_, inner, {.sequence = ++sequence}));
    const bool sound = total >= 20 && total <= kBytes;
    // What is beyond the total length is TFC padding and cut off.
    ASSERT_EQ(out.size(), sound ? total : 0) << total;
    if (sound) {
      EXPECT_TRUE(std::equal(out.begin(), out.end(), inner.begin()));
    }
  }
  EXPECT_EQ(bed_.dropped(Drop::kInnerBadLength), 7u);
}

// ESP-10: IPv4 header length.
TEST_P(EachWrapping, InnerHeaderLength) {
  for (uint8_t ihl = 0; ihl < 16; ++ihl) {
    Octets inner = inner_packet({.bytes = 48});
    inner[0] = static_cast<uint8_t>(0x40 | ihl);
    const bool taken = !bed_.decrypt_one(forge_packet(t_, inner, {.sequence = ihl + 1u})).empty();
    EXPECT_EQ(taken, ihl >= 5 && ihl * 4 <= 48) << int(ihl);
  }
  EXPECT_EQ(bed_.dropped(Drop::kInnerBadHeader), 5u);
  EXPECT_EQ(bed_.dropped(Drop::kInnerBadLength), 3u);
}

// ESP-10: IPv6 payload length, and the version against the next header in all 16 × 2 cases.
TEST_P(EachWrapping, InnerIp6LengthAndVersion) {
  uint64_t sequence = 0;
  for (const unsigned length : {0u, 1u, 19u, 20u, 21u, 65535u}) {
    Octets inner = inner_packet({.v6 = true, .bytes = 60});
    store_be(&inner[4], static_cast<uint16_t>(length));
    const Octets out = bed_.decrypt_one(forge_packet(t_, inner, {.sequence = ++sequence}));
    EXPECT_EQ(out.size(), length <= 20 ? 40 + length : 0) << length;
  }
  for (const uint8_t nh : {4, 41}) {
    for (uint8_t version = 0; version < 16; ++version) {
      Octets inner = inner_packet({.v6 = nh == 41, .bytes = 60});
      inner[0] = static_cast<uint8_t>(version << 4 | (inner[0] & 15));
      const Octets out =
          bed_.decrypt_one(forge(t_, with_trailer(inner, nh), {.sequence = ++sequence}));
      EXPECT_EQ(!out.empty(), version == (nh == 4 ? 4 : 6)) << int(nh) << int(version);
    }
  }
}

// ESP-10: texts too short for any IP header.
TEST_P(EachWrapping, InnerShorterThanAHeader) {
  uint64_t sequence = 0;
  for (const uint8_t nh : {4, 41})
    for (std::size_t n = 0; n < (nh == 4 ? 20u : 40u); ++n) {
      Octets inner = inner_packet({.v6 = nh == 41, .bytes = 60});
      inner.resize(n);
      ASSERT_TRUE(
          bed_.decrypt_one(forge(t_, with_trailer(inner, nh), {.sequence = ++sequence})).empty());
    }
  EXPECT_EQ(bed_.dropped(Drop::kInnerBadHeader), 60u);
}

// ESP-33: RFC 6040 figure 4, typed in from there, for both inner families. -1: dropped.
TEST_P(EachWrapping, EcnFigure4) {
  constexpr int kNot = 0, kEct1 = 1, kEct0 = 2, kCe = 3;
  struct Cell {
    int inner, outer, result;
    bool unused;
  };
  constexpr Cell kCells[] = {
      {kNot, kNot, kNot, false},    {kNot, kEct0, kNot, true},    {kNot, kEct1, kNot, true},
      {kNot, kCe, -1, true},        {kEct0, kNot, kEct0, false},  {kEct0, kEct0, kEct0, false},
      {kEct0, kEct1, kEct1, false}, {kEct0, kCe, kCe, false},     {kEct1, kNot, kEct1, false},
      {kEct1, kEct0, kEct1, true},  {kEct1, kEct1, kEct1, false}, {kEct1, kCe, kCe, false},
      {kCe, kNot, kCe, false},      {kCe, kEct0, kCe, false},     {kCe, kEct1, kCe, true},
      {kCe, kCe, kCe, false}};
  uint64_t sequence = 0, unused = 0;
  for (const bool v6 : {false, true}) {
    for (const Cell& cell : kCells) {
      constexpr uint8_t kDscp = 0xb8, kOuterDscp = 0x28;
      InnerSpec spec{.v6 = v6, .bytes = 80};
      spec.traffic_class = static_cast<uint8_t>(kDscp | cell.inner);
      const auto outer = static_cast<uint8_t>(kOuterDscp | cell.outer);
      const Octets out = bed_.decrypt_one(
          forge_packet(t_, inner_packet(spec), {.sequence = ++sequence, .outer_class = outer}));
      unused += cell.unused ? 1 : 0;
      EXPECT_EQ(tunnel_.in->cold->ecn_unused_combinations.get(), unused);
      if (cell.result < 0) {
        EXPECT_TRUE(out.empty());
        continue;
      }
      // ESP-34: DSCP stays the inner one; the IPv4 checksum is right again.
      spec.traffic_class = static_cast<uint8_t>(kDscp | cell.result);
      EXPECT_EQ(out, inner_packet(spec)) << v6 << cell.inner << cell.outer;
    }
  }
  EXPECT_EQ(bed_.dropped(Drop::kEcnIllegal), 2u);
}

// ESP-43: what the port said of the outer packet is forgotten.
TEST_P(EachWrapping, OffloadFlagsAreForgotten) {
  Packet* p = bed_.esp_packet(forge_packet(t_, inner_packet({.bytes = 80})));
  p->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH;
  p->packet_type = RTE_PTYPE_L3_IPV4 | RTE_PTYPE_TUNNEL_ESP;
  bed_.lanes().esp.push(p);
  decrypt::run(bed_.context());
  ASSERT_EQ(bed_.lanes().route.count, 1u);
  EXPECT_EQ(p->ol_flags, 0u);
  EXPECT_EQ(p->packet_type, 0u);
  EXPECT_EQ(meta(p).table, 77);
  EXPECT_EQ(meta(p).tunnel_in, t_.tunnel);
  EXPECT_EQ(meta(p).inbound_spi, t_.spi);
  drain(bed_.lanes().route);
}

// ESP-02: a forged number far ahead does not move the window.
TEST_P(EachWrapping, ForgedSequenceNumbersDoNotMoveTheWindow) {
  const Octets inner = inner_packet({.bytes = 60});
  EXPECT_FALSE(bed_.decrypt_one(forge_packet(t_, inner, {.sequence = 10})).empty());
  Octets forged = forge_packet(t_, inner, {.sequence = 10 + (1 << 20)});
  forged.back() ^= 1;
  EXPECT_TRUE(bed_.decrypt_one(forged).empty());
  EXPECT_EQ(sa::report(*tunnel_.in).top_sequence, 10u);
  EXPECT_FALSE(bed_.decrypt_one(forge_packet(t_, inner, {.sequence = 11})).empty());
}

// ESP-02, ESP-16: what the window refuses is refused before it costs a decryption, whatever its
// ICV.
TEST_P(EachWrapping, TheWindowIsAskedBeforeTheCipher) {
  const Octets inner = inner_packet({.bytes = 60});
  EXPECT_FALSE(bed_.decrypt_one(forge_packet(t_, inner, {.sequence = 9000})).empty());
  for (const uint64_t sequence : {uint64_t{9000}, uint64_t{9000 - 4096}}) {
    Octets bad = forge_packet(t_, inner, {.sequence = sequence});
    bad.back() ^= 1;
    EXPECT_TRUE(bed_.decrypt_one(bad).empty());
  }
  EXPECT_EQ(bed_.dropped(Drop::kReplayed), 1u);
  EXPECT_EQ(bed_.dropped(Drop::kTooOld), 1u);
  EXPECT_EQ(bed_.dropped(Drop::kIcvFailed), 0u);
}

// ESP-03: the same packet many times in one burst is delivered once.
TEST_P(EachWrapping, DuplicatesWithinABurst) {
  std::vector<Packet*> burst;
  for (int i = 0; i < 64; ++i)
    burst.push_back(bed_.esp_packet(forge_packet(t_, inner_packet({.bytes = 60}),
                                                 {.sequence = 1u + static_cast<unsigned>(i) % 8})));
  EXPECT_EQ(bed_.decrypt(burst).size(), 8u);
  EXPECT_EQ(bed_.dropped(Drop::kReplayed), 56u);
  EXPECT_EQ(sa::report(*tunnel_.in).duplicates, 56u);
}

// A spoilt or odd packet and what must come of it; used alone and among others.
struct Odd {
  Octets packet;
  bool passes;
};

std::vector<Odd> odd_packets(const TunnelSpec& t, uint64_t first_sequence) {
  std::vector<Odd> out;
  uint64_t sequence = first_sequence;
  for (unsigned i = 0; i < 64; ++i, ++sequence) {
    const Octets inner = inner_packet({.v6 = i % 3 == 0, .bytes = 60 + i * 19, .seed = i});
    Octets p = forge_packet(t, inner, {.sequence = sequence});
    bool passes = true;
    switch (i % 16) {
      case 3:  // ICV
        p.back() ^= 0x10;
        passes = false;
        break;
      case 5:  // SPI
        p[esp_offset(t)] ^= 0x01;
        passes = false;
        break;
      case 7:  // length
        p.resize(p.size() - 1);
        passes = false;
        break;
      case 9:  // padding
        p = forge(t, Octets(40, 0xff), {.sequence = sequence});
        passes = false;
        break;
      case 11:  // dummy
        p = forge(t, with_trailer(inner, 59), {.sequence = sequence});
        passes = false;
        break;
      case 13:  // inner version
        p = forge(t, with_trailer(inner, inner[0] >> 4 == 4 ? 41 : 4), {.sequence = sequence});
        passes = false;
        break;
    }
    out.push_back({p, passes});
  }
  return out;
}

// ESP-08: the same packets singly, in order and shuffled a hundred times give each packet the same
// verdict; several SAs and both algorithms in one burst.
TEST(BurstIndependence, ShufflesChangeNoVerdict) {
  TunnelSpec specs[3];
  specs[0].tunnel = 0, specs[0].spi = 0x10000101;
  specs[1].tunnel = 1, specs[1].spi = 0x10000102, specs[1].udp = true;
  specs[1].algorithm = esp::Algorithm::kAes256Gcm16;
  specs[2].tunnel = 2, specs[2].spi = 0x10000103, specs[2].outer6 = true, specs[2].esn = true;
  std::vector<Odd> odd;
  for (const TunnelSpec& t : specs)
    for (Odd& o : odd_packets(t, 1)) odd.push_back(std::move(o));

  std::vector<Octets> alone;  // each packet's outcome where it is the only one
  for (std::size_t i = 0; i < odd.size(); ++i) {
    EspBed bed;
    add_tunnel(bed, specs[i / 64]);
    alone.push_back(bed.decrypt_one(odd[i].packet));
    ASSERT_EQ(!alone.back().empty(), odd[i].passes) << i;
  }
  std::mt19937 rng(8);
  std::vector<std::size_t> order(odd.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (int round = 0; round < 100; ++round) {
    EspBed bed;
    for (const TunnelSpec& t : specs) add_tunnel(bed, t);
    if (round > 0) std::shuffle(order.begin(), order.end(), rng);
    for (std::size_t at = 0; at < order.size(); at += 64) {
      std::vector<Packet*> burst;
      std::vector<Octets> want;
      for (std::size_t i = at; i < at + 64; ++i) {
        burst.push_back(bed.esp_packet(odd[order[i]].packet));
        if (odd[order[i]].passes) want.push_back(alone[order[i]]);
      }
      ASSERT_EQ(bed.decrypt(burst), want) << round;
    }
    ASSERT_EQ(bed.packets_out(), 0u);
  }
}

// ESP-08: one bad packet at each place of a burst of good ones spoils only itself.
TEST(BurstIndependence, OneBadPacketAtEachPlace) {
  TunnelSpec t;
  for (std::size_t bad = 0; bad < 64; ++bad) {
    EspBed bed;
    add_tunnel(bed, t);
    std::vector<Packet*> burst;
    std::vector<Octets> want;
    for (std::size_t i = 0; i < 64; ++i) {
      const Octets inner = inner_packet({.bytes = 60 + i, .seed = static_cast<uint32_t>(i)});
      Octets p = forge_packet(t, inner, {.sequence = i + 1});
      if (i == bad)
        p[30] ^= 1;
      else
        want.push_back(inner);
      burst.push_back(bed.esp_packet(p));
    }
    ASSERT_EQ(bed.decrypt(burst), want) << bad;
    ASSERT_EQ(bed.dropped(Drop::kIcvFailed), 1u);
  }
}

// ESP-14: extended sequence numbers across the wrap, shuffled within the window, in bursts that
// cross it; a wrong high word is refused.
TEST(Esn, AcrossTheWrapInShuffledBursts) {
  TunnelSpec t;
  t.esn = true;
  t.window = 64;
  EspBed bed;
  const Tunnel tunnel = add_tunnel(bed, t);
  const Octets inner = inner_packet({.bytes = 60});
  uint64_t next = 0xffffff00;
  ASSERT_FALSE(bed.decrypt_one(forge_packet(t, inner, {.sequence = next++})).empty());
  std::mt19937 rng(14);
  while (next < 0x100000100) {
    std::vector<uint64_t> numbers;
    for (int i = 0; i < 32; ++i) numbers.push_back(next++);
    std::shuffle(numbers.begin(), numbers.end(), rng);
    std::vector<Packet*> burst;
    for (const uint64_t n : numbers)
      burst.push_back(bed.esp_packet(forge_packet(t, inner, {.sequence = n})));
    ASSERT_EQ(bed.decrypt(burst).size(), 32u) << next;
  }
  EXPECT_EQ(sa::report(*tunnel.in).top_sequence, next - 1);
  EXPECT_EQ(sa::report(*tunnel.in).missing, 0xffffff00u - 1);
  EXPECT_EQ(bed.dropped_in_all(), 0u);
  for (const int64_t high : {-1, 1, 2}) {
    ForgeSpec wrong{.sequence = next};
    wrong.aad_sequence = next + (static_cast<uint64_t>(high) << 32);
    EXPECT_TRUE(bed.decrypt_one(forge_packet(t, inner, wrong)).empty());
  }
  EXPECT_EQ(bed.dropped(Drop::kIcvFailed), 3u);
}

// ESP-14: loss of almost 2^32 packets is bridged.
TEST(Esn, AJumpOfAlmostAllNumbers) {
  TunnelSpec t;
  t.esn = true;
  EspBed bed;
  add_tunnel(bed, t);
  const Octets inner = inner_packet({.bytes = 60});
  uint64_t n = 5000;
  for (int i = 0; i < 20; ++i, n += (uint64_t{1} << 32) - 4096)
    ASSERT_FALSE(bed.decrypt_one(forge_packet(t, inner, {.sequence = n})).empty()) << i;
}

// Without ESN the numbers end at 2^32 - 1 and begin nowhere again.
TEST(Esn, WithoutItTheWrapIsARepeat) {
  TunnelSpec t;
  EspBed bed;
  add_tunnel(bed, t);
  const Octets inner = inner_packet({.bytes = 60});
  EXPECT_FALSE(bed.decrypt_one(forge_packet(t, inner, {.sequence = 0xffffffff})).empty());
  EXPECT_TRUE(bed.decrypt_one(forge_packet(t, inner, {.sequence = 0x100000000, .iv = 9})).empty());
  EXPECT_TRUE(bed.decrypt_one(forge_packet(t, inner, {.sequence = 0x100000001, .iv = 10})).empty());
  EXPECT_EQ(bed.dropped(Drop::kTooOld), 2u);
}

// ESP-21: SPIs nobody gave out, the reserved ones included, are dropped by one name.
TEST(UnknownSpi, IsDropped) {
  TunnelSpec t;
  EspBed bed;
  add_tunnel(bed, t);
  std::vector<uint32_t> spis = {0, 1, 100, 255, 256, 0xffffffff, t.spi ^ 0x10000, t.spi + 1};
  for (int bit = 0; bit < 32; ++bit) spis.push_back(t.spi ^ 1u << bit);
  for (const uint32_t spi : spis) {
    ForgeSpec s;
    s.spi = spi;
    EXPECT_TRUE(bed.decrypt_one(forge_packet(t, inner_packet({}), s)).empty());
  }
  EXPECT_EQ(bed.dropped(Drop::kUnknownSpi), spis.size());
}

// A datagram for another of our addresses, or of another family, is not this SA's.
TEST(Destination, MustBeTheSas) {
  for (const bool outer6 : {false, true}) {
    TunnelSpec t;
    t.outer6 = outer6;
    EspBed bed;
    add_tunnel(bed, t);
    ForgeSpec s;
    s.destination = outer6 ? "2001:db8::3" : "192.0.2.3";
    EXPECT_TRUE(bed.decrypt_one(forge_packet(t, inner_packet({}), s)).empty());
    TunnelSpec other = t;
    other.outer6 = !outer6;
    EXPECT_TRUE(bed.decrypt_one(forge_packet(other, inner_packet({}))).empty());
    EXPECT_EQ(bed.dropped(Drop::kWrongDestination), 2u);
  }
}

// An outer source that names no station, or names us, is nobody's: dropped before the cipher, and
// the peer's endpoint stays (RFC 1812 section 5.3.7, ESP-38). The outside addresses of ours are
// those of the table the packet came in by.
TEST(OuterSource, IsASingleStationAndNotOurs) {
  rings::Qsbr qsbr;
  fib::NodePool nodes(qsbr);
  Routes routes(nodes);
  for (const bool outer6 : {false, true}) {
    TunnelSpec t;
    t.outer6 = outer6;
    t.udp = true;
    EspBed bed;
    qsbr.online(0);
    const Tunnel tunnel = add_tunnel(bed, t);
    RouteTable& table = bed.tables().tables[0];
    table.lpm4 = &routes.v4;
    table.lpm6 = &routes.v6;
    const char* ours = outer6 ? "2001:db8::77" : "192.0.2.77";
    routes.add(ours, fib::NextHop::make(fib::NextHopKind::kLocal));
    table.own.add(wire::IpAddress::parse(ours).value());
    uint64_t sequence = 1;
    const auto send = [&](const char* source) {
      return bed.decrypt_one(
          forge_packet(t, inner_packet({}), {.sequence = sequence++, .source = source}));
    };
    const std::vector<const char*> bad =
        outer6 ? std::vector<const char*>{ours, "::", "::1", "ff02::1"}
               : std::vector<const char*>{ours, "0.0.0.0", "127.0.0.1", "224.0.0.1",
                                          "255.255.255.255"};
    for (const char* source : bad) EXPECT_TRUE(send(source).empty()) << source;
    EXPECT_EQ(bed.dropped(Drop::kOuterBadSource), bad.size());
    EXPECT_EQ(tunnel.in->cold->drops[static_cast<std::size_t>(Drop::kOuterBadSource)].get(),
              bad.size());
    EXPECT_EQ(sa::report(*tunnel.in).packets, 0u);
    EXPECT_FALSE(sa::report(*tunnel.in).peer);
    EXPECT_FALSE(send(outer6 ? "2001:db8::78" : "192.0.2.78").empty());
    qsbr.offline(0);
  }
}

// RFC 7296 section 2.23: ESP in UDP is taken also where no NAT was found, but then moves no peer;
// a peer behind a NAT must not send without UDP.
TEST(UdpEncapsulation, MixedUse) {
  const Octets inner = inner_packet({.bytes = 60});
  for (const bool sa_udp : {false, true}) {
    EspBed bed;
    TunnelSpec t;
    t.udp = sa_udp;
    const Tunnel tunnel = add_tunnel(bed, t);
    TunnelSpec wire = t;
    wire.udp = !sa_udp;
    EXPECT_EQ(bed.decrypt_one(forge_packet(wire, inner)).empty(), sa_udp);
    EXPECT_EQ(bed.dropped(Drop::kEncapsulationMismatch), sa_udp ? 1u : 0u);
    EXPECT_FALSE(sa::report(*tunnel.in).peer.has_value());
  }
}

// ESP-38: the peer's endpoint follows authentic, new packets and nothing else.
TEST(PeerEndpoint, FollowsOnlyNewAuthenticPackets) {
  for (const bool outer6 : {false, true}) {
    EspBed bed;
    TunnelSpec t;
    t.udp = true;
    t.outer6 = outer6;
    const Tunnel tunnel = add_tunnel(bed, t);
    const Octets inner = inner_packet({.bytes = 60});
    const char* home = outer6 ? "2001:db8::1" : "192.0.2.1";
    const char* away = outer6 ? "2001:db8::99" : "198.51.100.7";
    const auto peer = [&] { return sa::report(*tunnel.in).peer; };
    const auto send = [&](ForgeSpec s, bool spoil = false) {
      Octets p = forge_packet(t, inner, s);
      if (spoil) p.back() ^= 1;
      return !bed.decrypt_one(p).empty();
    };
    const wire::Endpoint at_home{*wire::IpAddress::parse(home), 4500};

    EXPECT_FALSE(peer().has_value());
    EXPECT_TRUE(send({.sequence = 10}));
    EXPECT_EQ(peer(), at_home);
    EXPECT_FALSE(send({.sequence = 11, .source = away}, true));  // forged
    EXPECT_EQ(peer(), at_home);
    EXPECT_FALSE(send({.sequence = 10, .source = away}));  // replayed
    EXPECT_EQ(peer(), at_home);
    EXPECT_TRUE(send({.sequence = 9, .source = away}));  // late: counts, moves nothing
    EXPECT_EQ(peer(), at_home);
    EXPECT_TRUE(send({.sequence = 12, .source = home, .source_port = 1024}));  // rebound
    EXPECT_EQ(peer(), (wire::Endpoint{at_home.address, 1024}));
    EXPECT_TRUE(send({.sequence = 13, .source = away, .source_port = 1024}));  // moved
    EXPECT_EQ(peer(), (wire::Endpoint{*wire::IpAddress::parse(away), 1024}));
    EXPECT_EQ(sa::report(*tunnel.in).late, 1u);
  }
}

// INV-6: a packet of another worker's SA is handed over untouched.
TEST(HandOver, ToTheOwner) {
  EspBed bed;
  TunnelSpec t;
  t.owner = 5;
  const Tunnel tunnel = add_tunnel(bed, t);
  const Octets sealed = forge_packet(t, inner_packet({}));
  EXPECT_TRUE(bed.decrypt({bed.esp_packet(sealed)}).empty());
  PacketVector& lane = bed.lanes().handoff[5];
  ASSERT_EQ(lane.count, 1u);
  EXPECT_EQ(meta(lane.slots[0]).errand, Errand::kDecrypt);
  EXPECT_EQ(sa::report(*tunnel.in).top_sequence, 0u);
  EXPECT_EQ(drain(lane)[0], sealed);
  EXPECT_EQ(bed.dropped_in_all(), 0u);
}

// INV-6: a hand-over that cannot be made is the worker's drop, and writes nothing of the SA.
TEST(HandOver, WhenTheOwnersLaneIsFull) {
  EspBed bed;
  TunnelSpec t;
  t.owner = 5;
  const Tunnel tunnel = add_tunnel(bed, t);
  bed.lanes().handoff[5].count = PacketVector::kRoom;
  EXPECT_TRUE(bed.decrypt({bed.esp_packet(forge_packet(t, inner_packet({})))}).empty());
  bed.lanes().handoff[5].count = 0;
  EXPECT_EQ(bed.dropped(Drop::kHandoffFull), 1u);
  for (const Counter& c : tunnel.in->cold->drops) EXPECT_EQ(c.get(), 0u);
  EXPECT_EQ(bed.packets_out(), 0u);
}

// Inbound limits: soft asks once, hard stops at exactly that packet, inside a burst too.
TEST(InboundLimits, SoftThenHard) {
  EspBed bed;
  TunnelSpec t;
  t.limits = {.soft_packets = 10, .hard_packets = 20, .soft_bytes = 0, .hard_bytes = 0};
  add_tunnel(bed, t);
  std::vector<Packet*> burst;
  for (uint64_t n = 1; n <= 40; ++n)
    burst.push_back(bed.esp_packet(forge_packet(t, inner_packet({.bytes = 60}), {.sequence = n})));
  EXPECT_EQ(bed.decrypt(burst).size(), 20u);
  EXPECT_EQ(bed.dropped(Drop::kInboundSaExpired), 20u);
  ASSERT_EQ(bed.events().count, 2u);
  EXPECT_EQ(bed.events().items[0].kind, 0);  // kInboundSoftLimit
  EXPECT_EQ(bed.events().items[1].kind, 1);  // kInboundHardLimit
  EXPECT_EQ(bed.events().items[0].value, t.spi);
}

// A full event queue loses no event: it comes with a later packet.
TEST(InboundLimits, AFullEventQueueDelaysTheReport) {
  EspBed bed;
  TunnelSpec t;
  t.limits = {.soft_packets = 0, .hard_packets = 0, .soft_bytes = 120, .hard_bytes = 300};
  add_tunnel(bed, t);
  bed.events().count = EventQueue::kRoom;
  uint64_t n = 0;
  const auto send = [&] {
    return !bed.decrypt_one(forge_packet(t, inner_packet({.bytes = 60}), {.sequence = ++n}))
                .empty();
  };
  EXPECT_TRUE(send() && send() && send());
  bed.events().count = 0;
  EXPECT_TRUE(send());
  ASSERT_EQ(bed.events().count, 1u);
  EXPECT_EQ(bed.events().items[0].kind, 0);
  bed.events().count = EventQueue::kRoom;
  EXPECT_TRUE(send());
  EXPECT_FALSE(send());
  bed.events().count = 0;
  EXPECT_FALSE(send());
  ASSERT_EQ(bed.events().count, 1u);
  EXPECT_EQ(bed.events().items[0].kind, 1);
  EXPECT_FALSE(send());
  EXPECT_EQ(bed.events().count, 1u);
}

}  // namespace
}  // namespace kanmon::test
