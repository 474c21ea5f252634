// What meets a message first: cookies (IKE-07), NAT detection (IKE-27), identities (IKE-14).
#include <gtest/gtest.h>

#include "control/ike/cookie.h"
#include "control/ike/nat.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{};

class Cookies : public ::testing::Test {
 protected:
  Dice dice{26};
  CookieJar jar{dice.fn(), 60s};
  Octets ni = Octets(32, 5);
  wire::IpAddress peer = ip("192.0.2.7");

  CookieJar::Cookie make(TimePoint now) { return jar.make(now, ni, peer, 42).value(); }
  bool verify(TimePoint now, wire::Bytes cookie) { return jar.verify(now, cookie, ni, peer, 42); }
};

TEST_F(Cookies, AreBoundToNonceAddressAndSpi) {
  const auto cookie = make(kStart);
  EXPECT_TRUE(verify(kStart, cookie));
  Octets other = ni;
  other.back() ^= 1;
  EXPECT_FALSE(jar.verify(kStart, cookie, other, peer, 42));
  other = ni;
  other.push_back(0);
  EXPECT_FALSE(jar.verify(kStart, cookie, other, peer, 42));
  EXPECT_FALSE(jar.verify(kStart, cookie, ni, ip("192.0.2.8"), 42));
  EXPECT_FALSE(jar.verify(kStart, cookie, ni, ip("c000:207::"), 42));  // the same leading octets
  EXPECT_FALSE(jar.verify(kStart, cookie, ni, peer, 43));
}

TEST_F(Cookies, EveryBitCounts) {
  const auto cookie = make(kStart);
  for (std::size_t bit = 0; bit < cookie.size() * 8; ++bit) {
    auto bad = cookie;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(verify(kStart, bad)) << bit;
  }
  for (std::size_t n = 0; n < 70; ++n)
    EXPECT_FALSE(n != cookie.size() && verify(kStart, Octets(n, cookie[0])));
  EXPECT_LE(cookie.size(), 64u);  // section 2.6
}

TEST_F(Cookies, LiveOneToTwoPeriods) {
  const auto cookie = make(kStart);
  EXPECT_TRUE(verify(kStart + 59s, cookie));
  EXPECT_TRUE(verify(kStart + 60s, cookie));  // the secret has rotated meanwhile
  EXPECT_TRUE(verify(kStart + 119s, cookie));
  EXPECT_FALSE(verify(kStart + 120s, cookie));
}

TEST_F(Cookies, ALateRotationDoesNotLengthenTheirLife) {
  const auto cookie = make(kStart);
  EXPECT_TRUE(verify(kStart + 119s, cookie));
  EXPECT_FALSE(verify(kStart + 121s, cookie));
}

TEST_F(Cookies, DieOverALongPause) {
  const auto cookie = make(kStart);
  EXPECT_FALSE(verify(kStart + 3600s, cookie));
  const auto fresh = make(kStart + 3600s);
  EXPECT_TRUE(verify(kStart + 3600s, fresh));
  EXPECT_NE(cookie, fresh);
}

TEST_F(Cookies, TheGenerationWrapsAndOldOnesStayDead) {
  const auto first = make(kStart);
  for (int period = 1; period <= 300; ++period) {
    const TimePoint now = kStart + period * 60s;
    const auto cookie = make(now);
    ASSERT_TRUE(verify(now, cookie));
    ASSERT_EQ(verify(now, first), period == 1) << period;
  }
}

TEST_F(Cookies, AnotherJarHasAnotherSecret) {
  const auto cookie = make(kStart);
  CookieJar other(dice.fn(), 60s);
  EXPECT_FALSE(other.verify(kStart, cookie, ni, peer, 42));
}

TEST_F(Cookies, NoneIsValidBeforeTheFirstIsMade) {
  EXPECT_FALSE(verify(kStart, Octets(CookieJar::kCookieBytes, 0)));
}

// --- NAT detection ---

// SHA-1 of SPIs, address and port by sha1sum(1).
TEST(Nat, HashOfBothFamilies) {
  const auto v4 = nat_hash(0x0102030405060708, 0, {ip("192.0.2.1"), 500});
  EXPECT_EQ(octets(*v4), hex("644b4575455bd6fcc1efe2be8162a9218e448e5f"));
  const auto v6 = nat_hash(0x0102030405060708, 0x1112131415161718, {ip("2001:db8::1"), 4500});
  EXPECT_EQ(octets(*v6), hex("1ee24423bf8f59515e0265c6d0f08be3d038f7e5"));
}

struct Path {
  const char* name;
  std::vector<wire::Endpoint> source;  // what the peer hashed as its own endpoint(s)
  std::vector<wire::Endpoint> destination;
  bool supported, local, remote;
};

