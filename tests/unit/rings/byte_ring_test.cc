// A ring of messages of any length against a queue, and between two threads.
#include "dataplane/rings/byte_ring.h"

#include <deque>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon::rings {
namespace {

using Message = std::vector<uint8_t>;

bool push(ByteRing& ring, const Message& m) {
  if (!ring.begin(static_cast<uint32_t>(m.size()))) return false;
  // In two parts, as segments come.
  const auto half = static_cast<uint32_t>(m.size() / 2);
  ring.append(m.data(), half);
  ring.append(m.data() + half, static_cast<uint32_t>(m.size()) - half);
  ring.commit();
  return true;
}

TEST(ByteRing, KeepsMessagesWholeAndInOrder) {
  ByteRing ring(256);
  std::deque<Message> model;
  std::mt19937 rng(77);
  std::size_t held = 0, refused = 0;
  Message got;
  for (int i = 0; i < 200'000; ++i) {
    if (rng() % 2 == 0) {
      Message m(rng() % 100);
      for (auto& octet : m) octet = static_cast<uint8_t>(rng());
      const bool fits = held + m.size() + 4 <= 256;
      ASSERT_EQ(push(ring, m), fits);
      refused += fits ? 0 : 1;
      if (!fits) continue;
      held += m.size() + 4;
      model.push_back(m);
    } else {
      ASSERT_EQ(ring.pop(got), !model.empty());
      if (model.empty()) continue;
      ASSERT_EQ(got, model.front());
      held -= got.size() + 4;
      model.pop_front();
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(ByteRing, RefusesWhatCanNeverFitAndTakesAllItHas) {
  ByteRing ring(64);
  EXPECT_FALSE(push(ring, Message(61)));
  EXPECT_FALSE(ring.begin(~uint32_t{0}));
  EXPECT_TRUE(push(ring, Message(60, 9)));
  EXPECT_FALSE(push(ring, Message()));
  Message got;
  ASSERT_TRUE(ring.pop(got));
  EXPECT_EQ(got, Message(60, 9));
  EXPECT_FALSE(ring.pop(got));
}

TEST(ByteRing, BetweenTwoThreadsNothingIsTornOrReordered) {
  ByteRing ring(1024);
  constexpr uint32_t kMessages = 10'000;
  std::thread writer([&ring] {
    for (uint32_t i = 0; i < kMessages;) {
      const Message m(i % 200, static_cast<uint8_t>(i));
      if (push(ring, m))
        ++i;
      else
        std::this_thread::yield();
    }
  });
  Message got;
  for (uint32_t i = 0; i < kMessages;) {
    if (!ring.pop(got)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(got, Message(i % 200, static_cast<uint8_t>(i))) << i;
    ++i;
  }
  writer.join();
}

}  // namespace
}  // namespace kanmon::rings
