// Sessions between two speakers: BGP-08, BGP-13, BGP-14, BGP-17, BGP-22. RFC 4271 sections 6.8 and
// 8, RFC 4724, 6286, 8538, 8654, 9003, 9687.
#include <gtest/gtest.h>

#include "tests/unit/bgp/two_speakers.h"

namespace kanmon::bgp {
namespace {

using wire::Family;

TEST(BgpSession, ComesUpFromEitherSideAlone) {
  for (const bool a_is_passive : {true, false}) {
    SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1),
                    sb = TwoSpeakers::settings(65002, 65001, 2);
    (a_is_passive ? sa : sb).passive = true;
    TwoSpeakers two(sa, sb);
    two.start();
    two.net.settle();
    EXPECT_TRUE(two.is_up());
    EXPECT_EQ(two.net.links.size(), 1u);
    EXPECT_EQ(two.a.ups, 1u);
    EXPECT_EQ(two.a.negotiated.peer_as, 65002u);
    EXPECT_TRUE(two.a.negotiated.external && two.a.negotiated.as4 &&
                two.a.negotiated.enhanced_refresh);
    EXPECT_EQ(two.a.negotiated.longest_sent, kMaxExtendedMessage);
    EXPECT_EQ(two.a.session.remote()->address, two.b.address_);
  }
}

TEST(BgpSession, TwoPassiveOnesWaitForEver) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1),
                  sb = TwoSpeakers::settings(65002, 65001, 2);
  sa.passive = sb.passive = true;
  TwoSpeakers two(sa, sb);
  two.start();
  two.net.pass(1h);
  EXPECT_EQ(two.a.session.state(), State::kActive);
  EXPECT_TRUE(two.net.links.empty());
}

// Section 6.8: two connections, and the OPEN on either comes first. That of the higher identifier
// stays, of the higher AS number if they are equal (RFC 6286 section 2.3).
TEST(BgpSession, Bgp13CollisionInBothOrders) {
  struct Case {
    uint32_t our_id, their_id;
    Way stays;
  };
  for (const Case& c : {Case{1, 2, Way::kTheirs}, Case{2, 1, Way::kOurs},
                        Case{0x80000000, 1, Way::kOurs}, Case{7, 7, Way::kTheirs}})
    for (const Way first : {Way::kOurs, Way::kTheirs}) {
      TwoSpeakers two(TwoSpeakers::settings(65001, 65002, c.our_id));
      const auto ours = std::make_shared<Link>(), theirs = std::make_shared<Link>();
      ours->caller = theirs->callee = &two.a;
      ours->callee = theirs->caller = &two.b;
      two.a.session.start(two.net.now);
      two.a.session.connected(two.net.now, std::make_unique<FakeStream>(ours, true));
      ASSERT_TRUE(two.a.session.accept(two.net.now, std::make_unique<FakeStream>(theirs, false)));
      const Octets open = encode(open_of(TwoSpeakers::settings(65002, 65001, c.their_id)));
      const Way second = first == Way::kOurs ? Way::kTheirs : Way::kOurs;
      two.a.session.received(two.net.now, first, open);
      EXPECT_FALSE(ours->from_caller.is_ended || theirs->from_callee.is_ended);
      two.a.session.received(two.net.now, second, open);
      EXPECT_EQ(ours->from_caller.is_ended, c.stays == Way::kTheirs);
      EXPECT_EQ(theirs->from_callee.is_ended, c.stays == Way::kOurs);
      EXPECT_EQ(two.a.sent, std::vector<Notification>{Notification::make(Cease::kCollision)});
      two.a.session.received(two.net.now, c.stays, keepalive());
      EXPECT_EQ(two.a.session.state(), State::kEstablished);
      EXPECT_EQ(two.a.ups, 1u);
    }
}

