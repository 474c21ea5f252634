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
