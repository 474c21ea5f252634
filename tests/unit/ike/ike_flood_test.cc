// Floods of IKE_SA_INIT: cookies, half-open SAs, no answer longer than the question (IKE-07,
// IKE-08).
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/ike/stranger.h"

namespace kanmon::test {
namespace {

using ike::NotifyType;

//   initiator: SA, KE, Ni           -->
//                                   <-- N(COOKIE)
//   initiator: N(COOKIE), SA, KE, Ni -->
//                                   <-- SA, KE, Nr
TEST(Cookie, IsDemandedAboveTheThresholdAndTakenBack) {
  ike::EngineOptions options;
  options.cookie_threshold_half_open = 3;
  Door door(options);
  for (uint32_t i = 0; i < 3; ++i) {
    Stranger s;
    s.spi = i + 1;
    door.deliver(s, s.request());
  }
  EXPECT_EQ(door.count("cookie_sent"), 0u);
  // Spoofed: no SA is made, whatever comes.
  for (uint32_t i = 0; i < 500; ++i) {
    Stranger s;
    s.spi = 1000 + i;
    s.from.address = wire::IpAddress::v4(0x0a000000 + i);
    const Octets request = s.request();
    door.sent.clear();
    door.deliver(s, request);
    ASSERT_EQ(door.sent.size(), 1u);
    EXPECT_LE(door.sent[0].second.size(), request.size());  // IKE-08
    EXPECT_EQ(door.last_notify(), NotifyType::kCookie);
    const auto header = ike::parse_header(door.sent[0].second);
    EXPECT_EQ(header->spi_responder, 0u);
  }
  EXPECT_EQ(door.count("cookie_sent"), 500u);
  Stranger honest;
  honest.spi = 77;
  door.deliver(honest, honest.request());
  ASSERT_EQ(door.last_notify(&honest.cookie), NotifyType::kCookie);
  EXPECT_GE(honest.cookie.size(), 1u);
  EXPECT_LE(honest.cookie.size(), 64u);
  // Bound to the address, the SPI and the nonce, not to the port.
  for (int what = 0; what < 4; ++what) {
    Stranger wrong = honest;
    if (what == 0) wrong.from.address = wire::IpAddress::v4(0x0b000001);
    if (what == 1) wrong.spi = 78;
    if (what == 2) wrong.nonce[0] ^= 1;
    if (what == 3) wrong.cookie.back() ^= 1;
    door.deliver(wrong, wrong.request());
    EXPECT_EQ(door.last_notify(), NotifyType::kCookie) << what;
  }
  EXPECT_EQ(door.count("cookie_wrong"), 4u);
  honest.from.port = 1234;
  door.sent.clear();
  door.deliver(honest, honest.request());
  ASSERT_EQ(door.sent.size(), 1u);
  EXPECT_EQ(door.last_notify(), NotifyType::kNone);  // an SA, no notify
}

// Below the threshold too nobody gets more octets than he sent, unless he has proved where he is
// (IKE-08): our nonce would be the longer one, or the refusal longer than a bare header.
TEST(Cookie, NoReplyIsLongerThanAnUnprovenRequest) {
  for (const std::size_t nonce : {std::size_t{24}, std::size_t{31}, std::size_t{32}}) {
    Door door;
    Stranger s;
    s.nonce = Octets(nonce, 7);
    s.offered.groups = {31};  // nothing in the request that the answer leaves out
    door.deliver(s, s.request());
    ASSERT_EQ(door.sent.size(), 1u);
    EXPECT_LE(door.sent[0].second.size(), s.request().size());
    EXPECT_EQ(door.last_notify(&s.cookie) == NotifyType::kCookie, nonce < 32);
    EXPECT_EQ(door.engine.sizes().half_open, nonce < 32 ? 0u : 1u);
    if (nonce == 32) continue;
    door.deliver(s, s.request());
    EXPECT_EQ(door.last_notify(), NotifyType::kNone);  // an SA
    EXPECT_EQ(door.engine.sizes().half_open, 1u);
  }
  Door door;
  Octets bare(28, 0);
  bare[7] = 1;      // initiator's SPI
  bare[17] = 0x30;  // version 3.0
  bare[18] = 34;
  bare[19] = 0x08;
  bare[27] = 28;
  door.deliver(Stranger{}, bare);
  EXPECT_TRUE(door.sent.empty());
  EXPECT_EQ(door.count("reply_withheld"), 1u);
}

// Two engines, the responder always asks: six messages.
TEST(Cookie, TwoEnginesAgree) {
  ike::EngineOptions options;
  options.cookie_threshold_half_open = 0;
  TwoPeers peers(1, options);
  ASSERT_TRUE(peers.connect());
  EXPECT_EQ(peers.sent.size(), 6u);
  EXPECT_EQ(peers.mirror_problem(), "");
}

// And with INVALID_KE_PAYLOAD on top (2.6.1).
TEST(Cookie, WithInvalidKeToo) {
  ike::EngineOptions options;
  options.cookie_threshold_half_open = 0;
  TwoPeers peers(1, options);
  auto pb = TwoPeers::parameters(false);
  pb.ike.groups = {19};
  peers.b.engine->add(peers.now(), std::move(pb));
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5)));
  EXPECT_LE(peers.sent.size(), 8u);
}

