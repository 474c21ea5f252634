// S2: three silent ends in a row, each soon after the neighbour was told a default route.
#include "control/bgp/speaker/default_route_loop.h"

#include <gtest/gtest.h>

namespace kanmon::bgp {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const DefaultRouteLoop::End kShape{true, true, seconds(12), seconds(9)};

class Loop : public testing::Test {
 protected:
  bool ended(DefaultRouteLoop::End end) { return loop.ended(now += seconds(20), end); }
  DefaultRouteLoop::TimePoint now{};
  DefaultRouteLoop loop;
};

TEST_F(Loop, IsNamedOnceAtTheThirdCycle) {
  EXPECT_FALSE(ended(kShape));
  EXPECT_FALSE(ended(kShape));
  EXPECT_FALSE(loop.is_recognised());
  EXPECT_TRUE(ended(kShape));
  EXPECT_TRUE(loop.is_recognised());
  EXPECT_FALSE(ended(kShape)) << "said twice";
  EXPECT_TRUE(loop.is_recognised());
}

TEST_F(Loop, OtherEndsBreakTheRow) {
  DefaultRouteLoop::End spoken = kShape, without = kShape, old = kShape;
  spoken.in_silence = false;  // the neighbour said why
  without.had_default = false;
  old.lived = seconds(9 * 6);
  for (const auto& other : {spoken, without, old}) {
    EXPECT_FALSE(ended(kShape));
    EXPECT_FALSE(ended(kShape));
    EXPECT_FALSE(ended(other));
    EXPECT_FALSE(ended(kShape));
    EXPECT_FALSE(loop.is_recognised());
    loop = {};
  }
}

TEST_F(Loop, IsOverWithTheFirstEndOfAnotherShape) {
  for (int i = 0; i < 3; ++i) ended(kShape);
  DefaultRouteLoop::End other = kShape;
  other.had_default = false;  // the policy was mended
  EXPECT_FALSE(ended(other));
  EXPECT_FALSE(loop.is_recognised());
  ended(kShape);
  ended(kShape);
  EXPECT_TRUE(ended(kShape)) << "named anew";
}

TEST_F(Loop, RareEndsAreNoLoop) {
  for (int i = 0; i < 5; ++i) {
    now += minutes(20);
    EXPECT_FALSE(ended(kShape));
  }
}

}  // namespace
}  // namespace kanmon::bgp
