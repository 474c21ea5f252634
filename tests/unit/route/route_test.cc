// Where the route stage puts packets, by next hop and by role of the table (INV-1, INV-2, INV-3),
// and what it refuses (RFC 1812 section 5.3, RFC 4291 section 2.5).
#include "dataplane/route/route.h"

#include <vector>

#include <gtest/gtest.h>

#include "dataplane/route/address_rules.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using fib::NextHop;
using fib::NextHopKind;
using test::ip;
using test::IpSpec;
using test::Octets;
using test::StageBed;

const Octets kText(20, 0x33);
constexpr uint16_t kDf = wire::ip4::kDontFragment;

class Route : public ::testing::Test {
 protected:
  ~Route() override {
    EXPECT_EQ(left_over(), 0u);
    EXPECT_EQ(bed.packets_out(), before);
  }
  uint32_t left_over() {
    Lanes& l = bed.lanes();
    uint32_t n = l.esp.count + l.route.count + l.local.count + l.encrypt.count + l.punt.count;
    for (const PacketVector& lane : l.tx) n += lane.count;
    return n;
  }
  // Puts one packet into the lane and routes it.
  Packet* give(const Octets& packet, uint16_t port = StageBed::kLanPort,
               uint16_t table = StageBed::kOverlay) {
    Packet* p = bed.routed(packet, port, table);
    // As classify and decrypt do.
    if (judges && packet[0] >> 4 == 4 && table == StageBed::kOverlay)
      route::judge4(bed.tables().tables[table], data(p), meta(p));
    bed.lanes().route.push(p);
    route::run(bed.context());
    return p;
  }
  void give_from_control(const Octets& packet, uint16_t table) {
    Packet* p = bed.routed(packet, kNoPort, table);
    meta(p).from_control = 1;
    bed.lanes().route.push(p);
    route::run(bed.context());
  }
  // Expects exactly one packet in all lanes, in this one, and takes it out.
  Octets only(PacketVector& lane) {
    EXPECT_EQ(left_over(), 1u);
    std::vector<Octets> out = test::take_out(lane);
    EXPECT_EQ(out.size(), 1u);
    return out.empty() ? Octets{} : out[0];
  }
  void expect_drop(Drop why, const char* what) {
    EXPECT_EQ(bed.dropped(why), 1u) << what << ": " << info(why).name;
    EXPECT_EQ(left_over(), 0u) << what;
  }

  // All that became of one packet: what is in which lane, and the drops.
  std::vector<std::vector<Octets>> fate(const Octets& packet) {
    std::vector<uint64_t> drops;
    for (std::size_t d = 0; d < kDropCount; ++d) drops.push_back(bed.dropped(Drop(d)));
    give(packet);
    Lanes& l = bed.lanes();
    std::vector<std::vector<Octets>> out;
    for (PacketVector* lane : {&l.local, &l.encrypt, &l.punt, &l.tx[0], &l.tx[1], &l.tx[2]})
      out.push_back(test::take_out(*lane));
    out.push_back({Octets(test::take_out(l.route).size())});  // ICMP errors
    for (std::size_t d = 0; d < kDropCount; ++d)
      if (bed.dropped(Drop(d)) != drops[d]) out.push_back({Octets{static_cast<uint8_t>(d)}});
    return out;
  }

  bool judges = true;
  StageBed bed;
  const uint32_t before = bed.packets_out();
};

TEST_F(Route, GivesNeighboursAFrameAndLowersTheTtlOnce) {
  give(ip({"10.0.1.9", "10.9.1.1", 17, 64, kDf}, kText));
  const Octets f = only(bed.lanes().tx[StageBed::kFarPort]);
  EXPECT_EQ(Octets(f.begin(), f.begin() + 6),
            Octets(test::kTheirMac.begin(), test::kTheirMac.end()));
  EXPECT_EQ(Octets(f.begin() + 6, f.begin() + 12),
            Octets(test::kOurMac.begin(), test::kOurMac.end()));
  EXPECT_EQ(load_be<uint16_t>(&f[12]), wire::kEtherTypeIp4);
  EXPECT_EQ(Octets(f.begin() + 14, f.end()), ip({"10.0.1.9", "10.9.1.1", 17, 63, kDf}, kText));
  give(ip({"2001:db8:1::9", "2001:db8:9::1", 17, 64}, kText));
  const Octets f6 = only(bed.lanes().tx[StageBed::kFarPort]);
  EXPECT_EQ(load_be<uint16_t>(&f6[12]), wire::kEtherTypeIp6);
  EXPECT_EQ(Octets(f6.begin() + 14, f6.end()),
            ip({"2001:db8:1::9", "2001:db8:9::1", 17, 63}, kText));
}

