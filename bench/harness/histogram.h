// Times in bins whose width grows with the value: any 64-bit number, to one part in 64, in 30 KiB
// and without allocation while counting.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/common/log_linear.h"

namespace kanmon::bench {

class Histogram {
 public:
  void add(uint64_t value) {
    ++bins_[Scale::bin(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = value < min_ ? value : min_;
    max_ = value > max_ ? value : max_;
  }
  void clear() { *this = Histogram(); }

  uint64_t count() const { return count_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  // The smallest value that at least `percent` of all values do not exceed (nearest rank), rounded
  // up to the top of its bin, and never above max(). 0 of none. REQUIRES: 0 < percent <= 100.
  uint64_t percentile(double percent) const;

 private:
  using Scale = LogLinear<6>;

  std::array<uint64_t, Scale::kBins> bins_{};
  uint64_t count_ = 0;
  double sum_ = 0;
  uint64_t min_ = ~uint64_t{0};
  uint64_t max_ = 0;
};

inline uint64_t Histogram::percentile(double percent) const {
  const uint64_t top = Scale::percentile(bins_, count_, percent);
  return top < max_ ? top : max_;
}

}  // namespace kanmon::bench
