#include "bench/harness/loss_search.h"

namespace kanmon::bench {
namespace {

class Search {
 public:
  Search(const SearchSpec& spec, const RunTrial& run) : spec_(spec), run_(run) {}

  SearchResult go() {
    double low = 0, high = spec_.max_rate;
    Verdict at_high = judge(high);
    if (at_high == Verdict::kPassed) return result_;
    while (high - low > high * spec_.resolution && result_.trials.size() < spec_.max_trials) {
      const double middle = (low + high) / 2;
      const Verdict v = judge(middle);
      (v == Verdict::kPassed ? low : high) = middle;
      if (v != Verdict::kPassed) at_high = v;
    }
    result_.source_limited = at_high == Verdict::kNotOffered && result_.rate > 0;
    return result_;
  }

 private:
  enum class Verdict { kPassed, kLost, kNotOffered };

  // An interrupt on a busy core costs a trial packets that the device would not have lost: a rate
  // gets another chance before it counts as too high.
  Verdict judge(double rate) {
    Verdict verdict = Verdict::kLost;
    for (uint32_t i = 0; i < spec_.attempts; ++i) {
      const Trial t = run_(rate);
      result_.trials.push_back(t);
      if (loss_of(t) > spec_.max_loss) {
        verdict = Verdict::kLost;
        continue;
      }
      if (t.rate > result_.rate) {
        result_.rate = t.rate;
        result_.loss = loss_of(t);
      }
      if (t.rate >= rate * spec_.attainable) return Verdict::kPassed;
      verdict = Verdict::kNotOffered;
    }
    return verdict;
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
