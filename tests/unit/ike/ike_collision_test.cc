// Both ends want something at the same time (RFC 7296 sections 2.8.1, 2.8.2, 2.25): every order in
// which the messages can arrive, with any one of them lost. Afterwards one pair of SAs, the same at
// both ends, and no packet lost meanwhile (IKE-19, IKE-20).
#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

enum class Wish { kRekeyChild, kRekeyIke, kHardLimit, kNothing };
constexpr const char* kWishNames[] = {"rekey child", "rekey IKE", "replace child", "nothing"};

struct Run {
  Wish a = Wish::kNothing;
  Wish b = Wish::kNothing;
  Duration b_later{};
  uint32_t slow = 0;      // bit n: the n-th message takes its time
  uint64_t lost = ~0ull;  // number of the lost message
  uint64_t seed = 1;

  std::string text() const {
    return std::string(kWishNames[static_cast<int>(a)]) + " / " + kWishNames[static_cast<int>(b)] +
           " slow=" + std::to_string(slow) + " lost=" + std::to_string(lost) +
           " seed=" + std::to_string(seed) + " later_us=" +
           std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(b_later).count());
  }
};

void want(TwoPeers& peers, bool is_a, Wish wish) {
  ike::Engine& engine = *peers.side(is_a).engine;
  switch (wish) {
    case Wish::kRekeyChild:
      (void)engine.rekey_child(peers.now(), "t");
      return;
    case Wish::kRekeyIke:
      (void)engine.rekey_ike(peers.now(), "t");
      return;
    case Wish::kHardLimit: {
      const auto it = peers.side(is_a).host.outbound.find(7);
      if (it != peers.side(is_a).host.outbound.end())
        engine.limit_reached(peers.now(), it->second.inbound_spi, true);
      return;
    }
    case Wish::kNothing:
      return;
  }
}

// Which log line tells that the ends saw a collision, and at how many ends it was seen: a test
// without any has tested nothing.
const char* g_event = "none";
uint64_t g_collisions = 0;

void collide(const Run& run) {
  SCOPED_TRACE(run.text());
  TwoPeers peers(run.seed);
  peers.traffic_interval = milliseconds(200);
  ASSERT_TRUE(peers.connect());
  const uint64_t base = peers.sent.size();
  peers.fate = [&](const Message& message) -> Fate {
    const uint64_t n = message.number - base;
    if (n == run.lost) return {};
    const bool slow = n < 32 && ((run.slow >> n) & 1) != 0;
    return {slow ? milliseconds(23) : milliseconds(4)};
  };
  want(peers, true, run.a);
  peers.run_for(run.b_later);
  want(peers, false, run.b);
  peers.run_for(seconds(75));
  EXPECT_EQ(peers.mirror_problem(), "");
  EXPECT_EQ(peers.status(true).ike_spi_initiator, peers.status(false).ike_spi_initiator);
  const bool lossless = run.a != Wish::kHardLimit && run.b != Wish::kHardLimit;
  if (lossless) {
    EXPECT_EQ(peers.a.gaps + peers.b.gaps + peers.a.unsent + peers.b.unsent, 0u);
  }
  for (const bool is_a : {true, false})
    if (peers.side(is_a).host.has_log(g_event)) ++g_collisions;
}

