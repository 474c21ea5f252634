// A rate limit in time-stamp-counter time: no division, no refill loop, one comparison a packet.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kanmon {

// Lets `rate` events a second pass, after a rest up to `burst` at once. Default-constructed: all.
// One thread. (The bucket is kept as the time at which it would be full: generic cell rate
// algorithm.)
class TokenBucket {
 public:
  TokenBucket() = default;
  // REQUIRES: 1 <= rate <= tsc_hz, burst >= 1.
  TokenBucket(uint64_t rate, uint64_t burst, uint64_t tsc_hz)
      : cost_(tsc_hz / rate), slack_((burst - 1) * cost_) {}

  // Takes one token if there is one. `now` never goes back.
  bool take(uint64_t now) {
    if (now + slack_ < full_at_) return false;
    full_at_ = std::max(now, full_at_) + cost_;
    return true;
  }

 private:
  uint64_t cost_ = 0;  // time-stamp ticks a token takes to come back
  uint64_t slack_ = 0;
  uint64_t full_at_ = 0;
};

}  // namespace kanmon
