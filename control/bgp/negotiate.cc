#include "control/bgp/negotiate.h"

#include <algorithm>

#include "control/bgp/wire/message.h"

namespace kanmon::bgp {
namespace {

using wire::Family;

static_assert(Negotiated::kDefaultLongest == kMaxMessage);
constexpr std::chrono::seconds kLeastSendHold{480};

Octets families_of(const SessionSettings& settings) {
  Octets data;
  for (const Family f : kFamilies) {
    if (!settings.family[f]) continue;
    const Octets one = multiprotocol_capability(f);
    data.insert(data.end(), one.begin(), one.end());
  }
  return data;
}

std::chrono::seconds send_hold_of(const SessionSettings& settings, std::chrono::seconds hold) {
  // Without keepalives nothing has to move, so that nothing can be told from a stalled peer.
  if (hold.count() == 0) return hold;
  if (settings.send_hold_time.count() != 0) return settings.send_hold_time;
  return std::max(kLeastSendHold, 2 * hold);
}

bool agree_on_families(const SessionSettings& settings, const Capabilities& theirs,
                       Negotiated& out) {
  bool has_any = false;
  for (const Family f : kFamilies) {
    const bool both = settings.family[f] && theirs.speaks(f);
    out.family[f] = both;
    out.receives_path_ids[f] = both && receives(settings.add_path[f]) && sends(theirs.add_path[f]);
    out.sends_path_ids[f] = both && sends(settings.add_path[f]) && receives(theirs.add_path[f]);
    has_any |= both;
  }
  return has_any;
}

}  // namespace

Open open_of(const SessionSettings& settings) {
  Open open;
  open.as = settings.local_as;
  open.hold_time = static_cast<uint16_t>(settings.hold_time.count());
  open.identifier = settings.router_id;
  Capabilities& c = open.capabilities;
  c.has_multiprotocol = true;
  c.family = settings.family;
  c.refresh = c.enhanced_refresh = true;
  c.extended_message = settings.extended_message;
  c.as4 = settings.local_as;
  c.restart = settings.restart;
  c.add_path = settings.add_path;
  return open;
}

Verdict negotiate(const SessionSettings& settings, const Open& got, Negotiated& out) {
  out = {};
  if (settings.remote_as != 0 && got.as != settings.remote_as)
    return Notification::make(OpenError::kPeerAs);
  out.peer_as = got.as;
  out.peer_id = got.identifier;
  out.external = got.as != settings.local_as;
  if (!out.external && got.identifier == settings.router_id)
    return Notification::make(OpenError::kIdentifier);
  const Capabilities& theirs = got.capabilities;
  if (!agree_on_families(settings, theirs, out))
    return Notification::make(OpenError::kCapability, families_of(settings));
  out.hold_time = std::min(settings.hold_time, std::chrono::seconds(got.hold_time));
  out.send_hold_time = send_hold_of(settings, out.hold_time);
  out.as4 = theirs.as4.has_value();
  out.refresh = theirs.refresh;
  out.enhanced_refresh = theirs.enhanced_refresh;
  out.longest_sent = theirs.extended_message ? kMaxExtendedMessage : kMaxMessage;
  out.peer_restart = theirs.restart;
  out.restarts_on_notification = settings.restart && settings.restart->notification &&
                                 theirs.restart && theirs.restart->notification;
  return std::nullopt;
}

}  // namespace kanmon::bgp
