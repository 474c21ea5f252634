// Rekeying of child and IKE SAs under traffic: nothing is lost, nothing is left over (INV-5,
// IKE-19, IKE-20, IKE-29, ESP-27).
#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;

void expect_no_loss(const TwoPeers& peers) {
  EXPECT_EQ(peers.a.gaps, 0u);
  EXPECT_EQ(peers.b.gaps, 0u);
  EXPECT_EQ(peers.a.unsent, 0u);
  EXPECT_EQ(peers.b.unsent, 0u);
}

struct Case {
  const char* name;
  bool by_a;
  bool tells;  // engines hear of traffic
};

class ChildRekey : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Sides, ChildRekey,
                         ::testing::Values(Case{"initiator", true, true},
                                           Case{"responder", false, true},
                                           Case{"initiator_deaf", true, false},
                                           Case{"responder_deaf", false, false}),
                         [](const auto& row) { return row.param.name; });

//   A                                      B
//   CREATE_CHILD_SA N(REKEY_SA), SA, Ni, TSi, TSr -->      (B installs inbound, then answers)
//                                      <-- SA, Nr, TSi, TSr
//   (A installs inbound, then outbound)
//   INFORMATIONAL D(old)               -->  (B switches outbound at the latest here)
//                                      <-- D(old)
TEST_P(ChildRekey, ReplacesThePairWithoutAGap) {
  TwoPeers peers;
  peers.traffic_interval = milliseconds(1);
  peers.traffic_tells = GetParam().tells;
  ASSERT_TRUE(peers.connect());
  peers.run_for(seconds(1));
  const auto before = peers.status(true).children.at(0);
  peers.sent.clear();
  ASSERT_TRUE(peers.side(GetParam().by_a).engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.sent.size(), 4u);
  EXPECT_EQ(peers.mirror_problem(), "");
  EXPECT_NE(peers.status(true).children.at(0).inbound_spi, before.inbound_spi);
  EXPECT_EQ(peers.status(true).child_rekeys, 1u);
  EXPECT_EQ(peers.status(false).child_rekeys, 1u);
  expect_no_loss(peers);
}

TEST(ChildRekeyMany, AThousandFromBothSidesLoseNothing) {
  TwoPeers peers;
  peers.record = false;
  peers.traffic_interval = milliseconds(2);
  ASSERT_TRUE(peers.connect());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(peers.side(i % 2 == 0).engine->rekey_child(peers.now(), "t").ok()) << i;
    peers.run_for(milliseconds(60 + i % 7));
  }
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(true).child_rekeys, 1000u);
  EXPECT_EQ(peers.mirror_problem(), "");
  expect_no_loss(peers);
}

//   A                                      B
//   CREATE_CHILD_SA SA(new IKE SPI), Ni, KEi -->
//                                      <-- SA(new IKE SPI), Nr, KEr
//   INFORMATIONAL D(old IKE SA)        -->
//                                      <-- (empty)
TEST(IkeRekey, MovesTheChildAndRestartsMessageIds) {
  for (const bool by_a : {true, false}) {
    TwoPeers peers;
    peers.traffic_interval = milliseconds(1);
    ASSERT_TRUE(peers.connect());
    const auto before = peers.status(true);
    peers.sent.clear();
    ASSERT_TRUE(peers.side(by_a).engine->rekey_ike(peers.now(), "t").ok());
    peers.run_for(seconds(1));
    EXPECT_EQ(peers.sent.size(), 4u);
    const auto after = peers.status(true);
    EXPECT_NE(after.ike_spi_initiator, before.ike_spi_initiator);
    EXPECT_EQ(after.ike_spi_initiator, peers.status(false).ike_spi_initiator);
    EXPECT_EQ(after.ike_spi_responder, peers.status(false).ike_spi_responder);
    EXPECT_EQ(after.initiator, by_a);
    EXPECT_EQ(after.children.at(0).inbound_spi, before.children.at(0).inbound_spi);
    EXPECT_EQ(after.ike_rekeys, 1u);
    EXPECT_EQ(peers.status(false).ike_rekeys, 1u);
    // The new IKE SA works, from Message ID 0 on, in both directions.
    peers.sent.clear();
    ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok());
    peers.run_for(seconds(12));
    ASSERT_FALSE(peers.sent.empty());
    EXPECT_EQ(peers.sent[0].header.message_id, 0u);
    EXPECT_EQ(peers.sent[0].header.spi_initiator, after.ike_spi_initiator);
    ASSERT_TRUE(peers.b.engine->rekey_child(peers.now(), "t").ok());
    peers.run_for(seconds(12));
    EXPECT_EQ(peers.mirror_problem(), "");
    expect_no_loss(peers);
  }
}

TEST(IkeRekeyMany, MixedWithChildRekeysLosesNothing) {
  TwoPeers peers;
  peers.record = false;
  peers.traffic_interval = milliseconds(2);
  ASSERT_TRUE(peers.connect());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(peers.side(i % 3 == 0).engine->rekey_ike(peers.now(), "t").ok());
    (void)peers.side(i % 2 == 0).engine->rekey_child(peers.now(), "t");
    peers.run_for(milliseconds(100 + i % 11));
  }
  peers.run_for(seconds(70));
  EXPECT_EQ(peers.mirror_problem(), "");
  expect_no_loss(peers);
}

// --- what the operator asks while something else is under way ---

using ike::Rekeying;

