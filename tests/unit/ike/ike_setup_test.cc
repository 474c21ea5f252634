// IKE_SA_INIT and IKE_AUTH between two engines: from nothing to a child SA, and why not.
#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;
using ike::TunnelParameters;
using ike::TunnelState;

sa::Selector net(const char* text) {
  return sa::Selector::of(wire::Prefix::parse(text).value());
}

void start(TwoPeers& peers, TunnelParameters pa, TunnelParameters pb) {
  peers.b.engine->add(peers.now(), std::move(pb));
  peers.a.engine->add(peers.now(), std::move(pa));
}

//   A                                  B
//   IKE_SA_INIT  SAi1, KEi, Ni  -->
//                               <--    SAr1, KEr, Nr
//   IKE_AUTH     IDi, IDr, AUTH, SAi2, TSi, TSr -->
//                               <--    IDr, AUTH, SAr2, TSi, TSr
TEST(Setup, FourMessagesBringTheTunnelUp) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect()) << peers.status(true).reason << " / " << peers.status(false).reason;
  EXPECT_EQ(peers.sent.size(), 4u);
  EXPECT_EQ(peers.mirror_problem(), "");
  const auto a = peers.status(true);
  EXPECT_EQ(a.peer_id, "b.example");
  EXPECT_EQ(peers.status(false).peer_id, "a.example");
  EXPECT_TRUE(a.initiator);
  EXPECT_EQ(a.ike_algorithms, "AES256-GCM-16/PRF-HMAC-SHA2-384/CURVE25519");
  EXPECT_EQ(a.children.at(0).algorithm, "AES256-GCM-16");
  EXPECT_TRUE(a.children.at(0).esn);
  EXPECT_EQ(a.reason, "");
}

// INV-5: the responder's answer leaves after its data plane has acknowledged the inbound half, and
// never before.
TEST(Setup, TheResponseWaitsForTheInboundHalf) {
  TwoPeers peers;
  peers.install_delay = seconds(3);
  peers.add_both();
  peers.run_for(seconds(2));
  EXPECT_EQ(peers.b.host.inbound.size(), 1u);
  for (const Message& message : peers.sent)
    EXPECT_FALSE(message.is(ExchangeType::kIkeAuth, true)) << "answered too early";
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(10)));
}

TEST(Setup, EveryTransformWeHaveWorks) {
  const std::vector<
      std::tuple<ike::IkeTransforms::Encryption, std::vector<uint16_t>, uint16_t, uint16_t>>
      suites = {{{20, 128}, {}, 5, 31},   {{20, 256}, {}, 6, 20},   {{20, 256}, {}, 7, 19},
                {{12, 128}, {12}, 5, 14}, {{12, 256}, {13}, 6, 31}, {{12, 256}, {14}, 7, 19}};
  for (const auto& [encryption, integrity, prf, group] : suites) {
    auto pa = TwoPeers::parameters(true);
    auto pb = TwoPeers::parameters(false);
    for (auto* p : {&pa, &pb}) {
      p->ike.encryption = {encryption};
      p->ike.integrity = integrity;
      p->ike.prf = {prf};
      p->ike.groups = {group};
      p->esp.groups = {group};
    }
    TwoPeers peers;
    start(peers, std::move(pa), std::move(pb));
    EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(10)))
        << encryption.id << " " << prf << " " << group << " " << peers.status(true).reason;
    (void)peers.a.engine->rekey_child(peers.now(), "t");
    peers.run_for(seconds(1));
    (void)peers.b.engine->rekey_ike(peers.now(), "t");
    peers.run_for(seconds(12));
    EXPECT_EQ(peers.mirror_problem(), "");
    EXPECT_NE(peers.status(true).children.at(0).pfs_group, "");
    EXPECT_EQ(peers.status(true).ike_rekeys, 1u);
  }
}

// --- identities and keys ---

