// Bins whose width grows with the value: any 64-bit number to one part in 2^fine_bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kanmon {

template <unsigned kFineBits, unsigned kValueBits = 64>
struct LogLinear {
  static_assert(kFineBits < kValueBits && kValueBits <= 64);
  static constexpr uint64_t kFine = uint64_t{1} << kFineBits;
  static constexpr std::size_t kBins = (kValueBits - kFineBits + 1) << kFineBits;
  static constexpr uint64_t kLargest = ~uint64_t{0} >> (64 - kValueBits);

  // The bin of a value; those above kLargest share the last one.
  static constexpr std::size_t bin(uint64_t value) {
    if (value < kFine) return value;
    if (value > kLargest) value = kLargest;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kFineBits - 1;
    return (std::size_t{shift} << kFineBits) + static_cast<std::size_t>(value >> shift);
  }
  // The largest value of a bin.
  static constexpr uint64_t top_of(std::size_t bin) {
    if (bin < 2 * kFine) return bin;
    const std::size_t shift = (bin >> kFineBits) - 1;
    const uint64_t fine = (bin & (kFine - 1)) + kFine;
    return ((fine + 1) << shift) - 1;
  }
  // The top of the bin that holds the smallest value which at least `percent` of all `count` values
  // do not exceed (nearest rank); 0 of none. REQUIRES: 0 < percent <= 100; `count` is the sum of
  // `bins`.
  static constexpr uint64_t percentile(std::span<const uint64_t, kBins> bins, uint64_t count,
                                       double percent) {
    const double exact = static_cast<double>(count) * percent / 100;
    auto rank = static_cast<uint64_t>(exact);
    rank += static_cast<double>(rank) < exact || rank == 0;
    uint64_t seen = 0;
    for (std::size_t i = 0; i < kBins; ++i) {
      seen += bins[i];
      if (seen >= rank) return top_of(i);
    }
    return 0;
  }
};

}  // namespace kanmon
