// Names and their small numbers: stable, bounded, used again as late as possible.
#include "control/daemon/index.h"

#include <gtest/gtest.h>

namespace kanmon::daemon {
namespace {

TEST(Index, KeepsANumberWhileTheNameHasIt) {
  Index index(4);
  const auto a = index.take("a");
  const auto b = index.take("b");
  EXPECT_NE(a, b);
  EXPECT_EQ(index.take("a"), a);
  EXPECT_EQ(index.name(*b), "b");
}

TEST(Index, GivesOutAFreedNumberLast) {
  Index index(3);
  const uint32_t a = *index.take("a");
  index.give_back("a");
  EXPECT_EQ(index.name(a), "");
  EXPECT_EQ(index.free(), 3u);
  EXPECT_NE(index.take("b"), a);
  EXPECT_NE(index.take("c"), a);
  EXPECT_EQ(index.take("d"), a);
}

TEST(Index, RefusesWhenAllAreTaken) {
  Index index(2);
  index.take("a");
  index.take("b");
  EXPECT_FALSE(index.take("c").has_value());
  index.give_back("a");
  EXPECT_TRUE(index.take("c").has_value());
  index.give_back("unknown");
}

}  // namespace
}  // namespace kanmon::daemon
