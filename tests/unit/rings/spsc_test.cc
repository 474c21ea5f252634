// The ring under every message between threads (INV-4): order, bounds, refusal when full, and the
// same under two threads (run with -Db_sanitize=thread).
#include "dataplane/rings/spsc.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon::rings {
namespace {

TEST(Spsc, RoundsItsCapacityUpToAPowerOfTwo) {
  EXPECT_EQ(Spsc<int>(1).capacity(), 1u);
  EXPECT_EQ(Spsc<int>(3).capacity(), 4u);
  EXPECT_EQ(Spsc<int>(1024).capacity(), 1024u);
}

TEST(Spsc, RefusesWhenFullAndKeepsWhatItHas) {
  Spsc<int> ring(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.push(i));
  EXPECT_FALSE(ring.push(99));
  EXPECT_EQ(ring.size(), 4u);
  int v = -1;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(ring.pop(v));
    EXPECT_EQ(v, i);
  }
  EXPECT_FALSE(ring.pop(v));
  EXPECT_EQ(ring.size(), 0u);
}

TEST(Spsc, TakesTheFirstOfABurstThatFit) {
  Spsc<int> ring(4);
  const int items[] = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(ring.push(items, 3), 3u);
  EXPECT_EQ(ring.push(items + 3, 3), 1u);
  int out[8] = {};
  EXPECT_EQ(ring.pop(out, 8), 4u);
  EXPECT_EQ((std::vector<int>(out, out + 4)), (std::vector<int>{1, 2, 3, 4}));
}

// A deque is the slow truth: any interleaving of bursts on one thread agrees with it.
TEST(Spsc, AgreesWithADeque) {
  std::mt19937 rng(4);
  Spsc<uint32_t> ring(64);
  std::deque<uint32_t> truth;
  uint32_t next = 0;
  for (int step = 0; step < 200'000; ++step) {
    uint32_t burst[100];
    const uint32_t n = rng() % 100;
    if (rng() % 2 != 0) {
      for (uint32_t i = 0; i < n; ++i) burst[i] = next + i;
      const uint32_t taken = ring.push(burst, n);
      ASSERT_EQ(taken, std::min<std::size_t>(n, 64 - truth.size()));
      for (uint32_t i = 0; i < taken; ++i) truth.push_back(next++);
    } else {
      const uint32_t taken = ring.pop(burst, n);
      ASSERT_EQ(taken, std::min<std::size_t>(n, truth.size()));
      for (uint32_t i = 0; i < taken; ++i) {
        ASSERT_EQ(burst[i], truth.front());
        truth.pop_front();
      }
    }
    ASSERT_EQ(ring.size(), truth.size());
  }
}

// More than one word, so that a torn or early-published item shows.
struct Message {
  uint64_t number;
  uint64_t inverse;
  uint64_t fill[5];
};

class SpscThreads : public ::testing::TestWithParam<uint32_t> {};

TEST_P(SpscThreads, DeliverEachItemOnceInOrderAndWhole) {
  // A ring of one or two takes a switch of threads for each item, on a busy machine a time slice.
  const uint64_t items = GetParam() < 64 ? 20'000 : 1'000'000;
  Spsc<Message> ring(GetParam());
  std::thread writer([&ring, items] {
    std::mt19937 rng(1);
    Message burst[32] = {};
    for (uint64_t next = 0; next < items;) {
      const auto n = static_cast<uint32_t>(std::min<uint64_t>(1 + rng() % 32, items - next));
      for (uint32_t i = 0; i < n; ++i) burst[i] = {next + i, ~(next + i), {next + i}};
      const uint32_t taken = ring.push(burst, n);
      if (taken == 0) std::this_thread::yield();
      next += taken;
    }
  });
  std::mt19937 rng(2);
  Message burst[32];
  uint64_t wrong = 0;
  for (uint64_t expected = 0; expected < items;) {
    const uint32_t taken = ring.pop(burst, 1 + rng() % 32);
    if (taken == 0) std::this_thread::yield();
    for (uint32_t i = 0; i < taken; ++i, ++expected)
      wrong += burst[i].number != expected || burst[i].inverse != ~expected ||
               burst[i].fill[0] != expected;
  }
  writer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(ring.size(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Sizes, SpscThreads, ::testing::Values(1, 2, 64, 1024));

}  // namespace
}  // namespace kanmon::rings
