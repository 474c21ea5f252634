// Hands out inbound SPIs: a free slot of the SA table and random upper bits (see sa/spi.h).
//
// Slots are used again in the order they were given back, as late as possible, and never with the
// same SPI twice in a row: packets of a peer that did not hear of a delete miss.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "dataplane/common/result.h"
#include "dataplane/sa/spi.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::publish {

class SpiSlots {
 public:
  using Random = std::function<void(wire::MutableBytes)>;
  explicit SpiSlots(Random random);

  // kNoSpace: all slots are taken.
  Result<uint32_t> reserve();
  // Gives an SPI back; one that is not taken is ignored.
  void release(uint32_t spi);
  size_t taken() const { return taken_; }

 private:
  Random random_;
  std::deque<uint16_t> free_;
  std::unique_ptr<uint32_t[]> current_;  // [slot]: the SPI in use, or the last one that was
  std::unique_ptr<std::bitset<sa::kSlots>> used_;
  size_t taken_ = 0;
};

}  // namespace kanmon::publish
