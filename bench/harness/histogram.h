// Times in bins whose width grows with the value: any 64-bit number, to one part in 64, in 30 KiB
// and without allocation while counting.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kanmon::bench {

class Histogram {
 public:
  void add(uint64_t value) {
    ++bins_[bin(value)];
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
  static constexpr unsigned kFineBits = 6;
  static constexpr uint64_t kFine = uint64_t{1} << kFineBits;
  static constexpr std::size_t kBins = (64 - kFineBits + 1) << kFineBits;

  static std::size_t bin(uint64_t value) {
    if (value < kFine) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kFineBits - 1;
    return (std::size_t{shift} << kFineBits) + static_cast<std::size_t>(value >> shift);
  }
  static uint64_t top_of(std::size_t bin) {
    if (bin < 2 * kFine) return bin;
    const std::size_t shift = (bin >> kFineBits) - 1;
    const uint64_t fine = (bin & (kFine - 1)) + kFine;
    return ((fine + 1) << shift) - 1;
  }

  std::array<uint64_t, kBins> bins_{};
  uint64_t count_ = 0;
  double sum_ = 0;
  uint64_t min_ = ~uint64_t{0};
  uint64_t max_ = 0;
};

inline uint64_t Histogram::percentile(double percent) const {
  const double exact = static_cast<double>(count_) * percent / 100;
  auto rank = static_cast<uint64_t>(exact);
  rank += static_cast<double>(rank) < exact || rank == 0;
  for (std::size_t i = 0, seen = 0; i < kBins; ++i) {
    seen += bins_[i];
    if (seen >= rank && seen != 0) return top_of(i) < max_ ? top_of(i) : max_;
  }
  return 0;
}

}  // namespace kanmon::bench