// Both speak at once, and octets arrive in every order: one connection is left in the end.
TEST(BgpSession, Bgp13CollisionEndsWithOneSession) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    TwoSpeakers two;
    std::mt19937 order(seed);
    two.net.reads = [&](const TestSpeaker& s) { return (order() & 1) == (&s == &two.a); };
    two.net.chunk = 1 + seed % 40;
    two.start();
    for (unsigned i = 0; i < 3000; ++i) two.net.step();
    two.net.reads = [](const TestSpeaker&) { return true; };
    two.net.pass(10s);
    ASSERT_TRUE(two.is_up()) << seed;
    unsigned alive = 0;
    for (const auto& link : two.net.links)
      alive += !link->from_caller.is_ended && !link->from_callee.is_ended;
    ASSERT_EQ(alive, 1u) << seed;
    ASSERT_EQ(two.a.ups, two.a.downs.size() + 1);
    ASSERT_EQ(two.b.ups, two.b.downs.size() + 1);
  }
}

TEST(BgpSession, Bgp13CollisionWithAnEstablishedSessionClosesTheNewOne) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 9),
                  sb = TwoSpeakers::settings(65002, 65001, 2);
  sb.passive = true;
  TwoSpeakers two(sa, sb);
  two.start();
  two.net.settle();
  ASSERT_TRUE(two.is_up());
  // B's own connection comes late, although nothing makes it connect any more.
  auto link = std::make_shared<Link>();
  link->caller = &two.b;
  link->callee = &two.a;
  ASSERT_TRUE(two.a.session.accept(two.net.now, std::make_unique<FakeStream>(link, false)));
  two.a.session.received(two.net.now, Way::kTheirs, encode(open_of(sb)));
  EXPECT_TRUE(link->from_callee.is_ended);
  EXPECT_EQ(two.a.sent.back(), Notification::make(Cease::kCollision));
  EXPECT_TRUE(two.is_up());
  EXPECT_TRUE(two.a.downs.empty());
}

// The stream breaks after every octet of the way to a session with routes, and it comes up again.
TEST(BgpSession, Bgp13LossAfterEveryOctet) {
  const Octets routes = raw_message(
      2,
      update_body(kNet11, kOrigin + attribute(0x40, 2, hex("02 01 0000fdea")) + kNextHop, kNet10));
  std::size_t total = 0;
  for (std::size_t lost = 0; lost == 0 || lost <= total; ++lost) {
    SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1);
    sa.passive = true;
    TwoSpeakers two(sa);
    two.b.on_up = [&] { two.b.session.send(two.net.now, routes); };
    two.net.chunk = 1 + lost % 7;
    if (lost != 0) two.net.octets_left = lost;
    two.start();
    two.net.settle();
    if (lost == 0) total = two.net.delivered;
    ASSERT_TRUE(lost == 0 || two.net.links[0]->is_cut || lost >= total);
    two.net.octets_left = SIZE_MAX;
    two.net.pass(2min);
    ASSERT_TRUE(two.is_up()) << lost;
    ASSERT_EQ(two.a.ups, two.a.downs.size() + 1) << lost;
    ASSERT_EQ(two.b.ups, two.b.downs.size() + 1) << lost;
    ASSERT_FALSE(two.a.announced.empty()) << lost;
    ASSERT_EQ(two.a.announced.back(), net("10.0.0.0/8"));
  }
  EXPECT_GT(total, 150u);
}

TEST(BgpSession, Bgp14KeepalivesHoldTheSessionAndSilenceEndsIt) {
  TwoSpeakers two;
  two.start();
  two.net.settle();
  two.net.pass(1h);
  EXPECT_TRUE(two.is_up());
  EXPECT_EQ(two.a.downs.size(), 0u);
  // At least every 30 s and not more often than every 22.5 s, plus the first.
  const uint64_t keepalives = two.a.session.counters().out[3];
  EXPECT_GE(keepalives, 120u);
  EXPECT_LE(keepalives, 162u);

  two.net.reads = [](const TestSpeaker&) { return false; };
  two.net.is_up = false;
  two.net.pass(89s - 30s);
  EXPECT_TRUE(two.is_up());
  two.net.pass(31s);
  EXPECT_FALSE(two.is_up());
  ASSERT_EQ(two.a.downs.size(), 1u);
  EXPECT_EQ(two.a.downs[0].why, Event::kHoldExpired);
  EXPECT_EQ(two.a.downs[0].sent, Notification::hold_timer());
  EXPECT_FALSE(two.a.downs[0].may_restart);
}

