// What is said of repeated measurements. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace kanmon::bench {

// The middle of the values (of an even number, the mean of the two in the middle); 0 of none.
double median(std::vector<double> values);

// What repeated trials of one measurement gave.
struct Summary {
  uint32_t trials = 0;
  double median = 0;
  double min = 0;
  double max = 0;
  // Median distance from the median, times 1.4826: the standard deviation of what is left when
  // outliers are not believed.
  double noise = 0;
};
Summary summarize(const std::vector<double>& trials);

}  // namespace kanmon::bench
