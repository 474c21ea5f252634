// Is a path to be used? From single answers and losses to a verdict that does not flap. Pure.
//
//   answers, losses ──► fall and rise counts ──► up/down ──► hold-down, damping, switch-back ──►
//   usable
//
// BFD's own up and down come in by report(), probes' answers by answered() and lost(). Times are
// microseconds of one clock that never goes back. No heap; one thread.
#pragma once

#include <cstdint>

namespace kanmon::liveness {

inline constexpr uint64_t kNever = ~uint64_t{0};

struct Policy {
  uint32_t fall = 3;  // losses in a row that bring a path down; at least 1
  uint32_t rise = 3;  // answers in a row that bring it up; at least 1
  // A path that went down stays unused for so long, whatever is heard.
  uint64_t hold_down_us = 0;
  // A path that came up again is used only after so long without a loss of it. Not the first time:
  // who starts waits for nothing.
  uint64_t switch_back_us = 0;
  // Flap damping, as RFC 2439 section 4.2 has it for routes: each way down costs a penalty of 1000,
  // which halves in this time; from `suppress` on a path is not used until it is down to `reuse`.
  // 0: no damping.
  uint64_t half_life_us = 0;
  uint32_t suppress = 3000;
  uint32_t reuse = 1000;  // less than suppress
};

inline constexpr uint32_t kPenalty = 1000;
// No path is suppressed for longer than this many half-lives (the penalty is capped).
inline constexpr uint32_t kMostHalfLives = 4;

enum class Why : uint8_t {
  kUsable,
  kNotHeard,    // since the start, too few answers
  kLost,        // down
  kHoldDown,    // up again, too soon after it went down
  kSwitchBack,  // up again, not for long enough
  kDamped,      // went down too often
};
const char* to_string(Why why);

class Verdict {
 public:
  explicit Verdict(const Policy& policy);

  // One answer, one loss. True if usable() changed.
  bool answered(uint64_t now_us);
  bool lost(uint64_t now_us);
  // Up or down at once, whatever the counts. True if usable() changed.
  bool report(uint64_t now_us, bool up);
  // What only time changes. Call it when next_due() says so. True if usable() changed.
  bool tick(uint64_t now_us);
  uint64_t next_due() const;

  bool usable() const { return why_ == Why::kUsable; }
  Why why() const { return why_; }
  bool is_up() const { return up_; }
  uint32_t penalty(uint64_t now_us) const;
  uint64_t times_down() const { return times_down_; }

 private:
  void go(uint64_t now_us, bool up);
  bool judge(uint64_t now_us);
  uint64_t reusable_at() const;

  Policy policy_;
  bool up_ = false;
  bool damped_ = false;
  Why why_ = Why::kNotHeard;
  uint32_t row_ = 0;  // answers in a row while down, losses in a row while up
  uint32_t penalty_ = 0;
  uint64_t penalty_us_ = 0;  // when it was that
  uint64_t down_us_ = 0;     // last way down
  uint64_t up_us_ = 0;       // last way up, or last loss since
  uint64_t times_down_ = 0;
};

// The longest time from a cut of the path to the verdict that it is down: for `validate`, and for
// who plans timers. A probe just answered, `fall` probes lost, the last one's timeout.
constexpr uint64_t worst_probe_detection_us(uint64_t interval_us, uint64_t timeout_us,
                                            uint32_t fall) {
  return fall * interval_us + timeout_us;
}
// RFC 5880 section 6.8.4: the far end's multiplier by the slower of both intervals.
constexpr uint64_t worst_bfd_detection_us(uint64_t our_rx_us, uint64_t their_tx_us,
                                          uint8_t their_multiplier) {
  return their_multiplier * (our_rx_us > their_tx_us ? our_rx_us : their_tx_us);
}

}  // namespace kanmon::liveness
