#include "bench/harness/stats.h"

#include <algorithm>
#include <cmath>

namespace kanmon::bench {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

Summary summarize(const std::vector<double>& trials) {
  constexpr double kToDeviation = 1.4826;  // of a normal distribution
  Summary s;
  if (trials.empty()) return s;
  s.trials = static_cast<uint32_t>(trials.size());
  s.median = median(trials);
  s.min = *std::min_element(trials.begin(), trials.end());
  s.max = *std::max_element(trials.begin(), trials.end());
  std::vector<double> distances;
  for (const double t : trials) distances.push_back(std::abs(t - s.median));
  s.noise = kToDeviation * median(distances);
  return s;
}

}  // namespace kanmon::bench
