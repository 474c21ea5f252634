#include "control/bgp/speaker/speaker.h"

#include <algorithm>

namespace kanmon::bgp {
namespace {

using Clock = std::chrono::steady_clock;

uint32_t seconds_of(TimePoint now) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

Contender contender(const Rib& rib, const Path& path) {
  return {path.accepted.get(), &rib.source(path.source), path.source, path.path_id};
}

bool same_conditions(const std::vector<ConditionOptions>& a,
                     const std::vector<ConditionOptions>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.advertise == y.advertise && x.watch == y.watch && x.while_there == y.while_there;
  });
}

// Of a range: "branches@10.0.0.7".
std::string dynamic_name(const std::string& range, const wire::IpAddress& remote) {
  return range + "@" + remote.to_string();
}

}  // namespace

Speaker::Speaker(Transport& transport, AttributeTable& attributes, SpeakerHost& host, uint64_t seed)
    : transport_(transport),
      attributes_(attributes),
      host_(host),
      rib_({}, seed),
      own_(rib_.add_source({.kind = Source::Kind::kLocal})),
      forwarding_(rib_.add_consumer()) {
  rib_.tell_of_losers();
  Attributes a;
  a.origin = Origin::kIncomplete;
  a.weight = kOwnWeight;
  own_attributes_ = attributes_.intern(a);
}

Speaker::~Speaker() {
  for (const auto& [name, range] : ranges_) transport_.remove_range(range.neighbor);
  peers_.clear();
  conditions_.reset();
  aggregates_.reset();
}

void Speaker::say(Severity severity, const Peer& peer, const char* event,
                  std::initializer_list<Saying> fields) {
  host_.say(severity, peer, event, {fields.begin(), fields.size()});
}

// ---- configuration

void Speaker::apply(TimePoint now, SpeakerSettings next) {
  now_ = now;
  // Exports ask the speaker, which knows both.
  for (PeerSettings& p : next.peers)
    p.peering.exports.suppressed = [this](const wire::Prefix& prefix) {
      return suppresses(prefix);
    };
  apply_rules(next);
  apply_peers(now, next.peers);
  settings_ = std::move(next);
}

void Speaker::apply_rules(const SpeakerSettings& next) {
  const auto& d = next.decision;
  const auto& was = rib_.options();
  if (d.compare_med_always != was.compare_med_always || d.multipath != was.multipath ||
      d.missing_med_is_worst != was.missing_med_is_worst ||
      d.multipath_any_as_path != was.multipath_any_as_path) {
    rib_.set_options(d);
    decision_ = Decision(d);
  }
  const bool other_aggregates = !aggregates_ || settings_.as != next.as ||
                                settings_.router_id != next.router_id ||
                                settings_.aggregates != next.aggregates;
  if (other_aggregates) {
    aggregates_.reset();
    aggregates_ = std::make_unique<Aggregates>(
        rib_, attributes_, Aggregator{next.as, next.router_id}, next.aggregates);
  }
  const bool other_conditions =
      !conditions_ || !same_conditions(settings_.conditions, next.conditions);
  if (other_conditions) conditions_ = std::make_unique<Conditions>(rib_, next.conditions);
  if (other_aggregates || other_conditions) judge_exports_again();
}

void Speaker::apply_peers(TimePoint now, const std::vector<PeerSettings>& wanted) {
  const auto find_wanted = [&](const std::string& name) -> const PeerSettings* {
    const auto it = std::find_if(wanted.begin(), wanted.end(),
                                 [&](const PeerSettings& p) { return p.name == name; });
    return it == wanted.end() ? nullptr : &*it;
  };
  std::vector<Peer*> gone;
  for (const auto& peer : peers_) {
    const PeerSettings* next = find_wanted(peer->settings().name.substr(
        0, peer->is_dynamic() ? peer->settings().name.find('@') : std::string::npos));
    PeerSettings as_configured;
    if (next != nullptr) as_configured = *next;
    // What dynamic peers have of their own.
    if (peer->is_dynamic()) as_configured.session.passive = true;
    if (next != nullptr && next->is_range() == peer->is_dynamic() &&
        same_session(peer->settings(), as_configured)) {
      peer->change(as_configured);
    } else {
      gone.push_back(peer.get());
    }
  }
  for (Peer* peer : gone) remove_peer(*peer);
  for (auto it = ranges_.begin(); it != ranges_.end();) {
    const PeerSettings* next = find_wanted(it->first);
    const bool stays = next != nullptr && same_session(it->second, *next);
    if (!stays) transport_.remove_range(it->second.neighbor);
    it = stays ? std::next(it) : ranges_.erase(it);
  }
  for (const PeerSettings& p : wanted) {
    if (p.is_range()) {
      add_range(p);
    } else if (find(p.name) == nullptr) {
      add_peer(now, p, p.neighbor.address, false);
    }
  }
}

void Speaker::add_peer(TimePoint now, PeerSettings settings, const wire::IpAddress& remote,
                       bool dynamic) {
  peers_.push_back(std::make_unique<Peer>(*this, std::move(settings), remote, dynamic));
  Peer& peer = *peers_.back();
  const SourceId source = peer.peering().source();
  if (by_source_.size() <= source) by_source_.resize(source + 1u);
  by_source_[source] = &peer;
  peer.start(now);
}

void Speaker::remove_peer(Peer& peer) {
  by_source_[peer.peering().source()] = nullptr;
  std::erase_if(peers_, [&](const auto& p) { return p.get() == &peer; });
}

void Speaker::add_range(const PeerSettings& settings) {
  const auto [known, is_new] = ranges_.insert_or_assign(settings.name, settings);
  if (!is_new) return;
  std::string why;
  const auto admit = [this, name = settings.name](const wire::IpAddress& remote) {
    return this->admit(name, remote);
  };
  // Tried again by tick().
  if (!transport_.add_range(settings.neighbor, settings.tcp, admit, why)) ranges_.erase(known);
}

