// Puts together what workers told of single packets: records of one packet come from several rings.
// Pure; time is passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "dataplane/observe/record.h"

namespace kanmon::watch {

using TimePoint = std::chrono::steady_clock::time_point;

// The way of one packet, in the order of time; never empty.
struct Story {
  uint32_t number = 0;
  std::vector<observe::Record> records;
};

class Stories {
 public:
  // A packet of which nothing was heard for so long has come to its end: no turn of a worker and no
  // ring between two holds one this long.
  static constexpr std::chrono::milliseconds kQuiet{200};
  // A packet cut into the most fragments there are tells less.
  static constexpr std::size_t kRecords = 512;

  void add(TimePoint now, const observe::Record& record);
  // Takes out the packets that have come to their end, by number; with `all` the others too.
  std::vector<Story> take_finished(TimePoint now, bool all = false);
  bool empty() const { return open_.empty(); }

 private:
  struct Open {
    Story story;
    TimePoint heard;
  };
  std::map<uint32_t, Open> open_;
};

}  // namespace kanmon::watch
