#include "control/publish/spi_slots.h"

#include <utility>

namespace kanmon::publish {

SpiSlots::SpiSlots(Random random)
    : random_(std::move(random)),
      current_(std::make_unique<uint32_t[]>(sa::kSlots)),
      used_(std::make_unique<std::bitset<sa::kSlots>>()) {
  for (uint32_t slot = 0; slot < sa::kSlots; ++slot) free_.push_back(static_cast<uint16_t>(slot));
}

Result<uint32_t> SpiSlots::reserve() {
  if (free_.empty()) return Errc::kNoSpace;
  const uint16_t slot = free_.front();
  free_.pop_front();
  uint32_t spi;
  do {
    uint8_t bits[2];
    random_(bits);
    spi = sa::make_spi(slot, static_cast<uint16_t>(bits[0] << 8 | bits[1]));
  } while (spi == current_[slot]);
  current_[slot] = spi;
  used_->set(slot);
  ++taken_;
  return spi;
}

void SpiSlots::release(uint32_t spi) {
  const uint32_t slot = sa::slot(spi);
  if (!used_->test(slot) || current_[slot] != spi) return;
  used_->reset(slot);
  free_.push_back(static_cast<uint16_t>(slot));
  --taken_;
}

}  // namespace kanmon::publish
