#include "control/daemon/bgp_settings.h"

namespace kanmon::daemon {
namespace {

template <class Map>
auto look_up(const Map& map, const std::string& name) -> typename Map::mapped_type {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

std::vector<bgp::CommunityPattern> patterns_of(const std::vector<std::string>& texts) {
  std::vector<bgp::CommunityPattern> out;
  for (const auto& text : texts)
    if (const auto parsed = bgp::CommunityPattern::parse(text); parsed.ok()) out.push_back(*parsed);
  return out;
}

std::shared_ptr<const bgp::PrefixList> list_of(const std::vector<config::BgpPrefixRule>& rules) {
  std::vector<bgp::PrefixRule> out;
  for (const auto& r : rules)
    if (const auto rule =
            bgp::PrefixRule::make(r.permit, r.prefix, r.ge.value_or(0), r.le.value_or(0));
        rule.ok())
      out.push_back(*rule);
  return std::make_shared<const bgp::PrefixList>(std::move(out));
}

std::shared_ptr<const bgp::RouteMap> all_routes() {
  static const auto kAll = std::make_shared<const bgp::RouteMap>(
      config::kBgpAllRoutes, std::vector<bgp::RouteMapEntry>(1));
  return kAll;
}

uint32_t number_of(const wire::IpAddress& id) {
  return id.v4_host();
}

}  // namespace

BgpPolicies::BgpPolicies(const config::Bgp& config) {
  for (const auto& l : config.prefix_lists) prefix_lists_[l.name] = list_of(l.rules);
  for (const auto& l : config.community_lists) {
    std::vector<bgp::CommunityRule> rules;
    for (const auto& r : l.rules) rules.push_back({r.permit, patterns_of(r.communities)});
    community_lists_[l.name] = std::make_shared<const bgp::CommunityList>(std::move(rules));
  }
  for (const auto& l : config.as_path_lists) {
    std::vector<bgp::AsPathRule> rules;
    for (const auto& r : l.rules)
      if (auto pattern = bgp::AsPattern::parse(r.pattern); pattern.ok())
        rules.push_back({r.permit, std::move(*pattern)});
    as_path_lists_[l.name] = std::make_shared<const bgp::AsPathList>(std::move(rules));
  }
  for (const auto& m : config.route_maps) {
    std::vector<bgp::RouteMapEntry> entries;
    for (const auto& e : m.rules) entries.push_back(entry_of(e));
    maps_[m.name] = std::make_shared<const bgp::RouteMap>(m.name, std::move(entries));
  }
}

bgp::RouteMapEntry BgpPolicies::entry_of(const config::BgpMapEntry& e) const {
  bgp::RouteMapEntry out;
  out.permit = e.permit;
  out.match.prefixes = prefixes(e.prefix_list);
  out.match.next_hops = prefixes(e.next_hop_list);
  out.match.communities = look_up(community_lists_, e.community_list);
  out.match.as_path = look_up(as_path_lists_, e.as_path_list);
  out.match.origin = e.origin;
  out.match.med = e.med;
  out.match.local_pref = e.local_pref;
  out.match.learned = e.learned;
  out.change.local_pref = e.set_local_pref;
  out.change.med = e.set_med;
  out.change.weight = e.set_weight;
  out.change.remove_med = e.remove_med;
  out.change.origin = e.set_origin;
  if (!e.set_next_hop.is_unspecified()) out.change.next_hop = e.set_next_hop;
  out.change.prepend = e.prepend;
  out.change.remove_all_communities = e.remove_all_communities;
  out.change.remove_communities = patterns_of(e.remove_communities);
  out.change.add_communities = patterns_of(e.add_communities);
  return out;
}

std::shared_ptr<const bgp::RouteMap> BgpPolicies::map(const std::string& name) const {
  if (name.empty()) return nullptr;
  return name == config::kBgpAllRoutes ? all_routes() : look_up(maps_, name);
}

std::shared_ptr<const bgp::PrefixList> BgpPolicies::prefixes(const std::string& name) const {
  return look_up(prefix_lists_, name);
}

namespace {

bgp::SessionSettings session_settings(const config::BgpSpeaker& speaker,
                                      const config::BgpPeer& peer) {
  bgp::SessionSettings s;
  s.local_as = peer.local_as != 0 ? peer.local_as : speaker.as;
  s.remote_as = peer.remote_as;
  s.router_id = number_of(speaker.router_id);
  s.passive = peer.passive;
  s.hold_time = std::chrono::seconds(peer.hold_time_s.value_or(speaker.hold_time_s));
  s.connect_retry = std::chrono::seconds(peer.connect_retry_s.value_or(speaker.connect_retry_s));
  s.send_hold_time = std::chrono::seconds(peer.send_hold_time_s);
  s.extended_message = peer.extended_messages;
  s.enforce_first_as = peer.enforce_first_as;
  for (const auto f : peer.families) {
    s.family[f] = true;
    if (peer.add_path_receive) s.add_path[f] = bgp::AddPath::kReceive;
  }
  if (peer.restart == config::BgpRestart::kOff) return s;
  bgp::GracefulRestart restart;
  restart.notification = true;
  // A helper lists no family: it keeps the neighbour's routes and asks for nothing itself.
  if (peer.restart == config::BgpRestart::kRestarter) {
    restart.time = peer.restart_time_s;
    for (const auto f : peer.families) restart.family[f].listed = true;
  }
  s.restart = restart;
  return s;
}

bgp::PeeringSettings peering_settings(const config::BgpSpeaker& speaker,
                                      const config::BgpPeer& peer, const BgpPolicies& policies,
                                      const BgpPlace& place) {
  bgp::PeeringSettings p;
  p.source.share = peer.share;
  p.source.reflector_client = peer.reflector_client;
  p.stale_time = std::chrono::seconds(peer.stale_time_s);
  for (const auto f : peer.default_originate) p.default_originate[f] = true;
  const auto& most = peer.max_prefixes;
  for (const auto f : bgp::kFamilies)
    p.max_prefix[f] = {f == wire::Family::kV4 ? most.ipv4 : most.ipv6, most.warning_percent,
                       most.warn_only, most.restart_after_s};
  auto& in = p.import;
  in.own_as = speaker.as;
  in.local_as = peer.local_as;
  in.hide_local_as = peer.hide_local_as;
  in.allow_own_as = peer.allow_own_as;
  in.router_id = number_of(speaker.router_id);
  in.cluster_id = number_of(speaker.cluster_id);
  in.local4 = place.local4;
  in.local6 = place.local6;
  in.weight = peer.weight;
  in.graceful_shutdown = peer.graceful_shutdown;
  in.policy = policies.map(peer.import_policy);
  auto& out = p.exports;
  out.own_as = speaker.as;
  out.local_as = peer.local_as;
  out.replace_as = peer.replace_as;
  out.router_id = in.router_id;
  out.cluster_id = in.cluster_id;
  out.next_hop_self = peer.next_hop_self;
  out.local4 = place.local4;
  out.local6 = place.local6;
  out.remove_private = peer.remove_private_as;
  out.as_override = peer.as_override;
  out.policy = policies.map(peer.export_policy);
  return p;
}

bgp::PeerSettings peer_settings(const config::BgpSpeaker& speaker, const config::BgpPeer& peer,
                                const BgpPolicies& policies, const BgpPlace& place) {
  bgp::PeerSettings s;
  s.name = peer.name;
  s.description = peer.description;
  s.neighbor = peer.neighbor;
  s.session = session_settings(speaker, peer);
  s.peering = peering_settings(speaker, peer, policies, place);
  s.tcp.where = place.where;
  s.tcp.device = place.device;
  s.tcp.local = peer.local_address;
  s.tcp.hops = peer.hops;
  s.tcp.gtsm = peer.ttl_security;
  if (!peer.md5.empty()) s.tcp.md5 = std::make_shared<const Secret>(peer.md5.clone());
  s.shutdown = peer.shutdown;
  s.dynamic_limit = peer.dynamic_limit;
  return s;
}

}  // namespace

bgp::SpeakerSettings speaker_settings(
    const config::BgpSpeaker& config, const BgpPolicies& policies,
    const std::function<BgpPlace(const config::BgpPeer&)>& place_of) {
  bgp::SpeakerSettings s;
  s.as = config.as;
  s.router_id = number_of(config.router_id);
  s.decision.compare_med_always = config.compare_med_always;
  s.decision.missing_med_is_worst = config.missing_med_is_worst;
  s.decision.multipath = config.multipath;
  s.decision.multipath_any_as_path = config.multipath_any_as_path;
  for (const auto& a : config.aggregates) s.aggregates.push_back({a.prefix, a.summary_only});
  for (const auto& c : config.conditions)
    s.conditions.push_back(
        {policies.prefixes(c.advertise), policies.prefixes(c.watch), c.while_there});
  for (const auto& peer : config.peers)
    s.peers.push_back(peer_settings(config, peer, policies, place_of(peer)));
  return s;
}

}  // namespace kanmon::daemon
