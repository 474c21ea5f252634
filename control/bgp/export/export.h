// What one peer may be told of a route, and how it then looks: rules of the
// protocol first, then the operator's policy, then what every route gets on its
// way out (own AS number, next hop). One Export per session.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "control/bgp/attributes.h"
#include "control/bgp/policy/route_map.h"
#include "control/bgp/rib/rib.h"

namespace kanmon::bgp {

// Why a route is not told to a peer. Names are an interface.
enum class Withheld : uint8_t {
  kTold,
  kNoPolicy,     // RFC 8212: an external peer without an export policy
  kFromPeer,     // it is the peer's own route
  kInternal,     // from an internal peer to another, neither our client (RFC 4456)
  kNoAdvertise,  // the communities of RFC 1997
  kNoExport,
  kPeerNextHop,  // the next hop would be the peer itself (RFC 4271
                 // section 5.1.3)
  kNoNextHop,    // no address of ours of the family of the route
  kSuppressed,   // within an aggregate that stands for it, or its condition does
                 // not hold
  kDenied,       // by the export policy
};
inline constexpr size_t kWithheld = 10;
std::string_view to_string(Withheld withheld);

struct ExportOptions {
  Source::Kind kind = Source::Kind::kExternal;
  SourceId source = 0;  // of the same peer, for split horizon
  wire::IpAddress peer;
  uint32_t own_as = 0;      // of the gateway
  uint32_t local_as = 0;    // what this peer takes us for, if another; 0: own_as
  bool replace_as = false;  // with local_as: the peer does not see own_as at all
  uint32_t peer_as = 0;
  uint32_t router_id = 0, cluster_id = 0;
  bool reflector_client = false;  // the peer is our client (RFC 4456)
  bool next_hop_self = false;     // also to internal peers
  std::optional<wire::IpAddress> local4,
      local6;                                 // our addresses towards the peer
  std::optional<wire::IpAddress> link_local;  // goes along with local6 (RFC 2545)
  bool remove_private = false;                // private AS numbers (RFC 6996) leave the path
  bool as_override = false;                   // the peer's own number in the path becomes ours
  bool draining = false;                      // RFC 8326: routes go out with GRACEFUL_SHUTDOWN
  std::shared_ptr<const RouteMap> policy;  // none: all to an internal peer, nothing to an external
  // Prefixes that something else holds back: more specific than a summary, a
  // condition. May be empty.
  std::function<bool(const wire::Prefix&)> suppressed;
};

class Export {
 public:
  Export(AttributeTable& table, ExportOptions options)
      : table_(&table), options_(std::move(options)) {}
  const ExportOptions& options() const { return options_; }

  struct Verdict {
    AttributeRef attributes;  // to be sent; empty if withheld
    Withheld withheld = Withheld::kTold;
  };
  // REQUIRES: path.accepted. `from`: the source of the path.
  Verdict judge(const wire::Prefix& prefix, const Path& path, const Source& from);
  // A route of our own to the default destination, for default-originate; empty
  // without an address of the family.
  AttributeRef default_route(wire::Family family);

 private:
  Withheld by_protocol(const wire::Prefix& prefix, const Path& path, const Source& from) const;
  bool own_next_hop(const Source& from) const;
  AttributeRef changed(const Path& path, const Source& from, wire::Family family,
                       const RouteMapEntry* entry);
  void to_external(const Source& from, const RouteMapEntry* entry);
  void to_internal(const Source& from);
  void set_own_next_hop(wire::Family family);
  void finish();

  AttributeTable* table_;
  ExportOptions options_;
  Attributes scratch_;
  // Neighbours in the table share their attributes: what the last ones became
  // is at hand.
  struct Last {
    AttributeRef accepted, attributes;
    const RouteMapEntry* entry = nullptr;
    SourceId source = 0;
    wire::Family family = wire::Family::kV4;
    bool known = false;
  };
  Last last_;
};

// RFC 6996, and 65535 and 4294967295 of RFC 7300.
bool is_private_as(uint32_t asn);

}  // namespace kanmon::bgp
