#include "control/bgp/policy/import.h"

#include <algorithm>
#include <array>

namespace kanmon::bgp {
namespace {

constexpr std::array<std::string_view, kRefusals> kTexts = {
    "",
    "no import policy for an external peer (RFC 8212)",
    "own AS number in the path",
    "originated by this gateway",
    "own cluster id in the cluster list",
    "next hop is an address of this gateway",
    "denied by the import policy",
};

bool holds(std::span<const uint32_t> list, uint32_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  return kTexts[static_cast<size_t>(refusal)];
}

Refusal Import::by_protocol(const AttributeSet& set) const {
  const ImportOptions& o = options_;
  if (o.kind == Source::Kind::kExternal && !o.policy) return Refusal::kNoPolicy;
  uint32_t own = set.as_path().count(o.own_as);
  if (o.local_as != 0 && o.local_as != o.own_as) own += set.as_path().count(o.local_as);
  if (own > o.allow_own_as) return Refusal::kOwnAs;
  const wire::IpAddress next_hop = set.next_hop();
  if (next_hop == o.local4 || next_hop == o.local6) return Refusal::kOwnNextHop;
  if (o.kind == Source::Kind::kInternal) {
    if (set.originator_id() == o.router_id) return Refusal::kOwnRouterId;
    const uint32_t cluster = o.cluster_id != 0 ? o.cluster_id : o.router_id;
    if (holds(set.cluster_list(), cluster)) return Refusal::kOwnCluster;
  }
  return Refusal::kAccepted;
}

Import::Verdict Import::judge(const wire::Prefix& prefix, const AttributeRef& received) {
  if (const Refusal r = by_protocol(*received); r != Refusal::kAccepted) return {{}, r};
  const RouteMapEntry* entry = nullptr;
  if (options_.policy) {
    entry = options_.policy->permits(prefix, *received, options_.kind);
    if (entry == nullptr) return {{}, Refusal::kDenied};
  }
  if (!last_.known || last_.entry != entry || last_.received != received) {
    last_ = {received, changed(received, entry), entry, true};
  }
  return {last_.accepted, Refusal::kAccepted};
}

AttributeRef Import::changed(const AttributeRef& received, const RouteMapEntry* entry) {
  const ImportOptions& o = options_;
  scratch_.assign(*received);
  // Of an external peer it means nothing (RFC 4271 section 5.1.5).
  if (o.kind == Source::Kind::kExternal) scratch_.local_pref.reset();
  scratch_.weight = o.weight;
  if (o.kind == Source::Kind::kExternal && o.local_as != 0 && !o.hide_local_as) {
    scratch_.as_path.prepend(o.local_as);
  }
  if (entry != nullptr) entry->change.apply(scratch_);
  // After the policy, which may have set a preference or the community.
  const auto& all = scratch_.communities;
  const bool shuts_down =
      o.graceful_shutdown &&
      std::find(all.begin(), all.end(), community::kGracefulShutdown) != all.end();
  if (shuts_down || o.draining) {
    scratch_.local_pref = 0;
    scratch_.weight = 0;
  }
  return table_.intern(scratch_);
}

}  // namespace kanmon::bgp
