// Line charts as SVG 1.1, readable without any program but a browser. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace kanmon::bench {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // drawn in this order
  bool reference = false;                         // dashed: a limit, not a measurement of ours
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  bool log_x = false;  // REQUIRES then: every x > 0
  std::vector<Series> series;
};

// Round numbers (1, 2 or 5 times a power of ten apart) from 0 to at least `max`, at most `count`
// steps. {0, 1} if max is not positive.
std::vector<double> ticks(double max, unsigned count);

// A complete document; points that are not finite are left out.
std::string svg(const Plot& plot);

}  // namespace kanmon::bench
