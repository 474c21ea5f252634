// Child SAs towards the data plane: inbound first, outbound when the peer can receive, the old
// inbound half for a while longer (INV-5).
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike::sad {
namespace {

// As responder we learn from the peer's first packet or next request that it has our response. A
// peer that sends neither is taken to have it after this long; the old child SA carries on until
// then. Longer than the usual first retransmissions (ours 0.5 s, strongSwan's 4 s), for while it
// repeats its request it has not got the response.
constexpr std::chrono::seconds kReadyAnyway{10};

// Better is greater. The newest usable one; one that lost a collision only for want of any other.
auto rank(const Child& child) {
  return std::tuple(!child.redundant, child.serial);
}

bool usable(const Child& child) {
  return child.state == ChildState::kLive && child.peer_ready;
}

Child* best_of(const Tunnel& tunnel) {
  Child* best = nullptr;
  for (Child* child : tunnel.children)
    if (usable(*child) && (best == nullptr || rank(*best) < rank(*child))) best = child;
  return best;
}

// Of one tunnel; beyond it the oldest go early. The peer sets the pace of rekeying, not the memory.
constexpr std::ptrdiff_t kMaxLingering = 16;

void drop_oldest_lingering(Core& core, Tunnel& tunnel) {
  const auto lingers = [](const Child* child) { return child->state == ChildState::kLingering; };
  if (std::ranges::count_if(tunnel.children, lingers) <= kMaxLingering) return;
  Child& oldest = **std::ranges::find_if(tunnel.children, lingers);
  core.host.remove_inbound(oldest.spi());
  core.bury(oldest);
}

IkeSa* speaker_of(const Child& child) {
  return child.ike != nullptr ? child.ike : tunnel::established_ike(*child.tunnel);
}

void arm_lifetimes(Core& core, const Child& child) {
  core.timers.arm(TimerKind::kChildRekey, child.spi(), child.rekey_at);
  core.timers.arm(TimerKind::kChildExpire, child.spi(), child.expires_at);
}

void make_ready(Core& core, Child& child) {
  if (child.peer_ready) return;
  child.peer_ready = true;
  core.timers.cancel(TimerKind::kChildReady, child.spi());
  update_outbound(core, *child.tunnel);
}

// It carries nothing any more: another one is asked for at once.
void replace_dead(Core& core, Child& child, const std::string& why) {
  if (child.state != ChildState::kLive) return;
  IkeSa& ike = *child.ike;
  Tunnel& tunnel = *child.tunnel;
  core.log(Host::Level::kWarning, "child-expired",
           fmt::format("{} in={} why=\"{}\"", who(ike), spi_text(child.spi()), why));
  core.enqueue(ike, {Work::Kind::kCreateChild});
  begin_delete(core, child);
  tunnel::child_gone(core, tunnel, why);
  pump(core, ike);
}

}  // namespace

void install(Core& core, Child& child) {
  core.host.install_inbound(child.sa);
}

void installed(Core& core, Child& child) {
  if (child.state == ChildState::kLingering) return;
  child.sa.inbound_key = Secret();
  IkeSa& ike = *child.ike;
  const bool ours = ike.child_attempt && ike.child_attempt->installing == child.spi();
  if (child.state == ChildState::kInstalling) {
    child.state = ChildState::kLive;
    arm_lifetimes(core, child);
    tunnel::child_up(core, child);
  }
  if (ike.held && ike.held->child_spi == child.spi()) core.release_response(ike);
  if (!child.peer_ready) {
    // Without another outbound SA there is nothing to lose by using this one early.
    if (best_of(*child.tunnel) == nullptr)
      child.peer_ready = true;
    else
      core.timers.arm(TimerKind::kChildReady, child.spi(), core.now + kReadyAnyway);
  }
  if (ours)
    child::attempt_installed(core, ike, child);
  else
    update_outbound(core, *child.tunnel);
  pump(core, ike);
}

void update_outbound(Core& core, Tunnel& tunnel) {
  Child* best = best_of(tunnel);
  const uint32_t before = tunnel.outbound_spi;
  if (best != nullptr && best->spi() == before) return;
  if (best == nullptr && before == 0) return;
  Child* old = before == 0 ? nullptr : core.child_by_spi(before);
  if (old != nullptr) old->carries_outbound = false;
  tunnel.outbound_spi = best == nullptr ? 0 : best->spi();
  if (best != nullptr) {
    best->carries_outbound = true;
    core.host.install_outbound(best->sa);
    // Later, for the exchange at hand is not over.
    if (tunnel.rekey_wished) core.timers.arm(TimerKind::kTunnelRekey, tunnel.serial, core.now);
  } else if (old != nullptr) {
    core.host.remove_outbound(tunnel.parameters.tunnel, old->sa.outbound_spi);
  }
  core.log(Host::Level::kDebug, "child-outbound",
           fmt::format("tunnel={} old_in={} new_in={}", tunnel.parameters.name, spi_text(before),
                       spi_text(tunnel.outbound_spi)));
}

void retire(Core& core, Child& child, bool linger) {
  if (child.state == ChildState::kLingering) return;
  Tunnel& tunnel = *child.tunnel;
  IkeSa* ike = child.ike;
  if (ike != nullptr && ike->child_attempt && ike->child_attempt->installing == child.spi())
    ike->child_attempt.reset();
  for (const TimerKind kind : {TimerKind::kChildRekey, TimerKind::kChildExpire,
                               TimerKind::kChildReady, TimerKind::kChildOverdue})
    core.timers.cancel(kind, child.spi());
  const bool never_acknowledged = child.state == ChildState::kInstalling;
  child.state = ChildState::kLingering;
  child.ike = nullptr;
  update_outbound(core, tunnel);
  child.sa.outbound_key = Secret();
  if (linger && !never_acknowledged && core.options.old_inbound_lingers.count() > 0) {
    core.timers.arm(TimerKind::kChildLinger, child.spi(),
                    core.now + core.options.old_inbound_lingers);
    return drop_oldest_lingering(core, tunnel);
  }
  core.host.remove_inbound(child.spi());
  core.bury(child);
}

void peer_has_response(Core& core, IkeSa& sa) {
  if (sa.tunnel == nullptr) return;
  const std::vector<Child*> all = sa.tunnel->children;
  for (Child* child : all)
    if (child->ike == &sa && child->state == ChildState::kLive) make_ready(core, *child);
}

void peer_lacks_response(Core& core, IkeSa& sa) {
  if (sa.tunnel == nullptr) return;
  for (Child* child : sa.tunnel->children)
    if (core.timers.when(TimerKind::kChildReady, child->spi()))
      core.timers.arm(TimerKind::kChildReady, child->spi(), core.now + kReadyAnyway);
}

void begin_delete(Core& core, Child& child) {
  if (child.state == ChildState::kDeleting || child.state == ChildState::kLingering) return;
  child.state = ChildState::kDeleting;
  for (const TimerKind kind : {TimerKind::kChildRekey, TimerKind::kChildExpire,
                               TimerKind::kChildReady, TimerKind::kChildOverdue})
    core.timers.cancel(kind, child.spi());
  update_outbound(core, *child.tunnel);
  core.enqueue(*child.ike, {Work::Kind::kDeleteChild, child.spi()});
}

void on_traffic(Core& core, Child& child, uint64_t in, uint64_t out, const wire::Endpoint& remote) {
  IkeSa* ike = speaker_of(child);
  if (ike == nullptr) return;
  if (in != 0) {
    liveness::evidence(core, *ike);
    liveness::seen_from(core, *ike, remote);
    if (child.state == ChildState::kLive) make_ready(core, child);
  }
  if (out == 0) return;
  ike->last_sent = core.now;
  if (in == 0) liveness::sent(core, *ike);
}

void on_path_lost(Core& core, Child& child) {
  if (IkeSa* ike = speaker_of(child)) liveness::sent(core, *ike);
}

void on_limit(Core& core, Child& child, bool hard) {
  if (child.state != ChildState::kLive) return;
  if (hard) return replace_dead(core, child, "a limit of packets or octets was reached");
  if (child.superseded() || child.redundant) return;
  core.enqueue(*child.ike, {Work::Kind::kRekeyChild, child.spi()});
  pump(core, *child.ike);
}

void on_timer(Core& core, TimerKind kind, Child& child) {
  switch (kind) {
    case TimerKind::kChildRekey:
      if (child.state != ChildState::kLive) return;
      core.enqueue(*child.ike, {Work::Kind::kRekeyChild, child.spi()});
      return pump(core, *child.ike);
    case TimerKind::kChildExpire:
      return replace_dead(core, child, "its lifetime is over");
    case TimerKind::kChildReady:
      return make_ready(core, child);
    case TimerKind::kChildLinger:
      core.host.remove_inbound(child.spi());
      return core.bury(child);
    case TimerKind::kChildOverdue: {
      if (child.state != ChildState::kLive) return;
      IkeSa& ike = *child.ike;
      begin_delete(core, child);
      return pump(core, ike);
    }
    default:
      return;
  }
}

}  // namespace kanmon::ike::sad
