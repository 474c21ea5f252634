#include "bench/harness/loss_search.h"

#include <algorithm>

namespace kanmon::bench {
namespace {

class Search {
 public:
  Search(const SearchSpec& spec, const RunTrial& run) : spec_(spec), run_(run) {}

  SearchResult go() {
    double low = 0, high = spec_.max_rate;
    if (passes(high)) return result_;
    // The source may be unable to offer more than this.
    high = std::min(high, std::max(result_.trials.back().rate, high * spec_.resolution));
    while (high - low > high * spec_.resolution && result_.trials.size() < spec_.max_trials) {
      const double middle = (low + high) / 2;
      (passes(middle) ? low : high) = middle;
    }
    return result_;
  }

 private:
  // An interrupt on a busy core costs a trial packets that the device would not have lost: a rate
  // gets another chance before it counts as too high.
  bool passes(double rate) {
    for (uint32_t i = 0; i < spec_.attempts; ++i) {
      const Trial t = run_(rate);
      result_.trials.push_back(t);
      if (loss_of(t) > spec_.max_loss) continue;
      if (t.rate > result_.rate) {
        result_.rate = t.rate;
        result_.loss = loss_of(t);
        result_.source_limited = t.rate < rate * spec_.attainable;
      }
      return true;
    }
    return false;
  }

  const SearchSpec& spec_;
  const RunTrial& run_;
  SearchResult result_;
};

}  // namespace

double loss_of(const Trial& trial) {
  if (trial.offered == 0) return 1;
  return static_cast<double>(trial.lost) / static_cast<double>(trial.offered);
}

SearchResult search(const SearchSpec& spec, const RunTrial& run) {
  return Search(spec, run).go();
}

}  // namespace kanmon::bench
