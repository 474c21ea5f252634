// The timers of a worker's checks: the first one due is first, whatever was changed meanwhile; and
// their clock.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/vigil/agenda.h"
#include "dataplane/vigil/clock.h"

namespace kanmon::vigil {
namespace {

TEST(Agenda, HasEachSlotOnce) {
  Agenda agenda(8);
  EXPECT_TRUE(agenda.empty());
  agenda.set(3, 30);
  agenda.set(5, 10);
  agenda.set(3, 5);
  EXPECT_EQ(agenda.size(), 2u);
  EXPECT_EQ(agenda.first(), 3u);
  agenda.set(3, 40);
  EXPECT_EQ(agenda.first(), 5u);
  agenda.set(5, Agenda::kNever);
  agenda.set(5, Agenda::kNever);
  EXPECT_EQ(agenda.first(), 3u);
  EXPECT_EQ(agenda.first_due(), 40u);
  agenda.set(3, Agenda::kNever);
  EXPECT_TRUE(agenda.empty());
}

// A map that is searched through is the slow truth.
TEST(Agenda, AgreesWithASlowOne) {
  constexpr uint32_t kSlots = 64;
  Agenda agenda(kSlots);
  std::map<uint32_t, uint64_t> slow;
  std::mt19937_64 rng(5880);
  for (int i = 0; i < 100'000; ++i) {
    const auto slot = static_cast<uint32_t>(rng() % kSlots);
    const uint64_t due = rng() % 8 == 0 ? Agenda::kNever : rng() % 1000;
    agenda.set(slot, due);
    if (due == Agenda::kNever)
      slow.erase(slot);
    else
      slow[slot] = due;
    ASSERT_EQ(agenda.size(), slow.size());
    if (slow.empty()) continue;
    uint64_t first = Agenda::kNever;
    for (const auto& [s, d] : slow) first = std::min(first, d);
    ASSERT_EQ(agenda.first_due(), first);
    ASSERT_EQ(slow.at(agenda.first()), first);
  }
}

TEST(VigilClock, GoesLikeTheCounter) {
  for (const uint64_t hz :
       {uint64_t{1'000'000}, uint64_t{2'100'000'000}, uint64_t{5'000'000'001}}) {
    const Clock clock(hz);
    // A year of running is not a microsecond in a thousand seconds off.
    for (const uint64_t seconds :
         {uint64_t{0}, uint64_t{1}, uint64_t{86'400}, uint64_t{31'536'000}}) {
      const uint64_t us = clock.us(hz * seconds);
      EXPECT_NEAR(static_cast<double>(us), static_cast<double>(seconds) * 1e6,
                  1 + static_cast<double>(seconds) / 1000)
          << hz;
      EXPECT_GE(clock.us(clock.tsc(us)), us) << "who waits until then finds it due";
      EXPECT_LE(clock.us(clock.tsc(us)), us + 1);
      EXPECT_LT(us == 0 ? 0 : clock.us(clock.tsc(us) - 1), us == 0 ? 1 : us);
    }
  }
}

}  // namespace
}  // namespace kanmon::vigil
