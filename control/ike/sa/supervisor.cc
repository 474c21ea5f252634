// Tunnels: what is wanted, what is there, and what to do about the difference.
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::tunnel {
namespace {

// Both ends may have begun at the same time. By then a peer with rules of its own has applied them.
constexpr std::chrono::seconds kSurplusAfter{3};
// A delete waits no longer than that for the answer to what was asked before it.
constexpr std::chrono::seconds kDeleteWaits{4};

bool counts(const IkeSa& sa) {
  return is_authenticated(sa.state) && sa.state != IkeState::kReplaced &&
         sa.state != IkeState::kDeleting;
}

bool connecting(const IkeSa& sa) {
  return sa.state == IkeState::kInitSent || sa.state == IkeState::kAuthSent;
}

bool has_own_child(const IkeSa& sa) {
  return std::ranges::any_of(sa.tunnel->children, [&sa](const Child* child) {
    return child->ike == &sa && child->state == ChildState::kLive;
  });
}

void retire_children(Core& core, IkeSa& sa) {
  const bool others = std::ranges::any_of(sa.tunnel->children, [&sa](const Child* child) {
    return child->ike != nullptr && child->ike != &sa && child->state == ChildState::kLive;
  });
  const std::vector<Child*> all = sa.tunnel->children;
  for (Child* child : all)
    if (child->ike == &sa) sad::retire(core, *child, others);
}

// Of two IKE SAs with the same peer both ends must keep the same one: the one whose pair of SPIs is
// greater, of those that have a child SA. Its initiator deletes the other.
bool better(const IkeSa* a, const IkeSa* b) {
  return std::tuple(!a->worn_out, has_own_child(*a), a->spi_initiator, a->agreed.spi_responder) >
         std::tuple(!b->worn_out, has_own_child(*b), b->spi_initiator, b->agreed.spi_responder);
}

std::vector<Child*> current_children(const Tunnel& tunnel) {
  std::vector<Child*> all;
  for (Child* child : tunnel.children)
    if (child->state == ChildState::kLive && !child->redundant && !child->superseded())
      all.push_back(child);
  return all;
}

// Both ends made a child SA at the same time. As after a collision of rekeyings (2.8.1) the lowest
// nonce tells which one goes, by who began it.
void on_surplus_children(Core& core, Tunnel& tunnel) {
  std::vector<Child*> all = current_children(tunnel);
  if (all.size() < 2) return;
  std::ranges::sort(all, [](const Child* a, const Child* b) {
    return std::ranges::lexicographical_compare(b->lowest_nonce, a->lowest_nonce);
  });
  for (auto it = all.begin() + 1; it != all.end(); ++it) {
    if (!(*it)->initiator) continue;
    IkeSa& ike = *(*it)->ike;
    core.log(Host::Level::kInfo, "child-surplus",
             fmt::format("{} in={} why=\"both ends made a child SA\"", who(ike),
                         spi_text((*it)->spi())));
    sad::begin_delete(core, **it);
    pump(core, ike);
  }
}

void on_surplus(Core& core, Tunnel& tunnel) {
  std::vector<IkeSa*> all;
  for (IkeSa* sa : tunnel.ike_sas)
    if (counts(*sa)) all.push_back(sa);
  if (all.size() < 2) return on_surplus_children(core, tunnel);
  std::ranges::sort(all, better);
  for (auto it = all.begin() + 1; it != all.end(); ++it)
    if ((*it)->initiator || (*it)->worn_out)
      end(core, **it, End::kDelete, "another IKE SA with the same peer is kept");
}

void forget_wishes(Core& core, Tunnel& tunnel) {
  tunnel.rekey_wished = false;
  core.timers.cancel(TimerKind::kTunnelRekey, tunnel.serial);
}

void grant_wish(Core& core, Tunnel& tunnel) {
  Child* child = tunnel.outbound_spi == 0 ? nullptr : core.child_by_spi(tunnel.outbound_spi);
  if (!tunnel.rekey_wished || child == nullptr || child->superseded()) return;
  tunnel.rekey_wished = false;
  core.enqueue(*child->ike, {Work::Kind::kRekeyChild, child->spi()});
  pump(core, *child->ike);
}

bool can_start(const Core& core, const Tunnel& tunnel) {
  if (core.shutting_down || tunnel.barred || tunnel.removed || !tunnel.may_initiate()) return false;
  return std::ranges::none_of(tunnel.ike_sas, [](const IkeSa* sa) {
    return connecting(*sa) || (counts(*sa) && !sa->worn_out);
  });
}

}  // namespace

bool has_live_child(const Tunnel& tunnel) {
  return std::ranges::any_of(tunnel.children, [](const Child* child) {
    return child->state == ChildState::kLive || child->state == ChildState::kInstalling;
  });
}

IkeSa* established_ike(const Tunnel& tunnel) {
  for (IkeSa* sa : tunnel.ike_sas)
    if (counts(*sa)) return sa;
  return nullptr;
}

void start(Core& core, Tunnel& tunnel) {
  core.timers.cancel(TimerKind::kTunnelRetry, tunnel.serial);
  if (can_start(core, tunnel)) init::start(core, tunnel);
}

void established(Core& core, IkeSa& sa, const std::string& why_no_child) {
  Tunnel& tunnel = *sa.tunnel;
  tunnel.failures = 0;
  core.timers.cancel(TimerKind::kTunnelRetry, tunnel.serial);
  arm_lifetimes(core, sa);
  liveness::start(core, sa);
  core.log(Host::Level::kInfo, "ike-established",
           fmt::format("{} peer={} peer_id={} role={} spi_i={} spi_r={} algorithms={} nat_local={} "
                       "nat_remote={} fragmentation={}",
                       who(sa), sa.remote.to_string(), sa.peer_id.to_string(),
                       sa.initiator ? "initiator" : "responder", spi_text(sa.spi_initiator),
                       spi_text(sa.agreed.spi_responder), to_string(sa.agreed.suite),
                       sa.agreed.nat_local, sa.agreed.nat_remote, sa.agreed.fragmentation));
  const auto alive = std::ranges::count_if(tunnel.ike_sas, [](IkeSa* s) { return counts(*s); });
  if (alive > 1)
    core.timers.arm(TimerKind::kTunnelSurplus, tunnel.serial, core.now + kSurplusAfter);
  if (!why_no_child.empty()) child_failed(core, tunnel, why_no_child);
  pump(core, sa);
}

void child_up(Core& core, Child& child) {
  Tunnel& tunnel = *child.tunnel;
  tunnel.child_failures = 0;
  tunnel.reason.clear();
  core.timers.cancel(TimerKind::kTunnelChild, tunnel.serial);
  if (current_children(tunnel).size() > 1)
    core.timers.arm(TimerKind::kTunnelSurplus, tunnel.serial, core.now + kSurplusAfter);
  core.log(
      Host::Level::kInfo, "child-up",
      fmt::format("tunnel={} in={} out={} algorithm={} udp={} local_ts={} remote_ts={}",
                  tunnel.parameters.name, spi_text(child.spi()), spi_text(child.sa.outbound_spi),
                  to_string(child.suite), child.sa.udp_encapsulation, to_string(child.sa.local_ts),
                  to_string(child.sa.remote_ts)));
}

void child_failed(Core& core, Tunnel& tunnel, const std::string& why) {
  ++tunnel.child_failures;
  if (!has_live_child(tunnel)) tunnel.reason = why;
  core.log(Host::Level::kWarning, "child-failed",
           fmt::format("tunnel={} why=\"{}\"", tunnel.parameters.name, why));
  if (!tunnel.wanted || has_live_child(tunnel)) return;
  core.timers.arm(TimerKind::kTunnelChild, tunnel.serial,
                  core.now + retry_delay(tunnel.child_failures, core.dice()));
}

void child_gone(Core& core, Tunnel& tunnel, const std::string& why) {
  if (has_live_child(tunnel) || established_ike(tunnel) == nullptr) return;
  tunnel.reason = why;
  if (!tunnel.wanted || core.timers.when(TimerKind::kTunnelChild, tunnel.serial)) return;
  core.timers.arm(TimerKind::kTunnelChild, tunnel.serial,
                  core.now + retry_delay(tunnel.child_failures, core.dice()));
}

void end(Core& core, IkeSa& sa, End how, const std::string& why) {
  if (sa.state == IkeState::kClosed) return;
  if (sa.tunnel == nullptr) return core.close(sa);
  Tunnel& tunnel = *sa.tunnel;
  const bool restart = sa.restart;
  core.log(Host::Level::kInfo, "ike-end",
           fmt::format("{} spi_i={} spi_r={} why=\"{}\"", who(sa), spi_text(sa.spi_initiator),
                       spi_text(sa.agreed.spi_responder), why));
  retire_children(core, sa);
  if (how == End::kSilent || !is_authenticated(sa.state)) {
    if (connecting(sa) || sa.state == IkeState::kHalfOpen)
      core.bury(sa);
    else
      core.close(sa);
    return lost(core, tunnel, why, restart);
  }
  if (sa.state == IkeState::kDeleting) return;
  sa.state = IkeState::kDeleting;
  sa.end_reason = why;
  sa.held.reset();
  sa.queue.clear();
  for (const TimerKind kind :
       {TimerKind::kIkeRekey, TimerKind::kIkeExpire, TimerKind::kLiveness, TimerKind::kKeepalive})
    core.timers.cancel(kind, sa.local_spi());
  if (sa.exchange.busy()) {
    sa.exchange.limit(core.now + kDeleteWaits);
    core.arm_retransmit(sa);
  } else {
    core.drop_attempts(sa);  // answered, but not well: nothing may hold the delete up
  }
  core.enqueue(sa, {Work::Kind::kDeleteIke});
  pump(core, sa);
}

void lost(Core& core, Tunnel& tunnel, const std::string& why, bool restart) {
  const bool other = std::ranges::any_of(
      tunnel.ike_sas, [](const IkeSa* sa) { return counts(*sa) || connecting(*sa); });
  if (other) return child_gone(core, tunnel, why);
  core.timers.cancel(TimerKind::kTunnelChild, tunnel.serial);
  core.timers.cancel(TimerKind::kTunnelSurplus, tunnel.serial);
  forget_wishes(core, tunnel);
  if (!why.empty()) tunnel.reason = why;
  if (core.shutting_down || tunnel.barred || tunnel.removed) return;
  if (restart) tunnel.wanted = true;
  if (!tunnel.wanted || !tunnel.may_initiate()) return;
  core.timers.arm(TimerKind::kTunnelRetry, tunnel.serial,
                  core.now + retry_delay(std::max(tunnel.failures, 1u), core.dice()));
}

void peer_dead(Core& core, IkeSa& sa, const std::string& why) {
  core.count(Count::kDeadPeer);
  core.log(Host::Level::kWarning, "peer-dead", fmt::format("{} why=\"{}\"", who(sa), why));
  sa.restart = sa.tunnel->parameters.dpd_action == DpdAction::kRestart;
  end(core, sa, End::kSilent, why);
}

void take_down(Core& core, Tunnel& tunnel, const std::string& why) {
  tunnel.wanted = false;
  forget_wishes(core, tunnel);
  for (const TimerKind kind :
       {TimerKind::kTunnelRetry, TimerKind::kTunnelChild, TimerKind::kTunnelSurplus})
    core.timers.cancel(kind, tunnel.serial);
  tunnel.reason = why;
  const std::vector<IkeSa*> all = tunnel.ike_sas;
  for (IkeSa* sa : all) end(core, *sa, End::kDelete, why);
}

void on_timer(Core& core, TimerKind kind, Tunnel& tunnel) {
  switch (kind) {
    case TimerKind::kTunnelRetry:
      return start(core, tunnel);
    case TimerKind::kTunnelSurplus:
      return on_surplus(core, tunnel);
    case TimerKind::kTunnelRekey:
      return grant_wish(core, tunnel);
    case TimerKind::kTunnelChild: {
      IkeSa* sa = established_ike(tunnel);
      if (sa == nullptr || has_live_child(tunnel)) return;
      core.enqueue(*sa, {Work::Kind::kCreateChild});
      return pump(core, *sa);
    }
    default:
      return;
  }
}

}  // namespace kanmon::ike::tunnel
