#include "control/watch/stories.h"

#include <algorithm>

namespace kanmon::watch {

void Stories::add(TimePoint now, const observe::Record& record) {
  Open& open = open_[record.number];
  open.story.number = record.number;
  open.heard = now;
  if (open.story.records.size() < kRecords) open.story.records.push_back(record);
}

std::vector<Story> Stories::take_finished(TimePoint now, bool all) {
  std::vector<Story> finished;
  for (auto it = open_.begin(); it != open_.end();) {
    if (!all && now - it->second.heard < kQuiet) {
      ++it;
      continue;
    }
    Story& story = it->second.story;
    std::stable_sort(story.records.begin(), story.records.end(),
                     [](const auto& a, const auto& b) { return a.tsc < b.tsc; });
    finished.push_back(std::move(story));
    it = open_.erase(it);
  }
  return finished;
}

}  // namespace kanmon::watch
