// What a route must pass on its way in, and what it becomes: rules of the
// protocol first, then the operator's. One Import per session; the route as
// received is kept by the RIB, so that a changed policy can judge it again.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "control/bgp/attributes.h"
#include "control/bgp/policy/route_map.h"
#include "control/bgp/rib/decision.h"

namespace kanmon::bgp {

// Why a route is not used. Names are an interface.
enum class Refusal : uint8_t {
  kAccepted,
  kNoPolicy,     // RFC 8212: an external peer without an import policy
  kOwnAs,        // our AS number in the path (RFC 4271 section 9.1.2)
  kOwnRouterId,  // ORIGINATOR_ID is ours (RFC 4456 section 8)
  kOwnCluster,   // our cluster id in CLUSTER_LIST
  kOwnNextHop,   // the next hop is our own address (RFC 4271 section 5.1.3)
  kDenied,       // by the import policy
};
inline constexpr size_t kRefusals = 7;
std::string_view to_string(Refusal refusal);

struct ImportOptions {
  Source::Kind kind = Source::Kind::kExternal;
  uint32_t own_as = 0;    // of the gateway
  uint32_t local_as = 0;  // what this peer takes us for, if another; 0: own_as
  // With local_as: external paths do not get it in front ("no-prepend").
  bool hide_local_as = false;
  uint8_t allow_own_as = 0;  // how often our number may be in the path ("allowas-in")
  uint32_t router_id = 0, cluster_id = 0;
  std::optional<wire::IpAddress> local4,
      local6;                     // our addresses towards the peer
  uint32_t weight = 0;            // for all its routes
  bool graceful_shutdown = true;  // routes that carry GRACEFUL_SHUTDOWN come last (RFC 8326)
  bool draining = false;          // ours is being shut down: all its routes come last (RFC 8326)
  std::shared_ptr<const RouteMap> policy;  // none: all of an internal peer, none of an external
};

class Import {
 public:
  explicit Import(AttributeTable& table, ImportOptions options)
      : table_(table), options_(std::move(options)) {}
  const ImportOptions& options() const { return options_; }

  struct Verdict {
    AttributeRef accepted;  // empty if refused
    Refusal refusal = Refusal::kAccepted;
  };
  Verdict judge(const wire::Prefix& prefix, const AttributeRef& received);

 private:
  Refusal by_protocol(const AttributeSet& set) const;
  AttributeRef changed(const AttributeRef& received, const RouteMapEntry* entry);

  AttributeTable& table_;
  ImportOptions options_;
  Attributes scratch_;
  // Prefixes of one update share their attributes: what the last ones became is
  // at hand.
  struct Last {
    AttributeRef received, accepted;
    const RouteMapEntry* entry = nullptr;
    bool known = false;
  };
  Last last_;
};

}  // namespace kanmon::bgp
