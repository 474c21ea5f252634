// What IKE says of a child SA besides its transforms: TFC padding (ESP-44, RFC 7296 section 1.3.1)
// and later fragments (ESP-36, RFC 4301 section 7.3), in IKE_AUTH and in CREATE_CHILD_SA.
#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

using ike::TunnelParameters;

struct Ends {
  TunnelParameters a = TwoPeers::parameters(true);
  TunnelParameters b = TwoPeers::parameters(false);
};

bool bring_up(TwoPeers& peers, Ends ends) {
  peers.b.engine->add(peers.now(), std::move(ends.b));
  peers.a.engine->add(peers.now(), std::move(ends.a));
  return peers.run_until([&] { return peers.both_up(); }, seconds(10));
}

// The SA each data plane was given last.
const ike::ChildSa& newest(const TwoPeers& peers, bool of_a) {
  const FakeHost& host = peers.side(of_a).host;
  return host.inbound.at(host.outbound.begin()->second.inbound_spi).sa;
}

// Each end pads unless the other one has said that it does not take it: the two directions are
// told apart, whoever begins.
TEST(Tfc, EachEndHonoursWhatTheOtherSaid) {
  for (const bool a_takes : {true, false})
    for (const bool b_takes : {true, false}) {
      Ends ends;
      ends.a.accepts_tfc = a_takes;
      ends.b.accepts_tfc = b_takes;
      TwoPeers peers;
      ASSERT_TRUE(bring_up(peers, std::move(ends)));
      const auto expect_honoured = [&](const char* when) {
        EXPECT_EQ(newest(peers, true).peer_refuses_tfc, !b_takes) << when << a_takes << b_takes;
        EXPECT_EQ(newest(peers, false).peer_refuses_tfc, !a_takes) << when << a_takes << b_takes;
      };
      expect_honoured("IKE_AUTH ");
      for (const bool by_a : {true, false}) {
        const uint32_t before = newest(peers, true).inbound_spi;
        (void)peers.side(by_a).engine->rekey_child(peers.now(), "t");
        peers.run_for(seconds(12));
        ASSERT_NE(newest(peers, true).inbound_spi, before);
        expect_honoured(by_a ? "rekeyed by a " : "rekeyed by b ");
      }
    }
}

Ends with_ports() {
  Ends ends;
  for (TunnelParameters* p : {&ends.a, &ends.b})
    for (auto* selectors : {&p->local_ts, &p->remote_ts})
      for (sa::Selector& s : *selectors) s.protocol = 17;
  for (sa::Selector& s : ends.a.local_ts) s.port_start = s.port_end = 1000;
  for (sa::Selector& s : ends.b.remote_ts) s.port_start = s.port_end = 1000;
  return ends;
}

TEST(LaterFragments, OnlyIfBothEndsSaySo) {
  for (const bool a_says : {true, false})
    for (const bool b_says : {true, false}) {
      Ends ends;
      ends.a.fragments_also = a_says;
      ends.b.fragments_also = b_says;
      TwoPeers peers;
      ASSERT_TRUE(bring_up(peers, std::move(ends)));
      EXPECT_EQ(newest(peers, true).fragments_also, a_says && b_says);
      EXPECT_EQ(newest(peers, false).fragments_also, a_says && b_says);
    }
}

TEST(LaterFragments, AgreedOnWithPortsAndAfterARekeying) {
  Ends ends = with_ports();
  ends.a.fragments_also = ends.b.fragments_also = true;
  TwoPeers peers;
  ASSERT_TRUE(bring_up(peers, std::move(ends)));
  const uint32_t before = newest(peers, true).inbound_spi;
  EXPECT_TRUE(newest(peers, true).fragments_also && newest(peers, false).fragments_also);
  (void)peers.b.engine->rekey_child(peers.now(), "t");
  peers.run_for(seconds(12));
  ASSERT_NE(newest(peers, true).inbound_spi, before);
  EXPECT_TRUE(newest(peers, true).fragments_also && newest(peers, false).fragments_also);
}

// RFC 4301 section 7.3: "The peer MUST reject this proposal if it will not accept non-initial
// fragments in this context."
TEST(LaterFragments, RefusedByWhoDoesNotTakeThem) {
  Ends ends = with_ports();
  ends.a.fragments_also = true;
  TwoPeers peers;
  EXPECT_FALSE(bring_up(peers, std::move(ends)));
  EXPECT_TRUE(peers.a.host.outbound.empty());
  EXPECT_TRUE(peers.b.host.has_log("child-refused", "NON_FIRST_FRAGMENTS_ALSO"));
}

// The other way round the initiator does not ask, so that there is nothing to refuse.
TEST(LaterFragments, NotSentToWhoDidNotAsk) {
  Ends ends = with_ports();
  ends.b.fragments_also = true;
  TwoPeers peers;
  ASSERT_TRUE(bring_up(peers, std::move(ends)));
  EXPECT_FALSE(newest(peers, true).fragments_also);
  EXPECT_FALSE(newest(peers, false).fragments_also);
}

}  // namespace
}  // namespace kanmon::test