TEST(BgpSession, Bgp14HoldTimeZeroMeansNoTimers) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1);
  sa.hold_time = 0s;
  TwoSpeakers two(sa);
  two.start();
  two.net.settle();
  two.net.reads = [](const TestSpeaker&) { return false; };
  two.net.pass(24h);
  EXPECT_TRUE(two.is_up());
  EXPECT_EQ(two.a.session.counters().out[3], 1u);
  EXPECT_EQ(two.a.session.next_deadline(), TimePoint::max());
}

TEST(BgpSession, Bgp14TheSmallerHoldTimeCounts) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1);
  sa.hold_time = 3s;
  TwoSpeakers two(sa);
  two.start();
  two.net.settle();
  EXPECT_EQ(two.b.negotiated.hold_time, 3s);
  two.net.pass(1min);
  EXPECT_TRUE(two.is_up());
  two.net.reads = [&](const TestSpeaker& s) { return &s == &two.a; };
  two.net.pass(3s);
  EXPECT_EQ(two.b.downs.size(), 1u);
}

// RFC 9687: A's keepalives arrive, so that B's hold timer is content, but A takes nothing.
TEST(BgpSession, Bgp14ANeighbourThatTakesNothingIsDropped) {
  SessionSettings sb = TwoSpeakers::settings(65002, 65001, 2);
  sb.send_hold_time = 200s;
  sb.hold_time = 30s;
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1);
  sa.passive = true;
  TwoSpeakers two(sa, sb);
  two.start();
  two.net.settle();
  ASSERT_TRUE(two.is_up());
  two.net.links[0]->from_caller.window = 4096;
  two.net.reads = [&](const TestSpeaker& s) { return &s == &two.b; };
  const Octets message = raw_message(2, update_body(Octets(1000, 0), {}, {}));
  bool may_go_on = true;
  std::size_t queued = 0;
  while (may_go_on) {
    may_go_on = two.b.session.send(two.net.now, message);
    queued += message.size();
    ASSERT_LT(queued, 2 * Session::kQueueLimit);
  }
  EXPECT_LT(two.b.session.queued(), Session::kQueueLimit + message.size());
  // A would end it by its own hold timer; it is kept alive by hand here.
  for (unsigned i = 0; i < 19; ++i) {
    two.a.session.received(two.net.now, Way::kTheirs, keepalive());
    two.net.pass(10s);
  }
  EXPECT_TRUE(two.b.downs.empty());
  two.a.session.received(two.net.now, Way::kTheirs, keepalive());
  two.net.pass(11s);
  ASSERT_EQ(two.b.downs.size(), 1u);
  EXPECT_EQ(two.b.downs[0].why, Event::kSendHoldExpired);
  EXPECT_EQ(two.b.downs[0].sent, Notification::send_hold_timer());
}

TEST(BgpSession, Bgp22BackPressureAndItsEnd) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1);
  sa.passive = true;
  TwoSpeakers two(sa);
  two.start();
  two.net.settle();
  two.net.links[0]->from_caller.window = 5000;
  const Octets message = raw_message(2, update_body(joined({kNet11}), {}, {}));
  bool slow = true;
  two.net.reads = [&](const TestSpeaker& s) { return !slow || &s == &two.b; };
  unsigned sent = 0;
  for (; two.b.session.send(two.net.now, message); ++sent) ASSERT_LT(sent, 100'000u);
  EXPECT_EQ(two.b.writables, 0u);
  slow = false;
  two.net.settle();
  EXPECT_EQ(two.b.writables, 1u);
  EXPECT_EQ(two.b.session.queued(), 0u);
  EXPECT_EQ(two.a.withdrawn.size(), sent + 1);
  EXPECT_TRUE(two.is_up());
}

