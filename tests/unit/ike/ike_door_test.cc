// Strangers: forged answers, floods, cookies, other versions (IKE-07, IKE-08, IKE-09, IKE-10,
// IKE-16, IKE-24, IKE-32, IKE-35, IKE-39).
#include <algorithm>

#include <gtest/gtest.h>

#include "control/ike/nat.h"
#include "control/ike/proposal.h"
#include "tests/support/ike_puppet.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;
using ike::NotifyType;
using ike::PayloadType;
using ike::TunnelState;

Octets notify_answer(const Message& request, NotifyType type, const Octets& data,
                     uint64_t spi_r = 0) {
  ike::Header header = request.header;
  header.response = true;
  header.initiator = false;
  header.spi_responder = spi_r;
  ike::MessageBuilder message(header);
  message.notify(type, data);
  return message.plain().value();
}

// --- as initiator ---

//   A: IKE_SA_INIT -->            <-- N(error), from anybody
//                                 <-- SA, KE, Nr, from B
TEST(Forged, AnErrorBeforeTheTrueAnswerDoesNotEndTheAttempt) {
  for (const NotifyType type :
       {NotifyType::kNoProposalChosen, NotifyType::kInvalidSyntax, NotifyType::kInvalidIkeSpi,
        NotifyType::kAuthenticationFailed, NotifyType::kInvalidMajorVersion,
        NotifyType::kUnsupportedCriticalPayload, static_cast<NotifyType>(8191)}) {
    TwoPeers peers;
    peers.wire_delay = milliseconds(50);
    peers.add_both();
    const Message request = peers.sent.at(0);
    for (int i = 0; i < 5; ++i)
      peers.inject(true, request.to, request.from, notify_answer(request, type, {}));
    EXPECT_NE(peers.status(true).reason, "");
    EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
    EXPECT_EQ(peers.sent.size(), 4u);
  }
}

TEST(Forged, CookiesDoNotEndTheAttempt) {
  TwoPeers peers;
  peers.wire_delay = milliseconds(50);
  peers.add_both();
  for (int i = 0; i < 50; ++i) {
    const Message request = peers.sent.at(0);
    peers.inject(true, request.to, request.from,
                 notify_answer(request, NotifyType::kCookie, Octets(32, static_cast<uint8_t>(i))));
  }
  EXPECT_LE(peers.sent.size(), 4u);  // it is not led into sending for ever
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5)));
}

TEST(Forged, CookiesOfWrongSizeAreIgnored) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{65}, std::size_t{200}}) {
    TwoPeers peers;
    peers.add_both();
    const Message request = peers.sent.at(0);
    peers.inject(true, request.to, request.from,
                 notify_answer(request, NotifyType::kCookie, Octets(size, 1)));
    EXPECT_EQ(peers.sent.size(), 1u);
  }
}

// A stranger asks for one group after another: only offered ones are tried, each once (IKE-10).
TEST(Forged, InvalidKeIsFollowedOncePerOfferedGroup) {
  TwoPeers peers;
  peers.wire_delay = milliseconds(50);
  peers.add_both();
  std::vector<uint16_t> groups;
  peers.fate = [](const Message&) { return Fate{}; };
  for (int round = 0; round < 3; ++round)
    for (uint32_t group = 0; group < 0x10000; group += group < 64 ? 1 : 257) {
      const Message request = peers.sent.at(0);
      peers.inject(true, request.to, request.from,
                   notify_answer(request, NotifyType::kInvalidKePayload,
                                 {static_cast<uint8_t>(group >> 8), static_cast<uint8_t>(group)}));
    }
  ASSERT_EQ(peers.sent.size(), 2u);  // 31 was first, 19 is the other one offered
  for (const Octets& data : {Octets{}, Octets{19}, Octets{0, 19, 0}}) {
    const Message request = peers.sent.at(0);
    peers.inject(true, request.to, request.from,
                 notify_answer(request, NotifyType::kInvalidKePayload, data));
  }
  EXPECT_EQ(peers.sent.size(), 2u);
}

