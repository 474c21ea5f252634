// ROUTE-REFRESH: RFC 2918, and its begin and end marks of RFC 7313.
#pragma once

#include <cstdint>
#include <optional>

#include "control/bgp/wire/capability.h"
#include "control/bgp/wire/notification.h"

namespace kanmon::bgp {

struct Refresh {
  enum class Kind : uint8_t {
    kRequest = 0,  // send all again
    kBegin = 1,    // BoRR: all comes now
    kEnd = 2,      // EoRR: that was all
  };
  Kind kind = Kind::kRequest;
  wire::Family family = wire::Family::kV4;
};

// Reads the body. `out` stays absent where the message is to be ignored: a family that is not ours,
// a subtype of the future. `enhanced`: both sides have the capability; if not, the subtype is a
// reserved octet. A begin or end of the wrong length is 7/1 with the whole message as data, a
// request of the wrong length 1/2.
Verdict parse_refresh(wire::Bytes body, bool enhanced, std::optional<Refresh>& out);

// The whole message.
Octets encode(const Refresh& refresh);

}  // namespace kanmon::bgp
