#include "control/bgp/speaker/settings.h"

#include <tuple>

namespace kanmon::bgp {
namespace {

bool same_key(const std::shared_ptr<const Secret>& a, const std::shared_ptr<const Secret>& b) {
  if (!a || !b) return !a && !b;
  return *a == *b;
}

auto tcp_key(const TcpOptions& t) {
  return std::tie(t.where, t.device, t.local, t.port, t.listens, t.hops, t.gtsm, t.user_timeout);
}

auto session_key(const SessionSettings& s) {
  return std::tie(s.local_as, s.remote_as, s.router_id, s.passive, s.hold_time, s.connect_retry,
                  s.send_hold_time, s.extended_message, s.enforce_first_as);
}

bool same_limits(const PeeringSettings& a, const PeeringSettings& b) {
  for (const auto f : kFamilies) {
    const auto& x = a.max_prefix[f];
    const auto& y = b.max_prefix[f];
    if (std::tie(x.limit, x.warn_at_percent, x.warn_only, x.restart_after_s) !=
        std::tie(y.limit, y.warn_at_percent, y.warn_only, y.restart_after_s))
      return false;
  }
  return a.default_originate == b.default_originate && a.stale_time == b.stale_time &&
         a.source.share == b.source.share && a.source.reflector_client == b.source.reflector_client;
}

auto import_key(const ImportOptions& o) {
  return std::tie(o.own_as, o.local_as, o.hide_local_as, o.allow_own_as, o.router_id, o.cluster_id,
                  o.local4, o.local6, o.weight, o.graceful_shutdown, o.draining, o.policy);
}

auto export_key(const ExportOptions& o) {
  return std::tie(o.own_as, o.local_as, o.replace_as, o.router_id, o.cluster_id, o.next_hop_self,
                  o.local4, o.local6, o.remove_private, o.as_override, o.draining, o.policy);
}

}  // namespace

bool same_session(const PeerSettings& a, const PeerSettings& b) {
  return a.neighbor == b.neighbor && a.shutdown == b.shutdown &&
         session_key(a.session) == session_key(b.session) && a.session.family == b.session.family &&
         a.session.add_path == b.session.add_path && a.session.restart == b.session.restart &&
         tcp_key(a.tcp) == tcp_key(b.tcp) && same_key(a.tcp.md5, b.tcp.md5) &&
         same_limits(a.peering, b.peering);
}

bool same_rules(const PeeringSettings& a, const PeeringSettings& b) {
  return import_key(a.import) == import_key(b.import) &&
         export_key(a.exports) == export_key(b.exports);
}

}  // namespace kanmon::bgp
