// OPEN and capabilities: BGP-08. RFC 4271 section 6.2, RFC 5492, 6286, 6793, 7607, 9072.
#include <gtest/gtest.h>

#include "control/bgp/wire/open.h"
#include "tests/unit/bgp/support.h"

namespace kanmon::bgp {
namespace {

using wire::Family;

Open full() {
  Open open{4200000000, 90, 0x0a000001, {}};
  Capabilities& c = open.capabilities;
  c.has_multiprotocol = c.refresh = c.enhanced_refresh = c.extended_message = true;
  c.family[Family::kV4] = c.family[Family::kV6] = true;
  c.as4 = open.as;
  c.restart = GracefulRestart{120, true, true, {}};
  c.restart->family[Family::kV6] = {true, true};
  c.add_path[Family::kV4] = AddPath::kReceive;
  return open;
}

// Written by hand from the RFCs, not by the encoder.
const char* const kFullBody =
    "04 5ba0 005a 0a000001 28"
    "02 26"
    "01 04 0001 00 01"
    "01 04 0002 00 01"
    "02 00"
    "06 00"
    "40 06 c078 0002 01 80"
    "41 04 fa56ea00"
    "45 04 0001 01 01"
    "46 00";

TEST(BgpOpen, LayoutBothWays) {
  EXPECT_EQ(encode(full()), raw_message(1, hex(kFullBody)));
  Open got;
  EXPECT_FALSE(parse_open(hex(kFullBody), got));
  EXPECT_EQ(got, full());
}

TEST(BgpOpen, WithoutCapabilities) {
  const Open plain{65001, 0, 1, {}};
  EXPECT_EQ(encode(plain), raw_message(1, hex("04 fde9 0000 00000001 00")));
  Open got;
  EXPECT_FALSE(parse_open(body_of(encode(plain)), got));
  EXPECT_EQ(got, plain);
  EXPECT_TRUE(got.capabilities.speaks(Family::kV4));
  EXPECT_FALSE(got.capabilities.speaks(Family::kV6));
}

// FRR CVE-2022-37032: a capability whose own header is cut.
TEST(BgpOpen, Bgp08EveryTruncation) {
  const Octets whole = hex(kFullBody);
  for (std::size_t n = 10; n < whole.size(); ++n) {
    Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    Open got;
    EXPECT_EQ(parse_open(cut, got), Notification::make(OpenError::kUnspecific)) << n;
    // Once more with lengths that agree with the cut, so that only the capability is short.
    if (n < 13) continue;
    cut[9] = static_cast<uint8_t>(n - 10);
    cut[11] = static_cast<uint8_t>(n - 12);
    const Verdict v = parse_open(cut, got);
    if (v) {
      EXPECT_EQ(v->code, 2);
    }
  }
}

struct Case {
  const char* name;
  const char* body;
  uint8_t subcode;  // 255: accepted
};

class BgpOpenCases : public ::testing::TestWithParam<Case> {};

TEST_P(BgpOpenCases, Bgp08) {
  Open got;
  const Verdict v = parse_open(hex(GetParam().body), got);
  ASSERT_EQ(v ? v->subcode : 255, GetParam().subcode);
  if (v) {
    EXPECT_EQ(v->code, 2);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BgpOpenCases,
    ::testing::Values(
        Case{"version 3", "03 fde9 005a 0a000001 00", 1},
        Case{"version 5", "05 fde9 005a 0a000001 00", 1},
        Case{"AS 0", "04 0000 005a 0a000001 00", 2},
        Case{"AS_TRANS alone", "04 5ba0 005a 0a000001 00", 2},
        Case{"capability says AS 0", "04 fde9 005a 0a000001 08 02 06 41 04 00000000", 2},
        Case{"capability says AS_TRANS", "04 5ba0 005a 0a000001 08 02 06 41 04 00005ba0", 2},
        Case{"capability differs", "04 fde9 005a 0a000001 08 02 06 41 04 0000fdea", 2},
        Case{"small AS hidden", "04 5ba0 005a 0a000001 08 02 06 41 04 0000fde9", 2},
        Case{"large AS not hidden", "04 fde9 005a 0a000001 08 02 06 41 04 00010000", 2},
        Case{"same AS twice", "04 fde9 005a 0a000001 08 02 06 41 04 0000fde9", 255},
        Case{"identifier 0", "04 fde9 005a 00000000 00", 3},
        Case{"identifier not an address of a host", "04 fde9 005a ffffffff 00", 255},
        Case{"authentication parameter", "04 fde9 005a 0a000001 03 01 01 00", 4},
        Case{"hold 0", "04 fde9 0000 0a000001 00", 255},
        Case{"hold 1", "04 fde9 0001 0a000001 00", 6},
        Case{"hold 2", "04 fde9 0002 0a000001 00", 6},
        Case{"hold 3", "04 fde9 0003 0a000001 00", 255},
        Case{"hold 65535", "04 fde9 ffff 0a000001 00", 255},
        Case{"unknown capability", "04 fde9 005a 0a000001 06 02 04 ee 02 1234", 255},
        Case{"empty parameter", "04 fde9 005a 0a000001 02 02 00", 255},
        Case{"refresh twice", "04 fde9 005a 0a000001 06 02 04 0200 0200", 255},
        Case{"refresh with a value", "04 fde9 005a 0a000001 05 02 03 02 01 00", 0},
        Case{"multiprotocol of 3", "04 fde9 005a 0a000001 07 02 05 01 03 000100", 0},
        Case{"AS capability of 2", "04 fde9 005a 0a000001 06 02 04 41 02 fde9", 0},
        Case{"restart of 1", "04 fde9 005a 0a000001 05 02 03 40 01 00", 0},
        Case{"restart of 5", "04 fde9 005a 0a000001 09 02 07 40 05 0078 000101", 0},
        Case{"add-path of 3", "04 fde9 005a 0a000001 07 02 05 45 03 000101", 0},
        Case{"parameters longer than said", "04 fde9 005a 0a000001 00 02 00", 0},
        Case{"parameters shorter than said", "04 fde9 005a 0a000001 05 02 00", 0},
        Case{"extended", "04 fde9 005a 0a000001 ff ff 0005 02 0002 0200", 255},
        Case{"extended, other length", "04 fde9 005a 0a000001 01 ff 0005 02 0002 0200", 255},
        Case{"extended, empty", "04 fde9 005a 0a000001 ff ff 0000", 255},
        Case{"extended, too short", "04 fde9 005a 0a000001 ff ff 00", 0},
        Case{"extended, wrong sum", "04 fde9 005a 0a000001 ff ff 0006 02 0002 0200", 0},
        Case{"extended, inner cut", "04 fde9 005a 0a000001 ff ff 0002 02 00", 0},
        Case{"extended mark in second place", "04 fde9 005a 0a000001 04 02 00 ff 00", 4}),
    [](const auto& row) {
      std::string name = row.param.name;
      for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      return name;
    });

TEST(BgpOpen, VersionRefusalSaysOurs) {
  Open got;
  EXPECT_EQ(parse_open(hex("03 fde9 005a 0a000001 00"), got)->data, hex("0004"));
}

// RFC 9072: more than 255 octets of parameters.
TEST(BgpOpen, ExtendedLengthHoldsManyCapabilities) {
  Octets value;
  for (unsigned i = 0; i < 200; ++i) value = value + hex("ee 02 1234");
  value = value + hex("41 04 0000fde9");
  Octets body = hex("04 fde9 005a 0a000001 ff ff");
  body = body + Octets{static_cast<uint8_t>((value.size() + 3) >> 8),
                       static_cast<uint8_t>(value.size() + 3), 2,
                       static_cast<uint8_t>(value.size() >> 8), static_cast<uint8_t>(value.size())};
  Open got;
  EXPECT_FALSE(parse_open(body + value, got));
  EXPECT_EQ(got.capabilities.as4, 65001u);
}

TEST(BgpCapabilities, RepeatedOnesAddUpOrTheLastCounts) {
  Capabilities c;
  EXPECT_FALSE(parse_capabilities(hex("01 04 0001 00 01  01 04 0001 00 01  01 04 0002 00 01"
                                      "40 02 0078  40 06 00b4 0001 01 00"),
                                  c));
  EXPECT_TRUE(c.family[Family::kV4] && c.family[Family::kV6]);
  EXPECT_EQ(c.restart->time, 180);
  EXPECT_TRUE(c.restart->family[Family::kV4].listed);
  EXPECT_FALSE(c.restart->family[Family::kV4].preserved);
}

TEST(BgpCapabilities, OtherFamiliesAndOtherWaysCountForNothing) {
  Capabilities c;
  EXPECT_FALSE(parse_capabilities(hex("01 04 0001 00 80  45 0c 0001 01 04  0001 01 00  0019 46 01"
                                      "40 06 0001 0001 80 80"),
                                  c));
  EXPECT_TRUE(c.has_multiprotocol);
  EXPECT_FALSE(c.speaks(Family::kV4));  // it said what it speaks, and this was not it
  EXPECT_EQ(c.add_path[Family::kV4], AddPath::kNone);
  EXPECT_FALSE(c.restart->family[Family::kV4].listed);
}

TEST(BgpCapabilities, AsDataOfARefusal) {
  EXPECT_EQ(multiprotocol_capability(Family::kV6), hex("01 04 0002 00 01"));
}

}  // namespace
}  // namespace kanmon::bgp
