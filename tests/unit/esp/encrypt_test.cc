// The encrypt stage: what leaves, with which headers, and what must not leave.
#include "dataplane/encrypt/encrypt.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/rings/messages.h"
#include "dataplane/wire/checksum.h"
#include "tests/support/esp_oracle.h"

namespace kanmon::test {
namespace {

using rings::EventKind;

uint16_t be16(const Octets& p, std::size_t at) {
  return load_be<uint16_t>(&p[at]);
}

// A bed with one tunnel, its encapsulation open to change.
struct OneTunnel {
  explicit OneTunnel(const TunnelSpec& spec = {}) : t(spec) {}
  Tunnel start(const sa::EncapParams& e) { return add_tunnel(bed, t, &e); }
  EspBed bed;
  TunnelSpec t;
};

// ESP-34, ESP-29, ESP-33: DSCP copied or set, ECN copied always, DF in its three modes, own TTL;
// all combinations of families.
TEST(OuterHeader, FieldsFollowTheModes) {
  for (const bool outer6 : {false, true})
    for (const bool inner6 : {false, true})
      for (const auto dscp : {sa::DscpMode::kCopy, sa::DscpMode::kSet})
        for (const auto df : {sa::DfMode::kCopy, sa::DfMode::kSet, sa::DfMode::kClear})
          for (const bool inner_df : {false, true})
            for (unsigned ecn = 0; ecn < 4; ++ecn) {
              OneTunnel o;
              o.t.outer6 = outer6;
              sa::EncapParams e = encap_of(o.t);
              e.dscp = dscp, e.dscp_value = 0x2e, e.df = df, e.ttl = 77;
              o.start(e);
              const auto inner_class = static_cast<uint8_t>(0x28 | ecn);
              const Octets out = o.bed.encrypt_one(
                  inner_packet({.v6 = inner6, .traffic_class = inner_class, .df = inner_df}));
              ASSERT_FALSE(out.empty());
              const unsigned want = (dscp == sa::DscpMode::kCopy ? 0x28u : 0x2eu << 2) | ecn;
              if (outer6) {
                EXPECT_EQ(be16(out, 0) >> 4 & 0xff, want);
                EXPECT_EQ(out[0] >> 4, 6);
                EXPECT_EQ(out[7], 77);
                EXPECT_EQ(be16(out, 4) + 40u, out.size());
                continue;
              }
              EXPECT_EQ(out[1], want);
              EXPECT_EQ(out[8], 77);
              EXPECT_EQ(be16(out, 2), out.size());
              EXPECT_EQ(wire::checksum({out.data(), 20}), 0);
              // An IPv6 packet is one that must not be fragmented.
              const bool copied = inner6 || inner_df;
              EXPECT_EQ(be16(out, 6) == 0x4000,
                        df == sa::DfMode::kSet || (df == sa::DfMode::kCopy && copied));
              EXPECT_EQ(be16(out, 6) & 0xbfff, 0);
            }
}

// ESP-34: a map says every outer DSCP, for both families, and leaves ECN alone.
TEST(OuterHeader, DscpByMap) {
  sa::DscpMap map;
  for (unsigned i = 0; i < 64; ++i) map[i] = static_cast<uint8_t>((i * 37 + 11) % 64);
  for (const bool outer6 : {false, true})
    for (const bool inner6 : {false, true}) {
      OneTunnel o;
      o.t.outer6 = outer6;
      sa::EncapParams e = encap_of(o.t);
      e.dscp = sa::DscpMode::kMap, e.dscp_map = &map;
      o.start(e);
      for (unsigned octet = 0; octet < 256; ++octet) {
        const Octets out = o.bed.encrypt_one(
            inner_packet({.v6 = inner6, .traffic_class = static_cast<uint8_t>(octet)}));
        ASSERT_FALSE(out.empty());
        const unsigned want = (octet / 4 * 37 + 11) % 64 * 4 + octet % 4;
        EXPECT_EQ(outer6 ? be16(out, 0) >> 4 & 0xff : out[1], want);
        if (!outer6) {
          EXPECT_EQ(wire::checksum({out.data(), 20}), 0);
        }
      }
    }
}

// The IPv4 header checksum over many ids and lengths, so that every carry occurs.
TEST(OuterHeader, ChecksumIsRightForEveryId) {
  OneTunnel o;
  o.start(encap_of(o.t));
  std::set<uint16_t> ids;
  for (int i = 0; i < 70'000; ++i) {
    const Octets out =
        o.bed.encrypt_one(inner_packet({.bytes = 60 + static_cast<std::size_t>(i) % 90}));
    ASSERT_EQ(wire::checksum({out.data(), 20}), 0) << i;
    ids.insert(be16(out, 4));
  }
  EXPECT_EQ(ids.size(), 65'536u);
}

// RFC 3948 section 2.1 and RFC 8200 section 8.1: no checksum on IPv4, a right one on IPv6.
TEST(OuterHeader, UdpLengthAndChecksum) {
  for (const bool outer6 : {false, true}) {
    OneTunnel o;
    o.t.udp = true, o.t.outer6 = outer6;
    sa::EncapParams e = encap_of(o.t);
    e.local.port = 4500, e.remote.port = 33'333;
    o.start(e);
    const std::size_t udp = outer6 ? 40 : 20;
    for (std::size_t bytes = 40; bytes < 200; ++bytes) {
      const Octets out = o.bed.encrypt_one(inner_packet({.bytes = bytes}));
      EXPECT_EQ(be16(out, udp), 4500);
      EXPECT_EQ(be16(out, udp + 2), 33'333);
      EXPECT_EQ(be16(out, udp + 4), out.size() - udp);
      if (!outer6) {
        EXPECT_EQ(be16(out, udp + 6), 0);
        continue;
      }
      const auto pseudo = wire::pseudo_header(e.local.address, e.remote.address, 17,
                                              static_cast<uint32_t>(out.size() - udp));
      EXPECT_EQ(wire::checksum_finish(wire::checksum_add(pseudo, wire::Bytes(out).subspan(udp))),
                0);
    }
  }
}

TEST(OuterHeader, EthernetComesFromTheAdjacency) {
  for (const bool outer6 : {false, true}) {
    OneTunnel o;
    o.t.outer6 = outer6;
    o.start(encap_of(o.t));
    const auto frames = o.bed.encrypt({o.bed.clear_packet(inner_packet({}), 0)});
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(0, std::memcmp(frames[0].data(), o.bed.tables().adjacencies[1].ethernet, 12));
    EXPECT_EQ(be16(frames[0], 12), outer6 ? 0x86dd : 0x0800);
  }
}

// A flow label is one for the SA (order is kept on the way), not zero, another for another SA.
TEST(OuterHeader, FlowLabelIsTheSas) {
  std::set<uint32_t> labels;
  for (uint32_t i = 0; i < 50; ++i) {
    OneTunnel o;
    o.t.outer6 = true, o.t.spi = 0x1000 + i;
    o.start(encap_of(o.t));
    std::set<uint32_t> of_this;
    for (uint32_t n = 0; n < 5; ++n)
      of_this.insert(
          load_be<uint32_t>(o.bed.encrypt_one(inner_packet({.bytes = 60, .seed = n})).data()) &
          0xfffff);
    ASSERT_EQ(of_this.size(), 1u);
    EXPECT_NE(*of_this.begin(), 0u);
    labels.insert(*of_this.begin());
  }
  EXPECT_GT(labels.size(), 45u);
}

// INV-2, ESP-07: whatever is missing, nothing leaves.
TEST(NoClearText, WithoutAnSaOrAWay) {
  OneTunnel o;
  o.start(encap_of(o.t));
  const auto run = [&](uint32_t tunnel) {
    return o.bed.encrypt({o.bed.clear_packet(inner_packet({}), tunnel)}).size();
  };
  EXPECT_EQ(run(0), 1u);
  EXPECT_EQ(run(5), 0u);          // never given an SA
  EXPECT_EQ(run(0xfffffff), 0u);  // not even a tunnel
  EXPECT_EQ(o.bed.dropped(Drop::kNoSa), 2u);
  o.bed.tables().adjacencies[1].port = kNoPort;
  EXPECT_EQ(run(0), 0u);
  o.bed.tables().tunnels[0].adjacency = 1u << 30;
  EXPECT_EQ(run(0), 0u);
  EXPECT_EQ(o.bed.dropped(Drop::kNoAdjacency), 2u);
  o.bed.tables().tunnels[0].sa = nullptr;
  EXPECT_EQ(run(0), 0u);
  EXPECT_EQ(o.bed.packets_out(), 0u);
  for (const PacketVector& lane : o.bed.lanes().tx) EXPECT_EQ(lane.count, 0u);
}

// ESP-12 outbound, and buffers without room.
TEST(Buffers, SharedOrTooTight) {
  OneTunnel o;
  o.start(encap_of(o.t));
  Packet* p = o.bed.clear_packet(inner_packet({}), 0);
  Packet* clone = rte_pktmbuf_clone(p, o.bed.pool());
  meta(clone) = meta(p);
  EXPECT_TRUE(o.bed.encrypt({clone}).empty());
  EXPECT_EQ(o.bed.dropped(Drop::kSharedBuffer), 1u);
  rte_pktmbuf_free(p);

  for (uint16_t room = 0; room < 200; ++room) {
    Packet* tight = o.bed.packet(inner_packet({}), room);
    meta(tight).next_hop = fib::NextHop::make(fib::NextHopKind::kTunnel, 0);
    const bool sent = !o.bed.encrypt({tight}).empty();
    EXPECT_EQ(sent, room >= 94) << room;
  }
  EXPECT_EQ(o.bed.dropped(Drop::kNoHeadroom), 94u);
  EXPECT_EQ(o.bed.packets_out(), 0u);
}

TEST(Buffers, SegmentsAreJoined) {
  OneTunnel o;
  o.start(encap_of(o.t));
  const Octets inner = inner_packet({.bytes = 300});
  for (std::size_t at = 1; at < 300; at += 13) {
    Packet* head =
        o.bed.clear_packet(Octets(inner.begin(), inner.begin() + static_cast<long>(at)), 0);
    Packet* tail = o.bed.packet(Octets(inner.begin() + static_cast<long>(at), inner.end()));
    ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
    const auto out = o.bed.encrypt({head});
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(o.bed.decrypt_one(Octets(out[0].begin() + 14, out[0].end())), inner);
  }
}

// ESP-13: the last number is sent, then nothing; asked for early, reported once each.
TEST(SequenceEnd, IsNeverPassed) {
  for (const bool esn : {false, true}) {
    OneTunnel o;
    const uint64_t last = esn ? ~uint64_t{0} - 1 : 0xffffffff;
    o.t.esn = esn;
    o.t.first_sequence = last - 99;
    const Tunnel tunnel = o.start(encap_of(o.t));
    uint64_t highest = 0, sent = 0;
    for (int burst = 0; burst < 5; ++burst) {
      std::vector<Packet*> packets;
      for (int i = 0; i < 64; ++i) packets.push_back(o.bed.clear_packet(inner_packet({}), 0));
      for (const Octets& f : o.bed.encrypt(packets)) {
        highest = std::max(highest, load_be<uint64_t>(&f[14 + 20 + 8]));  // the IV is the number
        ++sent;
      }
    }
    EXPECT_EQ(sent, 100u);
    EXPECT_EQ(highest, last);
    EXPECT_EQ(o.bed.dropped(Drop::kSequenceExhausted), 220u);
    EXPECT_TRUE(sa::report(*tunnel.out).hard_limit_reached);
    EXPECT_EQ(sa::report(*tunnel.out).packets, 100u);
    ASSERT_EQ(o.bed.events().count, 2u);
    EXPECT_EQ(o.bed.events().items[0].kind, static_cast<uint8_t>(EventKind::kOutboundSoftLimit));
    EXPECT_EQ(o.bed.events().items[1].kind, static_cast<uint8_t>(EventKind::kOutboundHardLimit));
  }
}

// ESP-26: limits of packets are exact, limits of bytes within one burst; soft comes first.
TEST(OutboundLimits, Packets) {
  OneTunnel o;
  o.t.limits = {.soft_packets = 50, .hard_packets = 80, .soft_bytes = 0, .hard_bytes = 0};
  o.start(encap_of(o.t));
  uint64_t sent = 0;
  for (int i = 0; i < 200; ++i) {
    sent += o.bed.encrypt_one(inner_packet({})).empty() ? 0 : 1;
    EXPECT_EQ(o.bed.events().count, i < 49 ? 0u : i < 80 ? 1u : 2u) << i;
  }
  EXPECT_EQ(sent, 80u);
  EXPECT_EQ(o.bed.dropped(Drop::kOutboundSaExpired), 120u);
}

TEST(OutboundLimits, Bytes) {
  OneTunnel o;
  o.t.limits = {
      .soft_packets = 0, .hard_packets = 0, .soft_bytes = 500'000, .hard_bytes = 1'000'000};
  const Tunnel tunnel = o.start(encap_of(o.t));
  for (int burst = 0; burst < 100; ++burst) {
    std::vector<Packet*> packets;
    for (int i = 0; i < 32; ++i)
      packets.push_back(o.bed.clear_packet(inner_packet({.bytes = 1000}), 0));
    o.bed.encrypt(packets);
    if (sa::report(*tunnel.out).bytes < 500'000) {
      EXPECT_EQ(o.bed.events().count, 0u);
    }
  }
  EXPECT_GE(sa::report(*tunnel.out).bytes, 1'000'000u);
  EXPECT_LE(sa::report(*tunnel.out).bytes, 1'000'000u + 32 * 1000);
  EXPECT_EQ(o.bed.events().count, 2u);
  EXPECT_GT(o.bed.dropped(Drop::kOutboundSaExpired), 0u);
}

TEST(OutboundLimits, AFullEventQueueDelaysTheReport) {
  OneTunnel o;
  o.t.limits = {.soft_packets = 1, .hard_packets = 0, .soft_bytes = 0, .hard_bytes = 0};
  o.start(encap_of(o.t));
  o.bed.events().count = EventQueue::kRoom;
  o.bed.encrypt_one(inner_packet({}));
  o.bed.events().count = 0;
  o.bed.encrypt_one(inner_packet({}));
  EXPECT_EQ(o.bed.events().count, 1u);
  o.bed.encrypt_one(inner_packet({}));
  EXPECT_EQ(o.bed.events().count, 1u);
}

// ESP-04: several tunnels interleaved in one burst: each SA's numbers are 1, 2, 3, … in order, and
// order within a tunnel is kept.
TEST(Runs, InterleavedTunnelsKeepNumbersAndOrder) {
  EspBed bed;
  for (uint32_t i = 0; i < 4; ++i) {
    TunnelSpec t;
    t.tunnel = i;
    t.spi = 0x500 + i;
    add_tunnel(bed, t);
  }
  std::vector<Packet*> packets;
  std::vector<Octets> inner;
  for (uint32_t i = 0; i < 200; ++i) {
    inner.push_back(inner_packet({.bytes = 60, .seed = i}));
    packets.push_back(bed.clear_packet(inner.back(), i * 7 / 3 % 4));
  }
  std::vector<uint64_t> next(4, 1);
  const auto frames = bed.encrypt(packets);
  ASSERT_EQ(frames.size(), 200u);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Octets ip(frames[i].begin() + 14, frames[i].end());
    const uint32_t tunnel = load_be<uint32_t>(&ip[20]) - 0x500;
    EXPECT_EQ(load_be<uint64_t>(&ip[28]), next[tunnel]++);
    EXPECT_EQ(bed.decrypt_one(ip), inner[i]);
  }
}

// One number and one IV is one packet, whatever was dropped in between.
TEST(Runs, DropsTakeNoNumbers) {
  OneTunnel o;
  o.start(encap_of(o.t));
  std::vector<Packet*> packets;
  for (uint32_t i = 0; i < 60; ++i)
    packets.push_back(
        o.bed.clear_packet(inner_packet({.bytes = i % 3 == 1 ? 1690u : 90u, .df = true}), 0));
  EXPECT_EQ(o.bed.encrypt(packets).size(), 40u);
  EXPECT_EQ(o.bed.dropped(Drop::kTooBig), 20u);
  const Octets next = o.bed.encrypt_one(inner_packet({}));
  EXPECT_EQ(load_be<uint32_t>(&next[24]), 41u);
}

// ESP-30: the border is exact and the outer packet never exceeds the outer MTU.
TEST(TunnelMtu, TheBorderIsExact) {
  for (const bool outer6 : {false, true})
    for (const bool udp : {false, true})
      for (const bool inner6 : {false, true}) {
        OneTunnel o;
        o.t.outer6 = outer6, o.t.udp = udp;
        sa::EncapParams e = encap_of(o.t);
        e.outer_mtu = 1500;
        o.start(e);
        const uint16_t mtu = o.bed.tables().tunnels[0].mtu;
        const Octets out =
            o.bed.encrypt_one(inner_packet({.v6 = inner6, .bytes = mtu, .df = true}));
        EXPECT_FALSE(out.empty());
        EXPECT_LE(out.size(), 1500u);
        EXPECT_GT(out.size() + 4, 1500u);
        EXPECT_TRUE(
            o.bed.encrypt_one(inner_packet({.v6 = inner6, .bytes = mtu + 1u, .df = true})).empty());
        EXPECT_EQ(o.bed.dropped(Drop::kTooBig), 1u);
      }
}

// ESP-30: IPv4 without DF is fragmented before encryption; the fragments together are the packet.
TEST(TunnelMtu, FragmentsBeforeEncryption) {
  OneTunnel o;
  sa::EncapParams e = encap_of(o.t);
  e.outer_mtu = 1500;
  o.start(e);
  for (const std::size_t bytes : {1447u, 2000u, 4000u, 9000u}) {
    const Octets inner = inner_packet({.bytes = bytes});
    const auto frames = o.bed.encrypt({o.bed.clear_packet(inner, 0)});
    ASSERT_GE(frames.size(), bytes / 1446 + 1);
    Octets joined(inner.begin(), inner.begin() + 20);
    uint32_t number = 0;
    for (const Octets& f : frames) {
      const Octets ip(f.begin() + 14, f.end());
      ASSERT_LE(ip.size(), 1500u);
      // Numbers go on without a hole.
      if (number != 0) {
        EXPECT_EQ(load_be<uint32_t>(&ip[24]), number + 1);
      }
      number = load_be<uint32_t>(&ip[24]);
      const Octets part = o.bed.decrypt_one(ip);
      ASSERT_FALSE(part.empty());
      EXPECT_EQ((be16(part, 6) & 0x1fff) * 8u, joined.size() - 20);
      joined.insert(joined.end(), part.begin() + 20, part.end());
    }
    EXPECT_EQ(joined, inner);
  }
  EXPECT_EQ(o.bed.dropped_in_all(), 0u);
  EXPECT_EQ(o.bed.packets_out(), 0u);
}

// A datagram put together again from whole outer packets, as a receiver that knows RFC 791 and RFC
// 8200 would; `mtu` is held by each.
Octets joined_outer(const std::vector<Octets>& frames, uint16_t mtu) {
  Octets whole;
  std::size_t at = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Octets ip(frames[i].begin() + 14, frames[i].end());
    const bool v6 = ip[0] >> 4 == 6;
    EXPECT_EQ(be16(frames[i], 12), v6 ? 0x86dd : 0x0800);
    EXPECT_LE(ip.size(), mtu);
    const std::size_t header = v6 ? 48 : 20;
    if (v6) {
      EXPECT_EQ(ip[6], 44);
      EXPECT_EQ(be16(ip, 4) + 40u, ip.size());
    } else {
      EXPECT_EQ(be16(ip, 2), ip.size());
      EXPECT_EQ(wire::checksum({ip.data(), 20}), 0);
    }
    const std::size_t place = v6 ? be16(ip, 42) & 0xfff8u : (be16(ip, 6) & 0x1fffu) * 8;
    const bool more = v6 ? (be16(ip, 42) & 1) != 0 : (be16(ip, 6) & 0x2000) != 0;
    EXPECT_EQ(place, at);
    EXPECT_EQ(more, i + 1 < frames.size());
    if (i == 0) {
      whole.assign(ip.begin(), ip.begin() + (v6 ? 40 : 20));
      if (v6) whole[6] = ip[40];
    }
    whole.insert(whole.end(), ip.begin() + static_cast<std::ptrdiff_t>(header), ip.end());
    at += ip.size() - header;
  }
  if (whole.empty()) return whole;
  if (whole[0] >> 4 == 6) {
    store_be(&whole[4], static_cast<uint16_t>(whole.size() - 40));
  } else {
    store_be(&whole[2], static_cast<uint16_t>(whole.size()));
    store_be(&whole[6], uint16_t{0});
    store_be(&whole[10], uint16_t{0});
    const uint16_t sum = wire::checksum({whole.data(), 20});
    std::memcpy(&whole[10], &sum, 2);
  }
  return whole;
}

// ESP-30: fragmentation after encryption, of both families outside: one sequence number, one ICV.
TEST(TunnelMtu, FragmentsAfterEncryption) {
  for (const bool outer6 : {false, true})
    for (const bool udp : {false, true}) {
      OneTunnel o;
      o.t.outer6 = outer6, o.t.udp = udp;
      sa::EncapParams e = encap_of(o.t);
      e.outer_mtu = 1400;
      e.fragmentation = sa::FragmentMode::kAfter;
      o.start(e);
      const uint16_t fits = o.bed.tables().tunnels[0].mtu;
      uint32_t number = 0;
      for (const std::size_t bytes : {fits + 0u, fits + 1u, 1500u, 1900u}) {
        const Octets inner = inner_packet({.bytes = bytes, .seed = ++number});
        const auto frames = o.bed.encrypt({o.bed.clear_packet(inner, 0)});
        if (bytes == fits) {
          ASSERT_EQ(frames.size(), 1u);
          EXPECT_EQ(o.bed.decrypt_one({frames[0].begin() + 14, frames[0].end()}), inner);
          continue;
        }
        ASSERT_EQ(frames.size(), 2u) << bytes;
        const Octets whole = joined_outer(frames, 1400);
        EXPECT_EQ(load_be<uint32_t>(&whole[(outer6 ? 44u : 24u) + (udp ? 8u : 0u)]), number);
        EXPECT_EQ(o.bed.decrypt_one(whole), inner);
      }
      // With DF the sender is told all the same.
      EXPECT_TRUE(o.bed.encrypt_one(inner_packet({.bytes = fits + 1u, .df = true})).empty());
      EXPECT_EQ(o.bed.dropped(Drop::kTooBig), 1u);
      EXPECT_EQ(o.bed.dropped_in_all(), 1u);
      EXPECT_EQ(o.bed.packets_out(), 0u);
    }
}

// ESP-36: later fragments show no ports and are outside of selectors that name some (RFC 4301
// section 7): what is fragmented before it comes is dropped, and what is too big is fragmented
// after encryption, whatever is configured.
TEST(TunnelMtu, FragmentsAfterEncryptionWhereSelectorsNamePorts) {
  OneTunnel o;
  o.t.near[0].protocol = 17;
  o.t.near[0].port_start = o.t.near[0].port_end = 1000;
  sa::EncapParams e = encap_of(o.t);
  e.outer_mtu = 1500;
  o.start(e);
  const Octets inner = inner_packet({.bytes = 1900});
  const auto frames = o.bed.encrypt({o.bed.clear_packet(inner, 0)});
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(o.bed.decrypt_one(joined_outer(frames, 1500)), inner);
  Octets later = inner_packet({.bytes = 200});
  later[7] = 100;
  store_be(&later[10], uint16_t{0});
  const uint16_t sum = wire::checksum({later.data(), 20});
  std::memcpy(&later[10], &sum, 2);
  EXPECT_TRUE(o.bed.encrypt_one(later).empty());
  EXPECT_EQ(o.bed.dropped(Drop::kOutboundSelectorMismatch), 1u);
}

// ESP-36: with NON_FIRST_FRAGMENTS_ALSO agreed on (RFC 4301 section 7.3) what is fragmented before
// encryption passes at both ends, a later fragment alone at neither.
TEST(TunnelMtu, LaterFragmentsFollowTheirFirst) {
  OneTunnel o;
  o.t.fragments_also = true;
  o.t.near[0].protocol = 17;
  o.t.near[0].port_start = o.t.near[0].port_end = 1000;
  sa::EncapParams e = encap_of(o.t);
  e.outer_mtu = 1500;
  o.start(e);
  const auto frames = o.bed.encrypt({o.bed.clear_packet(inner_packet({.bytes = 1900}), 0)});
  ASSERT_EQ(frames.size(), 2u);
  const auto esp = [&](std::size_t i) {
    EXPECT_EQ(frames[i][14 + 9], 50) << "not fragmented outside";
    return Octets(frames[i].begin() + 14, frames[i].end());
  };
  EXPECT_TRUE(o.bed.decrypt_one(esp(1)).empty()) << "before its first fragment";
  EXPECT_EQ(o.bed.dropped(Drop::kInboundSelectorMismatch), 1u);
  EXPECT_FALSE(o.bed.decrypt_one(esp(0)).empty());

  // From the LAN in fragments: the first by its port, the later one behind it.
  const auto fragment = [](uint16_t port, uint16_t field) {
    Octets p = inner_packet({.bytes = 220, .seed = port});
    store_be(&p[6], field);
    if ((field & 0x1fff) == 0) store_be(&p[20], port);
    store_be(&p[10], uint16_t{0});
    const uint16_t sum = wire::checksum({p.data(), 20});
    std::memcpy(&p[10], &sum, 2);
    return p;
  };
  for (const uint16_t port : {1000, 1001}) {
    const bool passes = port == 1000;
    const Octets first = fragment(port, 0x2000), later = fragment(port, 25);
    const Octets sealed_first = o.bed.encrypt_one(first), sealed = o.bed.encrypt_one(later);
    EXPECT_EQ(!sealed_first.empty(), passes);
    ASSERT_EQ(!sealed.empty(), passes);
    if (!passes) continue;
    EXPECT_EQ(o.bed.decrypt_one(sealed_first), first);
    EXPECT_EQ(o.bed.decrypt_one(sealed), later);
  }
  EXPECT_EQ(o.bed.dropped(Drop::kOutboundSelectorMismatch), 2u);
  EXPECT_EQ(o.bed.packets_out(), 0u);
}

// ESP-44: every packet leaves as long as the longest, the padding between packet and trailer (RFC
// 4303 section 2.7): octet for octet what OpenSSL seals of the same text. The receiver cuts it off.
TEST(Tfc, AllPacketsAreAsLongAsTheLongest) {
  for (const auto algorithm : {esp::Algorithm::kAes128Gcm16, esp::Algorithm::kAes256Sha256})
    for (const bool inner6 : {false, true}) {
      OneTunnel o;
      o.t.algorithm = algorithm;
      sa::EncapParams e = encap_of(o.t);
      e.pads_to_mtu = true;
      o.start(e);
      const std::size_t mtu = o.bed.tables().tunnels[0].mtu;
      std::set<std::size_t> lengths;
      for (const std::size_t bytes : {60ul, 61ul, 576ul, mtu - 1, mtu}) {
        const Octets inner = inner_packet({.v6 = inner6, .bytes = bytes});
        const Octets out = o.bed.encrypt_one(inner);
        ASSERT_FALSE(out.empty());
        lengths.insert(out.size());
        Octets padded = inner;
        padded.resize(mtu);
        if (algorithm == esp::Algorithm::kAes128Gcm16) {
          const Octets want = forge(o.t, with_trailer(padded, inner6 ? 41 : 4),
                                    {.sequence = o.bed.tables().tunnels[0].sa->next_sequence - 1});
          EXPECT_EQ(Octets(out.begin() + 20, out.end()), Octets(want.begin() + 20, want.end()));
        }
        EXPECT_EQ(o.bed.decrypt_one(out), inner);
      }
      EXPECT_EQ(lengths.size(), 1u);
      EXPECT_LE(*lengths.begin(), e.outer_mtu);
      EXPECT_EQ(o.bed.packets_out(), 0u);
    }
}

// Fragments of what is too big are padded too; where a buffer ends before the MTU, nothing is sent
// that would show the packet's length.
TEST(Tfc, FragmentsAndTightBuffers) {
  OneTunnel o;
  sa::EncapParams e = encap_of(o.t);
  e.outer_mtu = 1500;
  e.pads_to_mtu = true;
  o.start(e);
  const auto frames = o.bed.encrypt({o.bed.clear_packet(inner_packet({.bytes = 1900}), 0)});
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].size(), frames[1].size());
  Packet* tight = o.bed.packet(inner_packet({.bytes = 100}), 9300);
  meta(tight).next_hop = fib::NextHop::make(fib::NextHopKind::kTunnel, 0);
  EXPECT_TRUE(o.bed.encrypt({tight}).empty());
  EXPECT_EQ(o.bed.dropped(Drop::kNoHeadroom), 1u);
  EXPECT_EQ(o.bed.packets_out(), 0u);
}

// RFC 8200 section 5: IPv6 takes 1280 octets everywhere; a tunnel over less must fragment outside
// (RFC 2473 section 7.1), whatever is configured.
TEST(TunnelMtu, LetsIpv6Have1280) {
  for (const uint16_t outer_mtu : {576, 1000, 1300}) {
    OneTunnel o;
    sa::EncapParams e = encap_of(o.t);
    e.outer_mtu = outer_mtu;
    o.start(e);
    const Octets inner = inner_packet({.v6 = true, .bytes = 1280});
    const auto frames = o.bed.encrypt({o.bed.clear_packet(inner, 0)});
    ASSERT_GE(frames.size(), 2u);
    EXPECT_EQ(o.bed.decrypt_one(joined_outer(frames, outer_mtu)), inner);
    EXPECT_TRUE(o.bed.encrypt_one(inner_packet({.v6 = true, .bytes = 1281})).empty());
    EXPECT_EQ(o.bed.dropped(Drop::kTooBig), 1u);
    EXPECT_EQ(o.bed.packets_out(), 0u);
  }
}

// Fragments and whole packets in one burst: nothing changes places.
TEST(TunnelMtu, CutAndWholePacketsKeepTheirOrder) {
  OneTunnel o;
  sa::EncapParams e = encap_of(o.t);
  e.outer_mtu = 1400;
  e.fragmentation = sa::FragmentMode::kAfter;
  o.start(e);
  std::vector<Packet*> packets;
  for (uint32_t i = 0; i < 30; ++i)
    packets.push_back(o.bed.clear_packet(inner_packet({.bytes = i % 3 == 1 ? 1500u : 90u}), 0));
  const auto frames = o.bed.encrypt(packets);
  ASSERT_EQ(frames.size(), 40u);
  uint32_t last = 0;
  for (const Octets& f : frames) {
    if ((be16(f, 14 + 6) & 0x1fff) != 0) continue;  // a later fragment
    EXPECT_EQ(load_be<uint32_t>(&f[14 + 24]), ++last);
  }
  EXPECT_EQ(last, 30u);
}

// ESP-30: with DF, and for IPv6, the sender is told the tunnel's MTU; never less than 1280 for
// IPv6.
TEST(TunnelMtu, TheSenderIsTold) {
  for (const bool inner6 : {false, true})
    for (const uint16_t configured : {0, 1000}) {
      OneTunnel o;
      sa::EncapParams e = encap_of(o.t);
      e.outer_mtu = 1500;
      e.configured_mtu = configured;
      o.start(e);
      o.bed.tables().tables[9].icmp_source4 = *wire::IpAddress::parse("10.9.9.9");
      o.bed.tables().tables[9].icmp_source6 = *wire::IpAddress::parse("2001:db8:9::9");
      Packet* p = o.bed.clear_packet(inner_packet({.v6 = inner6, .bytes = 1500, .df = true}), 0);
      meta(p).table = 9;
      meta(p).tunnel_in = 5;
      EXPECT_TRUE(o.bed.encrypt({p}).empty());
      EXPECT_EQ(o.bed.dropped(Drop::kTooBig), 1u);
      const auto told = drain(o.bed.lanes().route);
      ASSERT_EQ(told.size(), 1u);
      const uint32_t mtu = configured != 0 ? configured : 1446;
      if (inner6) {
        EXPECT_EQ(told[0][40], 2);  // packet too big
        EXPECT_EQ(load_be<uint32_t>(&told[0][44]), std::max(mtu, 1280u));
      } else {
        EXPECT_EQ(told[0][20] << 8 | told[0][21], 3 << 8 | 4);  // fragmentation needed
        EXPECT_EQ(be16(told[0], 26), mtu);
      }
    }
}

// ESP-04: several workers seal on one SA at once; no IV occurs twice and none is skipped.
TEST(Workers, ShareAnSaWithoutRepeatingAnIv) {
  constexpr uint16_t kWorkers = 3;
  constexpr int kBursts = 60, kPackets = 48;
  OneTunnel o;
  o.t.workers = kWorkers;
  const Tunnel tunnel = o.start(encap_of(o.t));
  // A pool each: threads EAL does not know would wait for one another in a shared one.
  rte_mempool* pools[kWorkers];
  for (uint16_t w = 0; w < kWorkers; ++w) {
    const std::string name = "worker" + std::to_string(w);
    pools[w] = rte_pktmbuf_pool_create(name.c_str(), 127, 0, kPacketPrivateSize, 2048 + 128, 0);
    ASSERT_NE(pools[w], nullptr);
  }
  std::vector<std::vector<uint64_t>> ivs(kWorkers);
  std::vector<std::thread> threads;
  for (uint16_t w = 0; w < kWorkers; ++w)
    threads.emplace_back([&, w] {
      EspBed mine(pools[w]);
      mine.context().worker = w;
      mine.tables().tunnels[0] = sa::make_encap(tunnel.out, encap_of(o.t), 1);
      for (int b = 0; b < kBursts; ++b) {
        std::vector<Packet*> packets;
        for (int i = 0; i < kPackets; ++i)
          packets.push_back(mine.clear_packet(inner_packet({.bytes = 60}), 0));
        for (const Octets& f : mine.encrypt(packets))
          ivs[w].push_back(load_be<uint64_t>(&f[14 + 20 + 8]));
      }
    });
  for (std::thread& t : threads) t.join();
  std::vector<uint64_t> all;
  for (const auto& mine : ivs) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));  // in order on each worker
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), std::size_t{kWorkers} * kBursts * kPackets);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
  EXPECT_EQ(sa::report(*tunnel.out).packets, all.size());
  for (rte_mempool* pool : pools) rte_mempool_free(pool);
}

}  // namespace
}  // namespace kanmon::test