TcpPeer* Speaker::admit(const std::string& range, const wire::IpAddress& remote) {
  const auto it = ranges_.find(range);
  if (it == ranges_.end() || it->second.shutdown) return nullptr;
  const std::string name = dynamic_name(range, remote);
  if (Peer* known = find(name); known != nullptr) return known;
  const auto used = std::count_if(peers_.begin(), peers_.end(), [&](const auto& p) {
    return p->is_dynamic() && p->name().rfind(range + "@", 0) == 0;
  });
  if (static_cast<uint64_t>(used) >= it->second.dynamic_limit) return nullptr;
  PeerSettings settings = it->second;
  settings.name = name;
  add_peer(now_, std::move(settings), remote, true);
  return peers_.back().get();
}

// ---- work

bool Speaker::suppresses(const wire::Prefix& prefix) const {
  return (aggregates_ && aggregates_->suppresses(prefix)) ||
         (conditions_ && conditions_->suppresses(prefix));
}

void Speaker::judge_exports_again() {
  for (const auto& peer : peers_) peer->peering().judge_exports_again();
}

// After a restart nobody is told of half of the routes.
bool Speaker::awaits_routes(TimePoint now) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [now](const auto& peer) { return peer->awaits_routes(now); });
}

bool Speaker::poll(TimePoint now, TimePoint until) {
  now_ = now;
  bool more = true;
  while (more && Clock::now() < until) {
    const auto summaries = aggregates_->update(kChunk, seconds_of(now));
    const auto conditions = conditions_->update(kChunk);
    if (summaries.summaries || conditions.changed) judge_exports_again();
    more = summaries.more || conditions.more;
    for (size_t i = 0; !awaits_routes(now) && i < peers_.size(); ++i)
      more |= peers_[(turn_ + i) % peers_.size()]->send_some(now, kChunk);
    ++turn_;
  }
  return more;
}

void Speaker::tick(TimePoint now) {
  now_ = now;
  for (size_t i = 0; i < peers_.size(); ++i) peers_[i]->tick(now);
  std::vector<Peer*> over;
  for (const auto& peer : peers_)
    if (peer->is_dynamic() && peer->is_over()) over.push_back(peer.get());
  for (Peer* peer : over) remove_peer(*peer);
  for (const PeerSettings& p : settings_.peers)
    if (p.is_range() && ranges_.count(p.name) == 0) add_range(p);
}

void Speaker::originate(TimePoint now, const std::set<wire::Prefix>& prefixes) {
  now_ = now;
  for (const auto& p : originated_)
    if (prefixes.count(p) == 0) rib_.withdraw(own_, {p});
  for (const auto& p : prefixes)
    if (originated_.count(p) == 0)
      rib_.announce(own_, {p}, own_attributes_, own_attributes_, seconds_of(now));
  originated_ = prefixes;
}

// ---- who forwards

size_t Speaker::take_changes(size_t limit, const Take& take) {
  return rib_.take_changes(forwarding_, limit, [&](NodeId node) {
    selected_.clear();
    const Path* best = rib_.best(node);
    if (best != nullptr) {
      selected_.push_back({best, peer_of(best->source), false});
      rib_.for_each_path(node, [&](const Path& p) {
        if (p.standing == Standing::kMultipath) selected_.push_back({&p, peer_of(p.source), false});
      });
      if (const Path* spare = next_best(node))
        selected_.push_back({spare, peer_of(spare->source), true});
    }
    take(node, rib_.prefix(node), selected_);
  });
}

// The best of those that were not selected, by all steps but MED.
const Path* Speaker::next_best(NodeId node) {
  const Path* spare = nullptr;
  rib_.for_each_path(node, [&](const Path& p) {
    if (!p.accepted || is_selected(p.standing) || peer_of(p.source) == nullptr) return;
    if (spare == nullptr ||
        decision_.lost_at(contender(rib_, *spare), contender(rib_, p), false) == Standing::kBest)
      spare = &p;
  });
  return spare;
}

// ---- operator

Peer* Speaker::find(std::string_view name) const {
  for (const auto& peer : peers_)
    if (peer->name() == name || peer->remote().to_string() == name) return peer.get();
  return nullptr;
}

template <class F>
bool Speaker::for_named(std::string_view name, F f) {
  bool found = false;
  for (const auto& peer : peers_) {
    const bool of_range = peer->is_dynamic() &&
                          std::string_view(peer->name()).substr(0, peer->name().find('@')) == name;
    if (peer->name() != name && peer->remote().to_string() != name && !of_range) continue;
    f(*peer);
    found = true;
  }
  return found;
}

bool Speaker::clear(TimePoint now, std::string_view name, Clear how, std::string_view text) {
  now_ = now;
  return for_named(name, [&](Peer& peer) {
    if (how == Clear::kHard) peer.clear_hard(now, text);
    if (how == Clear::kSoftIn) (void)peer.refresh_in(now);
    if (how == Clear::kSoftOut) peer.refresh_out();
  });
}

bool Speaker::shut_down(TimePoint now, std::string_view name, std::string_view text) {
  now_ = now;
  return for_named(name, [&](Peer& peer) { peer.shut_down(now, text); });
}

bool Speaker::drain(std::string_view name, bool draining) {
  return for_named(name, [&](Peer& peer) { peer.set_draining(draining); });
}

bool Speaker::bfd_down(TimePoint now, std::string_view name) {
  now_ = now;
  return for_named(name, [&](Peer& peer) { peer.bfd_down(now); });
}

}  // namespace kanmon::bgp