TEST(BgpSession, Bgp03AMalformedUpdateKeepsTheSession) {
  TwoSpeakers two;
  two.start();
  two.net.settle();
  const Octets path = attribute(0x40, 2, hex("02 01 0000fdea"));
  two.b.session.send(two.net.now,
                     raw_message(2, update_body({}, kOrigin + path + kNextHop, kNet10)));
  two.b.session.send(
      two.net.now,
      raw_message(2, update_body({}, attribute(0x40, 1, {9}) + path + kNextHop, kNet10)));
  two.net.settle();
  EXPECT_TRUE(two.is_up());
  EXPECT_EQ(two.a.announced, std::vector<Nlri>{net("10.0.0.0/8")});
  EXPECT_EQ(two.a.withdrawn, std::vector<Nlri>{net("10.0.0.0/8")});
  EXPECT_EQ(two.a.session.counters().withdrawn_updates, 1u);

  two.b.session.send(two.net.now, raw_message(2, update_body({}, attribute(0x40, 99, {}), {})));
  two.net.settle();
  ASSERT_EQ(two.a.downs.size(), 1u);
  EXPECT_EQ(two.a.downs[0].why, Event::kUpdateError);
  EXPECT_EQ(two.b.received.back(), (Notification{3, 2, attribute(0x40, 99, {})}));
}

struct Disagreement {
  const char* name;
  std::function<void(SessionSettings& a, SessionSettings& b)> change;
  Notification sent_by_a;
};

TEST(BgpSession, Bgp08WhatDoesNotFitIsRefusedWithTheReason) {
  const Disagreement rows[] = {
      {"other AS", [](auto& a, auto&) { a.remote_as = 65003; },
       Notification::make(OpenError::kPeerAs)},
      {"own identifier in own AS",
       [](auto& a, auto& b) {
         a.remote_as = b.local_as = b.remote_as = a.local_as;
         b.router_id = a.router_id;
       },
       Notification::make(OpenError::kIdentifier)},
      {"no family in common",
       [](auto& a, auto& b) {
         a.family[Family::kV4] = false;
         b.family[Family::kV6] = false;
       },
       Notification::make(OpenError::kCapability, hex("01 04 0002 00 01"))},
  };
  for (const Disagreement& row : rows) {
    SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1),
                    sb = TwoSpeakers::settings(65002, 65001, 2);
    sa.passive = true;
    row.change(sa, sb);
    TwoSpeakers two(sa, sb);
    two.start();
    // Only A reads, so that it is A who finds it.
    two.net.reads = [&](const TestSpeaker& s) { return &s == &two.a; };
    two.net.settle();
    ASSERT_EQ(two.a.sent.size(), 1u) << row.name;
    EXPECT_EQ(two.a.sent[0], row.sent_by_a) << row.name;
    EXPECT_EQ(two.a.ups, 0u);
  }
}

TEST(BgpSession, AnyAsIsTakenWhereNoneIsConfigured) {
  SessionSettings sa = TwoSpeakers::settings(65001, 0, 1);
  TwoSpeakers two(sa);
  two.start();
  two.net.settle();
  EXPECT_TRUE(two.is_up());
  EXPECT_EQ(two.a.negotiated.peer_as, 65002u);
}

