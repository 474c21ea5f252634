#include "control/ike/sa/timers.h"

namespace kanmon::ike {

void Timers::arm(TimerKind kind, uint64_t subject, TimePoint when) {
  cancel(kind, subject);
  const Key key{kind, subject};
  when_.emplace(key, when);
  order_.emplace(when, key);
}

void Timers::cancel(TimerKind kind, uint64_t subject) {
  const auto it = when_.find(Key{kind, subject});
  if (it == when_.end()) return;
  order_.erase({it->second, it->first});
  when_.erase(it);
}

std::optional<Timers::Key> Timers::pop(TimePoint now) {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  const Key key = order_.begin()->second;
  order_.erase(order_.begin());
  when_.erase(key);
  return key;
}

TimePoint Timers::next() const {
  return order_.empty() ? TimePoint::max() : order_.begin()->first;
}

std::optional<TimePoint> Timers::when(TimerKind kind, uint64_t subject) const {
  const auto it = when_.find(Key{kind, subject});
  if (it == when_.end()) return std::nullopt;
  return it->second;
}

}  // namespace kanmon::ike
