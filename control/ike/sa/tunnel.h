// One configured tunnel: what is wanted and how it goes. Owned by Core.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/ike/engine.h"
#include "control/ike/sa/ike_sa.h"

namespace kanmon::ike {

struct Tunnel {
  TunnelParameters parameters;
  uint64_t serial = 0;
  // Should be up: startup `start`, an operator's `up`, a DPD restart.
  bool wanted = false;
  // Taken down by the operator, or out of the configuration: the peer cannot bring it up either.
  bool barred = false;
  bool removed = false;
  std::vector<IkeSa*> ike_sas;   // every one that is not closed
  std::vector<Child*> children;  // lingering ones included
  uint32_t outbound_spi = 0;     // inbound SPI of the child that carries outbound; 0: none
  // The operator wants the child SA rekeyed; waits until a rekeying under way is over.
  bool rekey_wished = false;
  std::string reason;
  uint32_t failures = 0;        // attempts in a row that brought no IKE SA
  uint32_t child_failures = 0;  // likewise no child SA
  uint64_t ike_rekeys = 0;
  uint64_t child_rekeys = 0;
  uint64_t retransmits = 0;
  uint16_t ike_group = 0;  // the group that worked, or that the peer asked for; 0: the first

  bool may_initiate() const { return parameters.remote_address.has_value(); }
};

}  // namespace kanmon::ike
