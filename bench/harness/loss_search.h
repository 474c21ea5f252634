// How much a device takes before it loses packets: RFC 2544 section 26.1 as a binary search. Pure:
// the trial is the caller's.
//
//   NDR  the highest rate at which nothing was lost
//   PDR  the highest rate at which no more than a given part was lost
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace kanmon::bench {

// What came of offering packets at a rate for a while.
struct Trial {
  double rate = 0;  // packets a second that were offered, which may be less than was asked for
  uint64_t offered = 0;
  uint64_t lost = 0;
};
using RunTrial = std::function<Trial(double packets_per_second)>;

struct SearchSpec {
  double max_rate = 0;       // packets a second; tried first
  double max_loss = 0;       // part of the offered packets, 0 … 1; 0: NDR
  double resolution = 0.01;  // the search ends when the bounds are this close, relative
  uint32_t attempts = 3;     // a rate is too high when so many trials in a row lost too much
  double attainable = 0.98;  // less of the asked rate offered: it is the source that is slow
  uint32_t max_trials = 40;
};

struct SearchResult {
  double rate = 0;              // highest that passed, packets a second; 0: none did
  double loss = 0;              // of the trial that passed
  bool source_limited = false;  // the device took all that could be offered: it may take more
  std::vector<Trial> trials;    // in the order they were made
};

// Loss of a trial, 0 … 1; of one that offered nothing, 1.
double loss_of(const Trial& trial);

SearchResult search(const SearchSpec& spec, const RunTrial& run);

}  // namespace kanmon::bench
