#include "control/bgp/export/export.h"

#include <array>

namespace kanmon::bgp {
namespace {

constexpr std::array<std::string_view, kWithheld> kTexts = {
    "",
    "no export policy for an external peer (RFC 8212)",
    "learned from this peer",
    "learned from an internal peer, and neither is a client",
    "community no-advertise",
    "community no-export",
    "the next hop is the peer itself",
    "no own address of the route's family",
    "suppressed by an aggregate or a condition",
    "denied by the export policy",
};

}  // namespace

std::string_view to_string(Withheld withheld) {
  return kTexts[static_cast<size_t>(withheld)];
}

bool is_private_as(uint32_t asn) {
  return (asn >= 64512 && asn <= 65535) || asn >= 4200000000;
}

bool Export::own_next_hop(const Source& from) const {
  return options_.kind == Source::Kind::kExternal || options_.next_hop_self ||
         from.kind == Source::Kind::kLocal;
}

Withheld Export::by_protocol(const wire::Prefix& prefix, const Path& path,
                             const Source& from) const {
  const ExportOptions& o = options_;
  const bool external = o.kind == Source::Kind::kExternal;
  const AttributeSet& set = *path.accepted;
  if (external && !o.policy) return Withheld::kNoPolicy;
  if (path.source == o.source) return Withheld::kFromPeer;
  const bool between_internal = !external && from.kind == Source::Kind::kInternal;
  if (between_internal && !from.reflector_client && !o.reflector_client) return Withheld::kInternal;
  if (set.has_community(community::kNoAdvertise)) return Withheld::kNoAdvertise;
  if (external && (set.has_community(community::kNoExport) ||
                   set.has_community(community::kNoExportSubconfed))) {
    return Withheld::kNoExport;
  }
  if (own_next_hop(from) && !(prefix.address.is_v4() ? o.local4 : o.local6)) {
    return Withheld::kNoNextHop;
  }
  if (!own_next_hop(from) && set.next_hop() == o.peer) return Withheld::kPeerNextHop;
  if (o.suppressed && o.suppressed(prefix)) return Withheld::kSuppressed;
  return Withheld::kTold;
}

Export::Verdict Export::judge(const wire::Prefix& prefix, const Path& path, const Source& from) {
  if (const Withheld w = by_protocol(prefix, path, from); w != Withheld::kTold) return {{}, w};
  const RouteMapEntry* entry = nullptr;
  if (options_.policy) {
    entry = options_.policy->permits(prefix, *path.accepted, from.kind);
    if (entry == nullptr) return {{}, Withheld::kDenied};
  }
  const wire::Family family = prefix.address.family;
  const bool same = last_.known && last_.accepted == path.accepted && last_.entry == entry &&
                    last_.source == path.source && last_.family == family;
  if (!same) {
    last_ = {path.accepted, changed(path, from, family, entry), entry, path.source, family, true};
  }
  // The policy may have chosen the peer as the next hop.
  if (last_.attributes->next_hop() == options_.peer) return {{}, Withheld::kPeerNextHop};
  return {last_.attributes, Withheld::kTold};
}

AttributeRef Export::changed(const Path& path, const Source& from, wire::Family family,
                             const RouteMapEntry* entry) {
  scratch_.assign(*path.accepted);
  scratch_.weight = 0;
  if (own_next_hop(from)) set_own_next_hop(family);
  if (options_.kind == Source::Kind::kExternal) {
    to_external(from, entry);
  } else {
    to_internal(from);
    if (entry != nullptr) entry->change.apply(scratch_);
  }
  finish();
  return table_->intern(scratch_);
}

// RFC 4271 section 5.1: the path grows by our number, which stands before what
// the policy prepends; MED, preference and what reflectors noted stay inside
// the AS.
void Export::to_external(const Source& from, const RouteMapEntry* entry) {
  const ExportOptions& o = options_;
  const uint32_t shown = o.local_as != 0 ? o.local_as : o.own_as;
  if (from.kind != Source::Kind::kLocal) scratch_.med.reset();
  if (o.remove_private) {
    scratch_.as_path =
        scratch_.as_path.mapped([](uint32_t asn) { return is_private_as(asn) ? 0 : asn; });
  }
  if (o.as_override) {
    scratch_.as_path =
        scratch_.as_path.mapped([&](uint32_t asn) { return asn == o.peer_as ? shown : asn; });
  }
  if (entry != nullptr) entry->change.apply(scratch_);
  scratch_.local_pref.reset();
  scratch_.originator_id.reset();
  scratch_.cluster_list.clear();
  if (shown != o.own_as && !o.replace_as) scratch_.as_path.prepend(o.own_as);
  scratch_.as_path.prepend(shown);
}

void Export::to_internal(const Source& from) {
  if (!scratch_.local_pref) scratch_.local_pref = kDefaultLocalPref;
  if (from.kind != Source::Kind::kInternal) return;
  // Reflected (RFC 4456 section 8).
  if (!scratch_.originator_id) scratch_.originator_id = from.router_id;
  const uint32_t cluster = options_.cluster_id != 0 ? options_.cluster_id : options_.router_id;
  scratch_.cluster_list.insert(scratch_.cluster_list.begin(), cluster);
}

void Export::set_own_next_hop(wire::Family family) {
  const bool v4 = family == wire::Family::kV4;
  scratch_.next_hop = v4 ? *options_.local4 : *options_.local6;
  scratch_.link_local = v4 ? std::nullopt : options_.link_local;
}

void Export::finish() {
  scratch_.weight = 0;
  if (!options_.draining) return;
  scratch_.communities.push_back(community::kGracefulShutdown);
  if (options_.kind == Source::Kind::kInternal) scratch_.local_pref = 0;
}

AttributeRef Export::default_route(wire::Family family) {
  if (!(family == wire::Family::kV4 ? options_.local4 : options_.local6)) return {};
  const Source own{.kind = Source::Kind::kLocal};
  scratch_.clear();
  scratch_.origin = Origin::kIgp;
  set_own_next_hop(family);
  if (options_.kind == Source::Kind::kExternal) {
    to_external(own, nullptr);
  } else {
    to_internal(own);
  }
  finish();
  return table_->intern(scratch_);
}

}  // namespace kanmon::bgp
