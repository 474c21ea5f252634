// Neighbour resolution with a fake clock and a fake wire: RFC 826, RFC 4861 sections 7.2 and 7.3.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "control/neighbor/table.h"

namespace kanmon::neighbor {
namespace {

using namespace std::chrono_literals;
using wire::InterfaceAddress;
using wire::IpAddress;
using wire::MacAddress;

constexpr MacAddress kOurs{2, 0, 0, 0, 0, 1};
constexpr MacAddress kTheirs{2, 0, 0, 0, 0, 2};
constexpr MacAddress kOther{2, 0, 0, 0, 0, 3};
IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

class FakeHost : public Host {
 public:
  void send_frame(uint16_t, const Frame& frame) override { sent.push_back(frame); }
  void resolved(uint16_t, const IpAddress& a, uint32_t, const MacAddress& mac) override {
    known[a] = mac;
  }
  void lost(uint16_t, const IpAddress& a, uint32_t, bool forgotten) override {
    known.erase(a);
    losses += forgotten ? "f" : "l";
  }
  void release(Held) override { ++released; }
  void discard(Held) override { ++discarded; }

  std::vector<Frame> sent;
  std::map<IpAddress, MacAddress> known;
  std::string losses;
  int released = 0, discarded = 0;
};

// Both families behave alike: each test runs with an IPv4 and an IPv6 subnet.
struct Net {
  const char *ours, *theirs, *outside;
};
class Neighbors : public ::testing::TestWithParam<Net> {
 protected:
  void SetUp() override {
    table.set_port(0, kOurs, {InterfaceAddress::parse(GetParam().ours).value()});
    our = InterfaceAddress::parse(GetParam().ours).value().address;
    their = ip(GetParam().theirs);
  }
  // What the neighbour at `mac` answers to our question for `address`.
  Frame answer(const MacAddress& mac, const IpAddress& address) {
    Message question;
    question.sender = our;
    question.sender_mac = kOurs;
    question.target = address;
    return neighbor::advertise(mac, question);
  }
  void pass(std::chrono::milliseconds time) {
    for (auto end = now + time; now < end; now += 100ms) table.tick(now);
  }

