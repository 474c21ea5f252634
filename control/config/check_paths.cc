// Checks of what is checked: where BFD and probes come from and go to.
#include <algorithm>
#include <optional>

#include "control/config/check.h"
#include "control/config/paths.h"

namespace kanmon::config {
namespace {

std::string path_of(const Tunnel& t, const char* section, const char* key) {
  return "tunnels." + t.name + "." + section + (*key == 0 ? "" : ".") + key;
}

bool is_own(const Config& config, const Tunnel& t, const wire::IpAddress& address) {
  const auto has = [&](const std::vector<wire::InterfaceAddress>& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& a) { return a.address == address; });
  };
  return has(t.inside_addresses) ||
         std::any_of(config.ports.begin(), config.ports.end(), [&](const Port& p) {
           return p.underlay.empty() && p.domain() == t.table && has(p.addresses);
         });
}

bool carries(const Tunnel& t, const wire::IpAddress& local, const wire::IpAddress& remote,
             uint8_t protocol) {
  const auto covers = [protocol](const std::vector<sa::Selector>& list, const auto& address) {
    return std::any_of(list.begin(), list.end(), [&](const sa::Selector& s) {
      return s.has(address) && (s.protocol == 0 || s.protocol == protocol);
    });
  };
  return covers(t.ike.local_ts, local) && covers(t.ike.remote_ts, remote);
}

void check_ends(Context& context, const Config& config, const Tunnel& t, const char* section,
                const std::optional<PathEnds>& ends, uint8_t protocol) {
  if (!ends) {
    context.error_at(path_of(t, section, ""),
                     "has no addresses to work between, expected inside-addresses of the tunnel, "
                     "a /30 or /126, or both addresses here");
    return;
  }
  if (!is_own(config, t, ends->local))
    context.error_at(path_of(t, section, ""),
                     "would come from " + ends->local.to_string() +
                         ", expected an inside address of the tunnel or an address of a port in "
                         "its route table: answers would not come back here");
  if (is_own(config, t, ends->remote))
    context.error_at(path_of(t, section, ""),
                     "leads to " + ends->remote.to_string() + ", an address of the gateway itself");
  if (!carries(t, ends->local, ends->remote, protocol))
    context.error_at(path_of(t, section, ""),
                     "goes from " + ends->local.to_string() + " to " + ends->remote.to_string() +
                         ", which the tunnel's traffic-selectors do not let through");
}

// Several tunnels asking one target: then the target does not stand behind one tunnel's router,
// and its answers take one way whichever tunnel asked (scenario S5).
void check_shared_targets(Context& context, const Config& config) {
  for (const Tunnel& t : config.tunnels)
    for (const Tunnel& other : config.tunnels) {
      if (&other == &t) break;
      if (!t.health_check.configured || !other.health_check.configured) continue;
      if (t.table != other.table || t.health_check.target != other.health_check.target) continue;
      context.warning_at(path_of(t, "health-check", "target"),
                         "is the target of " + other.name +
                             " too: its answers come back by one of the tunnels only, so that "
                             "the other is never found good; expected an address of this tunnel's "
                             "own router");
    }
}

void check_neighbors(Context& context, const Port& port) {
  const std::string key = "ports." + port.name + ".bfd";
  for (std::size_t i = 0; i < port.bfd.size(); ++i) {
    const wire::IpAddress& remote = port.bfd[i].remote;
    if (!neighbor_ends(port, remote))
      context.error_at(key, "found " + remote.to_string() +
                                ", expected another station of one of the port's subnets");
    for (std::size_t k = 0; k < i; ++k)
      if (port.bfd[k].remote == remote)
        context.error_at(key, "has two sessions with " + remote.to_string());
  }
}

}  // namespace

void check_paths(Context& context, const Config& config) {
  for (const Port& p : config.ports) check_neighbors(context, p);
  constexpr uint8_t kIcmp = 1, kIcmp6 = 58, kUdp = 17;
  for (const Tunnel& t : config.tunnels) {
    if (t.table.empty()) continue;
    if (t.bfd.configured) check_ends(context, config, t, "bfd", bfd_ends(t), kUdp);
    if (t.health_check.configured && context.sound(path_of(t, "health-check", "target")))
      check_ends(context, config, t, "health-check", probe_ends(config, t),
                 t.health_check.target.is_v4() ? kIcmp : kIcmp6);
  }
  check_shared_targets(context, config);
}

}  // namespace kanmon::config
