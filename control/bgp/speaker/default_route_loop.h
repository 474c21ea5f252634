// Recognises a neighbour that is caught by a default route of ours: told one inside a tunnel, it
// sends its own outer packets into that tunnel, hears nothing and is not heard until the hold time
// is over, loses the route, comes back, and is told it again.
//
// The shape: the session ends in silence (the hold timer, no NOTIFICATION from the neighbour) not
// long after it came up, while the neighbour has a default route of ours; several times within a
// while. Pure; the time is passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace kanmon::bgp {

class DefaultRouteLoop {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  static constexpr size_t kCycles = 3;
  static constexpr std::chrono::minutes kWithin{30};
  // A session that lived longer than so many hold times was not ended by what it was told.
  static constexpr int kHoldTimes = 5;

  struct End {
    bool in_silence = false;
    bool had_default = false;
    Duration lived{};
    Duration hold_time{};
  };
  // A session ended. True: once per loop, when it is recognised.
  bool ended(TimePoint now, const End& end);
  // So long as the last session that ended had this shape.
  bool is_recognised() const { return is_recognised_; }
  size_t cycles() const { return ends_.size(); }

 private:
  std::vector<TimePoint> ends_;  // of the shape, in a row; at most kCycles are kept
  bool is_recognised_ = false;
};

}  // namespace kanmon::bgp