// A stranger answers first with an SA, KE and nonce of its own: both answers are followed, the one
// whose IKE_AUTH verifies wins (2.4).
//   A: IKE_SA_INIT -->      <-- SA, KE', Nr' from M;  <-- SA, KE, Nr from B
//   A: IKE_AUTH to both     <-- B's verifies
TEST(Forged, AWholeAnswerDoesNotKeepTheTrueOneOut) {
  for (const bool same_spi : {false, true}) {
    TwoPeers peers;
    peers.wire_delay = milliseconds(50);
    TwoPeers stranger(99);  // its B plays the man on the path
    peers.add_both();
    const Message request = peers.sent.at(0);
    stranger.b.engine->add(stranger.now(), TwoPeers::parameters(false));
    stranger.inject(false, request.from, request.to, request.bytes);
    ASSERT_EQ(stranger.sent.size(), 1u);
    Octets forged = stranger.sent.at(0).bytes;
    peers.fate = [&](const Message& message) -> Fate {
      // The man on the path has seen B's SPI, or not.
      if (message.is(ExchangeType::kIkeSaInit, true) && same_spi)
        std::copy_n(message.bytes.begin() + 8, 8, forged.begin() + 8);
      if (message.is(ExchangeType::kIkeSaInit, true))
        peers.inject(true, request.to, request.from, forged);
      return {peers.wire_delay};
    };
    EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5)));
    peers.run_for(seconds(12));
    EXPECT_EQ(peers.mirror_problem(), "");
  }
}

TEST(Forged, ManyWholeAnswersAreBounded) {
  TwoPeers peers;
  peers.fate = [](const Message&) { return Fate{}; };
  peers.add_both();
  const Message request = peers.sent.at(0);
  for (uint64_t seed = 100; seed < 120; ++seed) {
    TwoPeers stranger(seed);
    stranger.b.engine->add(stranger.now(), TwoPeers::parameters(false));
    stranger.inject(false, request.from, request.to, request.bytes);
    peers.inject(true, request.to, request.from, stranger.sent.at(0).bytes);
  }
  EXPECT_EQ(peers.sent.size(), 1u + 4u);
}

// Nothing unprotected touches an SA that is up (IKE-09).
TEST(Forged, UnprotectedErrorsNeverTouchAnEstablishedSa) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const auto before = peers.status(true);
  peers.sent.clear();
  for (uint32_t type = 1; type < 17000; type += type < 64 ? 1 : 97)
    for (const ExchangeType exchange : {ExchangeType::kIkeSaInit, ExchangeType::kIkeAuth,
                                        ExchangeType::kCreateChildSa, ExchangeType::kInformational})
      for (const bool response : {false, true})
        for (const uint32_t id : {0u, 1u, 2u}) {
          ike::Header header;
          header.spi_initiator = before.ike_spi_initiator;
          header.spi_responder = before.ike_spi_responder;
          header.exchange = exchange;
          header.response = response;
          header.message_id = id;
          ike::MessageBuilder message(header);
          message.notify(static_cast<NotifyType>(type));
          peers.inject(true, {TwoPeers::kAddressB, 500}, {TwoPeers::kAddressA, 500},
                       message.plain().value());
        }
  EXPECT_TRUE(peers.sent.empty());
  EXPECT_TRUE(peers.both_up());
}

// --- as responder ---

struct Stranger {
  uint64_t spi = 1;
  wire::Endpoint from{wire::IpAddress::v4(0xc0000201), 500};
  Octets nonce = Octets(32, 7);
  Octets cookie;
  uint16_t group = 31;
  ike::IkeTransforms offered = TwoPeers::parameters(true).ike;

  Octets request() const {
    ike::Header header;
    header.spi_initiator = spi;
    header.initiator = true;
    ike::MessageBuilder message(header);
    if (!cookie.empty()) message.notify(NotifyType::kCookie, cookie);
    const auto dh = ike::Dh::make(group);
    message.sa(ike::make_ike_proposals(offered, 0)).ke(group, dh->public_value()).nonce(nonce);
    return message.plain().value();
  }
};

