// Who spreads a port's packets over the workers, by what the device can. Hashes as DPDK names them.
#include "dataplane/port/spread.h"

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>

namespace kanmon::port {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kIp = RTE_ETH_RSS_IP, kTcp = RTE_ETH_RSS_TCP, kUdp = RTE_ETH_RSS_UDP,
                   kEsp = RTE_ETH_RSS_ESP, kOther = RTE_ETH_RSS_L2_PAYLOAD;

struct Row {
  const char* name;
  DeviceKind kind;
  bool underlay;
  uint64_t able;
  uint16_t queues, workers;
  SpreadBy by;
  uint16_t rx_queues;
  uint64_t hash;
  const char* why;
};
void PrintTo(const Row& r, std::ostream* out) {
  *out << r.name;
}

constexpr Row kRows[] = {
    {"one worker", DeviceKind::kPci, true, kIp | kEsp, 1, 1, SpreadBy::kNothing, 1, 0, ""},
    {"underlay hashes SPIs", DeviceKind::kPci, true, kIp | kUdp | kEsp | kOther, 4, 4,
     SpreadBy::kDevice, 4, kIp | kUdp | kEsp, ""},
    {"underlay cannot hash SPIs", DeviceKind::kPci, true, kIp | kUdp, 4, 4, SpreadBy::kDevice, 4,
     kIp | kUdp, "cannot hash SPIs"},
    {"overlay has no ESP to hash", DeviceKind::kPci, false, kIp | kTcp | kUdp | kEsp, 4, 4,
     SpreadBy::kDevice, 4, kIp | kTcp | kUdp, ""},
    {"fewer queues than workers", DeviceKind::kPci, false, kIp | kTcp, 2, 4, SpreadBy::kWorkers, 2,
     kIp | kTcp, "2 queues for 4 workers"},
    {"no hash, no second queue", DeviceKind::kPci, false, 0, 4, 4, SpreadBy::kWorkers, 1, 0,
     "cannot hash (RSS): 1 queue for 4 workers"},
    {"af_xdp has one queue", DeviceKind::kAfXdp, true, 0, 1, 2, SpreadBy::kWorkers, 1, 0,
     "1 queue for 2 workers"},
    {"af_packet fans out", DeviceKind::kAfPacket, false, 0, 3, 3, SpreadBy::kKernel, 3, 0, ""},
    {"a ring's sender chooses", DeviceKind::kRing, false, 0, 2, 2, SpreadBy::kSender, 2, 0, ""},
};

class PlanSpread : public ::testing::TestWithParam<Row> {};

TEST_P(PlanSpread, Is) {
  const Row& r = GetParam();
  const Spread s = plan_spread(r.kind, r.underlay, r.able, r.queues, r.workers);
  EXPECT_EQ(s.by, r.by) << to_string(s.by);
  EXPECT_EQ(s.rx_queues, r.rx_queues);
  EXPECT_EQ(s.hash, r.hash) << hash_names(s.hash);
  if (*r.why == 0) {
    EXPECT_THAT(s.why, IsEmpty());
  } else {
    EXPECT_THAT(s.why, HasSubstr(r.why));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, PlanSpread, ::testing::ValuesIn(kRows));

TEST(HashNames, AreTheOperators) {
  EXPECT_EQ(hash_names(0), "");
  EXPECT_EQ(hash_names(kOther), "");
  EXPECT_EQ(hash_names(kIp | kTcp | kUdp | kEsp | RTE_ETH_RSS_SCTP), "ip tcp udp sctp esp-spi");
  EXPECT_EQ(hash_names(RTE_ETH_RSS_IPV4), "ip");
}

}  // namespace
}  // namespace kanmon::port
