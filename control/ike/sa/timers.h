// Everything the engine waits for, in one queue. Pure: time comes in as an argument.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "control/ike/types.h"

namespace kanmon::ike {

// What is due. The subject is an IKE SA (our SPI), a child SA (inbound SPI) or a tunnel (serial).
enum class TimerKind : uint8_t {
  kRetransmit,     // IKE SA
  kGiveUp,         // IKE SA: an attempt that was refused, or a half-open or closed one, goes
  kIkeRekey,       // IKE SA
  kIkeExpire,      // IKE SA: hard lifetime
  kLiveness,       // IKE SA
  kKeepalive,      // IKE SA
  kFragments,      // IKE SA: half-received messages go
  kChildRekey,     // child SA
  kChildExpire,    // child SA: hard lifetime
  kChildReady,     // child SA: the peer has had time to install what we answered
  kChildLinger,    // inbound SPI of a deleted child SA
  kChildOverdue,   // child SA: its other end should have deleted it by now
  kTunnelRetry,    // tunnel: initiate
  kTunnelChild,    // tunnel: create the missing child SA
  kTunnelSurplus,  // tunnel: more than one IKE SA
  kTunnelRekey,    // tunnel: the operator's wish may be granted
};

// One timer per (kind, subject).
class Timers {
 public:
  struct Key {
    TimerKind kind;
    uint64_t subject;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // Sets or moves the timer.
  void arm(TimerKind kind, uint64_t subject, TimePoint when);
  void cancel(TimerKind kind, uint64_t subject);
  // Takes the earliest timer that is due at `now`, if any. Equal times: in order of Key.
  std::optional<Key> pop(TimePoint now);
  // Time of the earliest timer; TimePoint::max() if there is none.
  TimePoint next() const;
  std::optional<TimePoint> when(TimerKind kind, uint64_t subject) const;
  std::size_t size() const { return when_.size(); }

 private:
  std::map<Key, TimePoint> when_;
  std::set<std::pair<TimePoint, Key>> order_;
};

}  // namespace kanmon::ike
