// Traffic selectors (IKE-18): RFC 7296 sections 2.9 and 3.13. Narrowing is held against set
// arithmetic on single packets.
#include <gtest/gtest.h>

#include "control/ike/ts.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

Octets body_of(const Selectors& selectors) {
  Octets room(20'000);
  wire::Writer w(room);
  write_ts(w, selectors);
  EXPECT_TRUE(w.ok());
  return octets(w.written());
}

sa::Selector with(sa::Selector s, uint8_t protocol, uint16_t from, uint16_t to) {
  s.protocol = protocol;
  s.port_start = from;
  s.port_end = to;
  return s;
}

TEST(TsWire, LayoutOfBothFamilies) {
  const Octets body =
      hex("02 000000"
          "07 11 0010 0035 0035 0a000000 0affffff"
          "08 00 0028 0000 ffff 20010db8000000000000000000000000 20010db8ffffffffffffffffffffffff");
  const auto ts = parse_ts(body);
  ASSERT_TRUE(ts.ok());
  const Selectors wanted{with(net("10.0.0.0/8"), 17, 53, 53), net("2001:db8::/32")};
  EXPECT_EQ(*ts, wanted);
  EXPECT_EQ(body_of(wanted), body);
}

TEST(TsWire, EveryTruncation) {
  const Octets body = body_of({net("10.0.0.0/8"), net("2001:db8::/32")});
  for (std::size_t n = 0; n < body.size(); ++n)
    EXPECT_FALSE(parse_ts(wire::Bytes(body).first(n)).ok()) << n;
  Octets longer = body;
  longer.push_back(0);
  EXPECT_FALSE(parse_ts(longer).ok());
}

TEST(TsWire, EveryCountAndEveryLength) {
  Octets body = body_of({net("10.0.0.0/8"), net("10.0.0.0/8")});
  for (unsigned count = 0; count <= 255; ++count) {
    body[0] = static_cast<uint8_t>(count);
    EXPECT_EQ(parse_ts(body).ok(), count == 2) << count;
  }
  body[0] = 2;
  for (unsigned length = 0; length <= 0xffff; ++length) {
    store_be<uint16_t>(body.data() + 6, static_cast<uint16_t>(length));
    ASSERT_EQ(parse_ts(body).ok(), length == 16) << length;
  }
  EXPECT_EQ(parse_ts(body_of(Selectors(255, net("10.0.0.0/8"))))->size(), 255u);
}

TEST(TsWire, RangesTheWrongWayRound) {
  EXPECT_FALSE(parse_ts(hex("01000000 07000010 0000ffff 0a000001 0a000000")).ok());
  EXPECT_FALSE(parse_ts(hex("01000000 07060010 00020001 0a000000 0a000000")).ok());
  EXPECT_TRUE(parse_ts(hex("01000000 07060010 00010001 0a000000 0a000000")).ok());
  EXPECT_FALSE(parse_ts(hex("01000000 08000028 0000ffff 00000000000000000000000000000001"
                            "00000000000000000000000000000000"))
                   .ok());
}

// ESP-36: ports 65535 to 0 are OPAQUE (RFC 7296 section 3.13.1), and no other pair of that order
// is.
TEST(TsWire, OpaquePorts) {
  const Octets body = hex("01000000 07060010 ffff0000 0a000000 0a000000");
  const auto ts = parse_ts(body);
  ASSERT_TRUE(ts.ok());
  ASSERT_EQ(ts->size(), 1u);
  EXPECT_TRUE(ts->front().opaque_port());
  EXPECT_EQ(to_string(ts->front()), "10.0.0.0/32:tcp/opaque");
  EXPECT_EQ(body_of(*ts), body);
  EXPECT_FALSE(parse_ts(hex("01000000 07060010 ffff0001 0a000000 0a000000")).ok());
  EXPECT_FALSE(parse_ts(hex("01000000 07060010 fffe0000 0a000000 0a000000")).ok());
}

// Well-formed but nothing to enforce: types of other RFCs leave an empty list.
TEST(TsWire, WhatCannotBeEnforcedIsLeftOut) {
  for (unsigned type = 0; type <= 255; ++type) {
    Octets body = hex("01000000 00000010 0000ffff 0a000000 0affffff");
    body[4] = static_cast<uint8_t>(type);
    const auto ts = parse_ts(body);
    EXPECT_EQ(ts.ok(), type != 8) << type;  // 16 octets are no IPv6 range
    EXPECT_TRUE(!ts.ok() || ts->size() == (type == 7 ? 1u : 0u));
  }
  EXPECT_FALSE(parse_ts(hex("01000000 0a000003")).ok());
  EXPECT_FALSE(parse_ts(hex("01000000 0a000008")).ok());
}

TEST(Narrow, ExamplesOfSection29) {
  // The responder's network is a part of what the initiator asks for.
  EXPECT_EQ(narrow(Selectors{net("0.0.0.0/0")}, Selectors{net("192.0.2.0/24")}),
            Selectors{net("192.0.2.0/24")});
  EXPECT_EQ(narrow(Selectors{net("192.0.2.0/24")}, Selectors{net("0.0.0.0/0")}),
            Selectors{net("192.0.2.0/24")});
  // All of it is allowed: the same list comes back.
  const Selectors list{net("10.0.0.0/8"), net("192.0.2.0/24"), net("2001:db8::/32")};
  EXPECT_EQ(narrow(list, list), list);
  EXPECT_TRUE(narrow(Selectors{net("10.0.0.0/8")}, Selectors{net("192.0.2.0/24")}).empty());
  EXPECT_TRUE(narrow(Selectors{net("0.0.0.0/0")}, Selectors{net("::/0")}).empty());
  EXPECT_TRUE(narrow({}, list).empty());
  EXPECT_TRUE(narrow(list, {}).empty());
}

TEST(Narrow, ProtocolAndPorts) {
  const auto any = net("10.0.0.0/8");
  EXPECT_EQ(narrow(Selectors{any}, Selectors{with(any, 17, 500, 500)}),
            Selectors{with(any, 17, 500, 500)});
  EXPECT_EQ(narrow(Selectors{with(any, 6, 100, 200)}, Selectors{with(any, 6, 150, 300)}),
            Selectors{with(any, 6, 150, 200)});
  EXPECT_TRUE(narrow(Selectors{with(any, 6, 1, 2)}, Selectors{with(any, 17, 1, 2)}).empty());
  EXPECT_TRUE(narrow(Selectors{with(any, 6, 1, 2)}, Selectors{with(any, 6, 3, 4)}).empty());
}

TEST(Narrow, TheInitiatorsPacketComesFirst) {
  // Section 2.9: TSi = (the packet, the range behind it).
  const auto packet = with(net("198.51.100.43/32"), 17, 4711, 4711);
  const Selectors theirs{packet, net("198.51.100.0/24")};
  const Selectors ours{net("203.0.113.0/24"), net("198.51.100.32/28"), net("198.51.100.43/32")};
  const Selectors got = narrow(theirs, ours);
  ASSERT_FALSE(got.empty());
  EXPECT_TRUE(inside(packet, got.front()));
}

TEST(Narrow, IsBounded) {
  Selectors theirs, ours;
  for (uint32_t i = 0; i < 255; ++i) {
    sa::Selector s = net("10.0.0.0/8");
    s.start = s.end = wire::IpAddress::v4(0x0a000000 + 2 * i);
    theirs.push_back(s);
  }
  ours.push_back(net("10.0.0.0/8"));
  const Selectors got = narrow(theirs, ours);
  EXPECT_EQ(got.size(), kMaxSelectors);
  EXPECT_EQ(got.front(), theirs.front());
  EXPECT_TRUE(is_subset(got, theirs));
}

// --- against set arithmetic ---

// A small world in which every packet can be tried: 16 addresses of each family, 3 ports and none
// to be seen, 3 protocols.
struct Packet {
  wire::IpAddress address;
  uint16_t port;
  uint8_t protocol;
  bool shows_port = true;  // a later fragment does not
};

wire::IpAddress address(bool v4, uint32_t n) {
  if (v4) return wire::IpAddress::v4(0x0a000000 + n);
  wire::IpAddress a = ip("2001:db8::");
  a.octets[15] = static_cast<uint8_t>(n);
  return a;
}

std::vector<Packet> world() {
  std::vector<Packet> all;
  for (const bool v4 : {true, false})
    for (uint32_t a = 0; a < 16; ++a)
      for (uint16_t port = 0; port < 4; ++port)
        for (const uint8_t protocol : {uint8_t{1}, uint8_t{6}, uint8_t{17}})
          all.push_back({address(v4, a), port, protocol, port < 3});
  return all;
}

bool has(const Selectors& selectors, const Packet& p) {
  for (const sa::Selector& s : selectors) {
    const bool protocol = s.protocol == 0 || s.protocol == p.protocol;
    const bool port = s.opaque_port() ? !p.shows_port
                      : p.shows_port  ? s.port_start <= p.port && p.port <= s.port_end
                                      : s.any_port();
    if (s.has(p.address) && protocol && port) return true;
  }
  return false;
}

Selectors random_list(Dice& dice) {
  Selectors list(dice.below(6));
  for (sa::Selector& s : list) {
    const bool v4 = dice.below(3) != 0;
    uint32_t a = dice.below(16), b = dice.below(16);
    uint16_t p = static_cast<uint16_t>(dice.below(4)), q = static_cast<uint16_t>(dice.below(4));
    if (a > b) std::swap(a, b);
    if (p > q) std::swap(p, q);
    s.start = address(v4, a);
    s.end = address(v4, b);
    const uint8_t protocols[] = {0, 0, 1, 6, 17};
    s.protocol = protocols[dice.below(5)];
    if (dice.below(2) != 0) s = with(s, s.protocol, p, q);
    if (dice.below(5) == 0) s.make_opaque();
  }
  return list;
}

TEST(Narrow, AgreesWithSetArithmetic) {
  Dice dice(729629);
  const auto packets = world();
  for (int round = 0; round < 3000; ++round) {
    const Selectors theirs = random_list(dice), ours = random_list(dice);
    const Selectors got = narrow(theirs, ours);
    for (const Packet& p : packets) ASSERT_EQ(has(got, p), has(theirs, p) && has(ours, p)) << round;
    EXPECT_TRUE(is_subset(got, theirs));
    EXPECT_TRUE(is_subset(got, ours));
    EXPECT_EQ(got, narrow(theirs, ours));
    for (std::size_t i = 0; i < got.size(); ++i)
      for (std::size_t k = 0; k < got.size(); ++k) EXPECT_TRUE(i == k || !inside(got[i], got[k]));
    EXPECT_TRUE(theirs.empty() || got.empty() || narrow(Selectors{theirs[0]}, ours).empty() ||
                !narrow(Selectors{theirs[0]}, Selectors{got[0]}).empty());
    EXPECT_EQ(got.empty() ? got : *parse_ts(body_of(got)), got);
  }
}

TEST(Subset, IsJudgedSelectorBySelector) {
  const Selectors offer{with(net("10.0.0.0/8"), 6, 0, 0xffff), net("2001:db8::/32")};
  EXPECT_TRUE(is_subset(Selectors{with(net("10.1.0.0/16"), 6, 80, 80)}, offer));
  EXPECT_FALSE(is_subset(Selectors{net("10.1.0.0/16")}, offer));  // any protocol is more than TCP
  EXPECT_FALSE(is_subset(Selectors{net("0.0.0.0/0")}, offer));
  EXPECT_FALSE(is_subset(Selectors{net("2001:db8::/32"), net("2001:db9::/128")}, offer));
  EXPECT_TRUE(is_subset({}, offer));
}

TEST(TsText, NamesRangesAndBoundsLists) {
  EXPECT_EQ(to_string(net("10.0.0.0/8")), "10.0.0.0/8");
  EXPECT_EQ(to_string(with(net("10.0.0.0/8"), 17, 500, 500)), "10.0.0.0/8:udp/500");
  EXPECT_EQ(to_string(with(net("::/0"), 6, 1, 9)), "::/0:tcp/1-9");
  EXPECT_EQ(to_string(with(net("10.0.0.0/8"), 132, 0, 0xffff)), "10.0.0.0/8:132");
  sa::Selector range = net("10.0.0.1/32");
  range.end = ip("10.0.0.9");
  EXPECT_EQ(to_string(range), "10.0.0.1-10.0.0.9");
  EXPECT_EQ(to_string(Selectors(10, range)).substr(8 * 18 - 1), ",+2 more");
  EXPECT_EQ(to_string(Selectors{}), "");
}

}  // namespace
}  // namespace kanmon::ike
