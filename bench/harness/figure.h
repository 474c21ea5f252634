// What was measured, in one shape for all modes, and how it is told: table, JSON, chart.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "bench/harness/options.h"
#include "bench/harness/stats.h"
#include "dataplane/worker/drops.h"

namespace kanmon::bench {

// The circumstances of a figure.
struct Case {
  Direction direction = Direction::kForward;
  esp::Algorithm algorithm = esp::Algorithm::kAes128Gcm16;
  Size size = 64;
  uint32_t burst = 64;
  uint32_t tunnels = 1;
  uint16_t workers = 1;
  uint32_t routes = 0;
};

struct CycleFigure {
  Case what;
  Summary cycles;  // per packet
  std::array<double, kStageCount> stages{};
  double packets_per_second = 0;
  double inner_bits_per_second = 0;
  std::string limit_name;  // empty: not measured
  Summary limit;           // cycles per packet
  Summary ratio;           // to the limit, of pairs of trials made one after the other
  Summary over;            // cycles above it, likewise
  double copy = 0;         // cycles per packet of copying as many octets; 0: not measured
};

struct LossFigure {
  Case what;
  Load load;             // of a latency figure; else empty
  bool latency = false;  // else a search
  double ndr = 0;        // packets a second
  double pdr = 0;
  bool source_limited = false;
  uint32_t trials = 0;
  double offered = 0;  // packets a second
  double loss = 0;
  // Microseconds.
  double least = 0, mean = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0, most = 0;
};

struct Failure {
  Case what;
  std::string why;
};

// All of a run.
struct Results {
  std::vector<CycleFigure> cycles;
  std::vector<LossFigure> losses;
  std::vector<Failure> failures;
};

std::string as_table(const Results& results, double tsc_hz);
// One document; units are in the names.
std::string as_json(const Results& results, const Options& options, double tsc_hz);
// Cycles by size with their limits; or, of the other modes, rates by size or latency by load.
std::string as_plot(const Results& results, const Options& options);

}  // namespace kanmon::bench
