// What operators see.
#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike {
namespace {

// The IKE SA that stands for the tunnel: the one that is up, else the one that is on its way.
const IkeSa* main_sa(const Tunnel& tunnel) {
  if (const IkeSa* sa = tunnel::established_ike(tunnel)) return sa;
  return tunnel.ike_sas.empty() ? nullptr : tunnel.ike_sas.back();
}

std::string default_reason(const Tunnel& tunnel, TunnelState state, const IkeSa* sa) {
  switch (state) {
    case TunnelState::kIdle:
      if (!tunnel.may_initiate()) return "waiting for the peer: no remote address is configured";
      return tunnel.barred ? "taken down" : "waiting for the peer or for 'up' (startup: add)";
    case TunnelState::kWaiting:
      return "will be tried again";
    case TunnelState::kConnecting:
      return fmt::format("waiting for {} to answer {}", sa->remote.to_string(),
                         sa->state == IkeState::kInitSent ? "IKE_SA_INIT" : "IKE_AUTH");
    case TunnelState::kEstablished:
      return "the IKE SA is up, its child SA not yet";
    case TunnelState::kDeleting:
      return "being deleted";
    case TunnelState::kUp:
      break;
  }
  return {};
}

TunnelStatus::Child describe(const Child& child, TimePoint now) {
  TunnelStatus::Child out;
  out.inbound_spi = child.spi();
  out.outbound_spi = child.sa.outbound_spi;
  out.algorithm = esp::info(child.suite.algorithm).name;
  if (child.suite.group != 0) out.pfs_group = transform_name(TransformType::kDh, child.suite.group);
  out.esn = child.suite.esn;
  out.carries_outbound = child.carries_outbound;
  out.age = now - child.created;
  out.rekey_in = child.rekey_at - now;
  out.expires_in = child.expires_at - now;
  out.local_ts = child.sa.local_ts;
  out.remote_ts = child.sa.remote_ts;
  return out;
}

void describe(const IkeSa& sa, TimePoint now, TunnelStatus& out) {
  out.local = sa.local;
  out.remote = sa.remote;
  out.ike_spi_initiator = sa.spi_initiator;
  out.ike_spi_responder = sa.agreed.spi_responder;
  out.initiator = sa.initiator;
  if (!is_authenticated(sa.state)) return;
  out.peer_id = sa.peer_id.to_string();
  out.nat_local = sa.agreed.nat_local;
  out.nat_remote = sa.agreed.nat_remote;
  out.udp_encapsulation = encapsulates(sa.agreed, sa.tunnel->parameters);
  out.ike_algorithms = to_string(sa.agreed.suite);
  out.ike_age = now - sa.created;
  out.ike_rekey_in = sa.rekey_at - now;
}

}  // namespace

TunnelState state_of(const Core& core, const Tunnel& tunnel) {
  if (tunnel::established_ike(tunnel) != nullptr)
    return tunnel.outbound_spi != 0 ? TunnelState::kUp : TunnelState::kEstablished;
  bool deleting = false;
  for (const IkeSa* sa : tunnel.ike_sas) {
    if (!is_authenticated(sa->state)) return TunnelState::kConnecting;
    deleting = true;
  }
  if (core.timers.when(TimerKind::kTunnelRetry, tunnel.serial)) return TunnelState::kWaiting;
  return deleting ? TunnelState::kDeleting : TunnelState::kIdle;
}

std::vector<TunnelStatus> status(const Core& core, TimePoint now) {
  std::vector<TunnelStatus> all;
  for (const auto& [serial, tunnel] : core.tunnels) {
    if (tunnel->removed) continue;
    const TunnelParameters& p = tunnel->parameters;
    const IkeSa* sa = main_sa(*tunnel);
    TunnelStatus out;
    out.name = p.name;
    out.tunnel = p.tunnel;
    out.state = state_of(core, *tunnel);
    out.reason = tunnel->reason;
    if (out.reason.empty()) out.reason = default_reason(*tunnel, out.state, sa);
    out.local = {p.local_address, 500};
    if (p.remote_address) out.remote = {*p.remote_address, 500};
    if (sa != nullptr) describe(*sa, now, out);
    out.ike_rekeys = tunnel->ike_rekeys;
    out.child_rekeys = tunnel->child_rekeys;
    out.retransmits = tunnel->retransmits;
    for (const Child* child : tunnel->children) out.children.push_back(describe(*child, now));
    all.push_back(std::move(out));
  }
  return all;
}

const char* to_string(TunnelState state) {
  switch (state) {
    case TunnelState::kIdle:
      return "idle";
    case TunnelState::kWaiting:
      return "waiting";
    case TunnelState::kConnecting:
      return "connecting";
    case TunnelState::kEstablished:
      return "established";
    case TunnelState::kUp:
      return "up";
    case TunnelState::kDeleting:
      return "deleting";
  }
  return "?";
}

}  // namespace kanmon::ike
