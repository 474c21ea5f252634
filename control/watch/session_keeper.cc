#include "control/watch/session_keeper.h"

#include <cassert>

namespace kanmon::watch {

Result<uint16_t> SessionKeeper::open(TimePoint now, observe::SessionSpec spec,
                                     std::chrono::seconds duration) {
  if (duration < std::chrono::seconds(1) || duration > kLongest) return Errc::kBadValue;
  if (session_ != nullptr) return Errc::kNoSpace;
  if (++last_number_ == 0) last_number_ = 1;
  spec.session = last_number_;
  session_ = std::make_unique<observe::Session>(spec, workers_);
  deadline_ = now + duration;
  last_heard_ = now;
  plane_.publish(rings::SetProbe{session_.get()});
  return last_number_;
}

void SessionKeeper::let_go() {
  if (session_ != nullptr && !released_) released_ = plane_.publish(rings::SetProbe{nullptr});
}

void SessionKeeper::close() {
  assert(is_released());
  session_.reset();
  released_.reset();
}

}  // namespace kanmon::watch
