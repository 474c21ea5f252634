// Addresses and prefixes: RFC 4291 text forms, prefix arithmetic of both families.
#include "dataplane/wire/address.h"

#include <gtest/gtest.h>

namespace kanmon::wire {
namespace {

TEST(IpAddress, ParsesBothFamiliesAndPrintsThemBack) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1"}) {
    auto a = IpAddress::parse(text);
    ASSERT_TRUE(a.ok()) << text;
    EXPECT_EQ(a->to_string(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "1", "1.2.3", "1.2.3.256", "1.2.3.4.5", "01.2.3.4 ", ":::", "fe80",
                           "2001:db8::1::2", "192.0.2.1/24"})
    EXPECT_FALSE(IpAddress::parse(text).ok()) << text;
}

TEST(Prefix, RefusesHostBitsAndBadLengths) {
  for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
                           "2001:db8::1/64", "::/129"})
    EXPECT_FALSE(Prefix::parse(text).ok()) << text;
}

TEST(Prefix, ContainsByBits) {
  const Prefix p = Prefix::parse("10.1.2.128/25").value();
  EXPECT_TRUE(p.contains(IpAddress::parse("10.1.2.128").value()));
  EXPECT_TRUE(p.contains(IpAddress::parse("10.1.2.255").value()));
  EXPECT_FALSE(p.contains(IpAddress::parse("10.1.2.127").value()));
  EXPECT_FALSE(p.contains(IpAddress::parse("a01:280::").value()));
  EXPECT_TRUE(Prefix::parse("::/0").value().contains(IpAddress::parse("ff::1").value()));
}

TEST(Mask, FillsHostBitsToTheBroadcastAddress) {
  EXPECT_EQ(mask(IpAddress::parse("10.1.2.3").value(), 22, true).to_string(), "10.1.3.255");
  EXPECT_EQ(mask(IpAddress::parse("2001:db8::").value(), 126, true).to_string(), "2001:db8::3");
}

TEST(Endpoint, BracketsIpv6) {
  EXPECT_EQ((Endpoint{IpAddress::parse("::1").value(), 500}).to_string(), "[::1]:500");
  EXPECT_EQ((Endpoint{IpAddress::parse("192.0.2.1").value(), 4500}).to_string(), "192.0.2.1:4500");
}

}  // namespace
}  // namespace kanmon::wire
