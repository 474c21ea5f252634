// IKE_SA_INIT and IKE_AUTH between two engines: from nothing to a child SA.
#include <gtest/gtest.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

//   A                                  B
//   IKE_SA_INIT  SAi1, KEi, Ni  -->
//                               <--    SAr1, KEr, Nr
//   IKE_AUTH     IDi, IDr, AUTH, SAi2, TSi, TSr -->
//                               <--    IDr, AUTH, SAr2, TSi, TSr
TEST(IkeSetup, FourMessagesBringTheTunnelUp) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect()) << peers.status(true).reason << " / " << peers.status(false).reason;
  EXPECT_EQ(peers.sent.size(), 4u);
  EXPECT_EQ(peers.mirror_problem(), "");
  EXPECT_EQ(peers.status(true).peer_id, "b.example");
  EXPECT_EQ(peers.status(false).peer_id, "a.example");
}

}  // namespace
}  // namespace kanmon::test
