// Delays: retransmission, retry, lifetimes. Pure functions; `dice` is 32 random bits.
#pragma once

#include <chrono>
#include <cstdint>

#include "control/ike/types.h"

namespace kanmon::ike {

// Requests are repeated until this many seconds lie between two tries, then at that pace: 12 tries
// from 500 ms on take 3.5 minutes (RFC 7296 section 2.4 asks for "several").
inline constexpr std::chrono::seconds kRetransmitCap{30};
// From the first failure on: 1 s, 2 s, 4 s, … 60 s.
inline constexpr std::chrono::seconds kRetryFirst{1};
inline constexpr std::chrono::seconds kRetryCap{60};

// Time between try `n` (1 = the first transmission) and the next one.
Duration retransmit_delay(Duration first, uint32_t n, Duration cap);
// Time before attempt `failures` + 1; between 75 and 100 % of the doubled value, so that many
// tunnels that failed together do not come back together.
Duration retry_delay(uint32_t failures, uint32_t dice);
// Age at which an SA is rekeyed: margin, lengthened at random by up to `fuzz_percent`, before the
// end of its life; never before half of it.
Duration rekey_age(std::chrono::seconds lifetime, std::chrono::seconds margin, uint8_t fuzz_percent,
                   uint32_t dice);

}  // namespace kanmon::ike
