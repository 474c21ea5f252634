#include "control/daemon/bgp.h"

#include <algorithm>
#include <array>

#include "control/common/random.h"
#include "control/config/attachments.h"
#include "control/daemon/gateway.h"
#include "control/log/log.h"

namespace kanmon::daemon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Of one turn of the control thread: packets for IKE wait no longer than the two together.
constexpr auto kReadFor = 2ms;
constexpr auto kWorkFor = 3ms;
constexpr size_t kInstallChunk = 512;

// The clock by which the RIB keeps the age of routes.
uint32_t bgp_seconds(TimePoint now) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

const config::BgpSpeaker* speaker_of(const config::Config& config, const std::string& table) {
  for (const auto& s : config.bgp.speakers)
    if (s.table == table) return &s;
  return nullptr;
}

// Lists and maps alone: what a later configuration is compared with.
config::Bgp policies_of(const config::Bgp& bgp) {
  config::Bgp out;
  out.prefix_lists = bgp.prefix_lists;
  out.community_lists = bgp.community_lists;
  out.as_path_lists = bgp.as_path_lists;
  out.route_maps = bgp.route_maps;
  return out;
}

bool originates(const config::BgpSpeaker& speaker, const routing::Wanted& route) {
  using config::BgpOrigination;
  const auto has = [&](BgpOrigination o) {
    return std::find(speaker.originate.begin(), speaker.originate.end(), o) !=
           speaker.originate.end();
  };
  switch (route.origin) {
    case routing::Origin::kConnected:
      // Of ports: the subnets inside tunnels are for the two ends alone.
      return route.targets.front().kind == routing::Target::Kind::kConnected &&
             has(BgpOrigination::kConnected);
    case routing::Origin::kStatic:
      return has(BgpOrigination::kStatic);
    case routing::Origin::kPropagated:
      return route.targets.front().kind == routing::Target::Kind::kConnected &&
             has(BgpOrigination::kPropagated);
    case routing::Origin::kVpnStatic:
      return has(BgpOrigination::kVpnStatic);
    default:
      return false;
  }
}

}  // namespace

Bgp::Bgp(Gateway& gateway) : gateway_(gateway) {}

Bgp::~Bgp() = default;

uint32_t Bgp::random() {
  std::array<uint8_t, 4> octets;
  strong_random(octets);
  return load_be<uint32_t>(octets.data());
}

void Bgp::say(bgp::Severity severity, const bgp::Peer& peer, const char* event,
              std::span<const bgp::Saying> fields) {
  constexpr log::Level kLevels[] = {log::Level::kDebug, log::Level::kInfo, log::Level::kWarning,
                                    log::Level::kError};
  const std::string remote = peer.remote().to_string();
  std::vector<log::Field> out = {{"peer", peer.name()}, {"remote", remote}};
  for (const auto& f : fields)
    if (!f.second.empty()) out.push_back({f.first, f.second});
  log::write(kLevels[static_cast<uint8_t>(severity)], "bgp", event, out);
}

// ---- configuration

void Bgp::apply(TimePoint now, const config::Config& config, bool moved) {
  now_ = now;
  if (!policies_ || !known_.same_policies(config.bgp)) {
    policies_ = std::make_shared<const BgpPolicies>(config.bgp);
    known_ = policies_of(config.bgp);
  }
  for (auto it = tables_.begin(); it != tables_.end();) {
    if (speaker_of(config, it->first) != nullptr) {
      ++it;
      continue;
    }
    it->second->routes.withdraw_all(it->second->speaker.rib());
    end_propagation(it->first);
    it = tables_.erase(it);
  }
  propagations_.clear();
  for (const auto& speaker : config.bgp.speakers)
    if (tables_.count(speaker.table) == 0) make_table(speaker);
  for (const auto& speaker : config.bgp.speakers) {
    Table& table = *tables_.at(speaker.table);
    auto settings = speaker_settings(speaker, *policies_,
                                     [&](const auto& peer) { return place_of(config, peer); });
    for (auto& peer : settings.peers) {
      const auto& restart = peer.session.restart;
      peer.restarting = restart && now - gateway_.started() < std::chrono::seconds(restart->time);
    }
    table.speaker.apply(now, std::move(settings));
    if (!moved) continue;
    table.routes.forget_ways();
    table.speaker.replay();
  }
  own_routes_due_ = true;
}

void Bgp::make_table(const config::BgpSpeaker& speaker) {
  std::array<uint8_t, 8> seed;
  strong_random(seed);
  tables_[speaker.table] = std::make_unique<Table>(
      transport_, attributes_, static_cast<bgp::SpeakerHost&>(*this),
      load_be<uint64_t>(seed.data()), gateway_.compiler(), world_of(speaker.table));
}