TEST(HalfOpen, LimitsHoldAndExpire) {
  ike::EngineOptions options;
  options.cookie_threshold_half_open = 100'000;
  options.half_open_limit = 40;
  Door door(options);
  for (uint32_t i = 0; i < 100; ++i) {
    Stranger s;
    s.spi = i + 1;
    s.from.address = wire::IpAddress::v4(0x0a000000 + i);
    door.deliver(s, s.request());
  }
  EXPECT_EQ(door.sent.size(), 40u);
  EXPECT_EQ(door.count("half_open_limit"), 60u);
  door.now += seconds(31);
  door.engine.tick(door.now);
  EXPECT_EQ(door.count("half_open_expired"), 40u);
  door.sent.clear();
  Stranger s;
  s.spi = 999;
  door.deliver(s, s.request());
  EXPECT_EQ(door.sent.size(), 1u);
}

// 32 half-open SAs of one address at most; half of them only for who proves to be there, so that
// spoofed requests do not lock the peer out that lives there.
TEST(HalfOpen, OneSourceCannotTakeAll) {
  ike::EngineOptions options;
  options.cookie_threshold_half_open = 100'000;
  Door door(options);
  for (uint32_t i = 0; i < 100; ++i) {
    Stranger spoofer;
    spoofer.spi = i + 1;
    door.deliver(spoofer, spoofer.request());
  }
  EXPECT_EQ(door.engine.sizes().half_open, 16u);
  EXPECT_EQ(door.count("cookie_sent"), 84u);
  for (uint32_t i = 0; i < 100; ++i) {
    Stranger s;
    s.spi = 1000 + i;
    door.sent.clear();
    door.deliver(s, s.request());
    const bool asked = door.last_notify(&s.cookie) == NotifyType::kCookie;
    EXPECT_EQ(asked, i < 16);
    if (asked) door.deliver(s, s.request());
    EXPECT_EQ(door.engine.sizes().half_open, std::min(17 + i, 32u));
  }
  EXPECT_GT(door.count("half_open_per_source"), 50u);
  door.sent.clear();
  Stranger other;
  other.spi = 999;
  other.from.address = wire::IpAddress::v4(0x0a000001);
  door.deliver(other, other.request());
  EXPECT_EQ(door.sent.size(), 1u);
}

// A repeated IKE_SA_INIT gets the same octets and no second SA; nothing is ever sent unasked.
TEST(HalfOpen, RepetitionsGetTheSameAnswerAndNothingIsRetransmitted) {
  Door door;
  Stranger s;
  const Octets request = s.request();
  for (int i = 0; i < 10; ++i) door.deliver(s, request);
  ASSERT_EQ(door.sent.size(), 10u);
  for (const auto& [to, bytes] : door.sent) EXPECT_EQ(bytes, door.sent[0].second);
  for (int i = 0; i < 100; ++i) door.engine.tick(door.now += seconds(1));
  EXPECT_EQ(door.sent.size(), 10u);
}

}  // namespace
}  // namespace kanmon::test
