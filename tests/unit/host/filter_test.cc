// What passes between the machine's own stack and the outside.
#include "control/host/filter.h"

#include <gtest/gtest.h>

#include "tests/support/stage_bed.h"

namespace kanmon::host {
namespace {

using config::HostService;
using test::ip;
using test::Octets;
using test::udp;

// Ports in front of a text: of TCP no more is looked at.
Octets ports(uint16_t from, uint16_t to) {
  return udp(from, to, Octets(16, 0));
}

const std::vector<HostService> kUsual = {config::kHostIcmp, config::kHostBgp};

TEST(HostFilter, LetsServicesInByEitherPort) {
  struct Row {
    uint8_t protocol;
    uint16_t from, to;
    Verdict v;
  };
  constexpr Row kRows[] = {
      {6, 40'000, 179, Verdict::kPass},   {6, 179, 40'000, Verdict::kPass},
      {6, 40'000, 22, Verdict::kService}, {17, 40'000, 179, Verdict::kService},
      {17, 53, 53, Verdict::kService},    {1, 0, 0, Verdict::kPass},
      {58, 0, 0, Verdict::kPass},         {47, 0, 179, Verdict::kService},
  };
  for (const Row& r : kRows) {
    EXPECT_EQ(inbound(ip({"10.0.0.2", "10.0.0.1", r.protocol}, ports(r.from, r.to)), kUsual), r.v)
        << int(r.protocol) << " " << r.from << " " << r.to;
    EXPECT_EQ(inbound(ip({"fd00::2", "fd00::1", r.protocol}, ports(r.from, r.to)), kUsual), r.v);
  }
  const Octets ssh = ip({"10.0.0.2", "10.0.0.1", 6}, ports(40'000, 22));
  EXPECT_EQ(inbound(ssh, {}), Verdict::kService);
  EXPECT_EQ(inbound(ssh, std::vector<HostService>{{6, 22}}), Verdict::kPass);
  EXPECT_EQ(inbound(ssh, std::vector<HostService>{{17, 22}}), Verdict::kService);
  EXPECT_EQ(inbound(ssh, std::vector<HostService>{{}}), Verdict::kPass) << "any";
}

TEST(HostFilter, ReadsNothingBeyondAPacket) {
  const Octets whole = ip({"10.0.0.2", "10.0.0.1", 6}, ports(1, 179));
  const Octets whole6 = ip({"fd00::2", "fd00::1", 6}, ports(1, 179));
  const std::vector<wire::InterfaceAddress> own = {*wire::InterfaceAddress::parse("10.0.0.2/30"),
                                                   *wire::InterfaceAddress::parse("fd00::2/126")};
  for (const Octets& packet : {whole, whole6}) {
    for (std::size_t n = 0; n < packet.size(); ++n) {
      const Octets cut(packet.begin(), packet.begin() + static_cast<long>(n));
      EXPECT_EQ(inbound(cut, kUsual), Verdict::kMalformed) << n;
      EXPECT_EQ(outbound(cut, own), Verdict::kMalformed) << n;
    }
    EXPECT_EQ(outbound(packet, own), Verdict::kPass);
  }
  // A header that claims more than the packet has, and TCP too short for ports.
  Octets options = whole;
  options[0] = 0x4f;
  EXPECT_EQ(inbound(ip({"10.0.0.2", "10.0.0.1", 6}, Octets(3, 0)), kUsual), Verdict::kService);
  Octets version = whole;
  version[0] = 0x55;
  EXPECT_EQ(inbound(version, kUsual), Verdict::kMalformed);
}

TEST(HostFilter, LetsTheMachineSpeakForItselfOnly) {
  const std::vector<wire::InterfaceAddress> own = {
      *wire::InterfaceAddress::parse("169.254.21.2/30"),
      *wire::InterfaceAddress::parse("fd00::2/126")};
  const auto verdict = [&](const char* from, const char* to) {
    return outbound(ip({from, to, 6}, ports(1, 179)), own);
  };
  EXPECT_EQ(verdict("169.254.21.2", "169.254.21.1"), Verdict::kPass);
  EXPECT_EQ(verdict("fd00::2", "2001:db8::1"), Verdict::kPass);
  EXPECT_EQ(verdict("10.0.0.1", "169.254.21.1"), Verdict::kSource);
  EXPECT_EQ(verdict("169.254.21.1", "169.254.21.1"), Verdict::kSource);
  EXPECT_EQ(verdict("::", "fd00::1"), Verdict::kSource);
  EXPECT_EQ(verdict("169.254.21.2", "224.0.0.5"), Verdict::kGroup);
  EXPECT_EQ(verdict("169.254.21.2", "255.255.255.255"), Verdict::kGroup);
  EXPECT_EQ(verdict("fd00::2", "ff02::5"), Verdict::kGroup);
}

}  // namespace
}  // namespace kanmon::host
