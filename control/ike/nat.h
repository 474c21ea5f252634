// NAT detection (RFC 7296 section 2.23).
#pragma once

#include <array>
#include <cstdint>

#include "control/ike/wire/chain.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"

namespace kanmon::ike {

// SHA-1(SPIi | SPIr | address | port): the one place where SHA-1 is allowed, for the RFC demands it
// and nothing rests on it. SPIs as in the header of the message that carries the notify.
using NatHash = std::array<uint8_t, 20>;
Result<NatHash> nat_hash(uint64_t spi_initiator, uint64_t spi_responder,
                         const wire::Endpoint& endpoint);
// A hash that matches no endpoint, to make the peer see a NAT (forced UDP encapsulation).
NatHash nat_hash_of_nothing(uint64_t spi_initiator);

// What the NAT_DETECTION notifies of a received message say. `supported` is false if the peer sent
// none of one kind; then there is no NAT traversal and the other fields are false.
struct NatFinding {
  bool supported = false;
  bool local = false;   // we are behind a NAT: no destination hash is ours
  bool remote = false;  // the peer is behind a NAT: no source hash is what we see
};
// `local` and `remote` are the endpoints the message arrived on and came from.
NatFinding detect_nat(const Chain& chain, uint64_t spi_initiator, uint64_t spi_responder,
                      const wire::Endpoint& local, const wire::Endpoint& remote);

}  // namespace kanmon::ike
