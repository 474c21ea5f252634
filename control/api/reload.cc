#include "control/api/reload.h"

#include <algorithm>

namespace kanmon::api {

Answer reload_refused(const config::Loaded& loaded) {
  const auto errors = std::count_if(loaded.problems.begin(), loaded.problems.end(),
                                    [](const config::Problem& p) { return !p.warning; });
  return Answer::refuse(
      Refusal::kInvalidConfig,
      std::to_string(errors) + (errors == 1 ? " error" : " errors") + "; nothing has changed",
      loaded.problems);
}

Answer reload_done(const config::Changes& changes, const std::vector<config::Problem>& warnings) {
  Json result = {{"changes", Json::array()}, {"problems", Json::array()}};
  for (const config::Change& change : changes) result["changes"].push_back(change.to_string());
  for (const config::Problem& p : warnings) result["problems"].push_back(to_json(p));
  return Answer::of(std::move(result));
}

}  // namespace kanmon::api
