// Message IDs, retransmission, delays and the timer queue, each by itself (IKE-05, IKE-21).
#include <gtest/gtest.h>

#include "control/ike/sa/exchange.h"
#include "control/ike/sa/schedule.h"
#include "control/ike/sa/timers.h"
#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

using ike::Exchange;
using ike::Timers;
using Arrival = Exchange::Arrival;
using ike::TimerKind;

constexpr TimePoint kStart{std::chrono::hours(1)};

ike::Datagrams datagrams(uint8_t octet) {
  ike::Datagrams all;
  all.push_back(Octets{octet});
  return all;
}

TEST(Window, TakesTheExpectedIdOnceAndAnswersTheLastAgain) {
  Exchange exchange;
  const Octets first{1}, second{2}, other{3};
  EXPECT_EQ(exchange.classify(0, first), Arrival::kNew);
  EXPECT_EQ(exchange.classify(1, first), Arrival::kOutside);
  EXPECT_EQ(exchange.classify(0xffffffff, first), Arrival::kOutside);
  exchange.accept(first);
  EXPECT_EQ(exchange.classify(0, first), Arrival::kWaiting);
  exchange.set_response(datagrams(9));
  EXPECT_EQ(exchange.classify(0, first), Arrival::kRepeat);
  EXPECT_EQ(exchange.classify(0, other), Arrival::kOutside);
  EXPECT_EQ(exchange.classify(1, second), Arrival::kNew);
  exchange.accept(second);
  EXPECT_EQ(exchange.classify(0, first), Arrival::kOutside);
  EXPECT_EQ(exchange.classify(1, second), Arrival::kWaiting);
  EXPECT_EQ(exchange.classify(3, second), Arrival::kOutside);
}

TEST(Window, OneRequestAtATimeWithConsecutiveIds) {
  Exchange exchange;
  for (uint32_t id = 0; id < 5; ++id) {
    EXPECT_EQ(exchange.next_id(), id);
    EXPECT_FALSE(exchange.answers(id));
    exchange.sent(kStart, datagrams(1), {});
    EXPECT_TRUE(exchange.busy());
    EXPECT_TRUE(exchange.answers(id));
    EXPECT_FALSE(exchange.answers(id + 1));
    EXPECT_FALSE(exchange.answers(id - 1));
    exchange.answered();
    EXPECT_FALSE(exchange.answers(id));
  }
}

// 12 tries, each twice as long after the one before from 500 ms on, at most 30 s, over minutes.
TEST(Retransmission, ByTheDefaultsTakesMinutes) {
  Exchange exchange;
  ike::RetransmitPolicy policy;
  policy.cap = ike::kRetransmitCap;
  exchange.sent(kStart, datagrams(1), policy);
  std::vector<int64_t> at_ms;
  for (;;) {
    const TimePoint when = exchange.deadline();
    EXPECT_EQ(exchange.due(when - Duration(1)), Exchange::Due::kNothing);
    const auto due = exchange.due(when);
    at_ms.push_back(std::chrono::duration_cast<milliseconds>(when - kStart).count());
    if (due == Exchange::Due::kGiveUp) break;
    ASSERT_EQ(due, Exchange::Due::kRepeat);
    ASSERT_LT(at_ms.size(), 100u);
  }
  const std::vector<int64_t> expected = {500,    1500,   3500,    7500,    15'500,  31'500,
                                         61'500, 91'500, 121'500, 151'500, 181'500, 211'500};
  EXPECT_EQ(at_ms, expected);
  EXPECT_EQ(exchange.tries(), 12u);
}

