// Checks of BGP: that names are known, that each session has somewhere to run, and what would
// exchange nothing or loop.
#include <map>
#include <set>

#include "control/config/check.h"
#include "control/config/problems.h"

namespace kanmon::config {
namespace {

constexpr uint8_t kBgpProtocol = 6;
constexpr uint16_t kBgpPort = 179;

bool serves_bgp(const std::vector<HostService>& services) {
  for (const HostService& s : services)
    if (s.protocol == HostService::kAny || (s.protocol == kBgpProtocol && s.port == kBgpPort))
      return true;
  return false;
}

template <class T>
const T* by_name(const std::vector<T>& list, const std::string& name) {
  for (const T& x : list)
    if (x.name == name) return &x;
  return nullptr;
}

void check_map(Context& context, const Bgp& bgp, const BgpList<BgpMapEntry>& map) {
  const std::string path = "bgp.route-maps." + map.name;
  for (std::size_t i = 0; i < map.rules.size(); ++i) {
    const BgpMapEntry& e = map.rules[i];
    const std::string at = context.item_path(path, i) + ".match-";
    check_reference(context, at + "prefix-list", e.prefix_list, names_in(bgp.prefix_lists),
                    "bgp.prefix-lists");
    check_reference(context, at + "next-hop-list", e.next_hop_list, names_in(bgp.prefix_lists),
                    "bgp.prefix-lists");
    check_reference(context, at + "community-list", e.community_list, names_in(bgp.community_lists),
                    "bgp.community-lists");
    check_reference(context, at + "as-path-list", e.as_path_list, names_in(bgp.as_path_lists),
                    "bgp.as-path-lists");
  }
  if (map.name == kBgpAllRoutes)
    context.error_at(path,
                     "has the name of the policy that lets all routes through, expected "
                     "another");
}

void check_policy(Context& context, const Bgp& bgp, const std::string& key, const std::string& name,
                  bool external, const char* consequence) {
  if (name == kBgpAllRoutes) return;
  check_reference(context, key, name, names_in(bgp.route_maps), "bgp.route-maps");
  if (name.empty() && external)
    context.warning_at(key, std::string("is missing: ") + consequence + " (RFC 8212)");
}

// The section a session runs in: its addresses and what it lets through.
void check_place(Context& context, const Config& config, const BgpSpeaker& speaker,
                 const BgpPeer& peer, const std::string& path) {
  const std::vector<wire::InterfaceAddress>* addresses = nullptr;
  if (!peer.tunnel.empty()) {
    check_reference(context, path + ".tunnel", peer.tunnel, names_in(config.tunnels), "tunnels");
    const Tunnel* t = by_name(config.tunnels, peer.tunnel);
    if (t == nullptr) return;
    addresses = &t->inside_addresses;
    if (t->table != speaker.table)
      context.error_at(path + ".tunnel", "found " + in_quotes(t->name) + " of table " + t->table +
                                             ", expected one of table " + speaker.table);
    if (addresses->empty())
      context.error_at(path + ".tunnel", "found " + in_quotes(t->name) +
                                             ", which has no inside-addresses: the session has no "
                                             "address of its own");
    else if (!serves_bgp(t->host_services))
      context.error_at(path + ".tunnel",
                       "found " + in_quotes(t->name) + ", whose host-services do not have bgp");
  } else if (!peer.port.empty()) {
    check_reference(context, path + ".port", peer.port, names_in(config.ports), "ports");
    const Port* p = by_name(config.ports, peer.port);
    if (p == nullptr) return;
    addresses = &p->addresses;
    if (p->domain() != speaker.table)
      context.error_at(path + ".port", "found " + in_quotes(p->name) + " of table " + p->domain() +
                                           ", expected one of table " + speaker.table);
    if (p->host_device.empty())
      context.error_at(path + (context.given(path + ".port") ? ".port" : ".neighbor"),
                       "runs at port " + p->name +
                           ", which has no host-device: TCP has no address there; give the port "
                           "one");
    else if (!serves_bgp(p->host_services))
      context.error_at(path + ".port",
                       "found " + in_quotes(p->name) + ", whose host-services do not have bgp");
  } else {
    context.error_at(path + ".neighbor", "found " + peer.neighbor.to_string() +
                                             ", in no subnet of a tunnel or port of table " +
                                             speaker.table + ", expected the key tunnel or port");
    return;
  }
  bool has_local = false, on_link = false;
  for (const auto& a : *addresses) {
    has_local |= a.address == peer.local_address;
    on_link |= a.subnet().contains(peer.neighbor);
    if (peer.neighbor == wire::Prefix::host(a.address))
      context.error_at(path + ".neighbor", "found " + a.address.to_string() +
                                               ", the gateway's own address, expected the "
                                               "neighbour's");
  }
  if (!has_local && !addresses->empty())
    context.error_at(path + (context.given(path + ".local-address") ? ".local-address" : ""),
                     "has no local address of the neighbour's family, expected one of the " +
                         std::string(peer.tunnel.empty() ? "port" : "tunnel"));
  if (!on_link && peer.hops == 1 && !addresses->empty())
    context.error_at(path + ".neighbor", "found " + peer.neighbor.to_string() +
                                             ", which is not on the link, expected multihop with "
                                             "the number of routers to it");
}

void check_peer(Context& context, const Config& config, const BgpSpeaker& speaker,
                const BgpPeer& peer) {
  const std::string path = "bgp.speakers." + speaker.table + ".peers." + peer.name;
  if (context.problems().failed_at(path + ".neighbor") || !context.given(path + ".neighbor"))
    return;
  check_place(context, config, speaker, peer, path);
  const uint32_t own = peer.local_as != 0 ? peer.local_as : speaker.as;
  const bool external = peer.remote_as == 0 || peer.remote_as != own;
  check_policy(context, config.bgp, path + ".import-policy", peer.import_policy, external,
               "nothing of what this external neighbour sends is used");
  check_policy(context, config.bgp, path + ".export-policy", peer.export_policy, external,
               "this external neighbour is told nothing");
  if (external && peer.reflector_client)
    context.error_at(path + ".reflector-client",
                     "found on an external neighbour, expected an internal one (RFC 4456)");
  if (external && peer.next_hop_self)
    context.warning_at(path + ".next-hop-self", "is always so towards an external neighbour");
  if (peer.local_as != 0 && peer.local_as == speaker.as)
    context.error_at(path + ".local-as", "found the speaker's own number, expected another");
  if (peer.ttl_security && peer.is_range() && peer.hops > 1)
    context.warning_at(path + ".ttl-security",
                       "lets in whoever is within " + std::to_string(peer.hops) + " routers");
  for (const wire::Family f : peer.default_originate) {
    bool spoken = false;
    for (const wire::Family g : peer.families) spoken |= f == g;
    if (!spoken)
      context.error_at(path + ".default-originate",
                       "names a family that is not in families of this neighbour");
  }
}

void check_speaker(Context& context, const Config& config, const BgpSpeaker& speaker) {
  const std::string path = "bgp.speakers." + speaker.table;
  auto tables = names_in(config.tables);
  for (const auto& u : config.underlays) tables.push_back(u.name);
  check_reference(context, path, speaker.table, tables, "route-tables");
  if (speaker.router_id.is_unspecified())
    context.error_at(path,
                     "is incomplete: the key \"router-id\" is missing, and the table has no "
                     "IPv4 address to take for it");
  std::map<wire::Prefix, std::string> neighbors;
  for (const BgpPeer& peer : speaker.peers) {
    check_peer(context, config, speaker, peer);
    const auto [first, is_new] = neighbors.emplace(peer.neighbor, peer.name);
    if (!is_new && context.given(path + ".peers." + peer.name + ".neighbor"))
      context.error_at(path + ".peers." + peer.name + ".neighbor",
                       "found " + peer.neighbor.to_string() + ", the neighbour of peer " +
                           first->second + " too");
  }
  for (std::size_t i = 0; i < speaker.conditions.size(); ++i) {
    const std::string at = context.item_path(path + ".conditions", i);
    check_reference(context, at + ".advertise", speaker.conditions[i].advertise,
                    names_in(config.bgp.prefix_lists), "bgp.prefix-lists");
    check_reference(context, at + ".watch", speaker.conditions[i].watch,
                    names_in(config.bgp.prefix_lists), "bgp.prefix-lists");
  }
}

}  // namespace

void check_bgp(Context& context, const Config& config) {
  for (const auto& map : config.bgp.route_maps) check_map(context, config.bgp, map);
  for (const BgpSpeaker& speaker : config.bgp.speakers) check_speaker(context, config, speaker);
}

}  // namespace kanmon::config
