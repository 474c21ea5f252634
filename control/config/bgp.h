// BGP in the configuration: lists and route maps by name, and a speaker for each table that has
// one. RFC 4271; what each key means to the protocol is said in control/bgp/.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/bgp/attributes.h"
#include "control/bgp/rib/decision.h"
#include "control/common/secret.h"
#include "dataplane/wire/address.h"

namespace kanmon::config {

struct BgpPrefixRule {
  bool permit = true;
  wire::Prefix prefix;
  std::optional<uint8_t> ge, le;
  friend bool operator==(const BgpPrefixRule&, const BgpPrefixRule&) = default;
};
struct BgpCommunityRule {
  bool permit = true;
  std::vector<std::string> communities;  // as bgp::CommunityPattern reads them
  friend bool operator==(const BgpCommunityRule&, const BgpCommunityRule&) = default;
};
struct BgpAsPathRule {
  bool permit = true;
  std::string pattern;  // as bgp::AsPattern reads it
  friend bool operator==(const BgpAsPathRule&, const BgpAsPathRule&) = default;
};

struct BgpMapEntry {
  bool permit = true;
  std::string prefix_list, next_hop_list, community_list, as_path_list;  // names; empty: any
  std::optional<bgp::Origin> origin;
  std::optional<uint32_t> med, local_pref;
  std::optional<bgp::Source::Kind> learned;

  std::optional<uint32_t> set_local_pref, set_med, set_weight;
  bool remove_med = false;
  std::optional<bgp::Origin> set_origin;
  wire::IpAddress set_next_hop;  // unspecified: unchanged
  std::vector<uint32_t> prepend;
  bool remove_all_communities = false;
  std::vector<std::string> remove_communities, add_communities;
  friend bool operator==(const BgpMapEntry&, const BgpMapEntry&) = default;
};

// Named, in the order of the file.
template <class Rule>
struct BgpList {
  std::string name;
  std::vector<Rule> rules;
  friend bool operator==(const BgpList&, const BgpList&) = default;
};

enum class BgpRestart : uint8_t { kOff, kHelper, kRestarter };

struct BgpMaxPrefixes {
  uint64_t ipv4 = 0, ipv6 = 0;  // 0: no limit
  uint8_t warning_percent = 75;
  bool warn_only = false;
  uint32_t restart_after_s = 0;  // 0: stays down until it is cleared
  friend bool operator==(const BgpMaxPrefixes&, const BgpMaxPrefixes&) = default;
};

// The name of the policy that lets every route through.
inline constexpr const char* kBgpAllRoutes = "all";

struct BgpPeer {
  std::string name;
  std::string description;
  wire::Prefix neighbor;   // a host's: one peer; else whoever connects from there
  uint32_t remote_as = 0;  // 0: any
  // Where the session runs; at most one is named. Derived where the neighbour is in a subnet.
  std::string tunnel, port;
  wire::IpAddress local_address;  // derived likewise
  std::vector<wire::Family> families;
  Secret md5;
  uint8_t hops = 1;
  bool ttl_security = false;
  bool passive = false;
  bool shutdown = false;
  uint32_t dynamic_limit = 100;                          // of a range: how many peers at once
  std::optional<uint16_t> hold_time_s, connect_retry_s;  // absent: the speaker's
  uint32_t send_hold_time_s = 0;                         // 0: by RFC 9687
  uint32_t local_as = 0;                                 // 0: the speaker's
  bool replace_as = false, hide_local_as = false;
  uint8_t allow_own_as = 0;
  bool as_override = false, remove_private_as = false;
  bool enforce_first_as = true;
  bool next_hop_self = false;
  bool reflector_client = false;
  bool extended_messages = true;
  bool add_path_receive = false;
  uint32_t weight = 0;
  uint8_t share = 1;
  std::vector<wire::Family> default_originate;
  BgpMaxPrefixes max_prefixes;
  BgpRestart restart = BgpRestart::kHelper;
  uint16_t restart_time_s = 120;
  uint32_t stale_time_s = 360;
  bool graceful_shutdown = true;
  std::string import_policy, export_policy;  // a route map, or kBgpAllRoutes; empty: RFC 8212

  bool is_range() const { return neighbor.length != neighbor.address.bits(); }
};

struct BgpAggregate {
  wire::Prefix prefix;
  bool summary_only = false;
  friend bool operator==(const BgpAggregate&, const BgpAggregate&) = default;
};
struct BgpCondition {
  std::string advertise, watch;  // prefix lists
  bool while_there = true;
  friend bool operator==(const BgpCondition&, const BgpCondition&) = default;
};

// What of a table's own routes its speaker originates.
enum class BgpOrigination : uint8_t { kConnected, kStatic, kPropagated, kVpnStatic };

struct BgpSpeaker {
  std::string table;  // a route table or an underlay
  uint32_t as = 0;
  wire::IpAddress router_id;   // derived: the table's first IPv4 address
  wire::IpAddress cluster_id;  // unspecified: the router id
  uint16_t hold_time_s = 90;
  uint16_t connect_retry_s = 30;
  uint8_t multipath = 1;
  bool multipath_any_as_path = false;
  bool compare_med_always = false;
  bool missing_med_is_worst = false;
  std::vector<BgpOrigination> originate;
  std::vector<wire::Prefix> networks;  // originated while the table has a route of its own to them
  std::vector<BgpAggregate> aggregates;
  std::vector<BgpCondition> conditions;
  std::vector<BgpPeer> peers;
};

struct Bgp {
  std::vector<BgpList<BgpPrefixRule>> prefix_lists;
  std::vector<BgpList<BgpCommunityRule>> community_lists;
  std::vector<BgpList<BgpAsPathRule>> as_path_lists;
  std::vector<BgpList<BgpMapEntry>> route_maps;
  std::vector<BgpSpeaker> speakers;

  // All lists and maps are the same.
  bool same_policies(const Bgp& other) const {
    return prefix_lists == other.prefix_lists && community_lists == other.community_lists &&
           as_path_lists == other.as_path_lists && route_maps == other.route_maps;
  }
};

}  // namespace kanmon::config
