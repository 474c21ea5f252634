// An inbound SA as the data plane keeps it: what a packet touches in two cache lines, the key
// behind them, everything else apart.
//
// Made and destroyed by control; between SetInboundSa and its acknowledged removal only the owner
// worker writes to it (INV-6). Control reads it through report() at any time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/counter.h"
#include "dataplane/crypto/key.h"
#include "dataplane/esp/replay_window.h"
#include "dataplane/sa/params.h"
#include "dataplane/sa/peer_cell.h"
#include "dataplane/sa/selectors.h"
#include "dataplane/worker/drops.h"

namespace kanmon::sa {

struct InboundCold;

struct alignas(kCacheLine) InboundSa {
  static constexpr uint64_t kNever = ~uint64_t{0};

  // Line 0. Control: rw until it is handed to the workers; ro from then on, but for the alarms.
  uint32_t spi;     // host order
  uint32_t tunnel;  // see InboundParams
  uint32_t salt;    // as in memory
  uint16_t owner_worker;
  uint16_t table;
  std::array<uint8_t, 16> local;  // outside address, network order
  wire::Family local_family;
  esp::Algorithm algorithm;
  bool esn;
  bool udp_encapsulation;
  uint8_t any;  // AnyBits of the selectors
  uint8_t reserved[3];
  uint64_t packets_alarm;  // owner: rw. At this count a limit is due …
  uint64_t bytes_alarm;    // … or at this
  InboundCold* cold;

  // Line 1. Owner: rw, control: ro.
  esp::ReplayWindow window;
  Counter packets;        // authenticated and fresh, whatever was inside
  Counter bytes;          // octets of plaintext, without trailer, of those
  Counter late;           // of those, the ones that arrived behind a higher number
  Counter last_seen_tsc;  // of the newest of those
  // From this time-stamp counter on nothing is let in: a limit of time, or 0 since another hard
  // limit was reached.
  uint64_t expires_tsc;

  // Only touched by SAs inside UDP. Owner: rw, control: ro.
  PeerCell peer;

  crypto::Key key;  // control: wo, ro from then on
};
static_assert(offsetof(InboundSa, window) == kCacheLine);
static_assert(offsetof(InboundSa, peer) == 2 * kCacheLine,
              "what every packet touches is two lines");
static_assert(sizeof(InboundSa) == 3 * kCacheLine + sizeof(crypto::Key));

// The bitmap of the replay window stands right behind it. Owner: rw, through InboundSa::window.

struct InboundCold {
  SelectorSet selectors;        // control: rw until handed over, ro from then on
  Limits limits;                // likewise
  bool fragments_also = false;  // likewise
  // Owner: rw, control: ro. Drops of this SA, by reason; only those the owner's decrypt stage
  // makes.
  Counter drops[kDropCount];
  bool soft_reported = false;  // owner: rw
  bool hard_reported = false;  // owner: rw
  // Decrypted packets whose pair of ECN fields RFC 6040 section 4.2 calls currently unused.
  Counter ecn_unused_combinations;
};

// An SA ready to be handed to the workers. Null if the parameters make none: a reserved SPI, KEYMAT
// of the wrong length, a replay window out of range or no multiple of 64, or no memory.
InboundSa* make_inbound(const InboundParams& params);

// Wipes the key and frees everything. REQUIRES: no worker can reach it any more. Null is allowed.
void destroy(InboundSa* sa);

// What control reads of an SA while its owner works with it. Each field is right by itself; the
// set is not taken at one instant.
struct InboundReport {
  uint64_t packets;
  uint64_t bytes;
  uint64_t top_sequence;  // highest authenticated, 0: none yet
  uint64_t missing;       // numbers up to the top that have not come (yet)
  uint64_t late;          // came behind a higher one, but inside the window
  uint64_t duplicates;
  uint64_t too_old;
  uint64_t icv_failures;
  uint64_t last_seen_tsc;
  std::optional<wire::Endpoint> peer;  // newest authenticated source; SAs inside UDP only (ESP-38)
};
InboundReport report(const InboundSa& sa);

}  // namespace kanmon::sa
