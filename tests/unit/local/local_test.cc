// Packets to the gateway itself, and when it must stay silent (RFC 1812 section 4.3.2.7, RFC 4443
// section 2.4(e)).
#include "dataplane/local/local.h"

#include <gtest/gtest.h>

#include "dataplane/local/fragment.h"
#include "dataplane/local/icmp_error.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using test::ip;
using test::Octets;
using test::StageBed;
using test::udp;
using test::operator+;

const Octets kText(32, 0x44);

Octets echo(uint8_t type, const Octets& data) {
  Octets m = Octets{type, 0, 0, 0, 0, 1, 0, 1} + data;
  const uint16_t sum = wire::checksum(m);
  std::memcpy(&m[2], &sum, 2);
  return m;
}

class Local : public ::testing::Test {
 protected:
  ~Local() override { EXPECT_EQ(bed.packets_out(), before); }

  // To one of our addresses: by the underlay for 192.0.2.1, else by the LAN.
  void give(const Octets& packet) {
    const bool outer = packet[0] >> 4 == 4 ? packet[16] == 192 : packet[24 + 5] == 0;
    bed.lanes().local.push(outer ? bed.routed(packet, StageBed::kUnderlayPort, StageBed::kUnderlay)
                                 : bed.routed(packet));
    local::run(bed.context());
  }
  std::vector<Octets> answers() { return test::take_out(bed.lanes().route); }
  std::vector<Octets> punts() { return test::take_out(bed.lanes().punt); }

  StageBed bed;
  const uint32_t before = bed.packets_out();
};

TEST_F(Local, PuntsIkeOfTheUnderlay) {
  for (const uint16_t port : {uint16_t{500}, uint16_t{4500}}) {
    Octets v4 = ip({"192.0.2.2", "192.0.2.1", 17}, udp(500, port, Octets(4, 0) + kText));
    give(v4);
    EXPECT_EQ(punts(), std::vector<Octets>{v4}) << "no checksum is a right one over IPv4";
    test::sum_udp(v4);
    give(v4);
    EXPECT_EQ(punts(), std::vector<Octets>{v4});
    Octets v6 = ip({"2001:db8::2", "2001:db8::1", 17}, udp(500, port, kText));
    give(v6);
    EXPECT_TRUE(punts().empty()) << "IPv6 demands a checksum";
    test::sum_udp(v6);
    give(v6);
    EXPECT_EQ(punts(), std::vector<Octets>{v6});
  }
  EXPECT_EQ(bed.dropped(Drop::kUdpBadChecksum), 2u);
  EXPECT_EQ(bed.dropped_in_all(), 2u);
}

// ESP-31: what may concern the size of our ESP packets goes to control, from an underlay only, and
// no faster than a few a second; its checksum must be right.
TEST_F(Local, PuntsTooBigAboutEsp) {
  const Octets esp = ip({"192.0.2.1", "198.51.100.2", 50}, Octets(8, 7));
  const auto error = [](uint8_t type, uint8_t code, const Octets& quoted) {
    Octets m = Octets{type, code, 0, 0, 0, 0, 5, 120} + quoted;
    const uint16_t sum = wire::checksum(m);
    std::memcpy(&m[2], &sum, 2);
    return m;
  };
  const Octets good = ip({"203.0.113.9", "192.0.2.1", 1}, error(3, 4, esp));
  give(good);
  EXPECT_EQ(punts(), std::vector<Octets>{good});
  const Octets udp4500 = ip({"192.0.2.1", "198.51.100.2", 17}, udp(4500, 9, Octets(8, 7)));
  give(ip({"203.0.113.9", "192.0.2.1", 1}, error(3, 4, udp4500)));
  EXPECT_EQ(punts().size(), 1u);
  for (const auto& [type, code] : {std::pair{3, 1}, {3, 3}, {11, 0}, {5, 0}})
    give(ip({"203.0.113.9", "192.0.2.1", 1},
            error(static_cast<uint8_t>(type), static_cast<uint8_t>(code), esp)));
  give(ip({"203.0.113.9", "192.0.2.1", 1},
          error(3, 4, ip({"192.0.2.1", "198.51.100.2", 6}, Octets(8, 7)))));
  EXPECT_EQ(bed.dropped(Drop::kNoService), 5u);
  for (std::size_t n = 0; n < esp.size(); ++n)
    give(ip({"203.0.113.9", "192.0.2.1", 1}, error(3, 4, Octets(esp.begin(), esp.begin() + 19))));
  EXPECT_TRUE(punts().empty());
  Octets broken = good;
  broken.back() ^= 1;
  give(broken);
  EXPECT_TRUE(punts().empty());
  EXPECT_EQ(bed.dropped(Drop::kBadIcmp), 1u);
  // From inside it is nobody's business.
  give(ip({"10.1.0.9", "10.1.0.1", 1}, error(3, 4, esp)));
  EXPECT_TRUE(punts().empty());
}

