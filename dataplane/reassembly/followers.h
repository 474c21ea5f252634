// Which later fragments may follow their first one through an SA whose selectors name ports: they
// have no ports themselves (RFC 4301 section 7.3, ESP-36). Only for SAs whose ends have agreed on
// it (NON_FIRST_FRAGMENTS_ALSO).
//
// A first fragment that fits the selectors is remembered with where it ended; what comes later of
// the same datagram, on the same way, passes if it begins no earlier, so that nothing that was
// judged is written over (RFC 1858, RFC 5722). What comes before its first fragment, or by another
// worker, does not.
//
// Bounded: kSets × kWays datagrams, the oldest of a set goes. Owned by its worker, who alone
// touches it; no memory is asked for after construction.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/reassembly/piece.h"
#include "dataplane/sa/selectors.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::reassembly {

class Followers {
 public:
  static constexpr uint32_t kSets = 64, kWays = 4;

  // `salt` decides which datagrams share a set: not to be known outside. `timeout_cycles` of the
  // time-stamp counter later a datagram is forgotten.
  Followers(uint64_t salt, uint64_t timeout_cycles);

  // `packet`, whole and with a sound IP header, has passed by its ports. `way` tells tunnels and
  // directions apart.
  void passed(wire::Bytes packet, uint32_t way, uint64_t now_tsc);
  // A later fragment of one that has.
  bool may_follow(wire::Bytes packet, uint32_t way, uint64_t now_tsc) const;

 private:
  struct Datagram {
    DatagramKey key;
    uint32_t way = 0;
    uint32_t end = 0;  // of the first fragment, in octets of the datagram's payload
    uint64_t deadline = 0;
  };
  uint32_t first_of_set(const DatagramKey& key, uint32_t way) const;

  const uint64_t salt_;
  const uint64_t timeout_cycles_;
  std::unique_ptr<Datagram[]> datagrams_;
};

// May `packet` travel on the SA these selectors are of? `followers`: null unless later fragments
// are agreed on.
bool fits(const sa::SelectorSet& selectors, wire::Bytes packet, bool outbound, Followers* followers,
          uint32_t tunnel, uint64_t now_tsc);

}  // namespace kanmon::reassembly