// Who judged a packet before changes nothing but the time it takes: any addresses, TTL and size.
TEST_F(Route, JudgedPacketsFareAsOthers) {
  const char* const kAddresses[] = {
      "10.0.1.9",  "10.0.1.1",        "10.0.1.77",       "10.9.1.1", "10.5.0.1",  "10.66.0.1",
      "192.0.2.1", "10.77.0.1",       "127.0.0.1",       "0.0.0.1",  "224.0.0.9", "239.255.255.255",
      "240.0.0.1", "255.255.255.255", "223.255.255.255", "1.0.0.0"};
  unsigned judged = 0;
  for (const char* source : kAddresses)
    for (const char* destination : kAddresses)
      for (const uint8_t ttl : {uint8_t{0}, uint8_t{1}, uint8_t{2}, uint8_t{64}})
        for (const std::size_t bytes : {std::size_t{20}, std::size_t{1600}})
          for (const uint16_t fragment : {uint16_t{0}, kDf}) {
            const Octets packet = ip({source, destination, 17, ttl, fragment}, Octets(bytes, 7));
            judges = true;
            const auto with = fate(packet);
            judges = false;
            ASSERT_EQ(with, fate(packet)) << source << " " << destination << " " << int{ttl};
            judged += with[1].size() + with[5].size() != 0;
          }
  EXPECT_GT(judged, 50u);  // there was something to compare
}

// The incremental checksum (RFC 1624) against the whole one, over every TTL and many other words.
TEST_F(Route, KeepsTheHeaderChecksumRight) {
  for (uint32_t i = 2; i < 256; ++i)
    for (const uint8_t protocol : {uint8_t{0}, uint8_t{17}, uint8_t{255}}) {
      Octets p = ip({"10.0.1.9", "10.9.1.1", protocol, static_cast<uint8_t>(i), kDf}, {});
      store_be(&p[4], static_cast<uint16_t>(i * 257));
      p[10] = p[11] = 0;
      const uint16_t sum = wire::checksum(p);
      std::memcpy(&p[10], &sum, 2);
      give(p);
      const Octets f = only(bed.lanes().tx[StageBed::kFarPort]);
      ASSERT_EQ(wire::checksum(wire::Bytes(f).subspan(14)), 0) << i;
    }
}

TEST_F(Route, GivesLocalPacketsUntouched) {
  for (const uint8_t ttl : {uint8_t{1}, uint8_t{64}}) {
    const Octets p = ip({"10.0.1.9", "10.0.1.1", 1, ttl}, kText);
    give(p);
    EXPECT_EQ(only(bed.lanes().local), p);
  }
}

TEST_F(Route, GivesTunnelPacketsToEncrypt) {
  const Packet* p = give(ip({"10.0.1.9", "10.5.0.1", 6}, kText));
  EXPECT_EQ(meta(p).next_hop, NextHop::make(NextHopKind::kTunnel, StageBed::kTunnel));
  EXPECT_EQ(only(bed.lanes().encrypt), ip({"10.0.1.9", "10.5.0.1", 6, 63}, kText));
}

TEST_F(Route, PuntsWhatWaitsForANeighbour) {
  const Packet* p = give(ip({"10.0.2.9", "10.0.1.77", 6}, kText));
  EXPECT_EQ(meta(p).punt, Punt::kGlean);
  EXPECT_EQ(meta(p).next_hop.index(), StageBed::kLanPort);
  only(bed.lanes().punt);
}

