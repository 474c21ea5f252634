#include "control/bgp/speaker/default_route_loop.h"

namespace kanmon::bgp {

bool DefaultRouteLoop::ended(TimePoint now, const End& end) {
  const bool fits = end.in_silence && end.had_default && end.lived <= end.hold_time * kHoldTimes;
  if (!fits) {
    ends_.clear();
    is_recognised_ = false;
    return false;
  }
  std::erase_if(ends_, [now](TimePoint then) { return now - then > kWithin; });
  if (ends_.size() == kCycles) ends_.erase(ends_.begin());
  ends_.push_back(now);
  if (is_recognised_ || ends_.size() < kCycles) return false;
  return is_recognised_ = true;
}

}  // namespace kanmon::bgp
