// Route maps: entries in order; the first whose conditions all hold decides,
// and if it permits, changes the route. What no entry matches is denied.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/bgp/attributes.h"
#include "control/bgp/policy/as_pattern.h"
#include "control/bgp/policy/community.h"
#include "control/bgp/policy/prefix_list.h"
#include "control/bgp/rib/decision.h"

namespace kanmon::bgp {

// Every condition that is there has to hold; none there: every route matches.
struct MatchConditions {
  std::shared_ptr<const PrefixList> prefixes;
  std::shared_ptr<const PrefixList> next_hops;  // the next hop as a host's prefix
  std::shared_ptr<const CommunityList> communities;
  std::shared_ptr<const AsPathList> as_path;
  std::optional<Origin> origin;
  std::optional<uint32_t> med;  // a route without MED has none to match
  std::optional<uint32_t> local_pref;
  std::optional<Source::Kind> learned;  // from whom the gateway has it

  bool hold(const wire::Prefix& prefix, const AttributeSet& set, Source::Kind from) const;
};

struct RouteChanges {
  // How long a prepended path may become by one entry; more is a mistake, and
  // routers drop it.
  static constexpr size_t kMaxPrepend = 32;

  std::optional<uint32_t> local_pref, med, weight;
  bool remove_med = false;
  std::optional<Origin> origin;
  std::optional<wire::IpAddress> next_hop;  // only for routes of its family
  std::vector<uint32_t> prepend;            // in the order in which they shall be read
  bool remove_all_communities = false;      // of every kind, before anything is added
  std::vector<CommunityPattern> remove_communities;
  std::vector<CommunityPattern> add_communities;  // exact ones

  bool none() const;
  void apply(Attributes& attributes) const;
};

struct RouteMapEntry {
  bool permit = true;
  MatchConditions match;
  RouteChanges change;
};

class RouteMap {
 public:
  RouteMap() = default;
  explicit RouteMap(std::string name, std::vector<RouteMapEntry> entries)
      : name_(std::move(name)), entries_(std::move(entries)) {}

  const std::string& name() const { return name_; }
  // The entry that permits this route, null if it is denied. Owned by the map.
  const RouteMapEntry* permits(const wire::Prefix& prefix, const AttributeSet& set,
                               Source::Kind from) const;

 private:
  std::string name_;
  std::vector<RouteMapEntry> entries_;
};

}  // namespace kanmon::bgp
