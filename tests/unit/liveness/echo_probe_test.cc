// Health probes: the packet on the wire, and what each kind of answer is worth. Checksums are
// summed here word by word, by the RFCs 792, 1071 and 4443, and not by the data plane.
#include "dataplane/liveness/echo_probe.h"

#include <vector>

#include <gtest/gtest.h>

namespace kanmon::liveness {
namespace {

using Octets = std::vector<uint8_t>;

constexpr uint64_t kSecond = 1'000'000;
constexpr uint32_t kTunnel = 7, kOther = 8;

wire::IpAddress address(const char* text) {
  return wire::IpAddress::parse(text).value();
}

uint32_t words(const Octets& o, std::size_t from, std::size_t to, uint32_t sum = 0) {
  for (std::size_t i = from; i < to; i += 2)
    sum += static_cast<uint32_t>(o[i]) << 8 | (i + 1 < to ? o[i + 1] : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}
std::size_t icmp_at(const Octets& o) {
  return o[0] >> 4 == 4 ? 20 : 40;
}
// Of the ICMP message, as it should be: all ones.
uint32_t icmp_sum(const Octets& o) {
  const std::size_t at = icmp_at(o);
  if (at == 20) return words(o, at, o.size());
  const uint32_t pseudo = words(o, 8, 40) + static_cast<uint32_t>(o.size() - 40) + 58;
  return words(o, at, o.size(), pseudo);
}
void sum_up(Octets& o) {
  const std::size_t at = icmp_at(o);
  o[at + 2] = o[at + 3] = 0;
  const uint32_t sum = ~icmp_sum(o);
  o[at + 2] = static_cast<uint8_t>(sum >> 8);
  o[at + 3] = static_cast<uint8_t>(sum);
}

// What a host makes of a request.
Octets reply_to(Octets o) {
  const bool v4 = icmp_at(o) == 20;
  const std::size_t from = v4 ? 12 : 8, size = v4 ? 4 : 16;
  std::swap_ranges(o.begin() + static_cast<long>(from), o.begin() + static_cast<long>(from + size),
                   o.begin() + static_cast<long>(from + size));
  o[icmp_at(o)] = v4 ? 0 : 129;
  sum_up(o);
  return o;
}

class Probing : public ::testing::TestWithParam<bool> {
 protected:
  static EchoSettings settings(bool v6) {
    EchoSettings s;
    s.source = address(v6 ? "2001:db8::1" : "169.254.10.1");
    s.destination = address(v6 ? "2001:db8::2" : "169.254.10.2");
    s.tunnel = kTunnel;
    s.identifier = 0x4b4e;
    return s;
  }
  Octets request(uint64_t now) {
    Octets room(EchoProbe::kMostBytes);
    room.resize(probe_.transmit(now, room));
    return room;
  }
  EchoProbe probe_{settings(GetParam()), 42};
};

TEST_P(Probing, RequestsAreWhatAHostUnderstands) {
  const Octets o = request(5);
  const bool v6 = GetParam();
  ASSERT_EQ(o.size(), v6 ? 64u : 44u);
  EXPECT_EQ(icmp_sum(o), 0xffffu);
  EXPECT_EQ(o[icmp_at(o)], v6 ? 128 : 8);
  EXPECT_EQ(o[icmp_at(o) + 1], 0);
  EXPECT_EQ(o[icmp_at(o) + 4] << 8 | o[icmp_at(o) + 5], 0x4b4e);
  if (v6) {
    EXPECT_EQ(o[4] << 8 | o[5], 24);
    EXPECT_EQ(o[6], 58);
    EXPECT_EQ(wire::IpAddress::v6(&o[24]).to_string(), "2001:db8::2");
  } else {
    EXPECT_EQ(words(o, 0, 20), 0xffffu);
    EXPECT_EQ(o[2] << 8 | o[3], 44);
    EXPECT_EQ(o[9], 1);
    EXPECT_EQ(wire::IpAddress::v4(&o[16]).to_string(), "169.254.10.2");
  }
}

TEST_P(Probing, OneIsSentAnIntervalAndNotMore) {
  uint64_t now = 1'000 * kSecond;
  std::vector<uint64_t> sent;
  for (const uint64_t end = now + 60 * kSecond; now < end; now += 50'000) {
    (void)probe_.expire(now);
    if (!request(now).empty()) sent.push_back(now);
  }
  ASSERT_EQ(sent.size(), 20u);
  for (std::size_t i = 1; i < sent.size(); ++i) EXPECT_EQ(sent[i] - sent[i - 1], 3 * kSecond);
  EXPECT_EQ(probe_.counters().lost, 20u);
}

TEST_P(Probing, AnAnswerOfTheSameTunnelCounts) {
  const Octets reply = reply_to(request(0));
  EXPECT_EQ(probe_.receive(8'000, reply, kTunnel), Answer::kGood);
  EXPECT_EQ(probe_.round_trip_us(), 8'000u);
  EXPECT_EQ(probe_.receive(9'000, reply, kTunnel), Answer::kDuplicate);
  EXPECT_FALSE(probe_.expire(2 * kSecond));
  EXPECT_EQ(probe_.counters().good, 1u);
  EXPECT_EQ(probe_.counters().lost, 0u);
}

// The far end's way back is another tunnel: that is no loss, and no answer either.
TEST_P(Probing, AnAnswerOfAnotherTunnelIsAsymmetric) {
  EXPECT_EQ(probe_.receive(10, reply_to(request(0)), kOther), Answer::kAsymmetric);
  EXPECT_TRUE(probe_.asymmetric());
  EXPECT_EQ(probe_.other_tunnel(), kOther);
  EXPECT_EQ(probe_.round_trip_us(), 0u);
  EXPECT_FALSE(probe_.expire(2 * kSecond)) << "not lost";
  EXPECT_EQ(probe_.counters().lost, 0u);
  EXPECT_EQ(probe_.counters().good, 0u);
  EXPECT_EQ(probe_.receive(3 * kSecond + 1, reply_to(request(3 * kSecond)), kTunnel),
            Answer::kGood);
  EXPECT_FALSE(probe_.asymmetric()) << "mended";
}

// In the clear from the outside, or from a port: not this tunnel's either.
TEST_P(Probing, AnAnswerOutsideAnyTunnelIsAsymmetric) {
  EXPECT_EQ(probe_.receive(10, reply_to(request(0)), 0xffffffff), Answer::kAsymmetric);
  // The right one may still come.
}

TEST_P(Probing, TheRightAnswerAfterAnAsymmetricOneCounts) {
  const Octets reply = reply_to(request(0));
  EXPECT_EQ(probe_.receive(10, reply, kOther), Answer::kAsymmetric);
  EXPECT_EQ(probe_.receive(20, reply, kTunnel), Answer::kGood);
  EXPECT_FALSE(probe_.asymmetric());
}

TEST_P(Probing, ALateAnswerDoesNotCount) {
  const Octets first = reply_to(request(0));
  EXPECT_TRUE(probe_.expire(kSecond));
  EXPECT_EQ(probe_.receive(kSecond + 1, first, kTunnel), Answer::kLate);
  (void)request(3 * kSecond);
  EXPECT_EQ(probe_.receive(3 * kSecond + 1, first, kTunnel), Answer::kLate);
  EXPECT_EQ(probe_.counters().late, 2u);
  EXPECT_EQ(probe_.counters().good, 0u);
  EXPECT_TRUE(probe_.expire(4 * kSecond));
}

// Who is not on the path cannot answer for the far end, and no flipped bit passes.
TEST_P(Probing, NothingElseIsAnAnswer) {
  const Octets asked = request(0), good = reply_to(asked);
  const std::size_t at = icmp_at(good);
  const auto refused = [&](Octets o, bool summed = true) {
    if (summed) sum_up(o);
    const Answer a = probe_.receive(10, o, kTunnel);
    return a == Answer::kNotOurs || a == Answer::kMalformed;
  };
  EXPECT_TRUE(refused(asked, false)) << "our own request, sent back";
  for (const std::size_t field : {at, at + 1, at + 4, at + 5, at + 7, at + 8, at + 15}) {
    Octets o = good;
    o[field] ^= 1;
    EXPECT_TRUE(refused(o)) << "octet " << field << " changed, summed anew";
  }
  for (std::size_t octet = at; octet < good.size(); ++octet) {
    Octets o = good;
    o[octet] ^= 0x10;
    EXPECT_TRUE(refused(o, false)) << "octet " << octet << " damaged";
  }
  const std::size_t from = GetParam() ? 8 : 12;
  for (const std::size_t field : {from, from + 3, from + (GetParam() ? 16 : 4)}) {
    Octets o = good;
    o[field] ^= 1;
    EXPECT_TRUE(refused(o, false)) << "another address";
  }
  for (std::size_t octets = 0; octets < good.size(); ++octets)
    EXPECT_TRUE(refused(Octets(good.begin(), good.begin() + static_cast<long>(octets)), false));
  EXPECT_EQ(probe_.counters().good, 0u);
  EXPECT_EQ(probe_.receive(20, good, kTunnel), Answer::kGood) << "nothing of it did harm";
}

TEST_P(Probing, TwoProbesDoNotAnswerEachOther) {
  EchoSettings other = settings(GetParam());
  other.identifier = 0x4b4f;
  EchoProbe second(other, 42);
  const Octets reply = reply_to(request(0));
  Octets room(EchoProbe::kMostBytes);
  ASSERT_NE(second.transmit(0, room), 0u);
  EXPECT_EQ(second.receive(1, reply, kTunnel), Answer::kNotOurs);
}

INSTANTIATE_TEST_SUITE_P(Families, Probing, ::testing::Bool());

}  // namespace
}  // namespace kanmon::liveness
