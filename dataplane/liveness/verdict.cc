#include "dataplane/liveness/verdict.h"

#include <algorithm>
#include <cassert>

namespace kanmon::liveness {
namespace {

constexpr const char* kNames[] = {"usable",    "not-heard",   "lost",
                                  "hold-down", "switch-back", "damped"};

}  // namespace

const char* to_string(Why why) {
  return kNames[static_cast<std::size_t>(why)];
}

Verdict::Verdict(const Policy& policy) : policy_(policy) {
  assert(policy.fall >= 1 && policy.rise >= 1 && policy.reuse < policy.suppress);
}

bool Verdict::answered(uint64_t now_us) {
  if (up_) {
    row_ = 0;
  } else if (++row_ >= policy_.rise) {
    go(now_us, true);
  }
  return judge(now_us);
}

bool Verdict::lost(uint64_t now_us) {
  if (!up_) {
    row_ = 0;
  } else if (++row_ >= policy_.fall) {
    go(now_us, false);
  } else if (why_ == Why::kSwitchBack) {
    up_us_ = now_us;  // not without a loss: the wait begins again
  }
  return judge(now_us);
}

bool Verdict::report(uint64_t now_us, bool up) {
  if (up != up_) go(now_us, up);
  return judge(now_us);
}

bool Verdict::tick(uint64_t now_us) {
  return judge(now_us);
}

void Verdict::go(uint64_t now_us, bool up) {
  row_ = 0;
  up_ = up;
  if (up) {
    up_us_ = now_us;
    return;
  }
  ++times_down_;
  down_us_ = now_us;
  if (policy_.half_life_us == 0) return;
  const uint32_t most = policy_.reuse << kMostHalfLives;
  penalty_ = std::min(penalty(now_us) + kPenalty, std::max(most, policy_.suppress));
  penalty_us_ = now_us;
  damped_ = damped_ || penalty_ >= policy_.suppress;
}

// Halved for each whole half-life, and a straight line in between: never more than 6 % above the
// curve, and without floating point.
uint32_t Verdict::penalty(uint64_t now_us) const {
  if (penalty_ == 0 || policy_.half_life_us == 0) return 0;
  const uint64_t age = now_us - penalty_us_;
  const uint64_t halves = age / policy_.half_life_us, rest = age % policy_.half_life_us;
  if (halves >= 32) return 0;
  const uint64_t at = penalty_ >> halves;
  return static_cast<uint32_t>(at - at * rest / (2 * policy_.half_life_us));
}

bool Verdict::judge(uint64_t now_us) {
  const bool before = usable(), went_down = times_down_ != 0;
  if (damped_ && penalty(now_us) <= policy_.reuse) damped_ = false;
  if (!up_) {
    why_ = went_down ? Why::kLost : Why::kNotHeard;
  } else if (damped_) {
    why_ = Why::kDamped;
  } else if (went_down && now_us < down_us_ + policy_.hold_down_us) {
    why_ = Why::kHoldDown;
  } else if (went_down && now_us < up_us_ + policy_.switch_back_us && !before) {
    why_ = Why::kSwitchBack;
  } else {
    why_ = Why::kUsable;
  }
  return usable() != before;
}

// The first time at which penalty() is down to `reuse`; it never grows meanwhile.
uint64_t Verdict::reusable_at() const {
  uint64_t from = penalty_us_, to = penalty_us_ + 32 * policy_.half_life_us;
  while (to - from > 1) {
    const uint64_t middle = from + (to - from) / 2;
    (penalty(middle) <= policy_.reuse ? to : from) = middle;
  }
  return to;
}

uint64_t Verdict::next_due() const {
  switch (why_) {
    case Why::kDamped:
      return reusable_at();
    case Why::kHoldDown:
      return down_us_ + policy_.hold_down_us;
    case Why::kSwitchBack:
      return up_us_ + policy_.switch_back_us;
    case Why::kUsable:
    case Why::kNotHeard:
    case Why::kLost:
      break;
  }
  return kNever;
}

}  // namespace kanmon::liveness