TEST(Retransmission, HurriedIsDenserAndGivesUpNoEarlier) {
  Exchange exchange;
  ike::RetransmitPolicy policy;
  policy.cap = ike::kRetransmitCap;
  exchange.sent(kStart, datagrams(1), policy);
  exchange.hurry(kStart, seconds(5));
  TimePoint before = kStart;
  for (;;) {
    const TimePoint when = exchange.deadline();
    EXPECT_LE(when - before, Duration(seconds(5)));
    if (exchange.due(when) == Exchange::Due::kGiveUp) break;
    before = when;
  }
  EXPECT_EQ(exchange.deadline() - kStart, Duration(milliseconds(211'500)));
}

TEST(Retransmission, SendsTheSameOctets) {
  TwoPeers peers;
  peers.fate = [](const Message&) { return Fate{}; };
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
  peers.run_for(seconds(100));
  ASSERT_GE(peers.sent.size(), 8u);
  for (const Message& message : peers.sent) EXPECT_EQ(message.bytes, peers.sent[0].bytes);
  EXPECT_EQ(peers.status(true).retransmits, peers.sent.size() - 1);
}

TEST(Retransmission, AnUnansweredAttemptIsNamedAndTriedAgain) {
  TwoPeers peers;
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));  // B has no tunnel and is silent
  peers.fate = [](const Message&) { return Fate{}; };
  EXPECT_TRUE(peers.run_until(
      [&] { return peers.status(true).state == ike::TunnelState::kWaiting; }, seconds(220)));
  EXPECT_EQ(peers.status(true).reason,
            "no answer from 192.0.2.2:500 to IKE_SA_INIT after 12 tries");
  const uint64_t spi = peers.sent.back().header.spi_initiator;
  peers.run_for(seconds(2));
  EXPECT_NE(peers.sent.back().header.spi_initiator, spi);
}

TEST(Delays, DoubleToTheirCap) {
  using ike::retransmit_delay;
  EXPECT_EQ(retransmit_delay(milliseconds(500), 1, seconds(30)), Duration(milliseconds(500)));
  EXPECT_EQ(retransmit_delay(milliseconds(500), 2, seconds(30)), Duration(seconds(1)));
  EXPECT_EQ(retransmit_delay(milliseconds(500), 1000, seconds(30)), Duration(seconds(30)));
  EXPECT_EQ(retransmit_delay(seconds(60), 3, seconds(30)), Duration(seconds(60)));
  for (const uint32_t dice : {0u, 0x80000000u, 0xffffffffu}) {
    for (uint32_t n = 1; n < 100; ++n) {
      const Duration whole =
          std::min<Duration>(seconds(1) * (1u << std::min(n - 1, 10u)), seconds(60));
      EXPECT_GE(ike::retry_delay(n, dice), whole * 3 / 4);
      EXPECT_LE(ike::retry_delay(n, dice), whole);
    }
  }
}

TEST(Delays, RekeyIsBeforeTheEndAndFuzzed) {
  const auto age = [](uint32_t dice, seconds life = seconds(3600), seconds margin = seconds(270)) {
    return std::chrono::duration_cast<seconds>(ike::rekey_age(life, margin, 100, dice)).count();
  };
  EXPECT_EQ(age(0), 3330);
  EXPECT_NEAR(static_cast<double>(age(0xffffffff)), 3060, 1);
  // A margin longer than the life leaves half of it.
  EXPECT_EQ(age(0, seconds(100), seconds(300)), 50);
}

TEST(TimerQueue, PopsInOrderAndOncePerArm) {
  Timers timers;
  EXPECT_EQ(timers.next(), TimePoint::max());
  timers.arm(TimerKind::kRetransmit, 1, kStart + seconds(3));
  timers.arm(TimerKind::kLiveness, 1, kStart + seconds(1));
  timers.arm(TimerKind::kRetransmit, 2, kStart + seconds(2));
  timers.arm(TimerKind::kRetransmit, 1, kStart + seconds(4));  // moved
  EXPECT_EQ(timers.size(), 3u);
  EXPECT_FALSE(timers.pop(kStart).has_value());
  EXPECT_EQ(timers.pop(kStart + seconds(9))->kind, TimerKind::kLiveness);
  EXPECT_EQ(timers.pop(kStart + seconds(9))->subject, 2u);
  timers.cancel(TimerKind::kRetransmit, 7);
  EXPECT_FALSE(timers.pop(kStart + seconds(3)).has_value());
  EXPECT_EQ(timers.pop(kStart + seconds(4))->subject, 1u);
  EXPECT_EQ(timers.size(), 0u);
}

}  // namespace
}  // namespace kanmon::test