TEST(Auth, AWrongKeyIsNamedAtBothEnds) {
  auto pb = TwoPeers::parameters(false);
  const Octets other(32, 'x');
  pb.psk = Secret(wire::Bytes(other));
  TwoPeers peers;
  start(peers, TwoPeers::parameters(true), std::move(pb));
  peers.run_for(seconds(1));
  EXPECT_NE(peers.status(true).reason.find("AUTHENTICATION_FAILED"), std::string::npos);
  EXPECT_NE(peers.status(true).reason.find("pre-shared key"), std::string::npos);
  EXPECT_EQ(peers.status(false).reason,
            "AUTHENTICATION_FAILED: the peer's AUTH does not verify with our pre-shared key");
  EXPECT_TRUE(peers.a.host.inbound.empty() && peers.b.host.inbound.empty());
  EXPECT_TRUE(peers.a.host.outbound.empty() && peers.b.host.outbound.empty());
  // It is tried again, ever more slowly, and leaves nothing behind.
  peers.run_for(std::chrono::minutes(10));
  EXPECT_GE(peers.counter(false, "authentication_failed"), 5u);
  EXPECT_LE(peers.counter(false, "authentication_failed"), 20u);
  EXPECT_TRUE(peers.b.host.reserved.empty());
  EXPECT_LE(peers.a.host.reserved.size(), 1u);
}

TEST(Auth, IdentitiesMatchExactly) {
  const auto with = [](bool remote_of_b, const char* id) {
    TwoPeers peers;
    auto pa = TwoPeers::parameters(true);
    auto pb = TwoPeers::parameters(false);
    (remote_of_b ? pb.remote_id : pa.remote_id) = ike::Identity::parse(id);
    start(peers, std::move(pa), std::move(pb));
    peers.run_for(seconds(1));
    EXPECT_FALSE(peers.up(true)) << id;
    EXPECT_FALSE(peers.up(false)) << id;
    EXPECT_TRUE(peers.b.host.inbound.empty());
    EXPECT_FALSE(peers.status(true).reason.empty());
    EXPECT_TRUE(peers.b.host.has_log("ike-auth-refused", "a.example")) << id;
  };
  for (const char* id : {"A.example", "a.example.org", "*.example", "a.exampl", "a@example",
                         "keyid:612e6578616d706c65", "192.0.2.1"})
    with(true, id);
  for (const char* id : {"B.example", "b.example.", "192.0.2.2"}) with(false, id);
}

// Two tunnels between the same pair of addresses, told apart by their identities (IKE-14).
TEST(Auth, TunnelsOfOneAddressPairAreToldApartByIdentity) {
  TwoPeers peers;
  for (const int n : {1, 2, 3})
    for (const bool for_a : {false, true}) {
      auto p = TwoPeers::parameters(for_a);
      p.name = "t" + std::to_string(n);
      p.tunnel = static_cast<uint32_t>(n);
      const std::string us = for_a ? "a" : "b", them = for_a ? "b" : "a";
      p.local_id = ike::Identity::parse(us + std::to_string(n) + ".example");
      p.remote_id = ike::Identity::parse(them + std::to_string(n) + ".example");
      const Octets key(32, static_cast<uint8_t>('0' + n));
      p.psk = Secret(wire::Bytes(key));
      if (n == 3) p.ike.groups = {19};
      if (n == 2 && !for_a) p.remote_address.reset();
      peers.side(for_a).engine->add(peers.now(), std::move(p));
    }
  peers.run_for(seconds(2));
  for (const char* name : {"t1", "t2", "t3"}) {
    EXPECT_EQ(peers.status(true, name).state, TunnelState::kUp) << name;
    EXPECT_EQ(peers.status(false, name).state, TunnelState::kUp) << name;
    EXPECT_EQ(peers.status(true, name).children.at(0).inbound_spi,
              peers.status(false, name).children.at(0).outbound_spi);
  }
}

TEST(Auth, ATunnelToAnyPeerOnlyAnswers) {
  auto pb = TwoPeers::parameters(false);
  pb.remote_address.reset();
  pb.startup = ike::StartupAction::kStart;
  TwoPeers peers;
  peers.b.engine->add(peers.now(), std::move(pb));
  EXPECT_EQ(peers.b.engine->up(peers.now(), "t").error().code, Errc::kUnsupported);
  EXPECT_NE(peers.status(false).reason.find("no remote address"), std::string::npos);
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
}

// A lost all and starts anew: B's old SAs go with INITIAL_CONTACT, in one round trip after AUTH.
TEST(Auth, InitialContactClearsWhatARestartedPeerForgot) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const auto old = peers.status(false).children.at(0).inbound_spi;
  peers.a.host.inbound.clear();
  peers.a.host.outbound.clear();
  peers.a.engine = std::make_unique<ike::Engine>(peers.a.host, ike::EngineOptions{});
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
  peers.run_for(milliseconds(100));
  EXPECT_TRUE(peers.both_up());
  EXPECT_EQ(peers.b.host.inbound.count(old), 0u);
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.mirror_problem(), "");
}

