#include "dataplane/worker/context.h"

namespace kanmon {
namespace {

struct PuntLimit {
  Punt kind;
  uint32_t rate;  // a second and worker
  uint32_t burst;
};
// What control can work off without falling behind on anything else. IKE has its own defence
// against floods (cookies), for which it must see them.
constexpr PuntLimit kPuntLimits[] = {
    {Punt::kArp, 1'000, 200},
    {Punt::kNeighbour, 1'000, 200},
    {Punt::kIke, 20'000, 1'000},
    {Punt::kGlean, 500, 100},
    // Room for a routing session that transfers a full table.
    {Punt::kHost, 50'000, 2'000},
    // One for each path that shrank is enough, and anybody can send more (ESP-31).
    {Punt::kTooBig, 100, 50},
};
constexpr uint32_t kIcmpErrorRate = 1'000, kIcmpErrorBurst = 100;
constexpr uint32_t kEchoRate = 50'000, kEchoBurst = 5'000;

}  // namespace

RateLimits::RateLimits(uint64_t tsc_hz)
    : icmp_errors(kIcmpErrorRate, kIcmpErrorBurst, tsc_hz),
      echo_replies(kEchoRate, kEchoBurst, tsc_hz) {
  for (const PuntLimit& limit : kPuntLimits)
    punts[static_cast<std::size_t>(limit.kind)] = TokenBucket(limit.rate, limit.burst, tsc_hz);
}

}  // namespace kanmon