TEST_F(Local, DropsBrokenIke) {
  Octets p = ip({"192.0.2.2", "192.0.2.1", 17}, udp(500, 500, kText));
  test::sum_udp(p);
  p.back() ^= 1;
  give(p);
  EXPECT_EQ(bed.dropped(Drop::kUdpBadChecksum), 1u);
  Octets wrong = udp(500, 500, kText);
  wrong[5] ^= 1;
  give(ip({"192.0.2.2", "192.0.2.1", 17}, wrong));
  EXPECT_EQ(bed.dropped(Drop::kUdpBadLength), 1u);
  EXPECT_EQ(bed.lanes().punt.count, 0u);
}

TEST_F(Local, TakesNoIkeFromInside) {
  give(ip({"10.0.1.9", "10.0.1.1", 17}, udp(500, 500, kText)));
  EXPECT_EQ(bed.dropped(Drop::kNoService), 1u);
  EXPECT_EQ(answers().size(), 1u) << "port unreachable";
}

TEST_F(Local, UnderlayStaysSilentAboutClosedPorts) {
  give(ip({"192.0.2.2", "192.0.2.1", 17}, udp(53, 53, kText)));
  give(ip({"192.0.2.2", "192.0.2.1", 6}, kText));
  EXPECT_EQ(bed.dropped(Drop::kNoService), 2u);
  EXPECT_TRUE(answers().empty());
}