  FakeHost host;
  Table table{host};
  IpAddress our, their;
  TimePoint now{};
};

TEST_P(Neighbors, AsksOnceAndReleasesWhatWaited) {
  int a = 0, b = 0;
  table.hold(now, 0, their, &a);
  table.hold(now, 0, their, &b);
  ASSERT_EQ(host.sent.size(), 1u);
  const auto question = parse(host.sent[0]);
  ASSERT_TRUE(question.ok());
  EXPECT_EQ(question->kind, Message::Kind::kSolicit);
  EXPECT_EQ(question->target, their);
  EXPECT_EQ(question->sender, our);
  EXPECT_TRUE(table.receive(now, 0, answer(kTheirs, their)));
  EXPECT_EQ(host.released, 2);
  EXPECT_EQ(host.known.at(their), kTheirs);
}

TEST_P(Neighbors, GivesUpAfterThreeTriesAndForgets) {
  int a = 0;
  table.hold(now, 0, their, &a);
  pass(10s);
  EXPECT_EQ(host.sent.size(), 3u);
  EXPECT_EQ(host.discarded, 1);
  EXPECT_EQ(host.losses, "f");
  EXPECT_TRUE(table.entries().empty());
}

TEST_P(Neighbors, PinnedIsAskedAgainForEver) {
  const auto adjacency = table.ask(now, 0, their, true);
  pass(10s);
  EXPECT_EQ(host.losses, "l");
  ASSERT_EQ(table.entries().size(), 1u);
  EXPECT_EQ(table.entries()[0].state, State::kFailed);
  const size_t before = host.sent.size();
  pass(25s);
  EXPECT_GT(host.sent.size(), before);
  EXPECT_TRUE(table.receive(now, 0, answer(kTheirs, their)));
  EXPECT_EQ(host.known.at(their), kTheirs);
  EXPECT_EQ(table.entries()[0].adjacency, *adjacency);
}

TEST_P(Neighbors, ProbesByUnicastBeforeForgetting) {
  table.ask(now, 0, their, false);
  table.receive(now, 0, answer(kTheirs, their));
  host.sent.clear();
  pass(31s);
  ASSERT_FALSE(host.sent.empty());
  EXPECT_TRUE(std::equal(kTheirs.begin(), kTheirs.end(), host.sent[0].begin()));
  EXPECT_EQ(host.known.count(their), 1u) << "in use while it is probed";
  pass(10s);
  EXPECT_EQ(host.known.count(their), 0u);
}

TEST_P(Neighbors, AnswersQuestionsForItsOwnAddressOnly) {
  EXPECT_TRUE(table.receive(now, 0, solicit(kTheirs, their, our)));
  ASSERT_EQ(host.sent.size(), 1u);
  const auto reply = parse(host.sent[0]);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->kind, Message::Kind::kAdvertise);
  EXPECT_EQ(reply->target, our);
  EXPECT_EQ(reply->sender_mac, kOurs);
  EXPECT_EQ(host.known.at(their), kTheirs) << "who asks is learned";
  host.sent.clear();
  table.receive(now, 0, solicit(kTheirs, their, ip(GetParam().outside)));
  EXPECT_TRUE(host.sent.empty());
}

TEST_P(Neighbors, LearnsNothingUnasked) {
  table.receive(now, 0, answer(kOther, their));
  EXPECT_TRUE(table.entries().empty());
  // Nor from a station that claims an address outside the port's subnets.
  table.receive(now, 0, solicit(kOther, ip(GetParam().outside), our));
  EXPECT_TRUE(table.entries().empty());
}

TEST_P(Neighbors, FollowsAChangedStation) {
  table.ask(now, 0, their, true);
  table.receive(now, 0, answer(kTheirs, their));
  table.receive(now, 0, answer(kOther, their));
  EXPECT_EQ(host.known.at(their), kOther);
}

TEST_P(Neighbors, HoldsABoundedNumberOfPackets) {
  int packets[20];
  for (int& p : packets) table.hold(now, 0, their, &p);
  EXPECT_EQ(host.discarded, 20 - static_cast<int>(Table::kMaxHeld));
}

TEST_P(Neighbors, EveryTruncationIsRefused) {
  Frame frame = answer(kTheirs, their);
  const size_t needed = their.is_v4() ? 42 : frame.size();
  table.ask(now, 0, their, true);
  for (size_t n = 0; n < needed; ++n)
    EXPECT_FALSE(table.receive(now, 0, wire::Bytes(frame).first(n)) && !host.known.empty()) << n;
}

TEST_P(Neighbors, ForgetsWithItsPort) {
  int a = 0;
  table.hold(now, 0, their, &a);
  table.remove_port(0);
  EXPECT_EQ(host.discarded, 1);
  EXPECT_TRUE(table.entries().empty());
}

INSTANTIATE_TEST_SUITE_P(Families, Neighbors,
                         ::testing::Values(Net{"192.0.2.1/24", "192.0.2.2", "198.51.100.9"},
                                           Net{"2001:db8::1/64", "2001:db8::2", "2001:db9::9"}));

TEST(NeighborDiscovery, NeedsHopLimit255AndAChecksum) {
  Frame frame = solicit(kTheirs, ip("2001:db8::2"), ip("2001:db8::1"));
  EXPECT_TRUE(parse(frame).ok());
  Frame far = frame;
  far[14 + 7] = 254;  // came through a router (RFC 4861 section 7.1.1)
  EXPECT_FALSE(parse(far).ok());
  Frame broken = frame;
  broken[14 + 40 + 10] ^= 1;
  EXPECT_FALSE(parse(broken).ok());
}

TEST(NeighborDiscovery, OptionOfLengthZeroEndsTheParse) {
  Frame frame = solicit(kTheirs, ip("2001:db8::2"), ip("2001:db8::1"));
  frame[14 + 40 + 24 + 1] = 0;
  EXPECT_FALSE(parse(frame).ok());
}

TEST(LinkLocal, FromAMac) {  // RFC 4291 appendix A
  EXPECT_EQ(link_local({0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}).to_string(),
            "fe80::3656:78ff:fe9a:bcde");
}

}  // namespace
}  // namespace kanmon::neighbor
