#include "control/bgp/policy/route_map.h"

namespace kanmon::bgp {

bool MatchConditions::hold(const wire::Prefix& prefix, const AttributeSet& set,
                           Source::Kind from) const {
  if (learned && *learned != from) return false;
  if (origin && *origin != set.origin()) return false;
  if (med && med != set.med()) return false;
  if (local_pref && *local_pref != set.local_pref().value_or(kDefaultLocalPref)) return false;
  if (prefixes && !prefixes->permits(prefix)) return false;
  if (next_hops && !next_hops->permits(wire::Prefix::host(set.next_hop()))) return false;
  if (communities && !communities->permits(set)) return false;
  return !as_path || as_path->permits(set.as_path());
}

bool RouteChanges::none() const {
  return !local_pref && !med && !weight && !remove_med && !origin && !next_hop && prepend.empty() &&
         !remove_all_communities && remove_communities.empty() && add_communities.empty();
}

void RouteChanges::apply(Attributes& a) const {
  if (local_pref) a.local_pref = local_pref;
  if (remove_med) a.med.reset();
  if (med) a.med = med;
  if (weight) a.weight = *weight;
  if (origin) a.origin = *origin;
  if (next_hop && next_hop->family == a.next_hop.family) {
    a.next_hop = *next_hop;
    a.link_local.reset();
  }
  for (auto asn = prepend.rbegin(); asn != prepend.rend(); ++asn) a.as_path.prepend(*asn);
  if (remove_all_communities) {
    a.communities.clear();
    a.extended.clear();
    a.large.clear();
  }
  for (const CommunityPattern& p : remove_communities) p.remove_from(a);
  for (const CommunityPattern& p : add_communities) p.add_to(a);
}

const RouteMapEntry* RouteMap::permits(const wire::Prefix& prefix, const AttributeSet& set,
                                       Source::Kind from) const {
  for (const RouteMapEntry& entry : entries_) {
    if (entry.match.hold(prefix, set, from)) return entry.permit ? &entry : nullptr;
  }
  return nullptr;
}

}  // namespace kanmon::bgp
