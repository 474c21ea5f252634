// The inbound SPIs that exist, as the XDP programs of all ports see them: a BPF array in memory
// that is shared with the kernel, so that control adds and removes by a store, without a system
// call.
//
// One thread writes (control). An SPI is added before the first worker can know its SA and removed
// after the last one has let go of it: at any time the filter holds at least what the workers hold.
#pragma once

#include <cstdint>
#include <string>

namespace kanmon::xdp {

class SpiFilter {
 public:
  // In the process's own memory; nothing is asked of the kernel.
  SpiFilter();
  ~SpiFilter();
  SpiFilter(const SpiFilter&) = delete;
  SpiFilter& operator=(const SpiFilter&) = delete;

  // Takes the slot of its low bits (sa/spi.h); what held it before is gone.
  void add(uint32_t spi);
  // Nothing happens if its slot holds another one by now.
  void remove(uint32_t spi);
  bool knows(uint32_t spi) const;

  // The map as a file descriptor, which stays this object's; made by the first call with what was
  // added until then. Negative: the kernel refused, -errno.
  int map();

 private:
  uint64_t* slots_;
  int map_ = -1;
};

}  // namespace kanmon::xdp
