// BFD sessions against each other and against RFC 5880: the state machine (section 6.2), timers
// and poll sequences (6.8.2 to 6.8.4, 6.8.7; BFD-02), administrative down (6.8.16; BFD-04),
// SHA1 authentication (6.7.4; BFD-05).
#include <algorithm>

#include <gtest/gtest.h>

#include "dataplane/bfd/session.h"
#include "dataplane/bfd/states.h"
#include "tests/support/bfd_pair.h"

namespace kanmon::bfd {
namespace {

using test::BfdPair;

constexpr uint64_t kSecond = 1'000'000;

Policy every(uint32_t ms, uint8_t multiplier = 3) {
  Policy p;
  p.desired_min_tx_us = p.required_min_rx_us = ms * 1000;
  p.detect_multiplier = multiplier;
  return p;
}

// Section 6.2, as drawn there: rows are our state, columns what the far end says.
TEST(BfdStates, AreTheDiagram) {
  constexpr State A = State::kAdminDown, D = State::kDown, I = State::kInit, U = State::kUp;
  constexpr State kDiagram[4][4] = {
      // AdminDown, Down, Init, Up
      {A, A, A, A},
      {D, I, U, D},
      {D, I, U, U},
      {D, D, U, U},
  };
  for (std::size_t ours = 0; ours < 4; ++ours)
    for (std::size_t theirs = 0; theirs < 4; ++theirs)
      EXPECT_EQ(move(static_cast<State>(ours), static_cast<State>(theirs)).next,
                kDiagram[ours][theirs])
          << to_string(static_cast<State>(ours)) << ", " << to_string(static_cast<State>(theirs));
}

TEST(BfdSession, ComesUpByThreeWayHandshake) {
  BfdPair pair(every(50), every(50));
  pair.run(3 * kSecond);
  EXPECT_TRUE(pair.both(State::kUp));
  EXPECT_EQ(pair[0].remote_discriminator(), 0x2222u);
  EXPECT_EQ(pair[0].counters().went_up, 1u);
  EXPECT_EQ(pair[0].counters().went_down, 0u);
  EXPECT_EQ(pair[0].diag(), Diag::kNone);
}

TEST(BfdSession, TwoPassiveOnesStaySilent) {
  Policy passive = every(50);
  passive.passive = true;
  BfdPair pair(passive, passive);
  EXPECT_EQ(pair[0].next_due(), kNever);
  pair.run(10 * kSecond);
  EXPECT_TRUE(pair.sent(0).empty());
  BfdPair one(passive, every(50));
  one.run(3 * kSecond);
  EXPECT_TRUE(one.both(State::kUp)) << "one that speaks is enough";
}

// BFD-02: no more often than once a second until Up, less 0 to 25 %.
TEST(BfdTimers, SlowUntilUp) {
  BfdPair pair(every(10), every(10));
  pair.cut(0, true);
  pair.cut(1, true);
  pair.run(100 * kSecond);
  const auto& sent = pair.sent(0);
  ASSERT_GE(sent.size(), 100u);
  ASSERT_LE(sent.size(), 134u);
  for (std::size_t i = 1; i < sent.size(); ++i) {
    const uint64_t gap = sent[i].at_us - sent[i - 1].at_us;
    EXPECT_GE(gap, kSecond * 3 / 4);
    EXPECT_LE(gap, kSecond);
    EXPECT_EQ(sent[i].packet.desired_min_tx_us, kSecond) << "what is told is what is done";
  }
}

struct Gaps {
  uint64_t least, most, mean;
};
Gaps gaps_of(const std::vector<BfdPair::Sent>& sent, uint64_t from_us) {
  Gaps g{~uint64_t{0}, 0, 0};
  uint64_t sum = 0, n = 0, last = 0;
  for (const BfdPair::Sent& s : sent) {
    if (s.at_us < from_us || s.packet.final) continue;
    if (last != 0) {
      g.least = std::min(g.least, s.at_us - last);
      g.most = std::max(g.most, s.at_us - last);
      sum += s.at_us - last;
      ++n;
    }
    last = s.at_us;
  }
  g.mean = n == 0 ? 0 : sum / n;
  return g;
}

// BFD-02: the slower of what one wants to send and the other to receive; jitter over all of its
// range (a mean far from its middle would be no jitter).
TEST(BfdTimers, SendAtTheSlowerOfBothLessJitter) {
  Policy a = every(50), b = every(80);
  a.required_min_rx_us = 20'000;
  BfdPair pair(a, b);
  pair.run(3 * kSecond);
  const uint64_t from = pair.now_us();
  pair.run(60 * kSecond);
  EXPECT_EQ(pair[0].tx_interval_us(), 80'000u);
  EXPECT_EQ(pair[1].tx_interval_us(), 80'000u);
  for (const std::size_t i : {0, 1}) {
    const Gaps g = gaps_of(pair.sent(i), from);
    EXPECT_GE(g.least, 60'000u);
    EXPECT_LE(g.most, 80'000u);
    EXPECT_NEAR(static_cast<double>(g.mean), 70'000, 1500);
  }
}

TEST(BfdTimers, WithAMultiplierOfOneAtMost90PerCent) {
  BfdPair pair(every(100, 1), every(100, 1));
  pair.run(3 * kSecond);
  const uint64_t from = pair.now_us();
  pair.run(60 * kSecond);
  const Gaps g = gaps_of(pair.sent(0), from);
  EXPECT_GE(g.least, 75'000u);
  EXPECT_LE(g.most, 90'000u);
  EXPECT_TRUE(pair.both(State::kUp)) << "never a false alarm";
}

// Section 6.8.4: the far end's multiplier by the slower of what it sends and what we take.
TEST(BfdTimers, DetectionTimeIsTheFarEndsMultiple) {
  Policy a = every(50, 3), b = every(60, 7);
  b.required_min_rx_us = 90'000;
  BfdPair pair(a, b);
  pair.run(5 * kSecond);
  EXPECT_EQ(pair[0].detection_time_us(), 7u * 60'000);
  EXPECT_EQ(pair[1].detection_time_us(), 3u * 90'000);
}

TEST(BfdSession, GoesDownWhenNothingIsHeardForTheDetectionTime) {
  BfdPair pair(every(50), every(50));
  pair.run(3 * kSecond);
  ASSERT_TRUE(pair.both(State::kUp));
  pair.cut(1, true);
  const uint64_t cut = pair.now_us();
  pair.run(149'999 - 50'000);
  EXPECT_EQ(pair[0].state(), State::kUp) << "not before its time";
  pair.run(50'001 + 50'000);
  EXPECT_EQ(pair[0].state(), State::kDown);
  EXPECT_EQ(pair[0].diag(), Diag::kDetectionTimeExpired);
  EXPECT_LE(pair[0].since_us(), cut + 150'000);
  EXPECT_EQ(pair[0].remote_discriminator(), 0u);
  // The other end hears of it with the next packet, which goes out at once.
  EXPECT_EQ(pair[1].state(), State::kDown);
  EXPECT_EQ(pair[1].diag(), Diag::kNeighborSignaledDown);
  EXPECT_EQ(pair[1].since_us(), pair[0].since_us());
  EXPECT_EQ(pair[1].remote_diag(), Diag::kDetectionTimeExpired);
  EXPECT_EQ(pair[0].counters().went_down, 1u);
  pair.cut(1, false);
  pair.run(4 * kSecond);
  EXPECT_TRUE(pair.both(State::kUp)) << "and comes back";
}

// A restarted far end has another discriminator and does not know ours.
TEST(BfdSession, SurvivesTheRestartOfTheFarEnd) {
  BfdPair pair(every(50), every(50));
  pair.run(3 * kSecond);
  Session fresh(every(50), 0x3333, 9, nullptr);
  uint8_t room[kMostBytes];
  uint32_t octets = fresh.transmit(pair.now_us(), room);
  ASSERT_EQ(octets, kHeaderBytes);
  EXPECT_EQ(pair[0].receive(pair.now_us(), {room, octets}), Refusal::kNone);
  EXPECT_EQ(pair[0].state(), State::kDown);
  EXPECT_EQ(pair[0].remote_discriminator(), 0x3333u);
}

// ---- poll sequences (section 6.5, 6.8.3)

TEST(BfdPoll, EndsWithTheFinalAndPacketsNeverHaveBoth) {
  BfdPair pair(every(50), every(50));
  pair.run(5 * kSecond);
  EXPECT_FALSE(pair[0].polling());
  EXPECT_FALSE(pair[1].polling());
  std::size_t polls = 0, finals = 0;
  for (const std::size_t i : {0, 1})
    for (const BfdPair::Sent& s : pair.sent(i)) {
      EXPECT_FALSE(s.packet.poll && s.packet.final);
      polls += s.packet.poll;
      finals += s.packet.final;
    }
  EXPECT_GE(polls, 2u) << "each end polled when its interval changed";
  EXPECT_EQ(finals, polls) << "each poll is answered";
}

TEST(BfdPoll, FinalIsSentAtOnceWhateverTheTimer) {
  BfdPair pair(every(300), every(300));
  pair.run(5 * kSecond);
  uint8_t poll[kMostBytes];
  Packet p = pair.sent(1).back().packet;
  p.poll = true;
  const uint32_t octets = write(p, poll);
  ASSERT_EQ(pair[0].receive(pair.now_us(), {poll, octets}), Refusal::kNone);
  EXPECT_EQ(pair[0].next_due(), 0u);
  uint8_t room[kMostBytes];
  Packet answer;
  ASSERT_EQ(parse({room, pair[0].transmit(pair.now_us(), room)}, answer), Refusal::kNone);
  EXPECT_TRUE(answer.final);
}

// What would make us slower waits for the far end's word, what makes us faster does not.
TEST(BfdPoll, ASlowerIntervalWaitsForTheFinal) {
  BfdPair pair(every(50), every(50));
  pair.run(5 * kSecond);
  pair.cut(1, true);  // no answer comes
  pair[0].change(pair.now_us(), every(200));
  EXPECT_TRUE(pair[0].polling());
  EXPECT_EQ(pair[0].tx_interval_us(), 50'000u);
  pair.run(60'000);
  EXPECT_EQ(pair.sent(0).back().packet.desired_min_tx_us, 200'000u) << "it is told";
  EXPECT_TRUE(pair.sent(0).back().packet.poll);
  EXPECT_EQ(pair[0].tx_interval_us(), 50'000u) << "and not done yet";
  pair.cut(1, false);
  pair.run(kSecond);
  EXPECT_FALSE(pair[0].polling());
  EXPECT_EQ(pair[0].tx_interval_us(), 200'000u);
  EXPECT_TRUE(pair.both(State::kUp));
  EXPECT_EQ(pair[0].counters().went_down, 0u);
}

TEST(BfdPoll, LessPatienceWaitsForTheFinal) {
  BfdPair pair(every(200), every(20));
  pair.run(5 * kSecond);
  ASSERT_EQ(pair[0].detection_time_us(), 600'000u);
  pair.cut(0, true);  // the far end does not hear of it
  pair[0].change(pair.now_us(), every(20));
  EXPECT_EQ(pair[0].detection_time_us(), 600'000u);
  pair.cut(0, false);
  pair.run(kSecond);
  EXPECT_EQ(pair[0].detection_time_us(), 60'000u);
  EXPECT_EQ(pair[0].counters().went_down, 0u);
}

// Many changes while up: never a false alarm.
TEST(BfdPoll, ChangesNeverBringASessionDown) {
  BfdPair pair(every(50), every(50));
  pair.run(5 * kSecond);
  uint32_t x = 5;
  for (int i = 0; i < 300; ++i) {
    x = x * 1664525 + 1013904223;
    pair[x >> 31].change(pair.now_us(), every(10 + x % 500, static_cast<uint8_t>(2 + x % 5)));
    pair.run(x % 700'000);
  }
  EXPECT_TRUE(pair.both(State::kUp));
  EXPECT_EQ(pair[0].counters().went_down + pair[1].counters().went_down, 0u);
}

// ---- what the far end may ask

TEST(BfdSession, SendsNothingToWhoRequiresZero) {
  Policy deaf = every(50);
  deaf.required_min_rx_us = 0;
  BfdPair pair(every(50), deaf);
  pair.run(3 * kSecond);
  const std::size_t before = pair.sent(0).size();
  EXPECT_EQ(pair[0].tx_interval_us(), 0u);
  uint64_t periodic = 0;
  pair.run(2 * kSecond);
  for (std::size_t i = before; i < pair.sent(0).size(); ++i)
    periodic += !pair.sent(0)[i].packet.final;
  EXPECT_EQ(periodic, 0u);
}

TEST(BfdSession, IsSilentWhileTheFarEndDemandsIt) {
  BfdPair pair(every(50), every(50));
  pair.run(5 * kSecond);
  Packet p = pair.sent(1).back().packet;
  p.demand = true;
  uint8_t demand[kMostBytes];
  const uint32_t octets = write(p, demand);
  ASSERT_EQ(pair[0].receive(pair.now_us(), {demand, octets}), Refusal::kNone);
  uint8_t room[kMostBytes];
  EXPECT_EQ(pair[0].transmit(pair.now_us() + kSecond, room), 0u) << "section 6.6";
}

// BFD-04, section 6.8.16.
TEST(BfdAdminDown, IsToldAndIsNoFailureOfThePath) {
  BfdPair pair(every(50), every(50));
  pair.run(3 * kSecond);
  pair[0].set_admin_down(pair.now_us(), true);
  pair.run(kSecond);
  EXPECT_EQ(pair[0].state(), State::kAdminDown);
  EXPECT_EQ(pair[0].diag(), Diag::kAdministrativelyDown);
  EXPECT_EQ(pair[1].state(), State::kDown);
  EXPECT_EQ(pair[1].remote_state(), State::kAdminDown) << "who asks can tell it from a failure";
  EXPECT_EQ(pair[1].remote_diag(), Diag::kAdministrativelyDown);
  EXPECT_GT(pair[0].counters().refused[static_cast<std::size_t>(Refusal::kDown)], 0u);
  pair.run(10 * kSecond);
  EXPECT_EQ(pair[1].state(), State::kDown) << "a far end that is AdminDown does not come up";
  pair[0].set_admin_down(pair.now_us(), false);
  pair.run(5 * kSecond);
  EXPECT_TRUE(pair.both(State::kUp));
}

// ---- section 6.7.4

Policy with_key(AuthType type, const char* key, uint8_t id = 7) {
  Policy p = every(50);
  p.auth.type = type;
  p.auth.key_id = id;
  std::copy(key, key + std::char_traits<char>::length(key), p.auth.key);
  return p;
}

class BfdAuth : public ::testing::TestWithParam<AuthType> {};

// BFD-05
TEST_P(BfdAuth, SessionsWithTheSameKeyComeUp) {
  BfdPair pair(with_key(GetParam(), "secret"), with_key(GetParam(), "secret"));
  pair.run(5 * kSecond);
  EXPECT_TRUE(pair.both(State::kUp));
  EXPECT_EQ(pair.sent(0).back().octets.size(), kMostBytes);
}

TEST_P(BfdAuth, AnotherKeyStaysDown) {
  BfdPair pair(with_key(GetParam(), "secret"), with_key(GetParam(), "Secret"));
  pair.run(5 * kSecond);
  EXPECT_TRUE(pair.both(State::kDown));
  EXPECT_GT(pair[0].counters().refused[static_cast<std::size_t>(Refusal::kAuthDigest)], 0u);
  EXPECT_EQ(pair[0].counters().received, 0u);
}

// BFD-05: the digest is SHA-1 over the packet with the key, zeros behind it, in the digest's place.
TEST_P(BfdAuth, DigestIsTheRfcs) {
  BfdPair pair(with_key(GetParam(), "secret"), with_key(GetParam(), "secret"));
  pair.run(2 * kSecond);
  std::vector<uint8_t> packet = pair.sent(0).back().octets;
  const std::vector<uint8_t> digest(packet.begin() + 32, packet.end());
  const char key[20] = "secret";
  std::copy(key, key + 20, packet.begin() + 32);
  uint8_t expected[20];
  test::openssl_sha1(packet.data(), 52, expected);
  EXPECT_EQ(digest, std::vector<uint8_t>(expected, expected + 20));
  EXPECT_EQ(packet[24], static_cast<uint8_t>(GetParam()));
  EXPECT_EQ(packet[25], 28);
  EXPECT_EQ(packet[26], 7);
  EXPECT_EQ(packet[27], 0);
}

TEST_P(BfdAuth, EveryFlippedBitIsRefused) {
  BfdPair pair(with_key(GetParam(), "secret"), with_key(GetParam(), "secret"));
  pair.cut(1, true);
  pair.run(2 * kSecond);
  const std::vector<uint8_t> good = pair.sent(1).back().octets;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::vector<uint8_t> bad = good;
    bad[bit / 8] = static_cast<uint8_t>(bad[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(pair[0].receive(pair.now_us(), bad), Refusal::kNone) << "bit " << bit;
  }
  EXPECT_EQ(pair[0].receive(pair.now_us(), good), Refusal::kNone);
}

INSTANTIATE_TEST_SUITE_P(Types, BfdAuth,
                         ::testing::Values(AuthType::kKeyedSha1, AuthType::kMeticulousSha1));

// BFD-05: a recorded packet is refused by the meticulous type at once, by the keyed one when it is
// old.
TEST(BfdAuth, ReplayedPacketsAreRefused) {
  for (const AuthType type : {AuthType::kKeyedSha1, AuthType::kMeticulousSha1}) {
    BfdPair pair(with_key(type, "secret"), with_key(type, "secret"));
    pair.run(5 * kSecond);
    const auto& sent = pair.sent(1);
    const std::vector<uint8_t> newest = sent.back().octets, older = sent[sent.size() - 4].octets;
    const bool meticulous = type == AuthType::kMeticulousSha1;
    EXPECT_EQ(pair[0].receive(pair.now_us(), newest),
              meticulous ? Refusal::kAuthSequence : Refusal::kNone);
    EXPECT_EQ(pair[0].receive(pair.now_us(), older), Refusal::kAuthSequence);
  }
}

// Section 6.8.1: after twice the detection time of silence the far end may begin anew.
TEST(BfdAuth, TheSequenceIsForgottenAfterSilence) {
  const Policy policy = with_key(AuthType::kMeticulousSha1, "secret");
  BfdPair pair(policy, policy);
  pair.run(5 * kSecond);
  const std::vector<uint8_t> recorded = pair.sent(1).back().octets;
  pair.cut(1, true);
  const uint64_t time = pair[0].detection_time_us();
  pair.run(time + time / 2);
  EXPECT_EQ(pair[0].receive(pair.now_us(), recorded), Refusal::kAuthSequence);
  pair.run(time);
  EXPECT_EQ(pair[0].receive(pair.now_us(), recorded), Refusal::kNone);
}

}  // namespace
}  // namespace kanmon::bfd
