// What a flow is when workers share packets out, and that the shares are even.
#include "dataplane/packet/flow_hash.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/common/byteorder.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using test::ip;
using test::IpSpec;
using test::Octets;
using test::udp;

Octets packet(uint16_t from, uint16_t to, const IpSpec& spec = {"10.0.0.1", "10.9.0.1"}) {
  return ip(spec, udp(from, to, Octets(20, 0x55)));
}

TEST(FlowHash, SameForAllPacketsOfAFlow) {
  const uint32_t hash = flow_hash(packet(1000, 80));
  Octets other = ip({"10.0.0.1", "10.9.0.1", 17, 3}, udp(1000, 80, Octets(300, 1)));
  other[1] = 0xb8;                    // DSCP
  store_be<uint16_t>(&other[4], 77);  // identification
  EXPECT_EQ(flow_hash(other), hash);
  const Octets six = packet(5, 6, {"2001:db8::1", "2001:db8::2"});
  Octets labelled = six;
  labelled[3] = 9;  // flow label
  labelled[7] = 3;  // hop limit
  EXPECT_EQ(flow_hash(labelled), flow_hash(six));
}

TEST(FlowHash, TellsFlowsApartByEachField) {
  std::set<uint32_t> seen;
  seen.insert(flow_hash(packet(1000, 80)));
  seen.insert(flow_hash(packet(1001, 80)));
  seen.insert(flow_hash(packet(1000, 81)));
  seen.insert(flow_hash(packet(80, 1000)));
  seen.insert(flow_hash(packet(1000, 80, {"10.0.0.2", "10.9.0.1"})));
  seen.insert(flow_hash(packet(1000, 80, {"10.0.0.1", "10.9.0.2"})));
  seen.insert(flow_hash(packet(1000, 80, {"10.0.0.1", "10.9.0.1", 6})));
  seen.insert(flow_hash(packet(1000, 80, {"2001:db8::1", "2001:db8::2"})));
  seen.insert(flow_hash(packet(1000, 81, {"2001:db8::1", "2001:db8::2"})));
  seen.insert(flow_hash(packet(1000, 80, {"2001:db8::1", "2001:db8::3"})));
  EXPECT_EQ(seen.size(), 10u);
}

// The first fragment has the ports, the others have not: none may use them.
TEST(FlowHash, AllFragmentsOfADatagramAgree) {
  const uint16_t more = 0x2000;
  const Octets first = packet(1000, 80, {"10.0.0.1", "10.9.0.1", 17, 64, more});
  const Octets middle = ip({"10.0.0.1", "10.9.0.1", 17, 64, more | 9}, Octets(64, 0xaa));
  const Octets last = ip({"10.0.0.1", "10.9.0.1", 17, 64, 17}, Octets(9, 0xbb));
  EXPECT_EQ(flow_hash(first), flow_hash(middle));
  EXPECT_EQ(flow_hash(first), flow_hash(last));
}

TEST(FlowHash, ReadsNothingBehindTheEnd) {
  for (std::size_t payload = 0; payload < 5; ++payload) {
    const Octets four = ip({"10.0.0.1", "10.9.0.1"}, Octets(payload, 1));
    const Octets six = ip({"2001:db8::1", "2001:db8::2"}, Octets(payload, 1));
    // Copies of their exact length: the sanitizer sees a step too far.
    (void)flow_hash(std::vector<uint8_t>(four));
    (void)flow_hash(std::vector<uint8_t>(six));
  }
  Octets options = ip({"10.0.0.1", "10.9.0.1"}, Octets(4, 1));
  options[0] = 0x4f;  // a header of 60 octets, of which 24 are there
  (void)flow_hash(options);
}

// Ports and addresses in a row, as hosts and load generators choose them.
class Shares : public ::testing::TestWithParam<uint16_t> {};

TEST_P(Shares, AreEven) {
  const uint16_t workers = GetParam();
  constexpr uint32_t kFlows = 4096;
  std::vector<uint32_t> by_port(workers), by_address(workers);
  for (uint32_t i = 0; i < kFlows; ++i) {
    ++by_port[flow_owner(packet(static_cast<uint16_t>(20000 + i), 443), workers)];
    const std::string to = "10.9." + std::to_string(i >> 8) + "." + std::to_string(i & 255);
    ++by_address[flow_owner(packet(1, 2, {"10.0.0.1", to.c_str()}), workers)];
  }
  for (uint16_t w = 0; w < workers; ++w) {
    EXPECT_NEAR(by_port[w], kFlows / workers, kFlows / workers / 4) << "worker " << w;
    EXPECT_NEAR(by_address[w], kFlows / workers, kFlows / workers / 4) << "worker " << w;
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, Shares, ::testing::Values(2, 3, 7, 16));

}  // namespace
}  // namespace kanmon
