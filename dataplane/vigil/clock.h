// Microseconds of a worker's time-stamp counter; that way without a division.
#pragma once

#include <cstdint>

namespace kanmon::vigil {

class Clock {
 public:
  // REQUIRES: tsc_hz != 0.
  explicit Clock(uint64_t tsc_hz)
      : to_us_(static_cast<uint64_t>((Wide{1'000'000} << kShift) / tsc_hz)) {}

  uint64_t us(uint64_t tsc) const { return static_cast<uint64_t>((Wide{tsc} * to_us_) >> kShift); }
  // The first reading that us() makes `us` of, or more.
  uint64_t tsc(uint64_t us) const {
    return static_cast<uint64_t>(((Wide{us} << kShift) + to_us_ - 1) / to_us_);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr unsigned kShift = 50;
  uint64_t to_us_;
};

}  // namespace kanmon::vigil
