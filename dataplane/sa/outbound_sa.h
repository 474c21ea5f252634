// An outbound SA: one record used by all workers at once.
//
// Sequence numbers are taken in blocks, so that workers meet on one cache line once a burst and
// not once a packet. The IV of an AEAD is the 64-bit sequence number: unique under a key because
// the number is (RFC 4106 section 3.1, RFC 7634 section 2, RFC 4303 section 3.3.3); that of CBC is
// made from it by the engine.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/counter.h"
#include "dataplane/common/result.h"
#include "dataplane/crypto/key.h"
#include "dataplane/sa/params.h"
#include "dataplane/sa/selectors.h"

namespace kanmon::sa {

// Numbers first … first + count - 1 are the taker's alone.
struct SequenceBlock {
  uint64_t first;
  uint32_t count;  // may be less than asked for, when the SA runs out
};

// One worker's share of what an SA has carried. That worker: rw, control: ro.
struct alignas(kCacheLine) OutboundTally {
  Counter packets;
  Counter bytes;  // octets of inner packets
};

struct OutboundCold;

struct alignas(kCacheLine) OutboundSa {
  // Without a byte limit the shared byte count is not kept.
  static constexpr uint64_t kNoLimit = ~uint64_t{0};

  // The last number RFC 4303 section 3.3.3 lets an SA send. One short of 2^64 with extended
  // numbers, so that the next one to give never wraps to zero.
  static constexpr uint64_t sequence_space(bool extended) {
    return extended ? ~uint64_t{0} - 1 : uint64_t{0xffffffff};
  }

  // Line 0, all that a burst touches. Control: rw until handed to the workers, ro from then on, but
  // for next_sequence: every worker: rw. A burst needs all of it or nothing, so that sharing a line
  // costs no bouncing more.
  std::atomic<uint64_t> next_sequence;
  uint64_t soft_sequence;  // at this number a successor is asked for
  uint64_t last_sequence;  // no number above this is ever sent
  uint64_t expires_tsc;    // from here on nothing is sent
  OutboundCold* cold;
  uint32_t spi;  // host order
  uint32_t tunnel;
  uint32_t salt;  // as in memory
  uint16_t workers;
  esp::Algorithm algorithm;
  bool esn;
  uint8_t any;  // AnyBits of the selectors
  bool counts_bytes;

  // Line 1: only if there are limits of octets, or one of the limits was reached.
  alignas(kCacheLine) uint64_t soft_bytes;  // control, like line 0
  uint64_t hard_bytes;                      // likewise
  std::atomic<uint64_t> bytes;              // every worker: rw. Of all of them, if counts_bytes
  std::atomic<bool> soft_reported;          // every worker: rw
  std::atomic<bool> hard_reported;          // every worker: rw

  alignas(kCacheLine) crypto::Key key;  // control: wo, ro from then on

  // Of each worker, right behind: the place is known before the SA itself is in the cache.
  OutboundTally& tally(uint16_t worker) {
    return reinterpret_cast<OutboundTally*>(this + 1)[worker];
  }
  const OutboundTally& tally(uint16_t worker) const {
    return reinterpret_cast<const OutboundTally*>(this + 1)[worker];
  }

  // Takes up to `count` numbers. Never hands out one twice or one above last_sequence, also when
  // all workers ask at once at the very end. REQUIRES: 0 < count <= 1024; workers 1: one caller.
  SequenceBlock take(uint32_t count) {
    const uint64_t next = next_sequence.load(std::memory_order_relaxed);
    if (next > last_sequence || last_sequence - next < kMargin) [[unlikely]]
      return take_near_end(count);
    if (workers != 1) return {next_sequence.fetch_add(count, std::memory_order_relaxed), count};
    // Nobody else takes any; and a locked addition would wait for what is being written to others.
    next_sequence.store(next + count, std::memory_order_relaxed);
    return {next, count};
  }

 private:
  // More than all workers together can take between one's load and its add.
  static constexpr uint64_t kMargin = uint64_t{1} << 20;
  SequenceBlock take_near_end(uint32_t count);
};
static_assert(offsetof(OutboundSa, soft_bytes) == kCacheLine);
static_assert(offsetof(OutboundSa, key) == 2 * kCacheLine);
static_assert(sizeof(OutboundSa) == 2 * kCacheLine + sizeof(crypto::Key));

struct OutboundCold {
  SelectorSet selectors;
  bool fragments_also;
};

// An SA ready for make_encap(). Null if the parameters make none: a reserved SPI, KEYMAT of the
// wrong length, a first sequence number of 0 or past the last, no worker, or no memory.
OutboundSa* make_outbound(const OutboundParams& params);

// Wipes the key and frees everything. REQUIRES: no worker's Encap names it any more. Null is
// allowed.
void destroy(OutboundSa* sa);

struct OutboundReport {
  uint64_t packets;
  uint64_t bytes;          // octets of inner packets
  uint64_t next_sequence;  // numbers below have been given to workers
  bool soft_limit_reached;
  bool hard_limit_reached;
};
OutboundReport report(const OutboundSa& sa);

}  // namespace kanmon::sa
