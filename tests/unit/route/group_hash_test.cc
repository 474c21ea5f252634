// What makes two packets one flow, and that flows spread evenly over the buckets of a group.
#include <set>

#include <gtest/gtest.h>

#include "dataplane/common/byteorder.h"
#include "dataplane/route/flow_hash.h"
#include "tests/support/stage_bed.h"

namespace kanmon::route {
namespace {

using test::ip;
using test::IpSpec;
using test::Octets;
using test::operator+;

Octets ports(uint16_t source, uint16_t destination) {
  Octets p(8, 0);
  store_be(&p[0], source);
  store_be(&p[2], destination);
  return p;
}
// Not inlined: the compiler would warn of what a packet of the other version would read.
[[gnu::noinline]] uint32_t of(const Octets& packet, uint32_t seed = 0) {
  return flow_hash(packet, seed);
}

TEST(FlowHash, TakesAddressesProtocolAndPorts) {
  for (const uint8_t protocol : {6, 17, 33, 132, 136}) {
    const Octets one = ip({"10.0.0.1", "10.0.0.2", protocol}, ports(1000, 80));
    EXPECT_EQ(of(one), of(ip({"10.0.0.1", "10.0.0.2", protocol, 3}, ports(1000, 80) + Octets(9))))
        << "neither TTL nor length matters";
    std::set<uint32_t> all{of(one)};
    all.insert(of(ip({"10.0.0.3", "10.0.0.2", protocol}, ports(1000, 80))));
    all.insert(of(ip({"10.0.0.1", "10.0.0.3", protocol}, ports(1000, 80))));
    all.insert(of(ip({"10.0.0.2", "10.0.0.1", protocol}, ports(1000, 80))));
    all.insert(of(ip({"10.0.0.1", "10.0.0.2", protocol}, ports(1001, 80))));
    all.insert(of(ip({"10.0.0.1", "10.0.0.2", protocol}, ports(1000, 81))));
    all.insert(of(ip({"10.0.0.1", "10.0.0.2", 40}, ports(1000, 80))));
    EXPECT_EQ(all.size(), 7u) << int{protocol};
    EXPECT_NE(of(one), of(one, 1)) << "the seed counts";
  }
  EXPECT_NE(of(ip({"2001:db8::1", "2001:db8::2", 6}, ports(1, 2))),
            of(ip({"2001:db8::1", "2001:db8::2", 6}, ports(1, 3))));
  EXPECT_NE(of(ip({"2001:db8::1", "2001:db8::2", 6}, ports(1, 2))),
            of(ip({"2001:db8::1:1", "2001:db8::2", 6}, ports(1, 2))));
}

// Later fragments have no ports: no fragment may be told from another by them.
TEST(FlowHash, FragmentsGoByTheirAddresses) {
  const uint32_t first = of(ip({"10.0.0.1", "10.0.0.2", 17, 64, 0x2000}, ports(7, 8)));
  EXPECT_EQ(first, of(ip({"10.0.0.1", "10.0.0.2", 17, 64, 0x2010}, ports(50, 60))));
  EXPECT_EQ(first, of(ip({"10.0.0.1", "10.0.0.2", 17, 64, 0x0020}, ports(51, 61))));
  EXPECT_NE(first, of(ip({"10.0.0.1", "10.0.0.4", 17, 64, 0x2000}, ports(7, 8))));
  EXPECT_NE(of(ip({"10.0.0.1", "10.0.0.2", 17, 64, 0x4000}, ports(7, 8))),
            of(ip({"10.0.0.1", "10.0.0.2", 17, 64, 0x4000}, ports(7, 9))))
      << "DF makes no fragment";
  // The IPv6 fragment header (44) ends the search for ports.
  const Octets head{17, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_EQ(of(ip({"2001:db8::1", "2001:db8::2", 44}, head + ports(1, 2))),
            of(ip({"2001:db8::1", "2001:db8::2", 44}, head + ports(3, 4))));
}

TEST(FlowHash, IcmpGoesByItsAddresses) {
  EXPECT_EQ(of(ip({"10.0.0.1", "10.0.0.2", 1}, ports(0x800, 1))),
            of(ip({"10.0.0.1", "10.0.0.2", 1}, ports(0x800, 2))));
  EXPECT_EQ(of(ip({"2001:db8::1", "2001:db8::2", 58}, ports(0x8000, 1))),
            of(ip({"2001:db8::1", "2001:db8::2", 58}, ports(0x8000, 2))));
}

// RFC 8200 section 4: ports stand behind the extension headers; the flow label is not used.
TEST(FlowHash, WalksIpv6ExtensionHeaders) {
  const Octets hop{17, 0, 1, 4, 0, 0, 0, 0};
  Octets destination(16, 0);
  destination[0] = 0;  // hop-by-hop follows
  destination[1] = 1;  // two units of eight octets
  const auto with = [&](const Octets& extensions, uint8_t first, uint16_t port) {
    return ip({"2001:db8::1", "2001:db8::2", first}, extensions + ports(9, port));
  };
  const uint32_t plain = of(with({}, 17, 5));
  EXPECT_EQ(of(with(hop, 0, 5)), plain);
  EXPECT_EQ(of(with(destination + hop, 60, 5)), plain);
  EXPECT_NE(of(with(destination + hop, 60, 6)), plain);
  Octets labelled = with({}, 17, 5);
  labelled[3] = 0x77;
  EXPECT_EQ(of(labelled), plain);
}

// What is cut short, or has more headers than are walked, has no ports; nothing is read behind it.
TEST(FlowHash, StaysInsideThePacket) {
  const Octets v6 = ip({"2001:db8::1", "2001:db8::2", 60}, Octets(64, 60));
  for (size_t n = 40; n < v6.size(); ++n) {
    const Octets exact(v6.begin(), v6.begin() + static_cast<long>(n));
    EXPECT_EQ(of(exact), of(Octets(v6.begin(), v6.begin() + 40))) << n;
  }
  const Octets v4 = ip({"10.0.0.1", "10.0.0.2", 6}, ports(1, 2));
  for (size_t n = 20; n < 24; ++n) {
    const Octets exact(v4.begin(), v4.begin() + static_cast<long>(n));
    EXPECT_EQ(of(exact), of(Octets(v4.begin(), v4.begin() + 20))) << n;
  }
}

// Hosts count up addresses and ports: every bit of the hash must still be fair.
TEST(FlowHash, SpreadsNeighboursEvenly) {
  constexpr unsigned kBuckets = 256, kEach = 400;
  std::vector<unsigned> hits(kBuckets), high(kBuckets);
  for (unsigned i = 0; i < kBuckets * kEach; ++i) {
    Octets p = ip({"10.0.0.0", "10.1.0.1", 17}, ports(static_cast<uint16_t>(i), 443));
    p[15] = static_cast<uint8_t>(i >> 16);
    ++hits[of(p) % kBuckets];
    ++high[of(p) >> 24];
  }
  // Five standard deviations of a fair draw (20).
  for (unsigned b = 0; b < kBuckets; ++b) {
    EXPECT_NEAR(hits[b], kEach, 100) << b;
    EXPECT_NEAR(high[b], kEach, 100) << b;
  }
}

}  // namespace
}  // namespace kanmon::route
