// ESP-31: what is read of an ICMP "too big" from outside, and how far it is believed.
#include "control/publish/too_big.h"

#include <gtest/gtest.h>

#include "tests/support/stage_bed.h"

namespace kanmon::publish {
namespace {

using test::ip;
using test::Octets;
using test::udp;
using test::operator+;

constexpr uint8_t kIcmp = 1, kIcmp6 = 58, kEsp = 50, kUdp = 17;
const Octets kEspStart{0xc0, 0x01, 0x02, 0x03, 0, 0, 0, 9};

Octets needed(uint16_t mtu, const Octets& quoted) {
  const Octets mtu_be{static_cast<uint8_t>(mtu >> 8), static_cast<uint8_t>(mtu)};
  return ip({"203.0.113.1", "192.0.2.1", kIcmp}, Octets{3, 4, 0, 0, 0, 0} + mtu_be + quoted);
}

Octets too_big6(uint32_t mtu, const Octets& quoted) {
  Octets head{2, 0, 0, 0, 0, 0, 0, 0};
  for (int i = 0; i < 4; ++i)
    head[4 + static_cast<size_t>(i)] = static_cast<uint8_t>(mtu >> (24 - 8 * i));
  return ip({"2001:db8:f::1", "2001:db8::1", kIcmp6}, head + quoted);
}

Octets esp4() {
  return ip({"192.0.2.1", "198.51.100.2", kEsp}, kEspStart);
}
Octets esp6() {
  return ip({"2001:db8::1", "2001:db8:2::2", kEsp}, kEspStart);
}

TEST(ParseTooBig, Esp) {
  const auto t = parse_too_big(needed(1400, esp4()));
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(t->local.address.to_string(), "192.0.2.1");
  EXPECT_EQ(t->remote.address.to_string(), "198.51.100.2");
  EXPECT_FALSE(t->udp);
  EXPECT_EQ(t->spi, 0xc0010203u);
  EXPECT_EQ(t->sequence_low, 9u);
  EXPECT_EQ(t->mtu, 1400);
  EXPECT_EQ(t->length, 28);
  const auto v6 = parse_too_big(too_big6(1300, esp6()));
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->remote.address.to_string(), "2001:db8:2::2");
  EXPECT_EQ(v6->spi, 0xc0010203u);
  EXPECT_EQ(v6->mtu, 1300);
  EXPECT_EQ(v6->length, 48);
}

TEST(ParseTooBig, EspInUdp) {
  const auto t = parse_too_big(
      needed(1400, ip({"192.0.2.1", "198.51.100.2", kUdp}, udp(4500, 1027, kEspStart))));
  ASSERT_TRUE(t.ok());
  EXPECT_TRUE(t->udp);
  EXPECT_EQ(t->local.port, 4500);
  EXPECT_EQ(t->remote.port, 1027);
  EXPECT_EQ(t->spi, 0xc0010203u);
  // Not what we send.
  EXPECT_FALSE(parse_too_big(
                   needed(1400, ip({"192.0.2.1", "198.51.100.2", kUdp}, udp(500, 4500, kEspStart))))
                   .ok());
}

TEST(ParseTooBig, AHeaderWithOptionsAndAFragmentHeader) {
  Octets quoted = ip({"192.0.2.1", "198.51.100.2", kEsp}, Octets(8, 1) + kEspStart);
  quoted[0] = 0x47;
  EXPECT_EQ(parse_too_big(needed(1400, quoted)).value().spi, 0xc0010203u);
  const auto first =
      ip({"2001:db8::1", "2001:db8:2::2", 44}, Octets{kEsp, 0, 0, 1, 0, 0, 0, 7} + kEspStart);
  EXPECT_EQ(parse_too_big(too_big6(1300, first)).value().spi, 0xc0010203u);
  const auto second =
      ip({"2001:db8::1", "2001:db8:2::2", 44}, Octets{kEsp, 0, 0, 9, 0, 0, 0, 7} + kEspStart);
  EXPECT_FALSE(parse_too_big(too_big6(1300, second)).ok()) << "no header of ESP in it";
}

TEST(ParseTooBig, OtherMessagesAndOtherPackets) {
  for (const uint8_t type : {0, 3, 5, 8, 11, 12})
    for (const uint8_t code : {0, 1, 3, 4, 13}) {
      Octets p = needed(1400, esp4());
      p[20] = type, p[21] = code;
      EXPECT_EQ(parse_too_big(p).ok(), type == 3 && code == 4) << +type << ' ' << +code;
    }
  Octets p6 = too_big6(1300, esp6());
  for (const uint8_t type : {1, 3, 4, 128}) {
    p6[40] = type;
    EXPECT_FALSE(parse_too_big(p6).ok());
  }
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    const auto quoted =
        ip({"192.0.2.1", "198.51.100.2", static_cast<uint8_t>(protocol)}, kEspStart);
    EXPECT_EQ(parse_too_big(needed(1400, quoted)).ok(), protocol == kEsp) << protocol;
  }
}

TEST(ParseTooBig, EveryTruncation) {
  for (const Octets& whole :
       {needed(1400, esp4()), too_big6(1300, esp6()),
        needed(1400, ip({"192.0.2.1", "198.51.100.2", kUdp}, udp(4500, 4500, kEspStart)))})
    for (std::size_t n = 0; n <= whole.size(); ++n)
      EXPECT_EQ(parse_too_big({whole.data(), n}).ok(), n == whole.size()) << n;
}

TooBig message(const char* family, uint16_t mtu, uint16_t length = 1500) {
  TooBig t;
  t.local.address = wire::IpAddress::parse(family).value();
  t.mtu = mtu;
  t.length = length;
  return t;
}

// RFC 791: every path takes 576 octets of IPv4. RFC 1191 section 5: a router may not say how many.
TEST(BelievedMtu, OfIpv4) {
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 1400), 1500), 1400);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 600), 1500), 600);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 576), 1500), 576);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 68), 1500), 576);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 1), 1500), 576);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 0, 1500), 1500), 1492);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 0, 1492), 1492), 1006);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 0, 300), 1500), 576);
  EXPECT_EQ(believed_mtu(message("192.0.2.1", 9000), 1500), 1500) << "never raised";
}

// RFC 8201 section 4: less than 1280 is discarded.
TEST(BelievedMtu, OfIpv6) {
  EXPECT_EQ(believed_mtu(message("2001:db8::1", 1400), 1500), 1400);
  EXPECT_EQ(believed_mtu(message("2001:db8::1", 1280), 1500), 1280);
  for (const uint16_t mtu : {0, 68, 600, 1279})
    EXPECT_EQ(believed_mtu(message("2001:db8::1", mtu), 1500), 1500) << mtu;
  EXPECT_EQ(believed_mtu(message("2001:db8::1", 9000), 1500), 1500);
}

}  // namespace
}  // namespace kanmon::publish
