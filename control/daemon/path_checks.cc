#include "control/daemon/path_checks.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "control/common/random.h"
#include "control/config/paths.h"
#include "control/log/log.h"
#include "dataplane/common/byteorder.h"
#include "dataplane/crypto/short_sha1.h"

namespace kanmon::daemon {
namespace {

using vigil::Kind;

constexpr uint64_t kMicro = 1'000'000;

uint64_t us(std::chrono::milliseconds ms) {
  return static_cast<uint64_t>(ms.count()) * 1000;
}
uint64_t us(std::chrono::seconds s) {
  return static_cast<uint64_t>(s.count()) * kMicro;
}

const char* name_of(Kind kind) {
  return kind == Kind::kBfd ? "bfd" : "health-check";
}

liveness::Policy policy_of(const config::Steadiness& s) {
  liveness::Policy p;
  p.hold_down_us = us(s.hold_down);
  p.switch_back_us = us(s.switch_back);
  p.half_life_us = us(s.half_life);
  p.suppress = s.suppress;
  p.reuse = s.reuse;
  return p;
}

vigil::Settings settings_of(const config::Bfd& b, const vigil::Path& path) {
  vigil::Settings s;
  s.path = path;
  s.kind = Kind::kBfd;
  s.multihop = b.multihop;
  s.bfd.desired_min_tx_us = s.bfd.required_min_rx_us = static_cast<uint32_t>(us(b.interval));
  s.bfd.detect_multiplier = b.multiplier;
  s.bfd.passive = b.passive;
  s.bfd.auth.type = b.auth;
  s.bfd.auth.key_id = b.key_id;
  s.policy = policy_of(b.steadiness);
  return s;
}

vigil::Settings settings_of(const config::HealthCheck& h, const vigil::Path& path) {
  vigil::Settings s;
  s.path = path;
  s.kind = Kind::kEcho;
  s.echo_interval_us = us(h.interval);
  s.echo_timeout_us = us(h.timeout);
  s.policy = policy_of(h.steadiness);
  s.policy.fall = h.fall;
  s.policy.rise = h.rise;
  return s;
}

bool same_policy(const liveness::Policy& a, const liveness::Policy& b) {
  return a.fall == b.fall && a.rise == b.rise && a.hold_down_us == b.hold_down_us &&
         a.switch_back_us == b.switch_back_us && a.half_life_us == b.half_life_us &&
         a.suppress == b.suppress && a.reuse == b.reuse;
}

// But for what a BFD session can change while it lives.
bool same_but_timers(const vigil::Settings& a, const vigil::Settings& b) {
  return a.path == b.path && a.kind == b.kind && a.multihop == b.multihop &&
         a.bfd.passive == b.bfd.passive && a.bfd.auth.type == b.bfd.auth.type &&
         a.bfd.auth.key_id == b.bfd.auth.key_id && a.echo_interval_us == b.echo_interval_us &&
         a.echo_timeout_us == b.echo_timeout_us && same_policy(a.policy, b.policy);
}

bool same_timers(const bfd::Policy& a, const bfd::Policy& b) {
  return a.desired_min_tx_us == b.desired_min_tx_us &&
         a.required_min_rx_us == b.required_min_rx_us && a.detect_multiplier == b.detect_multiplier;
}

uint64_t random_bits() {
  std::array<uint8_t, 8> octets;
  strong_random(octets);
  return load_be<uint64_t>(octets.data());
}

// Why a check holds its path for down.
std::string reason_of(const vigil::Check& check) {
  const vigil::Report& r = check.report;
  const auto why = static_cast<liveness::Why>(r.why.get());
  if (why != liveness::Why::kLost && why != liveness::Why::kNotHeard)
    return liveness::to_string(why);
  if (check.settings.kind == Kind::kBfd) {
    const auto diag = static_cast<bfd::Diag>(r.diag.get());
    return diag == bfd::Diag::kNone ? "no session came up" : bfd::to_string(diag);
  }
  return r.good.get() == 0
             ? "no probe was answered"
             : fmt::format("{} probes in a row were lost", check.settings.policy.fall);
}

}  // namespace

PathChecks::PathChecks(publish::Plane& commands, const DataPlane& plane, NameOf tunnel_name)
    : plane_(plane),
      tunnel_name_(std::move(tunnel_name)),
      clock_(plane.tsc_hz()),
      store_(commands, random_bits, crypto::short_sha1) {}

void PathChecks::apply(const config::Config& config,
                       const std::function<uint16_t(const std::string&)>& table_number) {
  std::set<Key> wanted;
  for (const config::Port& p : config.ports) want_neighbors(p, table_number(p.domain()), wanted);
  for (const config::Tunnel& t : config.tunnels) {
    vigil::Path path;
    path.tunnel = t.ike.tunnel;
    path.table = table_number(t.table);
    const auto set = [&](Kind kind, const std::optional<config::PathEnds>& ends) {
      if (!ends) return false;
      path.local = ends->local;
      path.remote = ends->remote;
      wanted.insert({t.name, kind});
      return true;
    };
    if (t.bfd.configured && set(Kind::kBfd, config::bfd_ends(t)))
      want({t.name, Kind::kBfd}, settings_of(t.bfd, path), t.bfd.key);
    if (t.health_check.configured && set(Kind::kEcho, config::probe_ends(config, t)))
      want({t.name, Kind::kEcho}, settings_of(t.health_check, path), {});
  }
  for (auto it = checks_.begin(); it != checks_.end();) {
    if (wanted.count(it->first) != 0) {
      ++it;
      continue;
    }
    store_.remove(it->second.slot);
    by_slot_.erase(it->second.slot);
    it = checks_.erase(it);
  }
}

void PathChecks::want_neighbors(const config::Port& port, uint16_t table, std::set<Key>& wanted) {
  for (const config::NeighborBfd& n : port.bfd) {
    const auto ends = config::neighbor_ends(port, n.remote);
    if (!ends) continue;
    const Key key{port.name + " " + n.remote.to_string(), Kind::kBfd};
    wanted.insert(key);
    config::Bfd bfd;
    bfd.interval = n.interval;
    bfd.multiplier = n.multiplier;
    vigil::Path path;
    path.table = table;
    path.local = ends->local;
    path.remote = ends->remote;
    want(key, settings_of(bfd, path), {}, port.name);
  }
}

void PathChecks::want(const Key& key, const vigil::Settings& settings, const Secret& secret,
                      const std::string& port) {
  vigil::Settings made = settings;
  if (const auto it = checks_.find(key); it != checks_.end()) {
    PathCheck& known = it->second;
    if (same_but_timers(known.settings, settings) && known.key == secret) {
      if (!same_timers(known.settings.bfd, settings.bfd)) store_.change(known.slot, settings.bfd);
      known.settings = settings;
      return;
    }
    // What was down stays so until the new check finds it up.
    if (const auto* old = find(known); old != nullptr) made.starts_down = old->report.down.get();
    store_.remove(known.slot);
    by_slot_.erase(known.slot);
    checks_.erase(it);
  }
  std::copy(secret.bytes().begin(), secret.bytes().end(), made.bfd.auth.key);
  const auto slot = store_.add(made);
  wipe(made.bfd.auth.key);
  if (!slot) return log::error("path", "too-many-checks", {{"tunnel", key.first}});
  PathCheck check;
  check.slot = *slot;
  check.port = port;
  check.settings = settings;
  check.key = secret.clone();
  check.was_down = made.starts_down;
  by_slot_[*slot] = key;
  checks_.emplace(key, std::move(check));
}

const PathCheck* PathChecks::happened(uint32_t slot) {
  const auto key = by_slot_.find(slot);
  if (key == by_slot_.end()) return nullptr;
  PathCheck& known = checks_.at(key->second);
  const vigil::Check* check = find(known);
  if (check == nullptr) return nullptr;
  log_changes(key->second, known, *check);
  return &known;
}

void PathChecks::log_changes(const Key& key, PathCheck& known, const vigil::Check& check) {
  const vigil::Report& r = check.report;
  const std::string& who = key.first;
  const char* what = known.port.empty() ? "tunnel" : "neighbor";
  const char* by = name_of(key.second);
  if (key.second == Kind::kBfd && known.state != r.state.get())
    log::info("bfd", "state",
              {{what, who},
               {"from", bfd::to_string(static_cast<bfd::State>(known.state))},
               {"to", bfd::to_string(static_cast<bfd::State>(r.state.get()))},
               {"diag", bfd::to_string(static_cast<bfd::Diag>(r.diag.get()))},
               {"remote_diag", bfd::to_string(static_cast<bfd::Diag>(r.remote_diag.get()))}});
  known.state = r.state.get();
  const bool down = r.down.get() != 0;
  if (down && (!known.was_down || r.changes.get() > known.changes + 1))
    log::warning("path", "down",
                 {{what, who},
                  {"by", by},
                  {"why", reason_of(check)},
                  {"after_ms", (r.changed_us.get() - r.missed_us.get()) / 1000},
                  {"times", r.times_down.get()}});
  if (!down && known.was_down) log::info("path", "up", {{what, who}, {"by", by}});
  known.was_down = down;
  known.changes = r.changes.get();
  const bool asymmetric = r.is_asymmetric.get() != 0;
  if (asymmetric && !known.was_asymmetric) {
    const auto other = static_cast<uint32_t>(r.other_tunnel.get());
    log::warning("path", "asymmetric",
                 {{what, who},
                  {"by", by},
                  {"target", check.settings.path.remote.to_string()},
                  {"came_by", other == kNoTunnel ? "no tunnel" : tunnel_name_(other)},
                  {"text",
                   "answers come back another way and do not count: the target is not "
                   "behind this tunnel's own router"}});
  }
  known.was_asymmetric = asymmetric;
}

std::vector<uint32_t> PathChecks::sweep() {
  std::vector<uint32_t> tunnels;
  for (const vigil::Path& path : store_.sweep())
    if (path.tunnel != kNoTunnel) tunnels.push_back(path.tunnel);
  return tunnels;
}

void PathChecks::end() {
  for (const auto& [key, check] : checks_) store_.remove(check.slot);
  checks_.clear();
  by_slot_.clear();
}

bool PathChecks::is_down(uint32_t tunnel) const {
  return plane_.liveness().is_down(tunnel);
}

bool PathChecks::is_neighbor_down(const std::string& port, const wire::IpAddress& address) const {
  const auto it = checks_.find({port + " " + address.to_string(), Kind::kBfd});
  if (it == checks_.end()) return false;
  const vigil::Check* check = find(it->second);
  return check != nullptr && check->report.down.get() != 0;
}

std::string PathChecks::reason(uint32_t tunnel) const {
  if (!is_down(tunnel)) return {};
  for (const auto& [key, known] : checks_) {
    const vigil::Check* check = find(known);
    if (check == nullptr || known.settings.path.tunnel != tunnel) continue;
    if (check->report.down.get() != 0)
      return fmt::format("{}: {}", name_of(key.second), reason_of(*check));
  }
  return "a check of its path failed";
}

uint64_t PathChecks::since_us(uint64_t then) const {
  const uint64_t now = clock_.us(plane_.tsc_now());
  return now > then ? now - then : 0;
}

}  // namespace kanmon::daemon
