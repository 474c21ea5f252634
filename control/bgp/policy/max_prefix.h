// The limit on how many prefixes a peer may send (per family), with a warning
// before it. RFC 4486 subcode 1 is what the peer is told.
#pragma once

#include <cstdint>

namespace kanmon::bgp {

struct MaxPrefixOptions {
  uint64_t limit = 0;            // 0: none
  uint8_t warn_at_percent = 75;  // 0 to 100; 0: never
  bool warn_only = false;        // beyond the limit the session stays
  uint32_t restart_after_s = 0;  // 0: the session stays down until an operator clears it
};

class MaxPrefix {
 public:
  enum class Event : uint8_t { kQuiet, kWarn, kExceeded };

  MaxPrefix() = default;  // no limit
  explicit MaxPrefix(MaxPrefixOptions options) : options_(options) {}

  // To be called after each change of the count. Each event is said once, and
  // again only after the count has been back below what caused it.
  Event update(uint64_t count) {
    const Event now = judge(count);
    const Event said = now > last_ ? now : Event::kQuiet;
    last_ = now;
    return said;
  }
  void reset() { last_ = Event::kQuiet; }
  bool closes(Event e) const { return e == Event::kExceeded && !options_.warn_only; }
  const MaxPrefixOptions& options() const { return options_; }

  // The count from which on there is a warning: limit * percent / 100, rounded
  // up, without the product, which 64 bits may not hold (BGP-12).
  uint64_t warn_from() const {
    const uint64_t whole = options_.limit / 100 * options_.warn_at_percent;
    return whole + (options_.limit % 100 * options_.warn_at_percent + 99) / 100;
  }

 private:
  Event judge(uint64_t count) const {
    if (options_.limit == 0) return Event::kQuiet;
    if (count > options_.limit) return Event::kExceeded;
    return options_.warn_at_percent != 0 && count >= warn_from() ? Event::kWarn : Event::kQuiet;
  }

  MaxPrefixOptions options_;
  Event last_ = Event::kQuiet;
};

}  // namespace kanmon::bgp
