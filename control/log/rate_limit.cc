#include "control/log/rate_limit.h"

#include <algorithm>

namespace kanmon::log {

RateLimit::Bucket& RateLimit::bucket(std::string_view key, TimePoint now) {
  const auto found = buckets_.find(std::string(key));
  if (found != buckets_.end()) return found->second;
  if (buckets_.size() >= kKeys) return shared_;
  Bucket fresh;
  fresh.refilled = now;
  return buckets_.emplace(key, fresh).first->second;
}

RateLimit::Verdict RateLimit::admit(std::string_view key, TimePoint now) {
  Bucket& b = bucket(key, now);
  const auto due = (now - b.refilled) / kRefill;
  if (due > 0) {
    b.left = static_cast<uint32_t>(std::min<int64_t>(kBurst, int64_t{b.left} + due));
    b.refilled += due * kRefill;
  }
  if (b.left == 0) {
    ++b.suppressed;
    return {};
  }
  --b.left;
  Verdict verdict;
  verdict.admitted = true;
  verdict.suppressed = b.suppressed;
  b.suppressed = 0;
  return verdict;
}

}  // namespace kanmon::log