//   A                                      B
//                                      <-- CREATE_CHILD_SA N(REKEY_SA), …
//   SA, Nr, TSi, TSr                   -->     (A still sends with the old one)
//   operator: rekey            queued
//                                      <-- INFORMATIONAL D(old)
//   D(old)                             -->     (A sends with B's new one)
//   CREATE_CHILD_SA N(REKEY_SA), …     -->
TEST(Wish, ForNewKeysWaitsUntilThePeersRekeyingIsOver) {
  TwoPeers peers;
  peers.traffic_interval = milliseconds(1);
  peers.traffic_tells = false;  // else a packet on the new SA ends the wait at once
  ASSERT_TRUE(peers.connect());
  const auto by_b = peers.b.engine->rekey_child(peers.now(), "t");
  ASSERT_TRUE(by_b.ok());
  EXPECT_EQ(by_b.value(), Rekeying::kStarted);
  peers.run_for(milliseconds(8));
  for (int i = 0; i < 10; ++i) {
    const auto wish = peers.a.engine->rekey_child(peers.now(), "t");
    ASSERT_TRUE(wish.ok());
    EXPECT_EQ(wish.value(), Rekeying::kQueued);
  }
  EXPECT_EQ(peers.status(true).child_rekeys, 1u);
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(true).child_rekeys, 2u);
  EXPECT_EQ(peers.mirror_problem(), "");
  expect_no_loss(peers);
}

TEST(Wish, ForBothKindsIsGrantedInTurn) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  EXPECT_EQ(peers.a.engine->rekey_child(peers.now(), "t").value(), Rekeying::kStarted);
  EXPECT_EQ(peers.a.engine->rekey_child(peers.now(), "t").value(), Rekeying::kStarted);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(peers.a.engine->rekey_ike(peers.now(), "t").value(), Rekeying::kQueued);
  EXPECT_EQ(peers.a.engine->sizes().queued, 1u);
  peers.run_for(seconds(12));
  EXPECT_EQ(peers.status(true).child_rekeys, 1u);
  EXPECT_EQ(peers.status(true).ike_rekeys, 1u);
  EXPECT_EQ(peers.a.engine->sizes().queued, 0u);
  EXPECT_EQ(peers.mirror_problem(), "");
}

// Asked at every moment of a rekeying by the peer: never refused, and never forgotten.
TEST(Wish, AtAnyMomentIsHeard) {
  for (int ms = 0; ms < 40; ++ms) {
    TwoPeers peers;
    ASSERT_TRUE(peers.connect());
    ASSERT_TRUE(peers.b.engine->rekey_child(peers.now(), "t").ok());
    peers.run_for(milliseconds(ms));
    const uint32_t before = peers.status(true).children.back().inbound_spi;
    ASSERT_TRUE(peers.a.engine->rekey_child(peers.now(), "t").ok()) << ms;
    peers.run_for(seconds(15));
    EXPECT_NE(peers.status(true).children.at(0).inbound_spi, before) << ms;
    EXPECT_EQ(peers.mirror_problem(), "") << ms;
  }
}

TEST(Wish, EndsWithTheTunnel) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  ASSERT_TRUE(peers.b.engine->rekey_child(peers.now(), "t").ok());
  peers.run_for(milliseconds(8));
  ASSERT_EQ(peers.a.engine->rekey_child(peers.now(), "t").value(), Rekeying::kQueued);
  ASSERT_TRUE(peers.a.engine->down(peers.now(), "t").ok());
  EXPECT_EQ(peers.a.engine->rekey_child(peers.now(), "t").error().code, Errc::kUnsupported);
  peers.run_for(seconds(60));
  const uint64_t rekeys = peers.status(true).child_rekeys;
  ASSERT_TRUE(peers.a.engine->up(peers.now(), "t").ok());
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(5)));
  peers.run_for(seconds(60));
  EXPECT_EQ(peers.status(true).child_rekeys, rekeys);
  EXPECT_EQ(peers.a.engine->rekey_child(peers.now(), "nobody").error().code, Errc::kNotFound);
  EXPECT_EQ(peers.a.engine->state("t"), ike::TunnelState::kUp);
  EXPECT_FALSE(peers.a.engine->state("nobody").has_value());
}

// Both lifetimes run out by themselves, again and again, at both ends.
TEST(Lifetimes, RekeyBeforeTheEndForever) {
  TwoPeers peers;
  peers.record = false;
  peers.traffic_interval = milliseconds(500);
  auto pa = TwoPeers::parameters(true);
  auto pb = TwoPeers::parameters(false);
  for (auto* p : {&pa, &pb}) {
    p->ike_lifetime = seconds(300);
    p->child_lifetime = seconds(60);
    p->rekey_margin = seconds(10);
  }
  peers.b.engine->add(peers.now(), std::move(pb));
  peers.a.engine->add(peers.now(), std::move(pa));
  ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(10)));
  peers.run_for(seconds(1));
  peers.a.gaps = peers.b.gaps = 0;
  peers.run_for(std::chrono::hours(2));
  EXPECT_GE(peers.status(true).child_rekeys, 110u);
  EXPECT_GE(peers.status(true).ike_rekeys, 22u);
  EXPECT_TRUE(peers.both_up());
  EXPECT_FALSE(peers.a.host.has_log("child-expired"));
  expect_no_loss(peers);
}

}  // namespace
}  // namespace kanmon::test
