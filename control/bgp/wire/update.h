// UPDATE as received: RFC 4271 section 4.3, RFC 4760, with the errors of RFC 7606.
//
// One Update serves a whole session: parse_update() fills it anew and keeps its buffers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "control/bgp/attributes.h"
#include "control/bgp/wire/attribute_rules.h"
#include "control/bgp/wire/capability.h"
#include "control/bgp/wire/notification.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::bgp {

// What of a session decides how its UPDATEs read.
struct UpdateContext {
  bool external = true;  // the peer is in another AS
  bool as4 = true;       // both sides have four-octet AS numbers
  PerFamily<bool> family;
  PerFamily<bool> path_ids;  // the peer sends path ids (RFC 7911)
  uint32_t peer_as = 0;
  // The path of an external peer must begin with its own number (RFC 4271 section 6.3). Off for the
  // clients of a route server.
  bool enforce_first_as = true;
  PerFamily<std::optional<wire::IpAddress>> local;  // ours; never a next hop
};

struct AttributeFault {
  uint8_t type = 0;
  Fault fault = Fault::kFlags;
  Action action = Action::kAccept;
  friend bool operator==(const AttributeFault&, const AttributeFault&) = default;
};

struct Update {
  // Announced routes: with `attributes`, whose next_hop and link_local are these here.
  struct Reach {
    wire::IpAddress next_hop;
    std::optional<wire::IpAddress> link_local;
    std::vector<Nlri> nlri;
  };
  // To be applied first: a prefix that is in both is announced (RFC 4271 section 4.3). Holds what
  // was announced too if the message is treated as a withdrawal.
  std::vector<Nlri> withdrawn;
  Attributes attributes;
  Reach plain;                             // NLRI field and NEXT_HOP
  Reach multiprotocol;                     // MP_REACH_NLRI
  std::optional<wire::Family> end_of_rib;  // RFC 4724 section 2

  Action action = Action::kAccept;     // the strongest there was
  std::vector<AttributeFault> faults;  // in the order found; at most kMaxFaults
  uint64_t martians = 0;               // prefixes left out (is_martian)

  static constexpr std::size_t kMaxFaults = 16;
  void clear();
};

// Reads the body of an UPDATE. A verdict is given only where RFC 7606 leaves a session reset; then
// `out` is not to be used. Takes memory in proportion to the message at most.
Verdict parse_update(wire::Bytes body, const UpdateContext& context, Update& out);

}  // namespace kanmon::bgp