TEST_F(Route, DropsByName) {
  struct {
    const char* what;
    Drop drop;
    IpSpec spec;
  } const cases[] = {
      {"blackhole", Drop::kBlackhole, {"10.0.1.9", "10.66.0.1"}},
      {"multicast", Drop::kMulticast, {"10.0.1.9", "224.0.0.9"}},
      {"broadcast", Drop::kMulticast, {"10.0.1.9", "255.255.255.255"}},
      {"multicast 6", Drop::kMulticast, {"2001:db8:1::9", "ff02::1"}},
      {"to loopback", Drop::kNoRoute, {"10.0.1.9", "127.0.0.1"}},
      {"to this host", Drop::kNoRoute, {"10.0.1.9", "0.0.0.1"}},
      {"to loopback 6", Drop::kNoRoute, {"2001:db8:1::9", "::1"}},
      {"from multicast", Drop::kBadSource, {"224.0.0.1", "10.9.1.1"}},
      {"from broadcast", Drop::kBadSource, {"255.255.255.255", "10.9.1.1"}},
      {"from loopback", Drop::kBadSource, {"127.0.0.1", "10.9.1.1"}},
      {"from nowhere", Drop::kBadSource, {"0.0.0.0", "10.9.1.1"}},
      {"from ourselves", Drop::kBadSource, {"10.0.1.1", "10.9.1.1"}},
      {"from multicast 6", Drop::kBadSource, {"ff02::1", "2001:db8:9::1"}},
      {"from nowhere 6", Drop::kBadSource, {"::", "2001:db8:9::1"}},
      {"from loopback 6", Drop::kBadSource, {"::1", "2001:db8:9::1"}},
      {"from ourselves 6", Drop::kBadSource, {"2001:db8:1::1", "2001:db8:9::1"}},
      {"link-local in transit", Drop::kBadSource, {"fe80::9", "2001:db8:9::1"}},
  };
  for (const auto& c : cases) {
    const uint64_t named = bed.dropped(c.drop), all = bed.dropped_in_all();
    give(ip(c.spec, kText));
    EXPECT_EQ(bed.dropped(c.drop), named + 1) << c.what;
    EXPECT_EQ(bed.dropped_in_all(), all + 1) << c.what;
    EXPECT_EQ(left_over(), 0u) << c.what;
  }
}

// No packet, from a port or out of a tunnel, has an address of ours as its source (RFC 1812 section
// 5.3.7): each address of the table counts, and the one the port has for its link.
TEST_F(Route, NobodySendsFromAnAddressOfOurs) {
  for (const bool from_tunnel : {false, true})
    for (const char* ours : {"10.0.1.1", "10.0.2.1", "2001:db8:1::1", "2001:db8:2::1"})
      for (const char* to :
           {"10.9.1.1", "10.0.1.1", "10.5.0.1", "2001:db8:9::1", "2001:db8:1::1"}) {
        const wire::IpAddress source = wire::IpAddress::parse(ours).value();
        if (source.is_v4() != wire::IpAddress::parse(to).value().is_v4()) continue;
        const uint64_t named = bed.dropped(Drop::kBadSource);
        Packet* p = bed.routed(ip({ours, to}, kText), StageBed::kLanPort);
        if (from_tunnel) meta(p).tunnel_in = StageBed::kTunnel;
        bed.lanes().route.push(p);
        route::run(bed.context());
        EXPECT_EQ(bed.dropped(Drop::kBadSource), named + 1) << ours << " to " << to;
      }
  const uint64_t named = bed.dropped(Drop::kBadSource);
  give(ip({"fe80::ff:fe00:1", "2001:db8:1::1"}, kText));
  EXPECT_EQ(bed.dropped(Drop::kBadSource), named + 1) << "the port's own link-local address";
}

// The filter in front of the lookup says "perhaps" of strangers too: they pass.
TEST_F(Route, ManyOwnAddressesStopNoStranger) {
  RouteTable& table = bed.tables().tables[StageBed::kOverlay];
  for (uint32_t i = 0; i < 4096; ++i) table.own.add(wire::IpAddress::v4(0xac100000u + i * 7919));
  for (uint32_t i = 1; i < 250; ++i) {
    give(ip({("10.77.0." + std::to_string(i)).c_str(), "10.9.1.1"}, kText));
    only(bed.lanes().tx[StageBed::kFarPort]);
  }
  EXPECT_EQ(bed.dropped_in_all(), 0u);
  give(ip({"10.0.2.1", "10.9.1.1"}, kText));
  expect_drop(Drop::kBadSource, "own");
}

// INV-3: what one table knows helps nobody in another, and there is no default table. An address of
// ours in one is a stranger's in another.
TEST_F(Route, LooksIntoThePacketsTableOnly) {
  give(ip({"10.0.1.9", "10.9.1.1"}, kText), StageBed::kLanPort, 3);
  give(ip({"10.0.1.9", "10.9.1.1"}, kText), StageBed::kLanPort, 0xffff);
  EXPECT_EQ(bed.dropped(Drop::kNoTable), 2u);
  bed.tables().tables[3].role = TableRole::kOverlay;  // a table without a route
  bed.tables().tables[3].own.add(wire::IpAddress::parse("10.0.1.9").value());
  give(ip({"10.0.1.9", "10.9.1.1", 17, 64}, kText), kNoPort, 3);
  expect_drop(Drop::kNoRoute, "empty table");
}

