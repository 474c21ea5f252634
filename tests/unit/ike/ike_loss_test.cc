// Any one and any two messages of a tunnel's life lost, doubled or delayed: both ends come to one
// and the same pair of SAs, without losing a packet once they were up (IKE-22).
#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

enum class Harm { kNone, kLose, kDouble, kDelay };
constexpr Harm kHarms[] = {Harm::kLose, Harm::kDouble, Harm::kDelay};
constexpr const char* kNames[] = {"none", "lose", "double", "delay"};

struct Schedule {
  uint64_t first = ~uint64_t{0};
  Harm first_harm = Harm::kNone;
  uint64_t second = ~uint64_t{0};
  Harm second_harm = Harm::kNone;

  std::string text() const {
    return std::to_string(first) + " " + kNames[static_cast<int>(first_harm)] + ", " +
           std::to_string(second) + " " + kNames[static_cast<int>(second_harm)];
  }
};

Fate harmed(Harm harm, Duration delay) {
  switch (harm) {
    case Harm::kLose:
      return {};
    case Harm::kDouble:
      return {delay, delay * 3};
    case Harm::kDelay:
      return {delay + milliseconds(800)};  // past the first retransmission
    case Harm::kNone:
      break;
  }
  return {delay};
}

void apply(TwoPeers& peers, const Schedule& schedule) {
  peers.fate = [schedule, &peers](const Message& message) -> Fate {
    if (message.number == schedule.first) return harmed(schedule.first_harm, peers.wire_delay);
    if (message.number == schedule.second) return harmed(schedule.second_harm, peers.wire_delay);
    return {peers.wire_delay};
  };
}

// Set-up, child rekey by A, IKE rekey by B, child rekey by B. Returns how many messages it took.
uint64_t live(const Schedule& schedule) {
  SCOPED_TRACE(schedule.text());
  TwoPeers peers;
  apply(peers, schedule);
  peers.traffic_interval = milliseconds(100);
  peers.add_both();
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(20)));
  peers.run_for(milliseconds(100));
  peers.a.gaps = peers.b.gaps = peers.a.unsent = peers.b.unsent = 0;
  (void)peers.a.engine->rekey_child(peers.now(), "t");
  peers.run_for(milliseconds(700));
  (void)peers.b.engine->rekey_ike(peers.now(), "t");
  peers.run_for(milliseconds(700));
  (void)peers.b.engine->rekey_child(peers.now(), "t");
  peers.run_for(seconds(30));
  EXPECT_EQ(peers.mirror_problem(), "");
  EXPECT_EQ(peers.a.gaps + peers.b.gaps + peers.a.unsent + peers.b.unsent, 0u);
  EXPECT_EQ(peers.status(true).ike_spi_initiator, peers.status(false).ike_spi_initiator);
  return peers.sent.size();
}

TEST(Loss, OfAnyOneMessageConverges) {
  const uint64_t messages = live({});
  EXPECT_EQ(messages, 16u);
  for (uint64_t i = 0; i < messages; ++i)
    for (const Harm harm : kHarms) live({i, harm});
}

TEST(Loss, OfAnyTwoMessagesConverges) {
  for (uint64_t i = 0; i < 18; ++i)
    for (uint64_t j = i + 1; j < 20; ++j)
      for (const Harm first : kHarms)
        for (const Harm second : kHarms) {
          live({i, first, j, second});
          if (::testing::Test::HasFailure()) return;
        }
}

// Deletes: A takes the tunnel down.
void end(const Schedule& schedule) {
  SCOPED_TRACE(schedule.text());
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  Schedule later = schedule;
  later.first += peers.sent.size();
  later.second += peers.sent.size();
  apply(peers, later);
  ASSERT_TRUE(peers.a.engine->down(peers.now(), "t").ok());
  peers.run_for(seconds(20));
  EXPECT_EQ(peers.status(true).state, ike::TunnelState::kIdle);
  EXPECT_EQ(peers.status(false).state, ike::TunnelState::kIdle);
  for (const bool is_a : {true, false}) {
    EXPECT_TRUE(peers.side(is_a).host.inbound.empty());
    EXPECT_TRUE(peers.side(is_a).host.outbound.empty());
    EXPECT_TRUE(peers.side(is_a).host.reserved.empty());
  }
}

TEST(Loss, OfAnyTwoMessagesOfADeleteEndsBothSides) {
  for (uint64_t i = 0; i < 3; ++i)
    for (uint64_t j = i + 1; j < 4; ++j)
      for (const Harm first : kHarms)
        for (const Harm second : kHarms) end({i, first, j, second});
}

}  // namespace
}  // namespace kanmon::test
