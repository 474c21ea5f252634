// The XDP program, run by the kernel: what becomes of each class of frame, and that exactly one
// counter says so. Frames are made by the RFCs' layouts. Skipped without the right to load BPF.
#include <functional>
#include <ostream>
#include <random>

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include "dataplane/classify/classify.h"
#include "dataplane/packet/packet.h"
#include "dataplane/wire/headers.h"
#include "tests/support/xdp_bed.h"

namespace kanmon {
namespace {

using test::frame;
using test::operator+;
using test::ip;
using test::kBroadcast;
using test::Octets;
using test::udp;
using test::XdpBed;

constexpr uint32_t kKnown = 0xc0a80017;
constexpr uint32_t kUnknown = 0xdead0017;  // the same slot of the table
constexpr uint16_t kFirstFragment = 0x2000, kLaterFragment = 0x2010;
const char* const kUs = "192.0.2.1";
const char* const kUs6 = "2001:db8::1";
const char* const kKernel = "192.0.2.7";
const char* const kKernel6 = "2001:db8::7";
constexpr wire::MacAddress kAllNodes = {0x33, 0x33, 0, 0, 0, 1};

Octets be32(uint32_t v) {
  Octets o(4);
  store_be(o.data(), v);
  return o;
}

// ESP of this length: SPI, sequence number 1, then anything (RFC 4303 section 2).
Octets esp(uint32_t spi, std::size_t octets = 64) {
  Octets o = be32(spi) + be32(1) + Octets(octets, 0xa5);
  o.resize(octets);
  return o;
}

Octets to4(const char* destination, uint8_t protocol, const Octets& payload,
           uint16_t fragment = 0) {
  return frame(ip({"198.51.100.2", destination, protocol, 64, fragment}, payload));
}
Octets to6(const char* destination, uint8_t protocol, const Octets& payload,
           wire::MacAddress mac = test::kOurMac) {
  return frame(ip({"2001:db8:2::2", destination, protocol}, payload), mac);
}
Octets esp4(uint32_t spi, std::size_t octets = 64, uint16_t fragment = 0) {
  return to4(kUs, 50, esp(spi, octets), fragment);
}
Octets esp6(uint32_t spi, std::size_t octets = 64) {
  return to6(kUs6, 50, esp(spi, octets));
}
Octets in_udp(const Octets& payload, uint16_t port = 4500) {
  return to4(kUs, 17, udp(4500, port, payload));
}
Octets in_udp6(const Octets& payload, uint16_t port = 4500) {
  return to6(kUs6, 17, udp(4500, port, payload));
}

// An IPv4 header with a NOP option word (RFC 791 section 3.1): ESP begins four octets later.
Octets with_options(uint32_t spi) {
  Octets f = esp4(spi);
  f[14] = 0x46;
  store_be<uint16_t>(&f[16], static_cast<uint16_t>(f.size() - 14 + 4));
  f.insert(f.begin() + 34, 4, 0x01);
  return f;
}

// ESP behind a hop-by-hop header of eight octets (RFC 8200 section 4.3).
Octets behind_extension(uint32_t spi) {
  return to6(kUs6, 0, Octets{50, 0, 1, 4, 0, 0, 0, 0} + esp(spi));
}

// RFC 826.
Octets arp(const char* target) {
  const wire::IpAddress address = wire::IpAddress::parse(target).value();
  Octets o = {0, 1, 8, 0, 6, 4, 0, 1};
  o = o + Octets(16, 0x42) + Octets(address.bytes().begin(), address.bytes().end());
  return frame(o, kBroadcast, wire::kEtherTypeArp);
}

// RFC 4861 section 4.3.
Octets discovery(uint8_t type, const char* target, wire::MacAddress mac = kAllNodes) {
  const wire::IpAddress address = wire::IpAddress::parse(target).value();
  return to6(
      "ff02::1", 58,
      Octets{type, 0, 0, 0, 0, 0, 0, 0} + Octets(address.bytes().begin(), address.bytes().end()),
      mac);
}

Octets tagged(const Octets& f) {
  Octets o = f;
  const Octets tag = {0x81, 0x00, 0x00, 0x05};
  o.insert(o.begin() + 12, tag.begin(), tag.end());
  return o;
}

Octets cut(Octets f, std::size_t octets) {
  f.resize(octets);
  return f;
}

Octets wrong_udp_length(Octets f) {
  f[14 + 20 + 5] ^= 1;
  return f;
}

enum Port { kUnderlay, kSharedUnderlay, kOverlay, kSharedOverlay, kNoRules };

struct Case {
  const char* name;
  Port port;
  Octets frame;
  xdp::Verdict verdict;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

xdp::Rules rules_of(Port port) {
  xdp::Rules rules;
  const bool underlay = port == kUnderlay || port == kSharedUnderlay;
  rules.role = port == kNoRules ? xdp::kRoleNone
               : underlay       ? xdp::kRoleUnderlay
                                : xdp::kRoleOverlay;
  rules.mac = test::kOurMac;
  if (port == kSharedUnderlay || port == kSharedOverlay)
    rules.kernel_addresses = {wire::IpAddress::parse(kKernel).value(),
                              wire::IpAddress::parse(kKernel6).value()};
  return rules;
}

uint32_t action_of(xdp::Verdict v) {
  constexpr uint32_t kActions[] = {XDP_REDIRECT, XDP_PASS, XDP_DROP};
  return kActions[static_cast<uint8_t>(xdp::fate(v))];
}

XdpBed& bed() {
  static XdpBed made;
  return made;
}

class Steer : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (bed().is_forbidden()) GTEST_SKIP() << bed().problem();
  }
};

TEST_P(Steer, DoesWithTheFrame) {
  bed().filter().add(kKnown);
  ASSERT_TRUE(bed().steering().set(rules_of(GetParam().port)));
  const XdpBed::Run run = bed().run(GetParam().frame);
  EXPECT_EQ(bed().problem(), "");
  EXPECT_EQ(run.counted, 1u);
  EXPECT_STREQ(xdp::kVerdictInfos[run.verdict].name, xdp::kVerdictInfos[GetParam().verdict].name);
  EXPECT_EQ(run.action, action_of(GetParam().verdict));
}

INSTANTIATE_TEST_SUITE_P(
    Esp, Steer,
    ::testing::Values(
        Case{"known, v4", kUnderlay, esp4(kKnown), xdp::kVerdictEsp},
        Case{"known, v6", kUnderlay, esp6(kKnown), xdp::kVerdictEsp},
        Case{"known, smallest", kUnderlay, esp4(kKnown, 24), xdp::kVerdictEsp},
        Case{"known, behind options", kUnderlay, with_options(kKnown), xdp::kVerdictEsp},
        Case{"unknown, v4", kUnderlay, esp4(kUnknown), xdp::kVerdictUnknownSpi},
        Case{"unknown, v6", kUnderlay, esp6(kUnknown), xdp::kVerdictUnknownSpi},
        Case{"unknown, behind options", kUnderlay, with_options(kUnknown), xdp::kVerdictUnknownSpi},
        Case{"first SPI that may be used", kUnderlay, esp4(256), xdp::kVerdictUnknownSpi},
        Case{"SPI 0", kUnderlay, esp4(0), xdp::kVerdictReservedSpi},
        Case{"SPI 255", kUnderlay, esp6(255), xdp::kVerdictReservedSpi},
        Case{"too short for a trailer and an ICV", kUnderlay, esp4(kKnown, 23),
             xdp::kVerdictEspTooShort},
        Case{"too short for an SPI", kUnderlay, esp6(kKnown, 3), xdp::kVerdictEspTooShort},
        Case{"nothing at all", kUnderlay, esp4(kKnown, 0), xdp::kVerdictEspTooShort},
        // RFC 4303 section 3.4.1: put together before ESP looks at it.
        Case{"first fragment, known", kUnderlay, esp4(kKnown, 16, kFirstFragment),
             xdp::kVerdictEsp},
        Case{"first fragment, unknown", kUnderlay, esp4(kUnknown, 64, kFirstFragment),
             xdp::kVerdictUnknownSpi},
        Case{"later fragment", kUnderlay, esp4(kUnknown, 64, kLaterFragment), xdp::kVerdictOther},
        Case{"behind an extension header", kUnderlay, behind_extension(kUnknown),
             xdp::kVerdictOther},
        Case{"to another host", kUnderlay, to4("203.0.113.9", 50, esp(kUnknown)),
             xdp::kVerdictUnknownSpi},
        // A customer's own ESP, on its way through.
        Case{"unknown, overlay", kOverlay, esp4(kUnknown), xdp::kVerdictOther},
        Case{"short, overlay", kOverlay, esp6(kUnknown, 4), xdp::kVerdictOther},
        Case{"unknown, before there are rules", kNoRules, esp4(kUnknown), xdp::kVerdictOther}));

INSTANTIATE_TEST_SUITE_P(
    Udp, Steer,
    ::testing::Values(
        Case{"ESP, known", kUnderlay, in_udp(esp(kKnown)), xdp::kVerdictEspInUdp},
        Case{"ESP, known, v6", kUnderlay, in_udp6(esp(kKnown)), xdp::kVerdictEspInUdp},
        Case{"ESP, unknown", kUnderlay, in_udp(esp(kUnknown)), xdp::kVerdictUnknownSpi},
        Case{"ESP, unknown, v6", kUnderlay, in_udp6(esp(kUnknown)), xdp::kVerdictUnknownSpi},
        Case{"ESP, SPI 1", kUnderlay, in_udp(esp(1)), xdp::kVerdictReservedSpi},
        Case{"ESP, too short", kUnderlay, in_udp(esp(kKnown, 20)), xdp::kVerdictEspTooShort},
        Case{"two octets", kUnderlay, in_udp({1, 2}), xdp::kVerdictEspTooShort},
        // RFC 3948 sections 2.2 and 2.3.
        Case{"IKE behind the marker", kUnderlay, in_udp(be32(0) + Octets(28, 1)), xdp::kVerdictIke},
        Case{"keepalive", kUnderlay, in_udp({0xff}), xdp::kVerdictIke},
        Case{"IKE", kUnderlay, in_udp(Octets(28, 1), 500), xdp::kVerdictIke},
        Case{"IKE, v6", kUnderlay, in_udp6(Octets(28, 1), 500), xdp::kVerdictIke},
        Case{"lengths contradict", kUnderlay, wrong_udp_length(in_udp(esp(kUnknown))),
             xdp::kVerdictOther},
        Case{"BFD", kUnderlay, in_udp(Octets(24, 0x20), 3784), xdp::kVerdictBfd},
        Case{"BFD echo", kUnderlay, in_udp(Octets(24, 0x20), 3785), xdp::kVerdictBfd},
        Case{"BFD, multihop, v6", kUnderlay, in_udp6(Octets(24, 0x20), 4784), xdp::kVerdictBfd},
        Case{"another port", kUnderlay, in_udp(esp(kUnknown), 4501), xdp::kVerdictOther},
        Case{"UDP cut short", kUnderlay, to4(kUs, 17, Octets(4)), xdp::kVerdictOther},
        Case{"ESP, unknown, overlay", kOverlay, in_udp(esp(kUnknown)), xdp::kVerdictOther}));

INSTANTIATE_TEST_SUITE_P(
    Others, Steer,
    ::testing::Values(
        Case{"echo request", kUnderlay, to4(kUs, 1, Octets(8, 8)), xdp::kVerdictIcmp},
        Case{"echo request, v6", kUnderlay, to6(kUs6, 58, Octets(8, 128)), xdp::kVerdictIcmp},
        Case{"ARP", kUnderlay, arp(kUs), xdp::kVerdictNeighbour},
        Case{"ARP, overlay", kOverlay, arp("10.1.0.1"), xdp::kVerdictNeighbour},
        Case{"solicitation", kUnderlay, discovery(135, kUs6), xdp::kVerdictNeighbour},
        Case{"advertisement", kOverlay, discovery(136, kUs6, test::kOurMac),
             xdp::kVerdictNeighbour},
        Case{"BGP", kUnderlay, to4(kUs, 6, Octets(20, 0)), xdp::kVerdictOther},
        Case{"to be forwarded", kOverlay, to4("10.2.0.9", 6, Octets(20, 0)), xdp::kVerdictOther},
        Case{"to be forwarded, v6", kOverlay, to6("2001:db8:5::9", 17, Octets(20, 0)),
             xdp::kVerdictOther},
        Case{"IP header cut short", kUnderlay, cut(esp4(kUnknown), 14 + 19), xdp::kVerdictOther},
        Case{"ESP cut short", kUnderlay, cut(esp4(kUnknown), 14 + 20 + 3), xdp::kVerdictOther},
        Case{"broadcast", kUnderlay, frame(ip({"192.0.2.2", "192.0.2.255"}, Octets(9)), kBroadcast),
             xdp::kVerdictOther},
        Case{"VLAN", kUnderlay, tagged(esp4(kUnknown)), xdp::kVerdictKernel},
        Case{"LLDP", kUnderlay, frame(Octets(60, 1), kAllNodes, 0x88cc), xdp::kVerdictKernel},
        Case{"another station", kUnderlay,
             frame(ip({"192.0.2.2", kUs, 50}, esp(kUnknown)), {2, 0, 0, 0, 0, 0x77}),
             xdp::kVerdictKernel}));

INSTANTIATE_TEST_SUITE_P(
    SharedInterface, Steer,
    ::testing::Values(
        Case{"to the kernel", kSharedUnderlay, to4(kKernel, 6, Octets(20)), xdp::kVerdictKernel},
        Case{"to the kernel, v6", kSharedOverlay, to6(kKernel6, 6, Octets(20)),
             xdp::kVerdictKernel},
        Case{"to us", kSharedUnderlay, to4(kUs, 6, Octets(20)), xdp::kVerdictOther},
        Case{"to be forwarded", kSharedOverlay, to4("10.2.0.9", 6, Octets(20)), xdp::kVerdictOther},
        Case{"the kernel's ESP", kSharedUnderlay, to4(kKernel, 50, esp(kUnknown)),
             xdp::kVerdictKernel},
        Case{"the kernel's IKE", kSharedUnderlay, to4(kKernel, 17, udp(500, 500, Octets(28))),
             xdp::kVerdictKernel},
        Case{"our ESP, unknown", kSharedUnderlay, esp4(kUnknown), xdp::kVerdictUnknownSpi},
        Case{"ARP for the kernel", kSharedUnderlay, arp(kKernel), xdp::kVerdictKernel},
        Case{"ARP for us", kSharedUnderlay, arp(kUs), xdp::kVerdictNeighbour},
        Case{"solicitation of the kernel", kSharedUnderlay, discovery(135, kKernel6),
             xdp::kVerdictKernel},
        Case{"solicitation of us", kSharedUnderlay, discovery(135, kUs6), xdp::kVerdictNeighbour},
        Case{"router advertisement", kSharedUnderlay, discovery(134, kUs6), xdp::kVerdictKernel},
        Case{"multicast", kSharedUnderlay, to6("ff02::5", 89, Octets(20), kAllNodes),
             xdp::kVerdictKernel}));

TEST(SteerProgram, ForgetsAddressesThatAreNotTheKernelsAnyMore) {
  if (bed().is_forbidden()) GTEST_SKIP() << bed().problem();
  xdp::Rules rules = rules_of(kSharedUnderlay);
  ASSERT_TRUE(bed().steering().set(rules));
  rules.kernel_addresses.erase(rules.kernel_addresses.begin());
  ASSERT_TRUE(bed().steering().set(rules));
  EXPECT_EQ(bed().run(to4(kKernel, 6, Octets(20))).verdict, xdp::kVerdictOther);
  EXPECT_EQ(bed().run(to6(kKernel6, 6, Octets(20))).verdict, xdp::kVerdictKernel);
}

// What remains of a process that was killed: the program, and no socket.
TEST(SteerProgram, PassesEverythingWithoutASocket) {
  XdpBed alone;
  if (alone.is_forbidden()) GTEST_SKIP() << alone.problem();
  ASSERT_TRUE(alone.steering().set(rules_of(kUnderlay)));
  alone.take_socket_away();
  for (const Octets& f : {esp4(kUnknown), esp4(1), arp(kUs), in_udp(Octets(28, 1), 500)}) {
    const XdpBed::Run run = alone.run(f);
    EXPECT_EQ(run.action, static_cast<uint32_t>(XDP_PASS));
    EXPECT_EQ(run.verdict, xdp::kVerdictNoSocket);
  }
}

// ---- the known SPIs (RFC 4303 section 2.1; no good packet is lost while SAs come and go)

TEST(SpiFilter, KnowsWhatWasAddedBeforeTheMapWasMade) {
  XdpBed fresh;
  if (fresh.is_forbidden()) GTEST_SKIP() << fresh.problem();
  xdp::SpiFilter filter;
  filter.add(kKnown);
  EXPECT_TRUE(filter.knows(kKnown));
  ASSERT_GE(filter.map(), 0);
  EXPECT_EQ(filter.map(), filter.map()) << "made once";
  EXPECT_TRUE(filter.knows(kKnown));
}

TEST(SpiFilter, TakesEffectWithTheNextPacket) {
  if (bed().is_forbidden()) GTEST_SKIP() << bed().problem();
  ASSERT_TRUE(bed().steering().set(rules_of(kUnderlay)));
  constexpr uint32_t kNew = 0x12340999, kNext = 0x56780999;  // one slot
  EXPECT_EQ(bed().run(esp4(kNew)).verdict, xdp::kVerdictUnknownSpi);
  bed().filter().add(kNew);
  EXPECT_EQ(bed().run(esp4(kNew)).verdict, xdp::kVerdictEsp);
  bed().filter().add(kNext);
  bed().filter().remove(kNew);  // late, and not the slot's any more
  EXPECT_EQ(bed().run(esp4(kNext)).verdict, xdp::kVerdictEsp);
  EXPECT_EQ(bed().run(esp4(kNew)).verdict, xdp::kVerdictUnknownSpi);
  bed().filter().remove(kNext);
  EXPECT_EQ(bed().run(esp4(kNext)).verdict, xdp::kVerdictUnknownSpi);
}

TEST(SpiFilter, NeverKnowsZero) {
  const xdp::SpiFilter filter;
  EXPECT_FALSE(filter.knows(0));
}

// ---- against the workers' own classification

// Would a worker give this frame to decryption with a known SPI and enough octets?
bool is_good_esp(test::StageBed& stages, const Octets& f) {
  Packet* p = stages.packet(f);
  classify::run(stages.context(), test::StageBed::kUnderlayPort, &p, 1);
  const PacketVector& lane = stages.lanes().esp;
  const bool esp = lane.count == 1;
  if (esp) p = lane.slots[0];
  const bool good = esp && load_be<uint32_t>(data(p) + meta(p).l4_offset) == kKnown &&
                    meta(p).outer_length >= xdp::kEspMinimum;
  for (PacketVector* used : {&stages.lanes().esp, &stages.lanes().route, &stages.lanes().punt,
                             &stages.lanes().fragments})
    test::take_out(*used);
  return good;
}

// Frames with one or two octets changed: what a worker would decrypt is never dropped, and what is
// dropped a worker would not have decrypted.
TEST(SteerProgram, DropsNothingAWorkerWouldDecrypt) {
  if (bed().is_forbidden()) GTEST_SKIP() << bed().problem();
  bed().filter().add(kKnown);
  ASSERT_TRUE(bed().steering().set(rules_of(kUnderlay)));
  test::StageBed stages;
  const Octets seeds[] = {
      esp4(kKnown),         esp6(kKnown),     in_udp(esp(kKnown)),      in_udp6(esp(kKnown)),
      with_options(kKnown), esp4(kKnown, 24), esp4(kKnown, 40, 0x2000), behind_extension(kKnown)};
  std::mt19937 random(4303);
  uint32_t good = 0, dropped = 0;
  for (int i = 0; i < 20'000; ++i) {
    Octets f = seeds[random() % std::size(seeds)];
    for (uint32_t n = random() % 3; n > 0; --n) f[random() % 66 % f.size()] = uint8_t(random());
    if (random() % 4 == 0) f.resize(14 + random() % (f.size() - 13));
    const XdpBed::Run run = bed().run(f);
    ASSERT_EQ(run.counted, 1u);
    const bool worth = is_good_esp(stages, f);
    good += worth;
    dropped += xdp::fate(run.verdict) == xdp::Fate::kDropped;
    ASSERT_TRUE(!worth || xdp::fate(run.verdict) == xdp::Fate::kGateway)
        << xdp::kVerdictInfos[run.verdict].name;
  }
  EXPECT_GT(good, 1000u);
  EXPECT_GT(dropped, 500u);
}

}  // namespace
}  // namespace kanmon