TEST_F(Route, KeepsTablesApartWithinABurst) {
  bed.tables().tables[3] = bed.tables().tables[StageBed::kUnderlay];
  bed.tables().tables[3].role = TableRole::kOverlay;
  Lanes& lanes = bed.lanes();
  for (int i = 0; i < 100; ++i)
    lanes.route.push(bed.routed(i % 3 == 0 ? ip({"2001:db8:1::9", "2001:db8:5::1"}, kText)
                                           : ip({"10.0.1.9", "10.5.0.1"}, kText),
                                StageBed::kLanPort, i % 2 == 0 ? StageBed::kOverlay : uint16_t{3}));
  route::run(bed.context());
  EXPECT_EQ(test::take_out(lanes.encrypt).size(), 50u);
  // Table 3 has the underlay's routes: a default for IPv4, by a port that is not of its kind.
  EXPECT_EQ(bed.dropped(Drop::kNoAdjacency), 33u);
  EXPECT_EQ(bed.dropped(Drop::kNoRoute), 17u);
  // Those without a route were answered, in the table they were lost in.
  for (const Octets& answer : test::take_out(lanes.route)) EXPECT_EQ(answer[0] >> 4, 6);
}

// Nothing passes through an underlay, whatever its table says.
TEST_F(Route, UnderlayIsNoTransit) {
  give(ip({"192.0.2.2", "192.0.2.1", 17}, kText), StageBed::kUnderlayPort, StageBed::kUnderlay);
  only(bed.lanes().local);
  give(ip({"192.0.2.2", "198.51.100.1", 17}, kText), StageBed::kUnderlayPort, StageBed::kUnderlay);
  expect_drop(Drop::kUnderlayTransit, "transit");
  give_from_control(ip({"192.0.2.1", "198.51.100.1", 17, 1}, kText), StageBed::kUnderlay);
  const Octets f = only(bed.lanes().tx[StageBed::kUnderlayPort]);
  EXPECT_EQ(f[14 + 8], 1) << "what control sends keeps its TTL";
}

// INV-1: an underlay that points at a tunnel is a mistake of control; it does not become a loop.
TEST_F(Route, NeverTakesATunnelFromAnUnderlay) {
  bed.underlay().add("203.0.113.0/24", NextHop::make(NextHopKind::kTunnel, StageBed::kTunnel));
  give_from_control(ip({"192.0.2.1", "203.0.113.1", 17}, kText), StageBed::kUnderlay);
  expect_drop(Drop::kRecursion, "underlay to tunnel");
}

// INV-2: an inner packet never leaves by an underlay port, even if control got a route wrong.
TEST_F(Route, NeverLeavesClearByAnUnderlayPort) {
  bed.overlay().add("10.7.0.0/16", NextHop::make(NextHopKind::kNeighbour, StageBed::kUnderlayPort));
  give(ip({"10.0.1.9", "10.7.0.1"}, kText));
  expect_drop(Drop::kNoAdjacency, "overlay to underlay port");
}

TEST_F(Route, UnresolvedOrUnknownAdjacenciesDrop) {
  bed.overlay().add("10.7.0.0/16", NextHop::make(NextHopKind::kNeighbour, 40));
  bed.overlay().add("10.8.0.0/16", NextHop::make(NextHopKind::kNeighbour, NextHop::kMaxIndex));
  give(ip({"10.0.1.9", "10.7.0.1"}, kText));
  give(ip({"10.0.1.9", "10.8.0.1"}, kText));
  EXPECT_EQ(bed.dropped(Drop::kNoAdjacency), 2u);
}

TEST_F(Route, APacketComesBackAtMostOnce) {
  Packet* p = bed.routed(ip({"10.0.1.9", "10.5.0.1"}, kText));
  meta(p).hops = 2;
  bed.lanes().route.push(p);
  route::run(bed.context());
  expect_drop(Drop::kRecursion, "third pass");
}

TEST_F(Route, FullTransmitLaneDropsByName) {
  PacketVector& lane = bed.lanes().tx[StageBed::kFarPort];
  lane.count = PacketVector::kRoom;
  give(ip({"10.0.1.9", "10.9.1.1", 17, 64, kDf}, kText));
  lane.count = 0;
  expect_drop(Drop::kTxQueueFull, "full lane");
}

}  // namespace
}  // namespace kanmon
