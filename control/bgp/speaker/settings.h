// What is configured for a speaker and its neighbours, and what of a change restarts a session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/bgp/peering.h"
#include "control/bgp/rib/aggregates.h"
#include "control/bgp/rib/conditions.h"
#include "control/bgp/transport/socket.h"

namespace kanmon::bgp {

struct PeerSettings {
  std::string name;
  std::string description;
  wire::Prefix neighbor;  // a host's: one neighbour; else whoever connects from there
  SessionSettings session;
  PeeringSettings peering;
  TcpOptions tcp;
  bool shutdown = false;  // by configuration
  uint32_t dynamic_limit = 100;
  // This gateway comes back from a restart: its first OPEN says so, and it tells nobody anything
  // until the neighbours have sent what they know, or `session.restart->time` is over (RFC 4724
  // section 4.1). Of a peer that is made, not of one that is there.
  bool restarting = false;

  bool is_range() const { return neighbor.length != neighbor.address.bits(); }
};

struct SpeakerSettings {
  uint32_t as = 0, router_id = 0;
  DecisionOptions decision;
  std::vector<AggregateOptions> aggregates;
  std::vector<ConditionOptions> conditions;
  std::vector<PeerSettings> peers;
};

// A session can go on under `b` if it was made under `a`; its policies may differ.
bool same_session(const PeerSettings& a, const PeerSettings& b);
// Import and export would say the same about every route. Policies are compared as objects.
bool same_rules(const PeeringSettings& a, const PeeringSettings& b);

}  // namespace kanmon::bgp