BgpRoutes::World Bgp::world_of(const std::string& table) {
  return {.resolve =
              [this, table](const bgp::Peer& peer, const wire::IpAddress& next_hop) {
                const config::BgpPeer* config = config_of(table, peer);
                return gateway_.learned_next_hop(now_, table,
                                                 config == nullptr ? "" : config->tunnel, next_hop);
              },
          .tables = [this, table](const bgp::Peer& peer) { return tables_for(table, peer); },
          .origin =
              [this, table](const bgp::Peer& peer) {
                const config::BgpPeer* config = config_of(table, peer);
                return config != nullptr && !config->tunnel.empty()
                           ? routing::Origin::kBgpVpn
                           : routing::Origin::kBgpDirectConnect;
              },
          .pin = [this](fib::NextHop hop) { gateway_.pin_adjacency(now_, hop.index()); }};
}

const config::BgpPeer* Bgp::config_of(const std::string& table, const bgp::Peer& peer) const {
  const config::BgpSpeaker* speaker = speaker_of(gateway_.config(), table);
  if (speaker == nullptr) return nullptr;
  const std::string name =
      peer.is_dynamic() ? peer.name().substr(0, peer.name().find('@')) : peer.name();
  for (const auto& p : speaker->peers)
    if (p.name == name) return &p;
  return nullptr;
}

// The speaker's own, and those that propagate the attachment in which the neighbour is.
std::vector<routing::TableId> Bgp::tables_for(const std::string& table,
                                              const bgp::Peer& peer) const {
  std::vector<routing::TableId> out;
  const auto add = [&](const std::string& name) {
    const auto it = gateway_.tables().find(name);
    if (it == gateway_.tables().end()) return;
    if (std::find(out.begin(), out.end(), it->second.number) == out.end())
      out.push_back(it->second.number);
  };
  add(table);
  for (const auto* a : attachments_of(table, peer))
    for (const auto& t : gateway_.config().tables)
      if (std::find(t.propagations.begin(), t.propagations.end(), a->name) != t.propagations.end())
        add(t.name);
  return out;
}

std::vector<const config::Attachment*> Bgp::attachments_of(const std::string& table,
                                                           const bgp::Peer& peer) const {
  std::vector<const config::Attachment*> out;
  const config::BgpPeer* config = config_of(table, peer);
  if (config == nullptr) return out;
  for (const auto& a : gateway_.config().attachments) {
    const bool by_tunnel = !config->tunnel.empty() && std::find(a.tunnels.begin(), a.tunnels.end(),
                                                                config->tunnel) != a.tunnels.end();
    const bool by_port =
        !config->port.empty() && a.port == config->port && a.kind == config::Attachment::Kind::kVpc;
    if (by_tunnel || by_port) out.push_back(&a);
  }
  return out;
}

// ---- from table to table

const std::vector<std::string>& Bgp::propagates_to(const std::string& table,
                                                   const bgp::Peer& peer) {
  const auto [known, is_new] = propagations_.try_emplace({table, peer.serial()});
  if (!is_new) return known->second;
  for (const auto* a : attachments_of(table, peer))
    for (const auto& t : gateway_.config().tables)
      if (t.name != table && tables_.count(t.name) != 0 &&
          std::find(t.propagations.begin(), t.propagations.end(), a->name) != t.propagations.end())
        known->second.push_back(t.name);
  return known->second;
}

// What the other table's speaker tells its neighbours of. Its own forwarding entry is made by
// BgpRoutes of the table of origin.
void Bgp::propagate(const std::string& from, const wire::Prefix& prefix,
                    std::span<const bgp::Speaker::Selected> paths, uint32_t now_s) {
  static const std::vector<std::string> kNowhere;
  const bool is_theirs = !paths.empty() && paths.front().peer != nullptr;
  const auto& wanted = is_theirs ? propagates_to(from, *paths.front().peer) : kNowhere;
  for (const std::string& to : wanted) {
    Table& table = *tables_.at(to);
    const auto [source, is_new] = table.from_others.try_emplace(from);
    if (is_new) source->second = table.speaker.rib().add_source({});
    const auto& accepted = paths.front().path->accepted;
    table.speaker.rib().announce(source->second, {prefix}, accepted, accepted, now_s);
  }
  for (auto& [name, table] : tables_) {
    const auto source = table->from_others.find(from);
    if (source == table->from_others.end()) continue;
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      (void)table->speaker.rib().withdraw(source->second, {prefix});
  }
}

void Bgp::end_propagation(const std::string& from) {
  for (auto& [name, table] : tables_) {
    const auto source = table->from_others.find(from);
    if (source == table->from_others.end()) continue;
    table->speaker.rib().remove_source(source->second);
    table->from_others.erase(source);
  }
}

BgpPlace Bgp::place_of(const config::Config& config, const config::BgpPeer& peer) {
  BgpPlace place;
  const auto take = [&](const std::string& table, const std::string& device,
                        const std::vector<wire::InterfaceAddress>& addresses) {
    place.where = gateway_.host_namespace(config, table);
    place.device = device;
    for (const auto& a : addresses) {
      auto& local = a.address.is_v4() ? place.local4 : place.local6;
      if (!local || a.address == peer.local_address) local = a.address;
    }
  };
  for (const auto& t : config.tunnels)
    if (t.name == peer.tunnel) take(t.table, t.host_device, t.inside_addresses);
  for (const auto& p : config.ports)
    if (p.name == peer.port) take(p.domain(), p.host_device, p.addresses);
  return place;
}

