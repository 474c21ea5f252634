// Keeps one event from filling the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace kanmon::log {

// A bucket of kBurst lines per key that refills by one each kRefill. Pure: the time comes in.
// Remembers at most kKeys keys; the rest share one bucket, so that a peer that makes up keys costs
// bounded memory.
class RateLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr uint32_t kBurst = 20;
  static constexpr std::chrono::milliseconds kRefill{1000};
  static constexpr std::size_t kKeys = 4096;

  struct Verdict {
    bool admitted = false;
    uint64_t suppressed = 0;  // lines of this key that were not admitted since the last that was
  };
  Verdict admit(std::string_view key, TimePoint now);

 private:
  struct Bucket {
    uint32_t left = kBurst;
    TimePoint refilled{};
    uint64_t suppressed = 0;
  };
  Bucket& bucket(std::string_view key, TimePoint now);

  std::unordered_map<std::string, Bucket> buckets_;
  Bucket shared_;
};

}  // namespace kanmon::log
