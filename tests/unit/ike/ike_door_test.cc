// Strangers: forged answers, other versions, anything cut or flipped (IKE-09, IKE-10, IKE-16,
// IKE-24, IKE-32, IKE-35, IKE-39).
#include <algorithm>

#include <gtest/gtest.h>

#include "control/ike/nat.h"
#include "control/ike/proposal.h"
#include "tests/support/ike_puppet.h"
#include "tests/unit/ike/stranger.h"

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