TEST(BgpSession, Bgp09ShutdownCarriesATextAndStays) {
  TwoSpeakers two;
  two.start();
  two.net.settle();
  two.a.session.stop(two.net.now, Cease::kShutdown, "upgrade");
  two.net.settle();
  ASSERT_EQ(two.b.downs.size(), 1u);
  EXPECT_EQ(shutdown_text(*two.b.downs[0].received), "upgrade");
  two.net.pass(1h);
  EXPECT_EQ(two.a.session.state(), State::kIdle);
  EXPECT_EQ(two.a.session.next_deadline(), TimePoint::max());
  EXPECT_EQ(two.a.ups, 1u);
  // B kept trying and was told that it is not wanted.
  EXPECT_TRUE(two.b.received.back().is(Cease::kRejected));
  two.a.session.start(two.net.now);
  two.net.pass(2min);
  EXPECT_TRUE(two.is_up());
}

TEST(BgpSession, ResetComesBackWithinASecond) {
  TwoSpeakers two;
  two.start();
  two.net.settle();
  two.a.session.reset(two.net.now, Cease::kReset);
  two.net.pass(1s);
  EXPECT_TRUE(two.is_up());
  EXPECT_EQ(two.a.downs.size(), 1u);
}

// The pause before a new attempt doubles up to a minute, and is not the same for everybody.
TEST(BgpSession, Bgp13AttemptsSlowDown) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65009, 1);  // the wrong AS: refused each time
  SessionSettings sb = TwoSpeakers::settings(65002, 65001, 2);
  sb.passive = true;
  TwoSpeakers two(sa, sb);
  two.start();
  two.net.pass(1min);
  EXPECT_GE(two.net.links.size(), 5u);
  EXPECT_LE(two.net.links.size(), 8u);
  const std::size_t before = two.net.links.size();
  two.net.pass(1h);
  EXPECT_GE(two.net.links.size() - before, 58u);
  EXPECT_LE(two.net.links.size() - before, 82u);
}

TEST(BgpSession, Bgp13ConnectRetryWhileNobodyAnswers) {
  TwoSpeakers two;
  two.net.is_up = false;
  two.start();
  two.net.pass(5min);
  EXPECT_EQ(two.a.session.state(), State::kActive);
  two.net.is_up = true;
  two.net.pass(30s);
  EXPECT_TRUE(two.is_up());
}

TEST(BgpSession, Bgp18Refresh) {
  TwoSpeakers two;
  two.start();
  two.net.settle();
  two.a.session.send(two.net.now, encode(Refresh{Refresh::Kind::kBegin, Family::kV6}));
  two.net.settle();
  ASSERT_EQ(two.b.refreshes.size(), 1u);
  EXPECT_EQ(two.b.refreshes[0].kind, Refresh::Kind::kBegin);
  two.a.session.send(two.net.now, raw_message(5, hex("0001 01 01 00")));
  two.net.settle();
  EXPECT_EQ(two.a.received.back(), (Notification{7, 1, raw_message(5, hex("0001 01 01 00"))}));
}

// What ends a session, and whether the routes may stay (RFC 4724 section 4.2, RFC 8538 section 4).
TEST(BgpSession, Bgp17WhatCountsAsARestart) {
  struct Case {
    bool n_bit;
    const char* how;
    bool may_restart;
  };
  for (const Case& c :
       {Case{false, "cut", true}, Case{false, "reset", false}, Case{false, "silence", false},
        Case{false, "shutdown", false}, Case{true, "cut", true}, Case{true, "reset", true},
        Case{true, "silence", true}, Case{true, "shutdown", false}}) {
    SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1),
                    sb = TwoSpeakers::settings(65002, 65001, 2);
    GracefulRestart restart{120, false, c.n_bit, {}};
    restart.family[Family::kV4].listed = true;
    sa.restart = sb.restart = restart;
    TwoSpeakers two(sa, sb);
    two.start();
    two.net.settle();
    ASSERT_TRUE(two.is_up());
    const std::string how = c.how;
    if (how == "cut") two.net.cut();
    if (how == "reset") two.b.session.reset(two.net.now, Cease::kReset);
    if (how == "shutdown") two.b.session.stop(two.net.now, Cease::kShutdown, "bye");
    if (how == "silence") {
      two.net.reads = [](const TestSpeaker&) { return false; };
      two.net.pass(91s);
    }
    two.net.settle();
    ASSERT_EQ(two.a.downs.size(), 1u) << how;
    EXPECT_EQ(two.a.downs[0].may_restart, c.may_restart) << how << c.n_bit;
    if (how == "shutdown") {
      EXPECT_EQ(two.a.downs[0].received->is(Cease::kHardReset), c.n_bit);
    }
  }
}

