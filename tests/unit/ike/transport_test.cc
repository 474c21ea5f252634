// IKE in UDP in IP: both families, the non-ESP marker of RFC 3948, every truncation, every bit.
#include "control/ike/transport.h"

#include <gtest/gtest.h>

#include "dataplane/wire/checksum.h"

namespace kanmon::ike {
namespace {

using wire::Bytes;
using wire::Endpoint;
using wire::IpAddress;

Endpoint endpoint(const char* address, uint16_t port) {
  return {IpAddress::parse(address).value(), port};
}

struct Pair {
  const char *local, *remote;
  uint16_t port;
};
class Transport : public ::testing::TestWithParam<Pair> {
 protected:
  Endpoint local = endpoint(GetParam().local, GetParam().port);
  Endpoint remote = endpoint(GetParam().remote, GetParam().port);
  std::vector<uint8_t> message{1, 2, 3, 4, 5, 6, 7};
  std::vector<uint8_t> packet = build_datagram(local, remote, message);
};

TEST_P(Transport, ComesBackAsItWasSent) {
  const auto d = parse_datagram(packet);
  ASSERT_TRUE(d.ok());
  EXPECT_EQ(d->remote, local);
  EXPECT_EQ(d->local, remote);
  EXPECT_TRUE(std::equal(d->payload.begin(), d->payload.end(), message.begin(), message.end()));
}

TEST_P(Transport, EveryTruncationIsRefused) {
  for (size_t n = 0; n < packet.size(); ++n)
    EXPECT_FALSE(parse_datagram(Bytes(packet).first(n)).ok()) << n;
}

// A flipped bit in addresses, ports or payload fails the UDP checksum.
TEST_P(Transport, FlippedBitsFromTheAddressesOnAreRefused) {
  const size_t addresses = local.address.is_v4() ? 12 : 8;
  for (size_t i = addresses * 8; i < packet.size() * 8; ++i) {
    auto bad = packet;
    bad[i / 8] ^= static_cast<uint8_t>(1u << i % 8);
    EXPECT_FALSE(parse_datagram(bad).ok()) << "bit " << i;
  }
}

TEST_P(Transport, TrailingOctetsAreCutOff) {
  packet.resize(packet.size() + 5, 0xee);
  const auto d = parse_datagram(packet);
  ASSERT_TRUE(d.ok());
  EXPECT_EQ(d->payload.size(), message.size());
}

INSTANTIATE_TEST_SUITE_P(Both, Transport,
                         ::testing::Values(Pair{"192.0.2.1", "192.0.2.2", 500},
                                           Pair{"192.0.2.1", "192.0.2.2", 4500},
                                           Pair{"2001:db8::1", "2001:db8::2", 500},
                                           Pair{"2001:db8::1", "2001:db8::2", 4500}));

TEST(TransportIp4, HeaderChecksumIsRight) {
  const auto packet =
      build_datagram(endpoint("192.0.2.1", 500), endpoint("192.0.2.2", 500), Bytes{});
  EXPECT_EQ(wire::checksum(Bytes(packet).first(20)), 0);
}

TEST(TransportIp4, FragmentsAreRefused) {
  const std::vector<uint8_t> message(16, 1);
  auto packet = build_datagram(endpoint("192.0.2.1", 500), endpoint("192.0.2.2", 500), message);
  packet[6] = 0x20;
  EXPECT_EQ(parse_datagram(packet).error().code, Errc::kUnsupported);
}

TEST(TransportKeepalive, IsOneOctetWithoutMarker) {  // RFC 3948 section 2.3
  const auto packet = build_keepalive(endpoint("192.0.2.1", 4500), endpoint("192.0.2.2", 4500));
  ASSERT_EQ(packet.size(), 29u);
  EXPECT_EQ(packet.back(), 0xff);
  EXPECT_EQ(packet[25], 9) << "UDP length";
}

}  // namespace
}  // namespace kanmon::ike