TEST_F(Local, AnswersOnlySoundEchoRequests) {
  Octets bad = echo(8, kText);
  bad.back() ^= 1;
  give(ip({"10.0.1.9", "10.0.1.1", 1}, bad));
  give(ip({"10.0.1.9", "10.0.1.1", 1}, {8, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(bed.dropped(Drop::kBadIcmp), 2u);
  give(ip({"10.0.1.9", "10.0.1.1", 1}, echo(0, kText)));
  give(ip({"10.0.1.9", "10.0.1.1", 1}, echo(3, kText)));
  EXPECT_EQ(bed.dropped(Drop::kNoService), 2u);
  // A fragment of a request is not put together.
  give(ip({"10.0.1.9", "10.0.1.1", 1, 64, wire::ip4::kMoreFragments}, echo(8, kText)));
  EXPECT_EQ(bed.dropped(Drop::kNoService), 3u);
  EXPECT_TRUE(answers().empty());
}

// An address the machine's own stack has too: all that the gateway does not answer itself.
TEST_F(Local, PuntsForTheHostWhatItDoesNotAnswer) {
  const auto give_hosted = [&](const Octets& packet) {
    Packet* p = bed.routed(packet);
    meta(p).next_hop = fib::NextHop::make(fib::NextHopKind::kLocal, fib::kLocalHosted);
    bed.lanes().local.push(p);
    local::run(bed.context());
  };
  const Octets tcp = ip({"10.0.1.9", "10.0.1.1", 6}, kText);
  const Octets reply = ip({"10.0.1.9", "10.0.1.1", 1}, echo(0, kText));
  const Octets reply6 = ip({"2001:db8:1::9", "2001:db8:1::1", 6}, kText);
  for (const Octets& packet : {tcp, reply, reply6}) {
    give_hosted(packet);
    ASSERT_EQ(bed.lanes().punt.count, 1u);
    EXPECT_EQ(meta(bed.lanes().punt.slots[0]).punt, Punt::kHost);
    EXPECT_EQ(punts(), std::vector<Octets>{packet});
  }
  give_hosted(ip({"10.0.1.9", "10.0.1.1", 1}, echo(8, kText)));
  EXPECT_EQ(answers().size(), 1u) << "requests are answered here, at the workers' speed";
  Octets bad = echo(0, kText);
  bad.back() ^= 1;
  give_hosted(ip({"10.0.1.9", "10.0.1.1", 1}, bad));
  EXPECT_EQ(bed.dropped(Drop::kBadIcmp), 1u);
  give_hosted(ip({"10.0.1.9", "10.0.1.1", 6, 64, wire::ip4::kMoreFragments}, kText));
  EXPECT_EQ(bed.dropped(Drop::kNoService), 1u) << "fragments are not put together";
  EXPECT_EQ(bed.lanes().punt.count, 0u);
}

TEST_F(Local, LimitsEchoReplies) {
  bed.context().limits.echo_replies = TokenBucket(1, 3, 1'000'000);
  for (int i = 0; i < 5; ++i) give(ip({"10.0.1.9", "10.0.1.1", 1}, echo(8, kText)));
  EXPECT_EQ(answers().size(), 3u);
  EXPECT_EQ(bed.dropped(Drop::kLocalRateLimited), 2u);
  bed.context().now_tsc += 1'000'000;
  give(ip({"10.0.1.9", "10.0.1.1", 1}, echo(8, kText)));
  EXPECT_EQ(answers().size(), 1u);
}

class Silence : public Local {
 protected:
  uint32_t errors_about(Packet* p) {
    icmp_error::ttl_exceeded(bed.context(), p);
    return static_cast<uint32_t>(answers().size());
  }
  uint32_t errors_about(const Octets& packet) { return errors_about(bed.routed(packet)); }
};

TEST_F(Silence, AboutErrorsFragmentsAndThoseWhoAreNoStation) {
  EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1"}, kText)), 1u) << "the ordinary case answers";
  for (const uint8_t type : {3, 4, 5, 11, 12, 1, 42})
    EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1", 1}, echo(type, kText))), 0u) << int(type);
  for (const uint8_t type : {0, 8, 13, 14})
    EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1", 1}, echo(type, kText))), 1u) << int(type);
  for (const uint8_t type : {1, 2, 3, 4, 100, 127, 137})
    EXPECT_EQ(errors_about(ip({"2001:db8:1::9", "2001:db8:9::1", 58}, echo(type, kText))), 0u);
  for (const uint8_t type : {128, 129})
    EXPECT_EQ(errors_about(ip({"2001:db8:1::9", "2001:db8:9::1", 58}, echo(type, kText))), 1u);
  EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1", 17, 1, 5}, kText)), 0u) << "later fragment";
  EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1", 17, 1, wire::ip4::kMoreFragments}, kText)),
            1u);
  EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1", 1}, {})), 0u) << "ICMP without a type";
  for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"})
    EXPECT_EQ(errors_about(ip({source, "10.9.1.1"}, kText)), 0u) << source;
  EXPECT_EQ(errors_about(ip({"10.0.1.9", "224.0.0.5"}, kText)), 0u);
  for (const char* source : {"::", "::1", "ff02::1"})
    EXPECT_EQ(errors_about(ip({source, "2001:db8:9::1"}, kText)), 0u) << source;
}

TEST_F(Silence, AboutPacketsOfOurOwn) {
  Packet* own = bed.routed(ip({"10.0.1.9", "10.9.1.1"}, kText));
  meta(own).from_control = 1;
  EXPECT_EQ(errors_about(own), 0u);
  Packet* error = bed.routed(ip({"10.0.1.9", "10.9.1.1"}, kText));
  meta(error).is_error = 1;
  EXPECT_EQ(errors_about(error), 0u);
}

TEST_F(Silence, WithoutAnAddressToSpeakFrom) {
  bed.tables().ports[StageBed::kLanPort].icmp_source4 = {};
  EXPECT_EQ(errors_about(ip({"10.0.1.9", "10.9.1.1"}, kText)), 0u);
}

TEST_F(Silence, AboveTheRateLimit) {
  bed.context().limits.icmp_errors = TokenBucket(1, 2, 1'000'000);
  uint32_t sent = 0;
  for (int i = 0; i < 10; ++i) sent += errors_about(ip({"10.0.1.9", "10.9.1.1"}, kText));
  EXPECT_EQ(sent, 2u);
  EXPECT_EQ(bed.dropped(Drop::kTtlExceeded), 10u);
  EXPECT_EQ(bed.generated(), 2u);
}

// A packet that came out of a tunnel is answered from the table's address.
TEST_F(Silence, SpeaksForTheTableToTunnels) {
  Packet* p = bed.routed(ip({"10.5.0.1", "10.9.1.1"}, kText));
  meta(p).tunnel_in = 3;
  icmp_error::ttl_exceeded(bed.context(), p);
  const std::vector<Octets> out = answers();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(wire::IpAddress::v4(&out[0][12]).to_string(), "10.0.0.1");
}

TEST_F(Local, FragmentationIsAllOrNothing) {
  PacketVector out;
  out.count = PacketVector::kRoom - 2;  // three are needed
  Packet* p = bed.routed(ip({"10.0.1.9", "10.9.1.1"}, Octets(1400, 1)));
  const Octets before_it(bytes(p).begin(), bytes(p).end());
  EXPECT_FALSE(fragment4(bed.context(), p, 576, out));
  EXPECT_FALSE(fragment4(bed.context(), p, 27, out));
  EXPECT_EQ(out.count, PacketVector::kRoom - 2);
  EXPECT_EQ(Octets(bytes(p).begin(), bytes(p).end()), before_it);
  EXPECT_EQ(bed.generated(), 0u);
  rte_pktmbuf_free(p);
}

}  // namespace
}  // namespace kanmon