// RFC 4724 section 4.2: the neighbour restarted so fast that our TCP has not noticed.
TEST(BgpSession, Bgp17ANewConnectionOfARestartedNeighbourReplacesTheOld) {
  SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1),
                  sb = TwoSpeakers::settings(65002, 65001, 2);
  sa.passive = true;
  GracefulRestart restart{120, false, false, {}};
  restart.family[Family::kV4].listed = true;
  sa.restart = sb.restart = restart;
  TwoSpeakers two(sa, sb);
  two.start();
  two.net.settle();
  ASSERT_TRUE(two.is_up());
  auto link = std::make_shared<Link>();
  link->caller = &two.b;
  link->callee = &two.a;
  ASSERT_TRUE(two.a.session.accept(two.net.now, std::make_unique<FakeStream>(link, false)));
  ASSERT_EQ(two.a.downs.size(), 1u);
  EXPECT_TRUE(two.a.downs[0].may_restart);
  two.a.session.received(two.net.now, Way::kTheirs, encode(open_of(sb)));
  two.a.session.received(two.net.now, Way::kTheirs, keepalive());
  EXPECT_EQ(two.a.session.state(), State::kEstablished);
}

// RFC 8654: who did not say so gets no long messages and refuses them.
TEST(BgpSession, Bgp01LongMessagesOnlyWhereAgreed) {
  for (const bool extended : {true, false}) {
    SessionSettings sa = TwoSpeakers::settings(65001, 65002, 1);
    sa.extended_message = extended;
    TwoSpeakers two(sa);
    two.start();
    two.net.settle();
    EXPECT_EQ(two.b.negotiated.longest_sent, extended ? kMaxExtendedMessage : kMaxMessage);
    two.b.session.send(two.net.now, raw_message(2, update_body(Octets(5000, 0), {}, {})));
    two.net.settle();
    EXPECT_EQ(two.a.downs.empty(), extended);
    if (!extended) {
      EXPECT_EQ(two.a.downs[0].sent, (Notification{1, 2, be16(5023)}));
    }
  }
}

// RFC 6608: a message that has no business in a state.
TEST(BgpSession, Bgp13FsmErrorsSayTheState) {
  TwoSpeakers two;
  two.start();
  two.net.settle();
  two.a.session.send(two.net.now, encode(open_of(two.a.session.settings())));
  two.net.settle();
  EXPECT_EQ(two.b.downs[0].sent, Notification::make(FsmError::kEstablished));

  TwoSpeakers early;
  early.a.session.start(early.net.now);
  early.net.is_up = false;
  auto link = std::make_shared<Link>();
  link->caller = &early.b;
  link->callee = &early.a;
  ASSERT_TRUE(early.a.session.accept(early.net.now, std::make_unique<FakeStream>(link, false)));
  early.a.session.received(early.net.now, Way::kTheirs, keepalive());
  EXPECT_EQ(early.a.sent.back(), Notification::make(FsmError::kOpenSent));
}

TEST(BgpSession, OpenMustComeWithinFourMinutes) {
  TwoSpeakers two;
  two.a.session.start(two.net.now);
  two.net.reads = [](const TestSpeaker&) { return false; };
  two.b.session.start(two.net.now);
  two.net.pass(239s);
  EXPECT_EQ(two.a.session.state(), State::kOpenSent);
  two.net.is_up = false;
  two.net.pass(1s);
  EXPECT_EQ(two.a.sent.back(), Notification::hold_timer());
}

}  // namespace
}  // namespace kanmon::bgp