// --- proposals ---

TEST(Proposals, RefusalNamesBothSides) {
  auto pb = TwoPeers::parameters(false);
  pb.ike.encryption = {{12, 128}};
  pb.ike.integrity = {12};
  TwoPeers peers;
  start(peers, TwoPeers::parameters(true), std::move(pb));
  peers.run_for(seconds(1));
  const std::string reason = peers.status(true).reason;
  EXPECT_NE(reason.find("NO_PROPOSAL_CHOSEN"), std::string::npos) << reason;
  EXPECT_NE(reason.find("AES256-GCM-16"), std::string::npos) << reason;
  EXPECT_TRUE(peers.b.host.has_log("init-refused", "AES256-GCM-16"));
  EXPECT_TRUE(peers.b.host.has_log("init-refused", "AES-CBC-128"));
}

//   A: SA(31, 19), KE(31) -->
//                         <-- N(INVALID_KE_PAYLOAD, 19)
//   A: SA(31, 19), KE(19) -->
TEST(Proposals, InvalidKeIsFollowedToAProposedGroup) {
  auto pb = TwoPeers::parameters(false);
  pb.ike.groups = {19};
  TwoPeers peers;
  start(peers, TwoPeers::parameters(true), std::move(pb));
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
  EXPECT_EQ(peers.sent.size(), 6u);
  EXPECT_EQ(peers.counter(false, "init_invalid_ke"), 1u);
}

TEST(Proposals, InvalidKeInChildRekeyIsFollowed) {
  auto pa = TwoPeers::parameters(true);
  auto pb = TwoPeers::parameters(false);
  pa.esp.groups = {31, 19};
  pb.esp.groups = {19};
  TwoPeers peers;
  start(peers, std::move(pa), std::move(pb));
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
  ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(true).child_rekeys, 1u);
  EXPECT_EQ(peers.status(true).children.at(0).pfs_group, "ECP-256");
  EXPECT_EQ(peers.mirror_problem(), "");
}

// --- the child SA in IKE_AUTH ---

TEST(FirstChild, FailureLeavesTheIkeSaUpAndIsTriedAgain) {
  for (const bool by_ts : {true, false}) {
    auto pb = TwoPeers::parameters(false);
    if (by_ts)
      pb.local_ts = {net("2001:db8::/32")};
    else
      pb.esp.algorithms = {esp::Algorithm::kAes128Gcm16};
    TwoPeers peers;
    start(peers, TwoPeers::parameters(true), std::move(pb));
    peers.run_for(milliseconds(500));
    EXPECT_EQ(peers.status(true).state, TunnelState::kEstablished);
    EXPECT_EQ(peers.status(false).state, TunnelState::kEstablished);
    EXPECT_NE(peers.status(true).reason.find(by_ts ? "TS_UNACCEPTABLE" : "NO_PROPOSAL_CHOSEN"),
              std::string::npos)
        << peers.status(true).reason;
    EXPECT_NE(peers.status(false).reason.find(by_ts ? "2001:db8::/32" : "AES128-GCM-16"),
              std::string::npos)
        << peers.status(false).reason;
    const std::size_t before = peers.sent.size();
    peers.run_for(std::chrono::minutes(5));
    EXPECT_EQ(peers.status(true).state, TunnelState::kEstablished);
    // 1, 2, 4, … 60 s: some ten attempts of two messages each, on the same IKE SA.
    EXPECT_GE(peers.sent.size() - before, 12u);
    EXPECT_LE(peers.sent.size() - before, 32u);
    EXPECT_TRUE(peers.a.host.reserved.empty() && peers.b.host.reserved.empty());
    // Once the other end is put right the tunnel comes up.
    peers.b.engine->add(peers.now(), TwoPeers::parameters(false));
    EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(90)));
  }
}

TEST(FirstChild, NarrowedSelectorsAreUsedAtBothEnds) {
  auto pa = TwoPeers::parameters(true);
  auto pb = TwoPeers::parameters(false);
  pb.local_ts = {net("10.2.0.0/16")};
  pb.remote_ts = {net("10.1.0.0/16"), net("10.3.0.0/16")};
  TwoPeers peers;
  start(peers, std::move(pa), std::move(pb));
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
  const auto a = peers.status(true).children.at(0), b = peers.status(false).children.at(0);
  EXPECT_EQ(a.local_ts, b.remote_ts);
  EXPECT_EQ(a.remote_ts, b.local_ts);
  EXPECT_EQ(a.remote_ts, std::vector{net("10.2.0.0/16")});
  EXPECT_EQ(a.local_ts, (std::vector{net("10.1.0.0/16"), net("10.3.0.0/16")}));
  // Rekeying keeps them.
  ASSERT_TRUE(peers.b.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(true).children.at(0).local_ts, a.local_ts);
  EXPECT_EQ(peers.mirror_problem(), "");
}

