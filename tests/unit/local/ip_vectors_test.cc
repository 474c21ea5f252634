// What the gateway answers and how it forwards, octet for octet against packets built by scapy from
// the RFCs (tests/vectors/make_ip_vectors.py): echo, ICMP errors, TTL, too big, fragments (ESP-30).
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/local/local.h"
#include "dataplane/route/route.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using test::Octets;
using test::StageBed;

struct Case {
  std::string name;
  Octets given;
  uint16_t mtu = 1500;
  std::vector<Octets> expected;
};

Octets from_hex(const std::string& text) {
  Octets out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return out;
}

Case read_case(const std::string& line) {
  Case c;
  std::istringstream words(line);
  words >> c.name;
  for (std::string word; words >> word;) {
    const std::string value = word.substr(word.find('=') + 1);
    if (word.rfind("in=", 0) == 0) c.given = from_hex(value);
    if (word.rfind("mtu=", 0) == 0) c.mtu = static_cast<uint16_t>(std::stoi(value));
    if (word.rfind("out=", 0) != 0) continue;
    std::istringstream parts(value);
    for (std::string part; std::getline(parts, part, ',');) c.expected.push_back(from_hex(part));
  }
  return c;
}

std::vector<Case> read_cases() {
  std::ifstream file("tests/vectors/ip.txt");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) cases.push_back(read_case(line));
  return cases;
}

std::string hex(const Octets& octets) {
  std::string text;
  for (const uint8_t o : octets) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", o);
    text += two;
  }
  return text;
}

class IpVectors : public ::testing::TestWithParam<Case> {};

TEST_P(IpVectors, ComeOutAsTheRfcSays) {
  const Case& c = GetParam();
  StageBed bed;
  const uint32_t before = bed.packets_out();
  bed.tables().adjacencies[StageBed::kFarPort].mtu = c.mtu;
  bed.lanes().route.push(bed.routed(c.given));
  for (int round = 0; round < 3 && bed.lanes().route.count != 0; ++round) {
    route::run(bed.context());
    local::run(bed.context());
  }
  std::vector<Octets> out;
  for (PacketVector& lane : bed.lanes().tx)
    for (const Octets& frame : test::take_out(lane))
      out.emplace_back(frame.begin() + 14, frame.end());
  ASSERT_EQ(out.size(), c.expected.size());
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(hex(out[i]), hex(c.expected[i])) << i;
  // Conservation (ESP-41): one given, the rest generated; all sent or dropped.
  EXPECT_EQ(1 + bed.generated(), out.size() + bed.dropped_in_all());
  EXPECT_EQ(bed.packets_out(), before);
}

INSTANTIATE_TEST_SUITE_P(Scapy, IpVectors, ::testing::ValuesIn(read_cases()),
                         [](const auto& c) { return c.param.name; });

TEST(IpVectorsFile, IsThere) {
  EXPECT_GE(read_cases().size(), 37u) << "run from the root of the source tree";
}

}  // namespace
}  // namespace kanmon
