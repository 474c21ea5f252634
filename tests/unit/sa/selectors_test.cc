#include "dataplane/sa/selectors.h"

#include <gtest/gtest.h>

#include "tests/support/esp_oracle.h"
#include "tests/support/stage_bed.h"

namespace kanmon::sa {
namespace {

using test::Octets;

Selector prefix(const char* text, uint8_t protocol = 0, uint16_t from = 0, uint16_t to = 0xffff) {
  Selector s = Selector::of(*wire::Prefix::parse(text));
  s.protocol = protocol;
  s.port_start = from;
  s.port_end = to;
  return s;
}

FlowKey flow(const char* source, const char* destination, uint8_t protocol, int sport, int dport) {
  FlowKey k;
  k.source = *wire::IpAddress::parse(source);
  k.destination = *wire::IpAddress::parse(destination);
  k.protocol = protocol;
  k.ports_known = sport >= 0;
  k.source_port = static_cast<uint16_t>(sport);
  k.destination_port = static_cast<uint16_t>(dport);
  return k;
}

// ESP-05: each dimension, one step inside and one outside, in both directions.
TEST(Selectors, EachDimension) {
  const Selector near[] = {prefix("10.1.0.0/16", 6, 80, 443)};
  const Selector far[] = {prefix("10.2.0.0/24", 6)};
  const SelectorSet set(near, far);
  EXPECT_EQ(set.any(), 0);
  struct Row {
    const char* near;
    const char* far;
    uint8_t protocol;
    int near_port, far_port;
    bool inside;
  };
  const Row rows[] = {
      {"10.1.0.0", "10.2.0.0", 6, 80, 1, true},
      {"10.1.255.255", "10.2.0.255", 6, 443, 65535, true},
      {"10.0.255.255", "10.2.0.0", 6, 80, 1, false},
      {"10.2.0.0", "10.2.0.0", 6, 80, 1, false},
      {"10.1.0.0", "10.2.1.0", 6, 80, 1, false},
      {"10.1.0.0", "10.1.255.255", 6, 80, 1, false},
      {"10.1.0.0", "10.2.0.0", 17, 80, 1, false},
      {"10.1.0.0", "10.2.0.0", 6, 79, 1, false},
      {"10.1.0.0", "10.2.0.0", 6, 444, 1, false},
      {"10.1.0.0", "10.2.0.0", 6, -1, -1, false},  // a later fragment has no ports
      {"2001:db8::1", "2001:db8::2", 6, 80, 1, false},
  };
  for (const Row& r : rows) {
    EXPECT_EQ(set.matches(flow(r.near, r.far, r.protocol, r.near_port, r.far_port), true),
              r.inside);
    EXPECT_EQ(set.matches(flow(r.far, r.near, r.protocol, r.far_port, r.near_port), false),
              r.inside);
    // The same packet the wrong way round.
    EXPECT_FALSE(set.matches(flow(r.far, r.near, r.protocol, r.far_port, r.near_port), true));
  }
}

TEST(Selectors, NothingMatchesNothing) {
  EXPECT_FALSE(SelectorSet().matches(flow("10.1.0.1", "10.2.0.1", 6, 1, 1), true));
}

// Ranges that are no prefixes, several on a side.
TEST(Selectors, Ranges) {
  Selector a, b;
  a.start = *wire::IpAddress::parse("10.0.0.3"), a.end = *wire::IpAddress::parse("10.0.0.5");
  b.start = *wire::IpAddress::parse("2001:db8::fffe");
  b.end = *wire::IpAddress::parse("2001:db8::1:0002");
  const Selector near[] = {a, b}, far[] = {prefix("0.0.0.0/0"), prefix("::/0")};
  const SelectorSet set(near, far);
  const auto in = [&](const char* s, const char* d) {
    return set.matches(flow(s, d, 6, 1, 1), true);
  };
  EXPECT_TRUE(in("10.0.0.3", "1.1.1.1") && in("10.0.0.5", "1.1.1.1"));
  EXPECT_FALSE(in("10.0.0.2", "1.1.1.1") || in("10.0.0.6", "1.1.1.1"));
  EXPECT_TRUE(in("2001:db8::fffe", "::1") && in("2001:db8::1:2", "::1"));
  EXPECT_FALSE(in("2001:db8::fffd", "::1") || in("2001:db8::1:3", "::1"));
}

TEST(Selectors, AnyIsSeenPerFamily) {
  const Selector v4[] = {prefix("0.0.0.0/0")}, v6[] = {prefix("::/0")};
  const Selector narrow[] = {prefix("0.0.0.0/1")}, tcp[] = {prefix("0.0.0.0/0", 6)};
  const Selector both[] = {prefix("10.0.0.0/8"), prefix("::/0"), prefix("0.0.0.0/0")};
  EXPECT_EQ(SelectorSet(v4, v4).any(), kAnyV4);
  EXPECT_EQ(SelectorSet(v6, v6).any(), kAnyV6);
  EXPECT_EQ(SelectorSet(both, both).any(), kAnyV4 | kAnyV6);
  EXPECT_EQ(SelectorSet(v4, narrow).any(), 0);
  EXPECT_EQ(SelectorSet(tcp, v4).any(), 0);
  EXPECT_EQ(SelectorSet(v4, v6).any(), 0);
}

// RFC 4301 section 4.4.1.1: type in the high octet, code in the low one.
TEST(Selectors, IcmpTypeAndCode) {
  const Selector near[] = {prefix("10.0.0.0/8", 1, 8 << 8, 8 << 8 | 0xff)};
  const Selector far[] = {prefix("10.0.0.0/8", 1)};
  const SelectorSet set(near, far);
  Octets echo = test::inner_packet({.bytes = 60, .protocol = 1});
  echo[20] = 8, echo[21] = 0;
  EXPECT_TRUE(set.matches(echo, true));
  echo[20] = 0;
  EXPECT_FALSE(set.matches(echo, true));
}

// ESP-36: of a fragmented packet only the first fragment shows its ports.
TEST(Selectors, Fragments) {
  const Selector ports[] = {prefix("0.0.0.0/0", 17, 1000, 1000)};
  const Selector all[] = {prefix("0.0.0.0/0", 17)};
  Octets p = test::inner_packet({.bytes = 60});
  EXPECT_TRUE(SelectorSet(ports, all).matches(p, true));
  p[6] = 0x20;  // first of several
  EXPECT_TRUE(SelectorSet(ports, all).matches(p, true));
  p[7] = 0x01;  // a later one
  EXPECT_FALSE(SelectorSet(ports, all).matches(p, true));
  EXPECT_TRUE(SelectorSet(all, all).matches(p, true));
}

// ESP-36, RFC 4301 section 7.2: OPAQUE selectors take what shows no ports, and nothing else.
TEST(Selectors, OpaquePorts) {
  Selector opaque = prefix("0.0.0.0/0", 17);
  opaque.make_opaque();
  const Selector ports = prefix("0.0.0.0/0", 17, 1000, 1000);
  const Selector all[] = {prefix("0.0.0.0/0", 17)};
  Octets whole = test::inner_packet({.bytes = 60}), later = whole;
  later[7] = 0x01;
  EXPECT_TRUE(SelectorSet({&opaque, 1}, all).matches(later, true));
  EXPECT_FALSE(SelectorSet({&opaque, 1}, all).matches(whole, true));
  const Selector both[] = {ports, opaque};
  EXPECT_TRUE(SelectorSet(both, all).matches(later, true));
  EXPECT_TRUE(SelectorSet(both, all).matches(whole, true));
  whole[21] = 0x42;  // another source port
  EXPECT_FALSE(SelectorSet(both, all).matches(whole, true));
  EXPECT_EQ(SelectorSet({&opaque, 1}, all).any(), 0);
}

// ESP-32: an ICMP error is judged by the packet it quotes, reversed (RFC 4301 section 6.2). The SA
// carries UDP between port 1000 of 10.1/16 and port 2000 of 10.2/16; errors come from the far side.
TEST(Selectors, IcmpErrorsFollowWhatTheyQuote) {
  using test::ip;
  using test::udp;
  using test::operator+;
  const Selector near[] = {prefix("10.1.0.0/16", 17, 1000, 1000)};
  const Selector far[] = {prefix("10.2.0.0/16", 17, 2000, 2000)};
  const SelectorSet set(near, far);
  const auto error = [](uint8_t type, uint8_t code, const char* router, const char* to,
                        const Octets& quoted) {
    return ip({router, to, 1}, Octets{type, code, 0, 0, 0, 0, 0, 0} + quoted);
  };
  const auto sent = [](const char* from, const char* to, uint16_t source, uint16_t destination) {
    return ip({from, to, 17}, udp(source, destination, {}));
  };
  const Octets ours = sent("10.1.0.9", "10.2.0.1", 1000, 2000);
  struct Row {
    const char* what;
    Octets packet;
    bool inside;
  };
  Octets later = ours;
  later[7] = 9;
  const Row rows[] = {
      {"port unreachable, from the far host", error(3, 3, "10.2.0.1", "10.1.0.9", ours), true},
      {"time exceeded, from a router outside of all selectors",
       error(11, 0, "172.16.0.1", "10.1.0.9", ours), true},
      {"fragmentation needed", error(3, 4, "172.16.0.1", "10.1.0.9", ours), true},
      {"to another than the quoted packet's sender", error(3, 3, "10.2.0.1", "10.1.0.8", ours),
       false},
      {"quotes a packet of another port",
       error(3, 3, "10.2.0.1", "10.1.0.9", sent("10.1.0.9", "10.2.0.1", 1001, 2000)), false},
      {"quotes a packet to another network",
       error(3, 3, "10.2.0.1", "10.1.0.9", sent("10.1.0.9", "10.3.0.1", 1000, 2000)), false},
      {"quotes a packet in the error's own direction",
       error(3, 3, "10.2.0.1", "10.1.0.9", sent("10.2.0.1", "10.1.0.9", 2000, 1000)), false},
      {"quotes a later fragment", error(3, 3, "10.2.0.1", "10.1.0.9", later), false},
      {"an error of ICMPv6 in an IPv4 packet",
       ip({"172.16.0.1", "10.1.0.9", 58}, Octets{1, 0, 0, 0, 0, 0, 0, 0} + ours), false},
      {"redirect", error(5, 1, "10.2.0.1", "10.1.0.9", ours), false},
      {"echo request", error(8, 0, "10.2.0.1", "10.1.0.9", ours), false},
      {"quotes an error",
       error(3, 3, "10.2.0.1", "10.1.0.9",
             error(3, 3, "10.1.0.9", "10.2.0.1", sent("10.2.0.1", "10.1.0.9", 2000, 1000))),
       false},
  };
  for (const Row& r : rows) EXPECT_EQ(set.matches(r.packet, false), r.inside) << r.what;
  // The other way, an error of ours about what they sent.
  const Octets theirs = sent("10.2.0.1", "10.1.0.9", 2000, 1000);
  EXPECT_TRUE(set.matches(error(3, 3, "10.1.0.1", "10.2.0.1", theirs), true));
  EXPECT_FALSE(set.matches(error(3, 3, "10.1.0.1", "10.2.0.1", theirs), false));
  // Whatever is cut off the quote, nothing is guessed.
  const Octets whole = rows[0].packet;
  for (std::size_t n = 20; n < whole.size() - 4; ++n)
    EXPECT_FALSE(set.matches(wire::Bytes(whole.data(), n), false)) << n;
}

TEST(Selectors, Icmp6ErrorsFollowWhatTheyQuote) {
  using test::ip;
  using test::udp;
  using test::operator+;
  const Selector near[] = {prefix("2001:db8:1::/48", 17)};
  const Selector far[] = {prefix("2001:db8:2::/48", 17)};
  const SelectorSet set(near, far);
  const Octets ours = ip({"2001:db8:1::9", "2001:db8:2::1", 17}, udp(1000, 2000, {}));
  for (unsigned type = 0; type < 256; ++type) {
    const auto packet = ip({"2001:db8:99::1", "2001:db8:1::9", 58},
                           Octets{static_cast<uint8_t>(type), 0, 0, 0, 0, 0, 0, 0} + ours);
    EXPECT_EQ(set.matches(packet, false), type >= 1 && type <= 4) << type;
  }
}

// IPv6 extension headers are walked, later fragments recognised, endless chains refused.
TEST(Selectors, Ip6ExtensionHeaders) {
  const Selector ports[] = {prefix("::/0", 17, 1000, 1000)}, all[] = {prefix("::/0", 17)};
  const SelectorSet set(ports, all);
  const Octets udp = test::inner_packet({.v6 = true, .bytes = 60});
  const auto with = [&udp](std::vector<Octets> headers, uint8_t first) {
    Octets p(udp.begin(), udp.begin() + 40);
    p[6] = first;
    for (const Octets& h : headers) p.insert(p.end(), h.begin(), h.end());
    p.insert(p.end(), udp.begin() + 40, udp.end());
    return p;
  };
  const Octets options = {17, 0, 1, 4, 0, 0, 0, 0}, long_options = [] {
    Octets o(24, 0);
    o[0] = 17, o[1] = 2;
    return o;
  }();
  EXPECT_TRUE(set.matches(udp, true));
  EXPECT_TRUE(set.matches(with({options}, 0), true));
  EXPECT_TRUE(set.matches(with({long_options}, 60), true));
  EXPECT_TRUE(set.matches(with({{17, 0, 0, 1, 9, 9, 9, 9}}, 44), true));   // first fragment
  EXPECT_FALSE(set.matches(with({{17, 0, 0, 8, 9, 9, 9, 9}}, 44), true));  // a later one
  EXPECT_FALSE(set.matches(with(std::vector<Octets>(20, {0, 0, 0, 0, 0, 0, 0, 0}), 0), true));
  for (std::size_t n = 0; n < 60; ++n)  // cut anywhere: no over-read, no match without the ports
    EXPECT_EQ(set.matches(Octets(udp.begin(), udp.begin() + static_cast<long>(n)), true), n >= 44);
}

// ESP-05, INV-3: packets sealed with the right key of every tunnel, from and to the hosts of every
// other: only the diagonal passes, in both stages.
TEST(SelectorMatrix, NoTenantReachesAnother) {
  constexpr uint32_t kTunnels = 6;
  test::EspBed bed;
  std::vector<test::TunnelSpec> specs;
  const auto host = [](uint32_t side, uint32_t i) {
    return wire::IpAddress::v4(10u << 24 | side << 16 | i << 8 | 1);
  };
  for (uint32_t i = 0; i < kTunnels; ++i) {
    test::TunnelSpec t;
    t.tunnel = i;
    t.spi = 0x30000000 + i;
    t.key_seed = static_cast<uint8_t>(i + 1);
    t.near = {Selector::of(wire::Prefix::make(host(1, i), 24))};
    t.far = {Selector::of(wire::Prefix::make(host(2, i), 24))};
    specs.push_back(t);
    ASSERT_NE(test::add_tunnel(bed, t).in, nullptr);
  }
  uint64_t sequence = 0;
  for (uint32_t t = 0; t < kTunnels; ++t)
    for (uint32_t s = 0; s < kTunnels; ++s)
      for (uint32_t d = 0; d < kTunnels; ++d) {
        Octets p = test::inner_packet({.bytes = 60});
        std::copy_n(host(1, s).octets.begin(), 4, p.begin() + 12);
        std::copy_n(host(2, d).octets.begin(), 4, p.begin() + 16);
        const bool own = s == t && d == t;
        EXPECT_EQ(!bed.decrypt_one(forge_packet(specs[t], p, {.sequence = ++sequence})).empty(),
                  own);
        EXPECT_EQ(!bed.encrypt_one(p, t).empty(), own);
      }
  constexpr uint64_t kForeign = kTunnels * (kTunnels * kTunnels - 1);
  EXPECT_EQ(bed.dropped(Drop::kInboundSelectorMismatch), kForeign);
  EXPECT_EQ(bed.dropped(Drop::kOutboundSelectorMismatch), kForeign);
}

}  // namespace
}  // namespace kanmon::sa
