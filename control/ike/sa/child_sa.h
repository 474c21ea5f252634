// One child SA pair from the moment its keys exist until its inbound half leaves the data plane.
#pragma once

#include <cstdint>

#include "control/ike/proposal.h"
#include "control/ike/types.h"
#include "control/ike/wire/message.h"

namespace kanmon::ike {

struct IkeSa;
struct Tunnel;

enum class ChildState : uint8_t {
  kInstalling,  // the workers have not all acknowledged the inbound half
  kLive,
  kDeleting,   // our delete is queued or under way: nothing is sent with it, all is received
  kLingering,  // deleted; only the inbound half is left, for what is still on the way
};

struct Child {
  ChildSa sa;
  Tunnel* tunnel = nullptr;
  IkeSa* ike = nullptr;  // which IKE SA speaks for it; null when kLingering
  EspSuite suite;
  ChildState state = ChildState::kInstalling;
  uint64_t serial = 0;      // order of creation within the engine
  bool initiator = false;   // we began the exchange that made it
  bool peer_ready = false;  // the peer can receive what we send with it
  // Lost a collision: one end will delete it, nothing is sent with it.
  bool redundant = false;
  bool carries_outbound = false;
  // The lower of the two nonces of the exchange that made it (RFC 7296 section 2.8.1).
  Octets lowest_nonce;
  // Inbound SPIs of what replaces it: by our request, by the peer's. 0: none.
  uint32_t rekeyed_by_us = 0;
  uint32_t rekeyed_by_peer = 0;
  uint32_t rekey_failures = 0;
  TimePoint created{};
  TimePoint rekey_at{};
  TimePoint expires_at{};

  // Its successor exists already.
  bool superseded() const { return rekeyed_by_us != 0 || rekeyed_by_peer != 0; }
  uint32_t spi() const { return sa.inbound_spi; }
};

}  // namespace kanmon::ike
