// Life of an IKE SA as such: lifetimes, retransmission, its end by timeout.
#include "control/ike/sa/ike_sa.h"

#include <fmt/format.h>

#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike {
namespace {

std::string silence(const IkeSa& sa, const char* what) {
  return fmt::format("no answer from {} to {} after {} tries", sa.remote.to_string(), what,
                     sa.exchange.tries());
}

void on_unanswered(Core& core, IkeSa& sa) {
  switch (sa.state) {
    case IkeState::kInitSent:
    case IkeState::kAuthSent: {
      const char* what = sa.state == IkeState::kInitSent ? "IKE_SA_INIT" : "IKE_AUTH";
      return init::fail(core, sa,
                        sa.handshake->refusal.empty() ? silence(sa, what) : sa.handshake->refusal);
    }
    case IkeState::kReplaced:
      return core.bury(sa);
    case IkeState::kDeleting: {
      Tunnel& tunnel = *sa.tunnel;
      const std::string why = sa.end_reason;
      const bool restart = sa.restart;
      core.bury(sa);
      return tunnel::lost(core, tunnel, why, restart);
    }
    case IkeState::kRekeying:
      rekey::attempt_over(core, sa);
      if (sa.state == IkeState::kReplaced) return core.bury(sa);
      break;
    default:
      break;
  }
  tunnel::peer_dead(core, sa, silence(sa, "a request"));
}

void on_retransmit(Core& core, IkeSa& sa) {
  switch (sa.exchange.due(core.now)) {
    case Exchange::Due::kNothing:
      return core.arm_retransmit(sa);
    case Exchange::Due::kRepeat:
      core.count(Count::kRetransmitted);
      ++sa.tunnel->retransmits;
      repeat_request(core, sa);
      return core.arm_retransmit(sa);
    case Exchange::Due::kGiveUp:
      return on_unanswered(core, sa);
  }
}

void on_give_up(Core& core, IkeSa& sa) {
  switch (sa.state) {
    case IkeState::kInitSent:
    case IkeState::kAuthSent:
      return init::fail(core, sa, sa.handshake->refusal);
    case IkeState::kHalfOpen:
      core.count(Count::kHalfOpenExpired);
      return core.bury(sa);
    case IkeState::kReplaced:
      sa.end_reason = "rekeyed";
      core.enqueue(sa, {Work::Kind::kDeleteIke});
      return pump(core, sa);
    default:
      return core.bury(sa);
  }
}

}  // namespace

bool encapsulates(const Agreement& agreed, const TunnelParameters& parameters) {
  return agreed.nat_supported &&
         (agreed.nat_local || agreed.nat_remote || parameters.force_udp_encapsulation);
}

void repeat_request(Core& core, IkeSa& sa) {
  sa.last_sent = core.now;
  if (sa.state != IkeState::kAuthSent)
    return core.transmit(sa.local, sa.remote, sa.exchange.request());
  for (const Candidate& candidate : sa.handshake->candidates)
    core.transmit(candidate.local, candidate.remote, candidate.request);
}

void repeat_response(Core& core, IkeSa& sa, const Arrived& in) {
  core.count(Count::kRepeatAnswered);
  core.transmit(in.local, in.remote, sa.exchange.response());
  sad::peer_lacks_response(core, sa);
}

void arm_lifetimes(Core& core, IkeSa& sa) {
  const TunnelParameters& p = sa.tunnel->parameters;
  sa.created = core.now;
  sa.rekey_at =
      core.now + rekey_age(p.ike_lifetime, p.rekey_margin, p.rekey_fuzz_percent, core.dice());
  sa.expires_at = core.now + p.ike_lifetime;
  core.timers.arm(TimerKind::kIkeRekey, sa.local_spi(), sa.rekey_at);
  core.timers.arm(TimerKind::kIkeExpire, sa.local_spi(), sa.expires_at);
}

void on_ike_timer(Core& core, TimerKind kind, IkeSa& sa) {
  switch (kind) {
    case TimerKind::kRetransmit:
      return on_retransmit(core, sa);
    case TimerKind::kGiveUp:
      return on_give_up(core, sa);
    case TimerKind::kIkeRekey:
      core.enqueue(sa, {Work::Kind::kRekeyIke});
      return pump(core, sa);
    case TimerKind::kIkeExpire: {
      Tunnel& tunnel = *sa.tunnel;
      tunnel::end(core, sa, tunnel::End::kDelete, "the IKE SA's lifetime is over");
      if (tunnel.wanted) tunnel::start(core, tunnel);
      return;
    }
    case TimerKind::kLiveness:
      return liveness::on_timer(core, sa);
    case TimerKind::kKeepalive:
      return liveness::on_keepalive(core, sa);
    case TimerKind::kFragments:
      sa.requests.expire(core.now);
      sa.responses.expire(core.now);
      return;
    default:
      return;
  }
}

}  // namespace kanmon::ike
