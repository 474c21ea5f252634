// What classify makes of frames: one field broken at a time gives one named drop (RFC 791, 8200,
// 894), and RFC 3948 section 2 over all short datagrams (ESP-11, ESP-22, ESP-35, ESP-37, ESP-43).
#include "dataplane/classify/classify.h"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using test::frame;
using test::ip;
using test::Octets;
using test::StageBed;
using test::udp;
using test::operator+;

const Octets kEsp = {0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9};
const Octets kText = {1, 2, 3, 4, 5, 6, 7, 8};

Octets outer4(uint8_t protocol, const Octets& payload, uint16_t fragment = 0) {
  return ip({"192.0.2.2", "192.0.2.1", protocol, 64, fragment}, payload);
}
Octets outer6(uint8_t protocol, const Octets& payload) {
  return ip({"2001:db8::2", "2001:db8::1", protocol}, payload);
}
void fix_sum4(Octets& packet) {
  packet[10] = packet[11] = 0;
  const uint16_t sum = wire::checksum(wire::Bytes(packet).first((packet[0] & 15u) * 4u));
  std::memcpy(&packet[10], &sum, 2);
}

// Every frame given is taken out again: nothing may be left at the end (ESP-41).
class Classify : public ::testing::Test {
 protected:
  ~Classify() override {
    test::take_out(bed.lanes().esp);
    test::take_out(bed.lanes().fragments);
    test::take_out(bed.lanes().route);
    test::take_out(bed.lanes().punt);
    EXPECT_EQ(bed.packets_out(), before);
  }
  void give(Packet* p, uint16_t port) { classify::run(bed.context(), port, &p, 1); }
  void give(const Octets& octets, uint16_t port = StageBed::kUnderlayPort) {
    give(bed.packet(octets), port);
  }
  uint32_t in_lanes() {
    return bed.lanes().esp.count + bed.lanes().route.count + bed.lanes().punt.count;
  }

  StageBed bed;
  const uint32_t before = bed.packets_out();
};

struct Broken {
  const char* what;
  Drop drop;
  std::function<Octets()> make;
  uint16_t port = StageBed::kUnderlayPort;
};

Octets with(Octets octets, std::size_t at, uint8_t value, bool fix = false) {
  octets[at] = value;
  if (fix) fix_sum4(octets);
  return octets;
}
Octets first(Octets octets, std::size_t n) {
  octets.resize(n);
  return octets;
}

