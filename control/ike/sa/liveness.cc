// Dead peers, NAT keepalives and moving endpoints (RFC 7296 sections 2.4, 2.23; RFC 3948 section
// 4).
//
// The clock of silence starts with the first thing we send after the peer's last sign of life: a
// tunnel nobody uses is not probed. A quarter of dpd-timeout later a request goes out, or the one
// under way is repeated faster, so that the peer is dead dpd-timeout after the clock started.
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike::liveness {
namespace {

constexpr int kProbeShare = 4;   // of the timeout goes by before the first probe
constexpr int kRepeatShare = 8;  // of the timeout lies between two repetitions of it

bool watched(const IkeSa& sa) {
  return sa.tunnel != nullptr && is_authenticated(sa.state) && sa.state != IkeState::kReplaced &&
         sa.state != IkeState::kDeleting && sa.tunnel->parameters.dpd_action != DpdAction::kNone &&
         sa.tunnel->parameters.dpd_timeout.count() > 0;
}

void probe(Core& core, IkeSa& sa, Duration timeout) {
  if (!sa.exchange.busy()) {
    core.enqueue(sa, {Work::Kind::kProbe});
    pump(core, sa);
  }
  sa.exchange.hurry(core.now, timeout / kRepeatShare);
  core.arm_retransmit(sa);
}

}  // namespace

void evidence(Core& core, IkeSa& sa) {
  if (!sa.unanswered_since) return;
  sa.unanswered_since.reset();
  core.timers.cancel(TimerKind::kLiveness, sa.local_spi());
}

void sent(Core& core, IkeSa& sa) {
  sa.last_sent = core.now;
  if (sa.unanswered_since || !watched(sa)) return;
  sa.unanswered_since = core.now;
  const Duration timeout = sa.tunnel->parameters.dpd_timeout;
  core.timers.arm(TimerKind::kLiveness, sa.local_spi(), core.now + timeout / kProbeShare);
}

void on_timer(Core& core, IkeSa& sa) {
  if (!watched(sa) || !sa.unanswered_since) return;
  const Duration timeout = sa.tunnel->parameters.dpd_timeout;
  const TimePoint dead_at = *sa.unanswered_since + timeout;
  if (core.now >= dead_at) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout).count();
    return tunnel::peer_dead(
        core, sa, fmt::format("no sign of life from {} for {} s", sa.remote.to_string(), seconds));
  }
  probe(core, sa, timeout);
  core.timers.arm(TimerKind::kLiveness, sa.local_spi(),
                  std::min(dead_at, core.now + timeout / kRepeatShare));
}

void on_keepalive(Core& core, IkeSa& sa) {
  if (!is_authenticated(sa.state) || sa.state == IkeState::kReplaced) return;
  const Duration interval = sa.tunnel->parameters.keepalive;
  if (core.now - sa.last_sent >= interval) {
    core.host.send_keepalive(sa.local, sa.remote);
    core.count(Count::kKeepaliveSent);
    sa.last_sent = core.now;
  }
  core.timers.arm(TimerKind::kKeepalive, sa.local_spi(), sa.last_sent + interval);
}

void seen_from(Core& core, IkeSa& sa, const wire::Endpoint& remote) {
  if (!sa.agreed.nat_remote || remote == sa.remote || !is_authenticated(sa.state)) return;
  core.count(Count::kEndpointMoved);
  core.log(Host::Level::kInfo, "endpoint-moved",
           fmt::format("{} from={} to={}", who(sa), sa.remote.to_string(), remote.to_string()));
  sa.remote = remote;
  for (Child* child : sa.tunnel->children)
    if (child->ike == &sa) child->sa.remote = remote;
  core.host.move_endpoint(sa.tunnel->parameters.tunnel, remote);
}

void start(Core& core, IkeSa& sa) {
  const Duration interval = sa.tunnel->parameters.keepalive;
  if (sa.agreed.nat_local && interval.count() > 0)
    core.timers.arm(TimerKind::kKeepalive, sa.local_spi(), core.now + interval);
}

}  // namespace kanmon::ike::liveness
