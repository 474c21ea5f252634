// What no gateway on this machine could do faster, measured in the same run.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/harness/options.h"
#include "bench/harness/rig.h"

namespace kanmon::bench {

struct LimitSpec {
  Direction direction = Direction::kForward;
  Size size = 64;
  uint32_t burst = 64;
  uint32_t buffers = 256;
  double seconds = 0.05;
};

// Bare IPsec-MB on texts as long as the clear packets, keys of as many tunnels as the rig has, in
// random order: its direct call for GCM, bursts of jobs for all else (they are faster there).
// All three: cycles per packet of one trial, zero if it cannot be measured (IPsec-MB has no such
// transform, no buffers).
double raw_crypto(const Rig& rig, const LimitSpec& spec);

// A burst from one ring port to another by rte_eth_rx_burst and rte_eth_tx_burst alone. REQUIRES: a
// stepped rig; the caller is a thread of EAL.
double null_forwarding(Rig& rig, const LimitSpec& spec);

// memcpy of as many octets as the clear packets have, from one set of buffers to another.
double memory_copy(const LimitSpec& spec);

}  // namespace kanmon::bench