const Broken kBroken[] = {
    {"no Ethernet header", Drop::kFrameTooShort, [] { return first(frame(kText), 13); }},
    {"no IPv4 header", Drop::kFrameTooShort,
     [] { return first(frame(outer4(50, kEsp)), 14 + 19); }},
    {"no IPv6 header", Drop::kFrameTooShort,
     [] { return first(frame(outer6(50, kEsp)), 14 + 39); }},
    {"VLAN tag", Drop::kEtherTypeUnknown,
     [] { return frame(outer4(50, kEsp), test::kOurMac, wire::kEtherTypeVlan); }},
    {"802.3 length", Drop::kEtherTypeUnknown,
     [] { return frame(outer4(50, kEsp), test::kOurMac, 100); }},
    {"other station", Drop::kNotOurMac,
     [] {
       return frame(outer4(50, kEsp), {2, 0, 0, 0, 0, 2});
     }},
    {"other station, ARP", Drop::kNotOurMac,
     [] {
       return frame(kText, {2, 0, 0, 0, 0, 2}, wire::kEtherTypeArp);
     }},
    {"IP in a broadcast frame", Drop::kMulticast,
     [] { return frame(outer4(50, kEsp), test::kBroadcast); }},
    {"IPv6 in a multicast frame", Drop::kMulticast,
     [] {
       return frame(outer6(50, kEsp), {0x33, 0x33, 0, 0, 0, 1});
     }},
    {"IPv4 EtherType, version 6", Drop::kIp4BadHeader,
     [] {
       return frame(with(outer4(50, kEsp), 0, 0x65, true), test::kOurMac, wire::kEtherTypeIp4);
     }},
    {"IHL 4", Drop::kIp4BadHeader, [] { return frame(with(outer4(50, kEsp), 0, 0x44)); }},
    {"IHL past the total length", Drop::kIp4BadHeader,
     [] { return frame(with(outer4(50, {}), 0, 0x46)); }},
    {"total length 19", Drop::kIp4BadHeader,
     [] { return frame(with(outer4(50, kEsp), 3, 19, true)); }},
    {"total length past the frame", Drop::kIp4BadHeader,
     [] { return frame(with(outer4(50, kEsp), 3, 37, true)); }},
    {"IPv4 checksum", Drop::kIp4BadChecksum, [] { return frame(with(outer4(50, kEsp), 8, 63)); }},
    {"IPv6 EtherType, version 4", Drop::kIp6BadHeader,
     [] { return frame(with(outer6(50, kEsp), 0, 0x40), test::kOurMac, wire::kEtherTypeIp6); }},
    {"payload length past the frame", Drop::kIp6BadHeader,
     [] { return frame(with(outer6(50, kEsp), 5, 17)); }},
    {"jumbo payload", Drop::kIp6BadHeader,
     [] { return frame(with(with(outer6(0, kEsp), 5, 0), 4, 0)); }},
    {"extension header past the packet", Drop::kIp6BadHeader,
     [] {
       return frame(outer6(60, {50, 2, 0, 0, 0, 0, 0, 0}));
     }},
    {"nine extension headers", Drop::kIp6BadHeader,
     [] {
       Octets chain;
       for (int i = 0; i < 8; ++i) chain = chain + Octets{60, 0, 1, 4, 0, 0, 0, 0};
       return frame(outer6(60, chain + Octets{50, 0, 1, 4, 0, 0, 0, 0} + kEsp));
     }},
    {"first fragment of another's ESP", Drop::kEspFragment,
     [] {
       return frame(ip({"192.0.2.2", "192.0.2.77", 50, 64, wire::ip4::kMoreFragments}, kEsp));
     }},
    {"last fragment of another's ESP", Drop::kEspFragment,
     [] {
       return frame(ip({"192.0.2.2", "192.0.2.77", 50, 64, 3}, kEsp));
     }},
    {"later fragment of another's UDP", Drop::kEspFragment,
     [] {
       return frame(ip({"192.0.2.2", "192.0.2.77", 17, 64, 2}, kEsp));
     }},
    {"IPv6 fragment of another's ESP", Drop::kEspFragment,
     [] {
       return frame(
           ip({"2001:db8::2", "2001:db8::77", 44}, Octets{50, 0, 0, 1, 0, 0, 0, 7} + kEsp));
     }},
    {"half a UDP header", Drop::kUdpBadLength, [] { return frame(outer4(17, first(kEsp, 7))); }},
    {"UDP length one less", Drop::kUdpBadLength,
     [] { return frame(outer4(17, with(udp(4500, 4500, kEsp), 5, 23))); }},
    {"UDP length one more", Drop::kUdpBadLength,
     [] { return frame(outer4(17, with(udp(4500, 4500, kEsp), 5, 25))); }},
    {"UDP length seven", Drop::kUdpBadLength,
     [] { return frame(outer4(17, with(udp(4500, 4500, kEsp), 5, 7))); }},
    {"NAT keepalive", Drop::kNatKeepalive,
     [] { return frame(outer4(17, udp(4500, 4500, {0xff}))); }},
    {"NAT keepalive over IPv6", Drop::kNatKeepalive,
     [] { return frame(outer6(17, udp(4500, 4500, {0xff}))); }},
    {"port nobody configured", Drop::kNoTable, [] { return frame(outer4(50, kEsp)); }, 7},
};

TEST_F(Classify, OneBrokenFieldIsOneNamedDrop) {
  for (const Broken& b : kBroken) {
    const uint64_t named = bed.dropped(b.drop), all = bed.dropped_in_all();
    give(b.make(), b.port);
    EXPECT_EQ(bed.dropped(b.drop), named + 1) << b.what;
    EXPECT_EQ(bed.dropped_in_all(), all + 1) << b.what;
    EXPECT_EQ(in_lanes(), 0u) << b.what;
  }
}

// ESP-22: whatever a fragment for us says it carries, it waits for the rest.
TEST_F(Classify, FragmentsForUsAreLookedIntoByNobody) {
  give(frame(outer4(50, kEsp, wire::ip4::kMoreFragments)));
  give(frame(outer4(50, kEsp, 3)));
  give(frame(outer4(17, udp(4500, 4500, kEsp), wire::ip4::kMoreFragments)));
  give(frame(outer4(17, kEsp, 2)));
  give(frame(outer4(17, first(kEsp, 7), wire::ip4::kMoreFragments)));
  give(frame(outer6(44, Octets{50, 0, 0, 1, 0, 0, 0, 7} + kEsp)));
  give(frame(outer6(44, Octets{17, 0, 0, 8, 0, 0, 0, 7} + kEsp)));
  EXPECT_EQ(in_lanes(), 0u);
  EXPECT_EQ(test::take_out(bed.lanes().fragments).size(), 7u);
  EXPECT_EQ(bed.dropped_in_all(), 0u);
  // One of one is none (RFC 6946).
  give(frame(outer6(44, Octets{50, 0, 0, 0, 0, 0, 0, 7} + kEsp)));
  EXPECT_EQ(bed.lanes().esp.count, 1u);
}