void Bgp::table_gone(const std::string& name, routing::TableId table) {
  const auto own = tables_.find(name);
  if (own != tables_.end()) {
    own->second->routes.table_gone(table);
    own->second->routes.withdraw_all(own->second->speaker.rib());
    end_propagation(name);
    tables_.erase(own);
  }
  propagations_.clear();
  for (auto& [other, t] : tables_) t->routes.table_gone(table);
}

// ---- the table's own routes

std::set<wire::Prefix> Bgp::own_routes(const std::string& table,
                                       const config::BgpSpeaker& speaker) const {
  std::set<wire::Prefix> out;
  const auto live = gateway_.tables().find(table);
  if (live == gateway_.tables().end()) return out;
  for (const routing::Wanted& route : live->second.installed) {
    const bool is_named = std::find(speaker.networks.begin(), speaker.networks.end(),
                                    route.prefix) != speaker.networks.end();
    if (!is_named && !originates(speaker, route)) continue;
    // One that has withdrawn itself is not there.
    const auto candidates = gateway_.compiler().at(live->second.number, route.prefix);
    const bool is_there = std::any_of(candidates.begin(), candidates.end(), [&](const auto& c) {
      return c.source->origin == route.origin && c.source->name == route.source &&
             c.outcome != routing::Outcome::kWithdrawn && c.outcome != routing::Outcome::kRejected;
    });
    if (is_there) out.insert(route.prefix);
  }
  return out;
}

void Bgp::originate(TimePoint now) {
  own_routes_due_ = false;
  for (auto& [name, table] : tables_)
    if (const auto* speaker = speaker_of(gateway_.config(), name))
      table->speaker.originate(now, own_routes(name, *speaker));
}

// ---- work

bool Bgp::poll(TimePoint now) {
  if (tables_.empty()) return false;
  now_ = now;
  for (auto& [name, table] : tables_) table->speaker.at(now);
  const TimePoint start = Clock::now();
  bool more = false;
  // One event at a time: each may be a full buffer of updates.
  do {
    more = transport_.poll(now, 1) != 0;
  } while (more && Clock::now() < start + kReadFor);
  const TimePoint until = Clock::now() + kWorkFor;
  for (auto& entry : tables_) {
    const std::string& from = entry.first;
    auto& table = entry.second;
    const uint32_t now_s = gateway_.route_clock_s(now);
    BgpRoutes& routes = table->routes;
    const bool is_alone = tables_.size() == 1;
    const auto take = [&, now_s](bgp::NodeId node, const wire::Prefix& prefix,
                                 std::span<const bgp::Speaker::Selected> paths) {
      routes.take(node, prefix, paths, now_s);
      if (!is_alone) propagate(from, prefix, paths, bgp_seconds(now));
    };
    while (table->speaker.has_changes() && Clock::now() < until)
      (void)table->speaker.take_changes(kInstallChunk, take);
    more |= table->speaker.has_changes();
    more |= table->speaker.poll(now, until);
  }
  return more;
}

void Bgp::tick(TimePoint now) {
  now_ = now;
  if (own_routes_due_) originate(now);
  for (auto& [name, table] : tables_) table->speaker.tick(now);
}

void Bgp::pin_again() const {
  for (const auto& [name, table] : tables_) table->routes.pin_again();
}

void Bgp::shut_down(TimePoint now) {
  for (auto& [name, table] : tables_)
    for (const auto& peer : table->speaker.peers())
      (void)table->speaker.shut_down(now, peer->name(), "the gateway stops");
}

bool Bgp::drain_tunnel(const std::string& tunnel, bool draining) {
  bool found = false;
  for (auto& [name, table] : tables_)
    for (const auto& peer : table->speaker.peers())
      if (const auto* config = config_of(name, *peer);
          config != nullptr && config->tunnel == tunnel)
        found |= table->speaker.drain(peer->name(), draining);
  return found;
}

void Bgp::path_died(
    TimePoint now,
    const std::function<bool(const bgp::Peer&, const config::BgpPeer&)>& runs_there) {
  for (auto& [name, table] : tables_)
    for (const auto& peer : table->speaker.peers())
      if (const auto* config = config_of(name, *peer);
          config != nullptr && runs_there(*peer, *config))
        (void)table->speaker.bfd_down(now, peer->name());
}

void Bgp::tunnel_died(TimePoint now, const std::string& tunnel) {
  path_died(now, [&](const auto&, const auto& config) { return config.tunnel == tunnel; });
}

void Bgp::neighbor_died(TimePoint now, const std::string& port, const wire::IpAddress& address) {
  path_died(now, [&](const auto& peer, const auto& config) {
    return config.port == port && peer.remote() == address;
  });
}

}  // namespace kanmon::daemon