// With no loss orders of arrival, at offsets that reach from one request in flight to all over.
void all_orders(Wish a, Wish b) {
  for (const int later_us : {0, 3000, 4500, 9000, 14'000})
    for (uint32_t slow = 0; slow < 32; ++slow) {
      collide({a, b, std::chrono::microseconds(later_us), slow, ~0ull, slow});
      if (::testing::Test::HasFailure()) return;
    }
}

void any_one_lost(Wish a, Wish b) {
  for (uint64_t seed = 0; seed < 2; ++seed)
    for (const int later_us : {0, 4500})
      for (uint64_t lost = 0; lost < 10; ++lost)
        for (const uint32_t slow : {0u, 1u, 2u, 8u, 10u}) {
          collide({a, b, std::chrono::microseconds(later_us), slow, lost, seed});
          if (::testing::Test::HasFailure()) return;
        }
}

//   A: CREATE_CHILD_SA N(REKEY_SA) -->  X  <-- CREATE_CHILD_SA N(REKEY_SA) :B
//   both answer as usual; the child SA with the lowest of four nonces is deleted by who began it,
//   the old one by the other (2.8.1)
TEST(Collision, ChildRekeyAtBothEnds) {
  g_event = "child-rekey-collision";
  g_collisions = 0;
  all_orders(Wish::kRekeyChild, Wish::kRekeyChild);
  EXPECT_GT(g_collisions, 100u);
}
TEST(Collision, ChildRekeyAtBothEndsWithLoss) {
  any_one_lost(Wish::kRekeyChild, Wish::kRekeyChild);
}

//   A: CREATE_CHILD_SA SA(IKE) -->  X  <-- CREATE_CHILD_SA SA(IKE) :B   (2.8.2)
TEST(Collision, IkeRekeyAtBothEnds) {
  g_event = "ike-rekey-collision";
  g_collisions = 0;
  all_orders(Wish::kRekeyIke, Wish::kRekeyIke);
  EXPECT_GT(g_collisions, 100u);
}
TEST(Collision, IkeRekeyAtBothEndsWithLoss) {
  any_one_lost(Wish::kRekeyIke, Wish::kRekeyIke);
}

//   A: CREATE_CHILD_SA SA(IKE) -->  X  <-- CREATE_CHILD_SA N(REKEY_SA) :B
//   both are told TEMPORARY_FAILURE and try again (2.25)
TEST(Collision, IkeRekeyAgainstChildRekey) {
  all_orders(Wish::kRekeyIke, Wish::kRekeyChild);
}
TEST(Collision, IkeRekeyAgainstChildRekeyWithLoss) {
  any_one_lost(Wish::kRekeyIke, Wish::kRekeyChild);
}

//   A: CREATE_CHILD_SA N(REKEY_SA) -->  X  <-- CREATE_CHILD_SA (new), then D(child) :B
TEST(Collision, ChildRekeyAgainstReplacement) {
  all_orders(Wish::kRekeyChild, Wish::kHardLimit);
}
TEST(Collision, IkeRekeyAgainstReplacement) {
  all_orders(Wish::kRekeyIke, Wish::kHardLimit);
}
TEST(Collision, ReplacementAtBothEnds) {
  all_orders(Wish::kHardLimit, Wish::kHardLimit);
}

//   A: CREATE_CHILD_SA SA(IKE) -->  X  <-- INFORMATIONAL D(IKE SA) :B
TEST(Collision, IkeRekeyAgainstDelete) {
  for (uint32_t slow = 0; slow < 16; ++slow)
    for (const int later_us : {0, 4500, 9000}) {
      SCOPED_TRACE(slow);
      TwoPeers peers;
      ASSERT_TRUE(peers.connect());
      const uint64_t base = peers.sent.size();
      peers.fate = [&](const Message& message) -> Fate {
        const uint64_t nth = message.number - base;
        const bool is_late = nth < 32 && ((slow >> nth) & 1) != 0;
        return {is_late ? milliseconds(23) : milliseconds(4)};
      };
      ASSERT_TRUE(peers.a.engine->rekey_ike(peers.now(), "t").ok());
      peers.run_for(std::chrono::microseconds(later_us));
      ASSERT_TRUE(peers.b.engine->down(peers.now(), "t").ok());
      peers.run_for(seconds(30));
      EXPECT_EQ(peers.status(false).state, ike::TunnelState::kIdle);
      EXPECT_FALSE(peers.up(true));
      EXPECT_TRUE(peers.a.host.inbound.empty());
      EXPECT_TRUE(peers.b.host.inbound.empty());
    }
}

//   Both start at boot: two IKE SAs come up, both ends keep the same one.
TEST(Collision, BothInitiate) {
  for (uint64_t seed = 0; seed < 20; ++seed)
    for (const int later_us : {0, 1000, 6000, 11'000, 16'000}) {
      SCOPED_TRACE(std::to_string(seed) + " " + std::to_string(later_us));
      TwoPeers peers(seed);
      peers.traffic_interval = milliseconds(50);
      auto pb = TwoPeers::parameters(false);
      pb.startup = ike::StartupAction::kStart;
      peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
      peers.run_for(std::chrono::microseconds(later_us));
      peers.b.engine->add(peers.now(), std::move(pb));
      ASSERT_TRUE(peers.run_until([&] { return peers.both_up(); }, seconds(10)));
      peers.run_for(milliseconds(500));
      peers.a.gaps = peers.b.gaps = peers.a.unsent = peers.b.unsent = 0;
      peers.run_for(seconds(30));
      EXPECT_EQ(peers.mirror_problem(), "");
      EXPECT_EQ(peers.status(true).ike_spi_initiator, peers.status(false).ike_spi_initiator);
      EXPECT_EQ(peers.a.gaps + peers.b.gaps + peers.a.unsent + peers.b.unsent, 0u);
    }
}

}  // namespace
}  // namespace kanmon::test
