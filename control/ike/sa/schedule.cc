#include "control/ike/sa/schedule.h"

#include <algorithm>

namespace kanmon::ike {
namespace {

Duration doubled(Duration first, uint32_t times, Duration cap) {
  Duration d = first;
  for (uint32_t i = 0; i < times && d < cap; ++i) d *= 2;
  return std::min(d, cap);
}

// A share of `whole` between 0 and 1 that `dice` picks.
Duration share(Duration whole, uint32_t dice) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) *
                                             (static_cast<double>(dice) / 4294967296.0)));
}

}  // namespace

Duration retransmit_delay(Duration first, uint32_t n, Duration cap) {
  return doubled(first, n == 0 ? 0 : n - 1, std::max(cap, first));
}

Duration retry_delay(uint32_t failures, uint32_t dice) {
  const Duration whole = doubled(kRetryFirst, failures == 0 ? 0 : failures - 1, kRetryCap);
  return whole * 3 / 4 + share(whole / 4, dice);
}

Duration rekey_age(std::chrono::seconds lifetime, std::chrono::seconds margin, uint8_t fuzz_percent,
                   uint32_t dice) {
  const Duration life = lifetime;
  const Duration early = Duration(margin) + share(Duration(margin) * fuzz_percent / 100, dice);
  return std::max(life - early, life / 2);
}

}  // namespace kanmon::ike
