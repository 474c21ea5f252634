// What is read of a packet for those who watch, on headers written by hand (RFC 791, 8200, 768,
// 4303, 3948), and never anything beyond its end.
#include "dataplane/observe/flow.h"

#include <gtest/gtest.h>

#include "dataplane/wire/headers.h"
#include "tests/support/stage_bed.h"

namespace kanmon::observe {
namespace {

using test::ip;
using test::Octets;
using test::udp;
using test::operator+;

const Octets kEsp = {0xc0, 0xff, 0xee, 0x01, 0, 0, 1, 2, 9, 9, 9, 9};

Flow read(const Octets& packet) {
  const auto flow = read_flow(packet);
  EXPECT_TRUE(flow);
  return flow.value_or(Flow{});
}

TEST(Flow, ReadsAddressesAndPortsOfBothFamilies) {
  const Flow four = read(ip({"10.1.0.9", "10.2.0.1", 17}, udp(1000, 53, {1})));
  EXPECT_EQ(four.source.to_string(), "10.1.0.9");
  EXPECT_EQ(four.destination.to_string(), "10.2.0.1");
  EXPECT_EQ(four.protocol, 17);
  ASSERT_TRUE(four.has_ports);
  EXPECT_EQ(four.source_port, 1000);
  EXPECT_EQ(four.destination_port, 53);
  EXPECT_FALSE(four.has_spi);
  const Flow six = read(ip({"2001:db8::1", "2001:db8::2", 6}, udp(7, 8, {1})));
  EXPECT_EQ(six.source.to_string(), "2001:db8::1");
  EXPECT_EQ(six.protocol, 6);
  EXPECT_EQ(six.destination_port, 8);
}

TEST(Flow, LooksBehindExtensionHeaders) {
  const Octets hop_by_hop = {17, 0, 1, 4, 0, 0, 0, 0};
  const Flow f = read(ip({"2001:db8::1", "2001:db8::2", 0}, hop_by_hop + udp(7, 8, {1})));
  EXPECT_EQ(f.protocol, 17);
  EXPECT_TRUE(f.has_ports);
}

TEST(Flow, ReadsTheSpiOfEspNativeAndInUdp) {
  const Flow native = read(ip({"10.1.0.9", "10.2.0.1", 50}, kEsp));
  ASSERT_TRUE(native.has_spi);
  EXPECT_EQ(native.spi, 0xc0ffee01u);
  EXPECT_EQ(native.sequence_low, 0x102u);
  const Flow inside = read(ip({"10.1.0.9", "10.2.0.1", 17}, udp(4500, 4500, kEsp)));
  EXPECT_TRUE(inside.has_spi);
  EXPECT_EQ(inside.spi, 0xc0ffee01u);
  EXPECT_EQ(inside.source_port, 4500);
  const Flow ike = read(ip({"10.1.0.9", "10.2.0.1", 17}, udp(4500, 4500, Octets(20, 0))));
  EXPECT_FALSE(ike.has_spi);
  EXPECT_FALSE(read(ip({"10.1.0.9", "10.2.0.1", 17}, udp(4501, 53, kEsp))).has_spi);
}

TEST(Flow, LaterFragmentsHaveNoPorts) {
  EXPECT_FALSE(read(ip({"10.1.0.9", "10.2.0.1", 17, 64, 5}, udp(1, 2, {1}))).has_ports);
  EXPECT_TRUE(read(ip({"10.1.0.9", "10.2.0.1", 17, 64, 0x2000}, udp(1, 2, {1}))).has_ports);
}

TEST(Flow, OfEveryBeginningOfAPacketReadsNothingBeyondIt) {
  for (const Octets& whole : {ip({"10.1.0.9", "10.2.0.1", 17}, udp(4500, 4500, kEsp)),
                              ip({"2001:db8::1", "2001:db8::2", 50}, kEsp)}) {
    const std::size_t header = whole[0] >> 4 == 4 ? wire::kIp4Header : wire::kIp6Header;
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      const Octets part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      EXPECT_EQ(read_flow(part).has_value(), n >= header) << n;
    }
  }
  Octets options = ip({"10.1.0.9", "10.2.0.1", 17}, {});
  options[0] = 0x4f;  // sixty octets of header, twenty are there
  EXPECT_FALSE(read_flow(options));
  options[0] = 0x44;
  EXPECT_FALSE(read_flow(options));
}

TEST(Flow, OfFrames) {
  const Octets packet = ip({"10.1.0.9", "10.2.0.1", 50}, kEsp);
  EXPECT_EQ(ip_of_frame(test::frame(packet)).size(), packet.size());
  EXPECT_TRUE(ip_of_frame(test::frame(packet, test::kOurMac, wire::kEtherTypeArp)).empty());
  EXPECT_TRUE(ip_of_frame({}).empty());
  EXPECT_TRUE(ip_of_frame(Octets(14, 8)).empty());
}

}  // namespace
}  // namespace kanmon::observe