TEST(Nat, Findings) {
  const wire::Endpoint here{ip("192.0.2.1"), 500}, there{ip("198.51.100.1"), 500};
  const wire::Endpoint inner{ip("10.0.0.1"), 500}, moved{ip("198.51.100.1"), 40000};
  const Path paths[] = {
      {"none", {there}, {here}, true, false, false},
      {"peer behind NAT", {inner}, {here}, true, false, true},
      {"we behind NAT", {there}, {inner}, true, true, false},
      {"both", {inner}, {inner}, true, true, true},
      {"port only", {moved}, {here}, true, false, true},
      {"several sources, one right", {inner, moved, there}, {here}, true, false, false},
      {"no notifies", {}, {}, false, false, false},
      {"no source", {}, {here}, false, false, false},
      {"no destination", {there}, {}, false, false, false},
  };
  for (const Path& path : paths) {
    MessageBuilder b(header_of(ExchangeType::kIkeSaInit));
    for (const auto& e : path.source)
      b.notify(NotifyType::kNatDetectionSourceIp, *nat_hash(7, 0, e));
    for (const auto& e : path.destination)
      b.notify(NotifyType::kNatDetectionDestinationIp, *nat_hash(7, 0, e));
    const Octets message = b.plain().value();
    Chain c;
    ASSERT_FALSE(chain_of(message, c));
    const NatFinding f = detect_nat(c, 7, 0, here, there);
    EXPECT_EQ(f.supported, path.supported) << path.name;
    EXPECT_EQ(f.local, path.local) << path.name;
    EXPECT_EQ(f.remote, path.remote) << path.name;
  }
}

TEST(Nat, HashesOfAnySizeAndTheForcedOne) {
  const wire::Endpoint e{ip("192.0.2.1"), 500};
  for (const std::size_t n :
       {std::size_t{0}, std::size_t{19}, std::size_t{21}, std::size_t{1000}}) {
    MessageBuilder b(header_of(ExchangeType::kIkeSaInit));
    Octets data = octets(*nat_hash(7, 0, e));
    data.resize(n);
    b.notify(NotifyType::kNatDetectionSourceIp, data);
    b.notify(NotifyType::kNatDetectionDestinationIp, nat_hash_of_nothing(7));
    const Octets message = b.plain().value();
    Chain c;
    ASSERT_FALSE(chain_of(message, c));
    const NatFinding f = detect_nat(c, 7, 0, e, e);
    EXPECT_TRUE(f.supported && f.local && f.remote);
  }
  EXPECT_NE(nat_hash_of_nothing(7), nat_hash_of_nothing(8));
}

// --- identities ---

TEST(Identity, TextForms) {
  const struct {
    const char* text;
    Identity::Type type;
    std::size_t size;
  } rows[] = {
      {"192.0.2.1", Identity::Type::kIpv4, 4},        {"2001:db8::1", Identity::Type::kIpv6, 16},
      {"gw@example.net", Identity::Type::kEmail, 14}, {"keyid:0102ff", Identity::Type::kKeyId, 3},
      {"gw.example.net", Identity::Type::kFqdn, 14},  {"192.0.2.256", Identity::Type::kFqdn, 11},
      {"keyid:", Identity::Type::kFqdn, 6},           {"keyid:123", Identity::Type::kFqdn, 9},
      {"keyid:xy", Identity::Type::kFqdn, 8}};
  for (const auto& row : rows) {
    const Identity id = Identity::parse(row.text);
    EXPECT_EQ(id.type, row.type) << row.text;
    EXPECT_EQ(id.data.size(), row.size) << row.text;
    EXPECT_EQ(id.to_string(), row.text);
  }
}

// Past bug: an identity with an embedded zero compared as the shorter one.
TEST(Identity, EqualityIsTypeAndEveryOctet) {
  const Identity a = Identity::parse("gw.example.net");
  Identity b = a;
  b.data.push_back(0);
  EXPECT_FALSE(a == b);
  b = a;
  b.type = Identity::Type::kEmail;
  EXPECT_FALSE(a == b);
  b = a;
  b.data[0] = 'G';
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(Identity::parse("*.example.net") == a);
}

TEST(Identity, LogsAreSafeWhateverItHolds) {
  for (unsigned type = 0; type <= 0xff; ++type) {
    Identity id{static_cast<Identity::Type>(type), {}};
    for (unsigned v = 0; v <= 0xff; ++v) id.data.push_back(static_cast<uint8_t>(v));
    for (const char c : id.to_string()) {
      ASSERT_GT(c, 0x20);
      ASSERT_LT(c, 0x7f);
      ASSERT_TRUE(c != '"' && c != '=');
    }
  }
  EXPECT_EQ((Identity{Identity::Type::kFqdn, {'a', '\n', 'b'}}).to_string(), "a\\x0ab");
}

}  // namespace
}  // namespace kanmon::ike
