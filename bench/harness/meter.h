// Cycles of a piece of work, over and over for a while; the clock's own cost is taken off.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <rte_cycles.h>

namespace kanmon::bench {

// What reading the clock twice costs.
inline uint64_t clock_cost() {
  static const uint64_t cost = [] {
    uint64_t least = ~uint64_t{0};
    for (int i = 0; i < 10'000; ++i) {
      const uint64_t from = rte_rdtsc_precise();
      least = std::min(least, rte_rdtsc_precise() - from);
    }
    return least;
  }();
  return cost;
}

class Meter {
 public:
  Meter() { took_.reserve(1 << 20); }
  template <class Work>
  void time(Work work) {
    const uint64_t from = rte_rdtsc_precise();
    work();
    add(rte_rdtsc_precise() - from);
  }
  void add(uint64_t cycles) {
    const uint64_t cost = clock_cost();
    // A run longer than this room is told by its first part.
    if (took_.size() < took_.capacity())
      took_.push_back(static_cast<uint32_t>(cycles > cost ? cycles - cost : 0));
  }
  bool empty() const { return took_.empty(); }
  // The median, and a fresh start. What an interrupt takes falls on few runs and does not count.
  double median() {
    if (took_.empty()) return 0;
    const auto middle = took_.begin() + static_cast<std::ptrdiff_t>(took_.size() / 2);
    std::nth_element(took_.begin(), middle, took_.end());
    const double value = *middle;
    took_.clear();
    return value;
  }

 private:
  std::vector<uint32_t> took_;
};

inline uint64_t tsc_after(double seconds) {
  return rte_rdtsc() + static_cast<uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
}

}  // namespace kanmon::bench
