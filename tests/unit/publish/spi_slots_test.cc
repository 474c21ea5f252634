// Inbound SPIs: unique, unpredictable, never reserved ones (RFC 4303 section 2.1, ESP-21, IKE-16).
#include "control/publish/spi_slots.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace kanmon::publish {
namespace {

SpiSlots::Random seeded(uint32_t seed) {
  return [rng = std::mt19937(seed)](wire::MutableBytes out) mutable {
    for (auto& b : out) b = static_cast<uint8_t>(rng());
  };
}

TEST(SpiSlots, FillsTheTableWithUniqueUnreservedSpis) {
  SpiSlots slots(seeded(1));
  std::set<uint32_t> spis, places;
  for (uint32_t i = 0; i < sa::kSlots; ++i) {
    const auto spi = slots.reserve();
    ASSERT_TRUE(spi.ok());
    EXPECT_GE(*spi, 256u);
    spis.insert(*spi);
    places.insert(sa::slot(*spi));
  }
  EXPECT_EQ(spis.size(), sa::kSlots);
  EXPECT_EQ(places.size(), sa::kSlots);
  EXPECT_EQ(slots.reserve().error().code, Errc::kNoSpace);
}

TEST(SpiSlots, ReservedNumbersAreAvoidedEvenWithoutRandomness) {
  SpiSlots slots([](wire::MutableBytes out) { std::fill(out.begin(), out.end(), 0); });
  for (int i = 0; i < 300; ++i) EXPECT_GE(slots.reserve().value(), 256u);
}

TEST(SpiSlots, ASlotComesBackLastAndWithAnotherSpi) {
  SpiSlots slots(seeded(2));
  const uint32_t first = slots.reserve().value();
  slots.release(first);
  for (uint32_t i = 0; i + 1 < sa::kSlots; ++i) EXPECT_NE(slots.reserve().value(), first);
  const uint32_t again = slots.reserve().value();
  EXPECT_EQ(sa::slot(again), sa::slot(first));
  EXPECT_NE(again, first);
}

TEST(SpiSlots, ReleasingTwiceOrAStrangerIsIgnored) {
  SpiSlots slots(seeded(3));
  const uint32_t spi = slots.reserve().value();
  slots.release(spi ^ 0x80000000u);
  EXPECT_EQ(slots.taken(), 1u);
  slots.release(spi);
  slots.release(spi);
  EXPECT_EQ(slots.taken(), 0u);
}

// The upper halves of 65,536 SPIs spread evenly: chi-square over 256 cells, 255 degrees of
// freedom; 347 is exceeded by chance once in ten thousand runs, and the seed is fixed.
TEST(SpiSlots, UpperBitsAreSpreadEvenly) {
  SpiSlots slots(seeded(4));
  std::vector<double> cells(256);
  for (uint32_t i = 0; i < sa::kSlots; ++i) ++cells[slots.reserve().value() >> 24];
  double chi = 0;
  for (const double c : cells) chi += (c - 256) * (c - 256) / 256;
  EXPECT_LT(chi, 347);
}

}  // namespace
}  // namespace kanmon::publish