struct Door {
  explicit Door(ike::EngineOptions options = {}) : host(), engine(host, options) {
    host.on_send = [this](const wire::Endpoint&, const wire::Endpoint& to, wire::Bytes bytes) {
      sent.emplace_back(to, Octets(bytes.begin(), bytes.end()));
    };
    host.on_install = [](uint32_t) {};
    auto p = TwoPeers::parameters(false);
    p.remote_address.reset();
    engine.add(now, std::move(p));
  }
  void deliver(const Stranger& stranger, const Octets& bytes) {
    engine.receive(now, {TwoPeers::kAddressB, 500}, stranger.from, bytes);
  }
  uint64_t count(std::string_view name) const {
    for (const auto& [key, value] : engine.counters())
      if (key == name) return value;
    return ~uint64_t{0};
  }
  NotifyType last_notify(Octets* data = nullptr) const {
    if (sent.empty()) return NotifyType::kNone;
    const Octets& bytes = sent.back().second;
    const auto header = ike::parse_header(bytes);
    ike::Chain chain;
    if (ike::parse_chain(wire::Bytes(bytes).subspan(ike::kHeaderBytes), header->next, chain))
      return NotifyType::kNone;
    const ike::Payload* payload = chain.find(PayloadType::kNotify);
    if (payload == nullptr) return NotifyType::kNone;
    const auto notify = ike::parse_notify(payload->body);
    if (data != nullptr) data->assign(notify->data.begin(), notify->data.end());
    return notify->type;
  }

  TimePoint now{std::chrono::hours(1)};
  FakeHost host;
  ike::Engine engine;
  std::vector<std::pair<wire::Endpoint, Octets>> sent;
};

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

// What is said in clear holds no word about who says it.
TEST(Door, NoVendorIdIsSent) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  for (const bool response : {false, true}) {
    const auto it = std::ranges::find_if(peers.sent, [response](const Message& m) {
      return m.is(ExchangeType::kIkeSaInit, response);
    });
    ASSERT_NE(it, peers.sent.end());
    ike::Chain chain;
    ASSERT_FALSE(ike::parse_chain(wire::Bytes(it->bytes).subspan(ike::kHeaderBytes),
                                  it->header.next, chain));
    EXPECT_EQ(chain.find(PayloadType::kVendorId), nullptr);
  }
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

TEST(Spi, AreRandomUniqueAndNotZero) {
  Door door;
  std::set<uint64_t> seen;
  for (uint32_t i = 0; i < 2000; ++i) {
    Stranger s;
    s.spi = i + 1;
    s.from.address = wire::IpAddress::v4(0x0a000000 + i);
    door.sent.clear();
    door.deliver(s, s.request());
    if (door.sent.empty() || door.last_notify() != NotifyType::kNone) {
      door.now += seconds(31);
      door.engine.tick(door.now);
      continue;
    }
    const uint64_t spi = ike::parse_header(door.sent[0].second)->spi_responder;
    EXPECT_NE(spi, 0u);
    EXPECT_TRUE(seen.insert(spi).second);
  }
  EXPECT_GT(seen.size(), 1500u);
}

// Every version of every message: only IKEv2 does anything; a higher major version's first message
// is told ours, IKEv1 gets silence and a line in the log (RFC 9395).
TEST(Version, OtherMajorVersionsAreRefusedByTheBook) {
  for (uint32_t version = 0; version < 256; ++version) {
    Door door;
    Stranger s;
    Octets request = s.request();
    request[17] = static_cast<uint8_t>(version);
    door.deliver(s, request);
    const uint32_t major = version >> 4;
    if (major == 2) {
      EXPECT_EQ(door.last_notify(), NotifyType::kNone);
      EXPECT_EQ(door.sent.size(), 1u);  // the minor version is ignored (2.5)
    } else if (major > 2) {
      EXPECT_EQ(door.last_notify(), NotifyType::kInvalidMajorVersion);
      EXPECT_EQ(door.sent.size(), 1u);
    } else {
      EXPECT_TRUE(door.sent.empty());
      EXPECT_EQ(door.host.has_log("ike-version"), true);
    }
    EXPECT_EQ(door.count("ikev1"), major == 1 ? 1u : 0u);
  }
}

