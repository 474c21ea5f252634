// One session at a time, whoever wants it: gives the workers its probes, and takes them away again
// when its time is over or whoever asked for it does not come back.
//
// Lives on control's thread; time is passed in. Destroy it after the workers have stopped: until
// then they may hold a probe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "control/publish/plane.h"
#include "dataplane/common/result.h"
#include "dataplane/observe/session.h"

namespace kanmon::watch {

using TimePoint = std::chrono::steady_clock::time_point;

class SessionKeeper {
 public:
  // Nobody asked for so long: whoever opened it is gone.
  static constexpr std::chrono::seconds kAbandoned{10};
  static constexpr std::chrono::seconds kLongest{3600};

  // `plane` outlives the keeper.
  SessionKeeper(publish::Plane& plane, uint16_t workers) : plane_(plane), workers_(workers) {}

  // The session's number; `spec.session` is set here. kBadValue: `duration` is not 1 s … kLongest;
  // kNoSpace: one is open.
  Result<uint16_t> open(TimePoint now, observe::SessionSpec spec, std::chrono::seconds duration);
  bool is_open(uint16_t number) const { return session_ != nullptr && number == last_number_; }
  bool is_open() const { return session_ != nullptr; }
  // REQUIRES: is_open().
  observe::Session& session() { return *session_; }

  // Its owner lives.
  void heard_of(TimePoint now) { last_heard_ = now; }
  bool is_abandoned(TimePoint now) const { return now - last_heard_ >= kAbandoned; }
  bool is_due(TimePoint now) const { return now >= deadline_ || is_abandoned(now); }

  // Takes the probes away; once is enough.
  void let_go();
  // They are, and no worker tells anything any more.
  bool is_released() const { return released_ && plane_.acknowledged(*released_); }
  // REQUIRES: is_released().
  void close();

 private:
  publish::Plane& plane_;
  const uint16_t workers_;
  uint16_t last_number_ = 0;
  std::unique_ptr<observe::Session> session_;
  TimePoint deadline_{};
  TimePoint last_heard_{};
  std::optional<uint64_t> released_;  // the command that took the probes away
};

}  // namespace kanmon::watch
