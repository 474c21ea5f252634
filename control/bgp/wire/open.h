// OPEN: RFC 4271 sections 4.2 and 6.2, RFC 9072 for more than 255 octets of optional parameters.
#pragma once

#include <cstdint>

#include "control/bgp/wire/capability.h"
#include "control/bgp/wire/notification.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::bgp {

struct Open {
  uint32_t as = 0;          // the real one, whether two octets held it or the capability
  uint16_t hold_time = 0;   // seconds; 0: no keepalives and no hold timer
  uint32_t identifier = 0;  // host order
  Capabilities capabilities;
  friend bool operator==(const Open&, const Open&) = default;
};

// Reads the body of an OPEN. What can be wrong whoever the peer is, is refused here: version 2/1;
// AS number 0, 23456 or at odds with the capability 2/2; identifier 0 2/3 (RFC 6286); hold time 1
// or 2 2/6; a parameter that is not Capabilities 2/4; lengths that do not add up 2/0.
Verdict parse_open(wire::Bytes body, Open& out);

// The whole message. Capabilities go into one parameter, as RFC 5492 section 4 asks for.
Octets encode(const Open& open);

}  // namespace kanmon::bgp