// Anything cut, anywhere: never an answer that says more than the door says, never a crash.
TEST(Door, EveryPrefixAndEveryFlippedOctetIsHarmless) {
  Stranger s;
  const Octets request = s.request();
  for (std::size_t n = 0; n < request.size(); ++n) {
    Door door;
    Octets cut(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(n));
    door.deliver(s, cut);
    if (n >= 28) store_be(cut.data() + 24, static_cast<uint32_t>(n));
    door.deliver(s, cut);
    EXPECT_TRUE(door.sent.empty()) << n;
  }
  for (std::size_t n = 0; n < request.size(); ++n)
    for (const uint8_t flip : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
      Door door;
      Octets wrong = request;
      wrong[n] ^= flip;
      door.deliver(s, wrong);
      EXPECT_LE(door.sent.size(), 1u);
      // Malformed, not just unacceptable: silence (IKE-41).
      EXPECT_NE(door.last_notify(), NotifyType::kInvalidSyntax) << n;
    }
}

TEST(Door, InitialContactInIkeSaInitIsNothing) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  Stranger s;
  ike::Header header;
  header.spi_initiator = 5;
  header.initiator = true;
  ike::MessageBuilder message(header);
  const auto dh = ike::Dh::make(31);
  message.sa(ike::make_ike_proposals(TwoPeers::parameters(true).ike, 0))
      .ke(31, dh->public_value())
      .nonce(s.nonce)
      .notify(NotifyType::kInitialContact);
  peers.inject(false, s.from, {TwoPeers::kAddressB, 500}, message.plain().value());
  peers.run_for(seconds(1));
  EXPECT_TRUE(peers.both_up());
}

// Another identity's INITIAL_CONTACT clears nothing of ours (IKE-24).
TEST(Door, InitialContactOfAnotherIdentityClearsNothing) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  for (const bool for_a : {false, true}) {
    auto p = TwoPeers::parameters(for_a);
    p.name = "u";
    p.tunnel = 8;
    p.local_id = ike::Identity::parse(for_a ? "ua.example" : "ub.example");
    p.remote_id = ike::Identity::parse(for_a ? "ub.example" : "ua.example");
    peers.side(for_a).engine->add(peers.now(), std::move(p));
  }
  const auto before = peers.status(false).children.at(0).inbound_spi;
  peers.run_for(seconds(1));
  EXPECT_EQ(peers.status(false, "u").state, TunnelState::kUp);
  EXPECT_EQ(peers.status(false).children.at(0).inbound_spi, before);
}

// No tunnel is configured for the address: one small answer.
TEST(Door, AnAddressWithoutATunnelIsToldNoProposalChosen) {
  Door door;
  Stranger s;
  const Octets request = s.request();
  door.engine.receive(door.now, {TwoPeers::kAddressA, 500}, s.from, request);
  ASSERT_EQ(door.sent.size(), 1u);
  EXPECT_EQ(door.last_notify(), NotifyType::kNoProposalChosen);
  EXPECT_EQ(door.count("init_no_tunnel"), 1u);
}

TEST(Door, BadKeValuesMakeNoSa) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{31}, std::size_t{32}, std::size_t{33}, std::size_t{1000}}) {
    Door door;
    ike::Header header;
    header.spi_initiator = 9;
    header.initiator = true;
    ike::MessageBuilder message(header);
    message.sa(ike::make_ike_proposals(TwoPeers::parameters(true).ike, 0))
        .ke(31, Octets(size, 0))  // X25519's zero point among them
        .nonce(Octets(32, 1));
    door.deliver(Stranger{}, message.plain().value());
    EXPECT_TRUE(door.sent.empty());
    EXPECT_EQ(door.count("init_bad_ke"), 1u);
  }
}

}  // namespace
}  // namespace kanmon::test