TEST_F(Classify, CutsEthernetPaddingAndFillsMeta) {
  const Octets packet = outer4(50, kEsp);
  give(frame(packet) + Octets(10, 0xee));
  ASSERT_EQ(bed.lanes().esp.count, 1u);
  const Packet* p = bed.lanes().esp.slots[0];
  EXPECT_EQ(Octets(bytes(p).begin(), bytes(p).end()), packet);
  const Meta& m = meta(p);
  EXPECT_EQ(m.port, StageBed::kUnderlayPort);
  EXPECT_EQ(m.table, StageBed::kUnderlay);
  EXPECT_EQ(m.tunnel_in, kNoTunnel);
  EXPECT_EQ(m.from_control, 0);
  EXPECT_EQ(m.is_error, 0);
  EXPECT_EQ(m.hops, 0);
  EXPECT_EQ(m.udp_encap, 0);
  EXPECT_EQ(m.l4_offset, 20);
  EXPECT_EQ(m.outer_length, kEsp.size());
}

TEST_F(Classify, FindsEspBehindOptionsAndExtensionHeaders) {
  Octets options = outer4(50, Octets(4, 1) + kEsp);  // four no-operations
  options[0] = 0x46;
  fix_sum4(options);
  const Octets destination_option = {60, 0, 1, 4, 0, 0, 0, 0};
  const Octets last_option = {50, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const Octets atomic = {50, 0, 0, 0, 0, 0, 0, 7};  // RFC 6946: whole, in spite of the header
  struct {
    Octets packet;
    uint16_t offset;
  } const cases[] = {
      {options, 24},
      {outer6(50, kEsp), 40},
      {outer6(0, destination_option + last_option + kEsp), 64},
      {outer6(44, atomic + kEsp), 48},
  };
  for (const auto& c : cases) {
    give(frame(c.packet));
    ASSERT_EQ(bed.lanes().esp.count, 1u);
    const Meta& m = meta(bed.lanes().esp.slots[0]);
    EXPECT_EQ(m.l4_offset, c.offset);
    EXPECT_EQ(m.outer_length, kEsp.size());
    test::take_out(bed.lanes().esp);
  }
}

// RFC 3948 section 2: all datagram lengths 0 … 12 with every pattern of first octets (ESP-37).
TEST_F(Classify, TellsPort4500ApartByItsFirstOctets) {
  const Octets patterns[] = {
      {0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 1}, {1, 0, 0, 0}, {0xff, 0, 0, 0}};
  for (const bool v6 : {false, true})
    for (const Octets& pattern : patterns)
      for (std::size_t n = 0; n <= 12; ++n) {
        SCOPED_TRACE(std::to_string(n) + " octets, first " + std::to_string(pattern[0]));
        const uint64_t drops = bed.dropped_in_all();
        const Octets datagram = udp(31'000, 4500, first(pattern + kText, n));
        give(frame(v6 ? outer6(17, datagram) : outer4(17, datagram)));
        const bool keepalive = n == 1 && pattern[0] == 0xff;
        const bool zero = pattern == Octets{0, 0, 0, 0};
        EXPECT_EQ(bed.dropped_in_all() - drops, n < 4 ? 1u : 0u);
        EXPECT_GE(bed.dropped(Drop::kNatKeepalive), keepalive ? 1u : 0u);
        EXPECT_EQ(bed.lanes().route.count, n >= 4 && zero ? 1u : 0u);
        ASSERT_EQ(bed.lanes().esp.count, n >= 4 && !zero ? 1u : 0u);
        if (n >= 4 && !zero) {
          const Meta& m = meta(bed.lanes().esp.slots[0]);
          EXPECT_EQ(m.udp_encap, 1);
          EXPECT_EQ(m.src_udp_port, 31'000);
          EXPECT_EQ(m.l4_offset, v6 ? 48 : 28);
          EXPECT_EQ(m.outer_length, n);
        }
        test::take_out(bed.lanes().esp);
        test::take_out(bed.lanes().route);
      }
}

TEST_F(Classify, RoutesWhatIsNotEsp) {
  give(frame(outer4(17, udp(500, 500, kText))));
  give(frame(outer4(1, kText)));
  give(frame(outer6(6, kText)));
  EXPECT_EQ(bed.lanes().route.count, 3u);
}

// On an overlay port ESP is somebody else's traffic in transit.
TEST_F(Classify, LooksForEspOnUnderlayPortsOnly) {
  give(frame(ip({"10.0.1.9", "10.9.9.9", 50}, kEsp)), StageBed::kLanPort);
  give(frame(ip({"10.0.1.9", "10.9.9.9", 17}, udp(4500, 4500, {0xff}))), StageBed::kLanPort);
  give(frame(ip({"10.0.1.9", "10.9.9.9", 50, 64, 3}, kEsp)), StageBed::kLanPort);
  ASSERT_EQ(bed.lanes().route.count, 3u);
  EXPECT_EQ(meta(bed.lanes().route.slots[0]).table, StageBed::kOverlay);
}

TEST_F(Classify, PuntsArpAndNeighbourDiscoveryAsWholeFrames) {
  const Octets arp = frame(kText, test::kBroadcast, wire::kEtherTypeArp);
  give(arp);
  std::vector<Octets> given = {arp};
  for (uint8_t type = 133; type <= 137; ++type) {
    given.push_back(frame(ip({"2001:db8::2", "ff02::1:ff00:1", 58, 255}, {type, 0, 0, 0}),
                          {0x33, 0x33, 0xff, 0, 0, 1}));
    give(given.back());
  }
  ASSERT_EQ(bed.lanes().punt.count, given.size());
  EXPECT_EQ(meta(bed.lanes().punt.slots[0]).punt, Punt::kArp);
  EXPECT_EQ(meta(bed.lanes().punt.slots[1]).punt, Punt::kNeighbour);
  EXPECT_EQ(test::take_out(bed.lanes().punt), given);
  // Next to discovery, but not it: multicast listener reports, echo.
  give(frame(ip({"2001:db8::2", "ff02::16", 58, 1}, {143, 0, 0, 0}), {0x33, 0x33, 0, 0, 0, 22}));
  EXPECT_EQ(bed.dropped(Drop::kMulticast), 1u);
}

// ESP-11: a packet in pieces, split at every place, is the same packet.
TEST_F(Classify, JoinsFramesInSeveralBuffers) {
  const Octets whole = frame(outer4(17, udp(4500, 4500, kEsp)));
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    Packet* head = bed.packet(first(whole, cut));
    Packet* tail =
        bed.packet(Octets(whole.begin() + static_cast<std::ptrdiff_t>(cut), whole.end()));
    ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
    give(head, StageBed::kUnderlayPort);
    ASSERT_EQ(bed.lanes().esp.count, 1u) << cut;
    EXPECT_EQ(test::take_out(bed.lanes().esp)[0], Octets(whole.begin() + 14, whole.end()));
  }
}

// ESP-12: what somebody else holds too is not touched.
TEST_F(Classify, DropsSharedBuffers) {
  const Octets octets = frame(outer4(50, kEsp));
  Packet* p = bed.packet(octets);
  rte_mbuf_refcnt_update(p, 1);
  give(p, StageBed::kUnderlayPort);
  EXPECT_EQ(bed.dropped(Drop::kSharedBuffer), 1u);
  EXPECT_EQ(Octets(bytes(p).begin(), bytes(p).end()), octets);
  rte_pktmbuf_free(p);
}

// ESP-43: what the device said of the outer packet is forgotten.
TEST_F(Classify, ForgetsTheDevicesOpinion) {
  Packet* p = bed.packet(frame(outer4(50, kEsp)));
  p->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  p->packet_type = RTE_PTYPE_L3_IPV4;
  give(p, StageBed::kUnderlayPort);
  ASSERT_EQ(bed.lanes().esp.count, 1u);
  EXPECT_EQ(p->ol_flags, 0u);
  EXPECT_EQ(p->packet_type, 0u);
  Packet* tagged = bed.packet(frame(outer4(50, kEsp)));
  tagged->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  give(tagged, StageBed::kUnderlayPort);
  EXPECT_EQ(bed.dropped(Drop::kEtherTypeUnknown), 1u);
}

// Any prefix of a good frame ends somewhere, and never reads past its end (ESP-11; run with ASan).
TEST_F(Classify, SurvivesEveryTruncation) {
  const Octets option = {50, 0, 1, 4, 0, 0, 0, 0};
  for (const Octets& whole :
       {frame(outer4(50, kEsp)), frame(outer4(17, udp(4500, 4500, kEsp))),
        frame(outer6(60, option + kEsp)), frame(outer6(17, udp(4500, 4500, kEsp)))})
    for (std::size_t n = 0; n < whole.size(); ++n) {
      const uint64_t drops = bed.dropped_in_all();
      give(first(whole, n));
      EXPECT_EQ(bed.dropped_in_all(), drops + 1) << n;
      EXPECT_EQ(in_lanes(), 0u) << n;
    }
}

}  // namespace
}  // namespace kanmon
