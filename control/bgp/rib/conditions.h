// Conditional advertisement: prefixes that are told to peers only while some other route is there,
// or only while none is.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "control/bgp/policy/prefix_list.h"
#include "control/bgp/rib/watch.h"

namespace kanmon::bgp {

struct ConditionOptions {
  std::shared_ptr<const PrefixList> advertise;  // what it is about
  std::shared_ptr<const PrefixList> watch;      // a best route that this permits …
  bool while_there = true;                      // … has to be there, or else must not be
};

class Conditions {
 public:
  // `rib` outlives it. REQUIRES: both lists of each are there.
  Conditions(Rib& rib, const std::vector<ConditionOptions>& options) {
    for (const ConditionOptions& o : options) {
      auto permits = [list = o.watch](const wire::Prefix& p, const Path&) {
        return list->permits(p);
      };
      all_.push_back({o, std::make_unique<RouteWatch>(rib, std::move(permits)), !o.while_there});
    }
  }

  // Looks at up to `limit` changes for each. `more`: changes wait. `changed`: a condition begins or
  // ceases to hold, so every export has to be judged again.
  struct Result {
    bool more = false, changed = false;
  };
  Result update(size_t limit) {
    Result result;
    for (One& one : all_) {
      result.more |= one.watch->update(limit);
      const bool holds = (one.watch->count() != 0) == one.options.while_there;
      result.changed |= holds != one.holds;
      one.holds = holds;
    }
    return result;
  }
  // A condition that speaks of `prefix` does not hold.
  bool suppresses(const wire::Prefix& prefix) const {
    return std::any_of(all_.begin(), all_.end(), [&](const One& one) {
      return !one.holds && one.options.advertise->permits(prefix);
    });
  }

 private:
  struct One {
    ConditionOptions options;
    std::unique_ptr<RouteWatch> watch;
    bool holds;
  };
  std::vector<One> all_;
};

}  // namespace kanmon::bgp
