// BFD-01: what RFC 5880 section 6.8.6 says to discard is discarded, under a name, and changes
// nothing of a session. The packets are written by hand from section 4.1.
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/bfd/packet.h"
#include "dataplane/bfd/session.h"
#include "tests/support/bfd_pair.h"

namespace kanmon::bfd {
namespace {

using Octets = std::vector<uint8_t>;

constexpr uint32_t kOurs = 0x0a0b0c0d;

// A good packet: Up, multiplier 3, for kOurs, 50 ms both ways.
Octets good() {
  return {0x20, 0xc0, 3,    24,   0x01, 0x02, 0x03, 0x04, 0x0a, 0x0b, 0x0c, 0x0d,
          0,    0,    0xc3, 0x50, 0,    0,    0xc3, 0x50, 0,    0,    0,    0};
}

Octets with(std::size_t at, uint8_t value, Octets packet = good()) {
  packet[at] = value;
  return packet;
}
Octets first(std::size_t octets) {
  const Octets g = good();
  return {g.begin(), g.begin() + static_cast<std::ptrdiff_t>(octets)};
}
// With a SHA1 section of this type and length, and room for 28 octets of it.
Octets authenticated(uint8_t type, uint8_t length, uint8_t total = 52) {
  Octets p = with(1, 0xc4);
  p[3] = total;
  p.resize(52);
  p[24] = type;
  p[25] = length;
  return p;
}

TEST(BfdPacket, IsReadAsTheRfcDrawsIt) {
  Packet p;
  Octets octets = good();
  octets[0] = 0x20 | 7;
  octets[1] = 0x40 | 0x20 | 0x08 | 0x02;  // Down, P, C, D
  octets[23] = 9;
  ASSERT_EQ(parse(octets, p), Refusal::kNone);
  EXPECT_EQ(p.diag, Diag::kAdministrativelyDown);
  EXPECT_EQ(p.state, State::kDown);
  EXPECT_TRUE(p.poll && p.control_plane_independent && p.demand);
  EXPECT_FALSE(p.final || p.authenticated);
  EXPECT_EQ(p.detect_multiplier, 3);
  EXPECT_EQ(p.my_discriminator, 0x01020304u);
  EXPECT_EQ(p.your_discriminator, kOurs);
  EXPECT_EQ(p.desired_min_tx_us, 50'000u);
  EXPECT_EQ(p.required_min_rx_us, 50'000u);
  EXPECT_EQ(p.required_min_echo_rx_us, 9u);
}

TEST(BfdPacket, IsWrittenAsItIsRead) {
  uint8_t room[kMostBytes];
  Packet p;
  ASSERT_EQ(parse(good(), p), Refusal::kNone);
  ASSERT_EQ(write(p, room), kHeaderBytes);
  EXPECT_EQ(Octets(room, room + kHeaderBytes), good());
  EXPECT_EQ(write(p, wire::MutableBytes(room, 23)), 0u) << "no room";
  p.auth_type = 5;
  EXPECT_EQ(write(p, room), kMostBytes);
  EXPECT_EQ(write(p, wire::MutableBytes(room, 51)), 0u);
}

// RFC 5880 section 6.8.6: the length may be less than the datagram's; what follows is ignored.
TEST(BfdPacket, MayBeFollowedByOtherOctets) {
  Octets p = good();
  p.insert(p.end(), 40, 0xff);
  Packet read;
  EXPECT_EQ(parse(p, read), Refusal::kNone);
}

struct Bad {
  const char* name;
  Octets packet;
  Refusal why;
  AuthType auth = AuthType::kNone;
};
void PrintTo(const Bad& b, std::ostream* out) {
  *out << b.name;
}

const Bad kBad[] = {
    {"nothing", {}, Refusal::kTooShort},
    {"a header less an octet", first(23), Refusal::kTooShort},
    {"version 0", with(0, 0x00), Refusal::kVersion},
    {"version 2", with(0, 0x40), Refusal::kVersion},
    {"version 7", with(0, 0xe0), Refusal::kVersion},
    {"length 0", with(3, 0), Refusal::kTooShort},
    {"length 23", with(3, 23), Refusal::kTooShort},
    {"length of more than there is", with(3, 25), Refusal::kLength},
    {"length 255", with(3, 255), Refusal::kLength},
    {"multiplier 0", with(2, 0), Refusal::kMultiplier},
    {"multipoint", with(1, 0xc1), Refusal::kMultipoint},
    {"my discriminator 0", with(4, 0, with(5, 0, with(6, 0, with(7, 0)))),
     Refusal::kMyDiscriminator},
    {"your discriminator 0 while Up", with(8, 0, with(9, 0, with(10, 0, with(11, 0)))),
     Refusal::kYourDiscriminator},
    {"your discriminator 0 while Init",
     with(1, 0x80, with(8, 0, with(9, 0, with(10, 0, with(11, 0))))), Refusal::kYourDiscriminator},
    {"your discriminator of another session", with(11, 0x0e), Refusal::kYourDiscriminator},
    {"A bit, 24 octets", with(1, 0xc4), Refusal::kTooShort},
    {"A bit, 25 octets", with(3, 25, with(1, 0xc4)), Refusal::kTooShort},
    {"authentication nobody asked for", authenticated(4, 28), Refusal::kAuthUnexpected},
    {"no authentication where it is asked for", good(), Refusal::kAuthMissing,
     AuthType::kKeyedSha1},
    {"a section longer than the packet", authenticated(4, 29), Refusal::kTooShort,
     AuthType::kKeyedSha1},
    {"a SHA1 section of 27 octets", authenticated(4, 27), Refusal::kAuthType, AuthType::kKeyedSha1},
    {"a SHA1 section cut by the length", authenticated(5, 28, 51), Refusal::kTooShort,
     AuthType::kMeticulousSha1},
    {"a password", authenticated(1, 9), Refusal::kAuthType, AuthType::kKeyedSha1},
    {"keyed for meticulous", authenticated(4, 28), Refusal::kAuthType, AuthType::kMeticulousSha1},
    {"another key id", with(26, 8, authenticated(4, 28)), Refusal::kAuthKey, AuthType::kKeyedSha1},
    {"a wrong digest", with(26, 7, authenticated(4, 28)), Refusal::kAuthDigest,
     AuthType::kKeyedSha1},
};

class BadPacket : public ::testing::TestWithParam<Bad> {};

// BFD-01
TEST_P(BadPacket, ChangesNothing) {
  const Bad& bad = GetParam();
  Policy policy;
  policy.auth = {bad.auth, 7, {1, 2, 3}};
  Session s(policy, kOurs, 1, test::openssl_sha1);
  const uint64_t due = s.next_due();
  const Refusal why = s.receive(5, bad.packet);
  EXPECT_EQ(why, bad.why) << to_string(why);
  EXPECT_EQ(s.state(), State::kDown);
  EXPECT_EQ(s.remote_discriminator(), 0u);
  EXPECT_EQ(s.remote_state(), State::kDown);
  EXPECT_EQ(s.detection_time_us(), 0u);
  EXPECT_EQ(s.next_due(), due);
  EXPECT_EQ(s.counters().received, 0u);
  EXPECT_EQ(s.counters().refused[static_cast<std::size_t>(bad.why)], 1u);
}

// The same while the session is up: it does not keep it up either.
TEST_P(BadPacket, DoesNotKeepASessionUp) {
  const Bad& bad = GetParam();
  if (bad.auth != AuthType::kNone) GTEST_SKIP() << "the hand-written packets have no digest";
  Session s({}, kOurs, 1, nullptr);
  ASSERT_EQ(s.receive(0, with(1, 0x40)), Refusal::kNone);  // Down
  ASSERT_EQ(s.receive(0, with(1, 0x80)), Refusal::kNone);  // Init
  ASSERT_EQ(s.state(), State::kUp);
  EXPECT_EQ(s.receive(s.detection_time_us() - 1, bad.packet), bad.why);
  EXPECT_TRUE(s.expire(s.detection_time_us()));
}

INSTANTIATE_TEST_SUITE_P(Rfc5880, BadPacket, ::testing::ValuesIn(kBad));

TEST(BfdPacket, TheGoodOneIsGood) {
  Session s({}, kOurs, 1, nullptr);
  EXPECT_EQ(s.receive(0, with(1, 0x80)), Refusal::kNone);
  EXPECT_EQ(s.state(), State::kUp);
  EXPECT_EQ(s.remote_discriminator(), 0x01020304u);
}

TEST(BfdNames, EachHasOne) {
  EXPECT_STREQ(to_string(State::kInit), "init");
  EXPECT_STREQ(to_string(static_cast<Diag>(31)), "reserved");
  EXPECT_STREQ(to_string(Diag::kReverseConcatenatedPathDown), "reverse-concatenated-path-down");
  EXPECT_STREQ(to_string(Refusal::kDown), "admin-down");
}

}  // namespace
}  // namespace kanmon::bfd
