// Copies of packets for a capture, from a worker to control: by a ring of octets whose memory is
// taken when the capture starts. What does not fit is counted (INV-4).
#pragma once

#include <cstdint>

#include "dataplane/common/counter.h"
#include "dataplane/packet/packet.h"
#include "dataplane/rings/byte_ring.h"

namespace kanmon::observe {

// Where a packet was copied.
enum class Place : uint8_t {
  kReceived,   // frame from `port`
  kSent,       // frame offered to `port`
  kDecrypted,  // IP packet out of `tunnel`, by the SA `spi`
  kToEncrypt,  // IP packet on its way into `tunnel`
};

struct Copy {
  uint64_t tsc;
  uint32_t length;  // of the packet
  uint32_t kept;    // octets that follow
  uint32_t tunnel;
  uint32_t spi;
  uint16_t port;
  Place place;
};

class Tap {
 public:
  Tap(uint32_t ring_octets, uint32_t snap) : ring_(ring_octets), snap_(snap) {}

  // The worker: the first octets of `p`, over its segments. `copy` says the rest.
  void take(Copy copy, const Packet* p);

  // Control.
  rings::ByteRing& ring() { return ring_; }
  uint64_t lost() const { return lost_.get(); }

 private:
  rings::ByteRing ring_;  // worker → control
  const uint32_t snap_;   // octets kept of a packet
  Counter lost_;          // worker: rw, control: ro
};

}  // namespace kanmon::observe