TEST(FirstChild, WithoutAFreeSpiTheReasonSaysSo) {
  TwoPeers peers;
  peers.b.host.spis_exhausted = true;
  peers.add_both();
  peers.run_for(seconds(1));
  EXPECT_EQ(peers.status(true).state, TunnelState::kEstablished);
  EXPECT_NE(peers.status(true).reason.find("NO_ADDITIONAL_SAS"), std::string::npos);
  peers.b.host.spis_exhausted = false;
  EXPECT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(60)));
}

// --- fragments (RFC 7383) ---

// Sixty selectors a side: IKE_AUTH and CREATE_CHILD_SA need more than one datagram.
void fill_selectors(ike::TunnelParameters& pa, ike::TunnelParameters& pb) {
  for (auto* p : {&pa, &pb}) {
    p->local_ts.clear();
    p->remote_ts.clear();
  }
  for (uint32_t i = 0; i < 60; ++i) {
    const auto one = [i](uint32_t base) {
      return sa::Selector::of(wire::Prefix::host(wire::IpAddress::v4(base + 2 * i)));
    };
    pa.local_ts.push_back(one(0x0a010001));
    pb.remote_ts.push_back(one(0x0a010001));
    pa.remote_ts.push_back(one(0x0a020001));
    pb.local_ts.push_back(one(0x0a020001));
  }
}

// The response got lost whole: the request comes again, all its fragments, and the response goes
// out once more, all its fragments, the same octets.
TEST(Fragments, ARepeatedRequestBringsTheWholeResponseOnce) {
  auto pa = TwoPeers::parameters(true);
  auto pb = TwoPeers::parameters(false);
  fill_selectors(pa, pb);
  TwoPeers peers;
  start(peers, std::move(pa), std::move(pb));
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5)));
  peers.run_for(milliseconds(100));
  peers.sent.clear();
  const TimePoint lossy_until = peers.now() + milliseconds(400);
  peers.fate = [&](const Message& message) -> Fate {
    if (message.is(ike::ExchangeType::kCreateChildSa, true) && peers.now() < lossy_until) return {};
    return {peers.wire_delay};
  };
  ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(seconds(12));
  std::vector<Octets> requests, responses;
  for (const Message& message : peers.sent) {
    if (message.is(ike::ExchangeType::kCreateChildSa, false)) requests.push_back(message.bytes);
    if (message.is(ike::ExchangeType::kCreateChildSa, true)) responses.push_back(message.bytes);
  }
  for (const auto* twice : {&requests, &responses}) {
    ASSERT_GE(twice->size(), 4u);
    const auto half = static_cast<std::ptrdiff_t>(twice->size() / 2);
    EXPECT_TRUE(
        std::equal(twice->begin(), twice->begin() + half, twice->begin() + half, twice->end()));
  }
  EXPECT_EQ(peers.counter(false, "repeat_answered"), 1u);
  EXPECT_EQ(peers.status(false).child_rekeys, 1u);
  EXPECT_EQ(peers.mirror_problem(), "");
}

TEST(Fragments, LongMessagesTravelInFragmentsAndSurviveLoss) {
  for (uint64_t lost = 0; lost < 12; ++lost) {
    auto pa = TwoPeers::parameters(true);
    auto pb = TwoPeers::parameters(false);
    fill_selectors(pa, pb);
    TwoPeers peers;
    peers.fate = [&](const Message& message) -> Fate {
      if (message.number == lost) return {};
      return {peers.wire_delay, peers.wire_delay * 2};  // everything twice, too
    };
    start(peers, std::move(pa), std::move(pb));
    ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5))) << lost;
    ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
    peers.run_for(seconds(13));
    EXPECT_EQ(peers.mirror_problem(), "");
    EXPECT_EQ(peers.status(true).children.at(0).local_ts.size(), 60u);
    for (const Message& message : peers.sent) EXPECT_LE(message.bytes.size(), 1200u);
    EXPECT_GT(peers.counter(false, "fragment_stored"), 0u);
  }
}

// --- NAT (2.23) ---

TEST(Nat, InitiatorBehindANatFloatsAndEncapsulates) {
  TwoPeers peers;
  peers.nat_a = wire::IpAddress::v4(0xc6336401);  // 198.51.100.1
  auto pb = TwoPeers::parameters(false);
  pb.remote_address.reset();
  start(peers, TwoPeers::parameters(true), std::move(pb));
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
  const auto a = peers.status(true), b = peers.status(false);
  EXPECT_TRUE(a.nat_local && !a.nat_remote && a.udp_encapsulation);
  EXPECT_TRUE(!b.nat_local && b.nat_remote && b.udp_encapsulation);
  EXPECT_EQ(a.local.port, 4500);
  EXPECT_EQ(b.local.port, 4500);
  EXPECT_EQ(b.remote, (wire::Endpoint{*peers.nat_a, 24'500}));
  EXPECT_EQ(peers.b.host.outbound.at(7).remote, b.remote);
  // ESP-39: keepalives come from who is behind the NAT, every 20 s while it sends nothing else.
  peers.run_for(seconds(100));
  EXPECT_GE(peers.a.host.keepalives, 4u);
  EXPECT_LE(peers.a.host.keepalives, 5u);
  EXPECT_EQ(peers.b.host.keepalives, 0u);
}

TEST(Nat, WithoutANatThePortsStay) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  EXPECT_EQ(peers.status(true).local.port, 500);
  EXPECT_FALSE(peers.status(true).udp_encapsulation);
  peers.run_for(seconds(100));
  EXPECT_EQ(peers.a.host.keepalives, 0u);
}

TEST(Nat, ForcedEncapsulationFromEitherEnd) {
  for (const bool by_a : {true, false}) {
    auto pa = TwoPeers::parameters(true);
    auto pb = TwoPeers::parameters(false);
    (by_a ? pa : pb).force_udp_encapsulation = true;
    TwoPeers peers;
    start(peers, std::move(pa), std::move(pb));
    ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
    for (const bool is_a : {true, false}) {
      EXPECT_TRUE(peers.status(is_a).udp_encapsulation);
      EXPECT_EQ(peers.status(is_a).local.port, 4500);
    }
  }
}

// The NAT gives A another port. B follows authenticated packets, of IKE and of ESP; it does not
// follow anything else, and nobody who is not behind a NAT (ESP-38).
TEST(Nat, TheEndpointFollowsAuthenticatedPacketsOnly) {
  TwoPeers peers;
  peers.nat_a = wire::IpAddress::v4(0xc6336401);
  auto pb = TwoPeers::parameters(false);
  pb.remote_address.reset();
  start(peers, TwoPeers::parameters(true), std::move(pb));
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(2)));
  const uint32_t spi = peers.status(false).children.at(0).inbound_spi;
  const auto before = peers.status(false).remote;
  // A replay and a forgery from elsewhere.
  const Message last = peers.sent.at(2);
  const wire::Endpoint elsewhere{wire::IpAddress::v4(0xcb007107), 4500};
  peers.inject(false, elsewhere, last.to, last.bytes);
  Octets forged = last.bytes;
  forged.back() ^= 1;
  peers.inject(false, elsewhere, last.to, forged);
  EXPECT_EQ(peers.status(false).remote, before);
  EXPECT_TRUE(peers.b.host.moves.empty());
  // ESP from the new port.
  const wire::Endpoint moved{*peers.nat_a, 31'000};
  peers.b.engine->traffic_seen(peers.now(), spi, 1, 0, moved);
  EXPECT_EQ(peers.status(false).remote, moved);
  ASSERT_EQ(peers.b.host.moves.size(), 1u);
  // IKE from yet another one.
  peers.nat_port = 25'000;
  ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(false).remote, (wire::Endpoint{*peers.nat_a, 29'500}));
  EXPECT_EQ(peers.mirror_problem(), "");
}

TEST(Nat, WithoutANatTheEndpointStays) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  const uint32_t spi = peers.status(false).children.at(0).inbound_spi;
  peers.b.engine->traffic_seen(peers.now(), spi, 1, 0, {wire::IpAddress::v4(0xcb007107), 4500});
  EXPECT_TRUE(peers.b.host.moves.empty());
  EXPECT_EQ(peers.status(false).remote.address, TwoPeers::kAddressA);
}

}  // namespace
}  // namespace kanmon::test
