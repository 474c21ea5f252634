// Checks of tunnels: addresses and their roles, lifetimes, proposals, ambiguity.
#include <algorithm>
#include <map>
#include <tuple>

#include "control/config/check.h"

namespace kanmon::config {
namespace {

using std::chrono::seconds;

std::string path_of(const Tunnel& t, const char* key) {
  return "tunnels." + t.name + "." + key;
}

bool is_ipv6_in(const std::vector<sa::Selector>& selectors) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [](const auto& s) { return !s.start.is_v4(); });
}

bool has_family(const std::vector<sa::Selector>& selectors, wire::Family family) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const auto& s) { return s.start.family == family; });
}

// The port of the tunnel's underlay that has `address`, else nullptr.
const Port* holder(const Config& config, const Tunnel& t, const wire::IpAddress& address) {
  for (const Port& p : config.ports)
    for (const auto& a : p.addresses)
      if (p.underlay == t.underlay && a.address == address) return &p;
  return nullptr;
}

void check_local_address(Context& context, const Config& config, const Tunnel& t) {
  const auto& local = t.ike.local_address;
  if (local.is_unspecified() || t.underlay.empty() || holder(config, t, local) != nullptr) return;
  if (!ports_are_sound(context, config)) return;
  std::string have;
  for (const Port& p : config.ports)
    for (const auto& a : p.addresses)
      if (p.underlay == t.underlay) have += (have.empty() ? "" : ", ") + a.address.to_string();
  context.error_at(path_of(t, "local-address"),
                   "found " + local.to_string() + ", expected an address of a port in underlay " +
                       t.underlay + ": " + (have.empty() ? "it has none" : have));
}

// The route of the underlay that `address` takes: a connected subnet or the longest static prefix.
struct Way {
  bool connected = false;
  const Route* route = nullptr;
};

Way way_to(const Config& config, const std::string& underlay, const wire::IpAddress& address) {
  Way way;
  int best = -1;
  for (const Underlay& u : config.underlays)
    if (u.name == underlay)
      for (const Route& r : u.routes)
        if (r.prefix.contains(address) && r.prefix.length > best) {
          best = r.prefix.length;
          way.route = &r;
        }
  for (const Port& p : config.ports)
    for (const auto& a : p.addresses)
      if (p.underlay == underlay && a.subnet().contains(address) && a.length >= best)
        way.connected = true;
  return way;
}

void check_remote_address(Context& context, const Config& config, const Tunnel& t) {
  const std::string key = path_of(t, "remote-address");
  if (!t.ike.remote_address) {
    if (context.sound(key) && t.ike.startup == ike::StartupAction::kStart)
      context.error_at(path_of(t, "startup-action"),
                       "found \"start\", expected add: with remote-address: any there is nobody to "
                       "start with");
    return;
  }
  const wire::IpAddress& remote = *t.ike.remote_address;
  if (!t.ike.local_address.is_unspecified() && remote.family != t.ike.local_address.family) {
    context.error_at(key, "found " + remote.to_string() +
                              ", expected the family of local-address " +
                              t.ike.local_address.to_string());
    return;
  }
  if (const Port* own = holder(config, t, remote)) {
    context.error_at(key, "found " + remote.to_string() + ", an own address of port " + own->name +
                              ", expected the peer's");
    return;
  }
  const Way way = way_to(config, t.underlay, remote);
  const bool known_underlay = std::any_of(config.underlays.begin(), config.underlays.end(),
                                          [&](const auto& u) { return u.name == t.underlay; });
  if (!known_underlay || way.connected || !ports_are_sound(context, config)) return;
  if (way.route == nullptr)
    context.warning_at(key, "found " + remote.to_string() + ", to which underlay " + t.underlay +
                                " has no route: the tunnel cannot come up");
  else if (way.route->kind == Route::Kind::kBlackhole)
    context.warning_at(key, "found " + remote.to_string() + ", which the blackhole " +
                                way.route->prefix.to_string() + " of underlay " + t.underlay +
                                " swallows: the tunnel cannot come up");
}

std::string seconds_text(seconds s) {
  return std::to_string(s.count());
}

void check_lifetimes(Context& context, const Tunnel& t) {
  const ike::TunnelParameters& p = t.ike;
  const std::string phase2 = path_of(t, "phase2-lifetime-seconds");
  const std::string margin = path_of(t, "rekey-margin-time-seconds");
  if (p.child_lifetime >= p.ike_lifetime)
    context.error_at(phase2, "found " + seconds_text(p.child_lifetime) +
                                 ", expected less than phase1-lifetime-seconds, " +
                                 seconds_text(p.ike_lifetime));
  if (p.rekey_margin > p.child_lifetime / 2 && context.given(margin))
    context.error_at(margin, "found " + seconds_text(p.rekey_margin) +
                                 ", expected at most half of phase2-lifetime-seconds, " +
                                 seconds_text(p.child_lifetime / 2));
  else if (p.rekey_margin * (100 + p.rekey_fuzz_percent) / 100 >= p.child_lifetime)
    context.warning_at(margin, "found " + seconds_text(p.rekey_margin) + ", with " +
                                   std::to_string(p.rekey_fuzz_percent) +
                                   " percent of fuzz a rekey may come right after the last");
  if (p.dpd_timeout < seconds(10))
    context.warning_at(path_of(t, "dpd-timeout-seconds"),
                       "found " + seconds_text(p.dpd_timeout) +
                           ", below 10 a short loss on the way ends the tunnel");
}

// AWS's ranges: the peer of such a connection will not take other values.
void check_aws_ranges(Context& context, const Tunnel& t) {
  const auto advise = [&](const char* key, seconds value, int least, int most) {
    if (value < seconds(least) || value > seconds(most))
      context.warning_at(path_of(t, key), "found " + seconds_text(value) + ", outside of " +
                                              std::to_string(least) + " to " +
                                              std::to_string(most) + ", which AWS allows");
  };
  advise("phase1-lifetime-seconds", t.ike.ike_lifetime, 900, 28'800);
  advise("phase2-lifetime-seconds", t.ike.child_lifetime, 900, 3'600);
}

void check_proposals(Context& context, const Tunnel& t) {
  const auto& ike = t.ike.ike;
  const bool cbc = std::any_of(ike.encryption.begin(), ike.encryption.end(),
                               [](const auto& e) { return e.id == 12; });
  if (cbc && ike.integrity.empty())
    context.error_at(path_of(t, "phase1-integrity-algorithms"),
                     "found an empty list, expected an algorithm: phase1-encryption-algorithms has "
                     "CBC, which does not protect integrity (RFC 7296 section 3.3.3)");
}

bool names_encryption(const Tunnel& t, uint16_t id) {
  return std::any_of(t.esp_encryption.begin(), t.esp_encryption.end(),
                     [id](const auto& e) { return e.id == id; });
}

// What RFC 8221 advises against must be asked for twice.
void check_esp_proposals(Context& context, const Tunnel& t) {
  constexpr uint16_t kNull = 11, kCbc = 12, kSha1 = 2;
  const std::string integrity = path_of(t, "phase2-integrity-algorithms");
  const std::string encryption = path_of(t, "phase2-encryption-algorithms");
  const auto& hashes = t.esp_integrity;
  if (hashes.empty() && (names_encryption(t, kCbc) || names_encryption(t, kNull)))
    context.error_at(integrity,
                     "found an empty list, expected an algorithm: phase2-encryption-algorithms has "
                     "one that does not protect integrity (RFC 8221 section 4)");
  if (!t.allow_weak && std::count(hashes.begin(), hashes.end(), kSha1) != 0)
    context.error_at(integrity,
                     "found SHA1, which RFC 8221 advises against, expected allow-weak: true beside "
                     "it, or SHA2-256, SHA2-384, SHA2-512");
  if (!names_encryption(t, kNull)) return;
  if (!t.allow_null_encryption)
    context.error_at(encryption,
                     "found NULL-ENCRYPTION, which encrypts nothing, expected "
                     "allow-null-encryption: true beside it, or another algorithm");
  else
    context.warning_at(encryption,
                       "found NULL-ENCRYPTION: packets will be readable by anybody on the way");
}

void check_inside(Context& context, const Tunnel& t) {
  const auto& local = t.ike.local_ts;
  const auto& remote = t.ike.remote_ts;
  const bool v4 = has_family(local, wire::Family::kV4) && has_family(remote, wire::Family::kV4);
  const bool v6 = has_family(local, wire::Family::kV6) && has_family(remote, wire::Family::kV6);
  if (!v4 && !v6)
    context.error_at(path_of(t, "traffic-selectors"),
                     "has IPv4 on one side and IPv6 on the other, expected a family on both: no "
                     "packet matches");
  const bool wants_v6 = context.given(path_of(t, "traffic-selectors")) && is_ipv6_in(remote);
  if (t.mtu && *t.mtu < 1280 && wants_v6)
    context.error_at(path_of(t, "mtu"), "found " + std::to_string(*t.mtu) +
                                            ", expected at least 1280 with IPv6 in the traffic "
                                            "selectors (RFC 8200 section 5)");
}

// Octets of the largest inner packet that fits into outer packets of `outer_mtu` with one of the
// tunnel's algorithms: IP, UDP if it is forced, SPI, sequence number, IV, ICV, and at least two
// octets of ESP trailer (RFC 4303 section 2.4).
uint32_t largest_inner(const Tunnel& t, uint32_t outer_mtu) {
  uint32_t best = 0;
  for (const esp::Algorithm algorithm : t.ike.esp.algorithms) {
    const auto& a = esp::info(algorithm);
    const uint32_t headers = (t.ike.local_address.is_v4() ? 20u : 40u) +
                             (t.ike.force_udp_encapsulation ? 8u : 0u) + 8u + a.iv_bytes +
                             a.icv_bytes;
    const uint32_t room = outer_mtu - headers;
    best = std::max(best, room / a.align * a.align - 2);
  }
  return best;
}

void check_mtu(Context& context, const Config& config, const Tunnel& t) {
  const Port* port = holder(config, t, t.ike.local_address);
  if (!t.mtu || port == nullptr || t.ike.esp.algorithms.empty()) return;
  const uint32_t fits = largest_inner(t, port->mtu);
  if (*t.mtu > fits)
    context.warning_at(path_of(t, "mtu"), "found " + std::to_string(*t.mtu) + ", more than the " +
                                              std::to_string(fits) +
                                              " that fit an outer packet of port " + port->name +
                                              ": larger ones will be fragmented or dropped");
}

// Two tunnels that an incoming IKE_AUTH could not tell apart.
void check_ambiguity(Context& context, const std::vector<Tunnel>& tunnels) {
  std::map<std::string, std::string> owners;
  for (const Tunnel& t : tunnels) {
    const auto& p = t.ike;
    if (p.local_address.is_unspecified()) continue;
    const std::string remote = p.remote_address ? p.remote_address->to_string() : "any";
    const std::string identity = p.local_address.to_string() + " " + remote + " " +
                                 p.local_id.to_string() + " " + p.remote_id.to_string();
    const auto [owner, is_new] = owners.emplace(identity, t.name);
    if (!is_new)
      context.error_at("tunnels." + t.name,
                       "has the addresses and identities of tunnel " + owner->second + " (local " +
                           p.local_address.to_string() + " " + p.local_id.to_string() +
                           ", remote " + remote + " " + p.remote_id.to_string() +
                           "): nobody could tell which of the two a peer means");
  }
}

}  // namespace

void check_tunnels(Context& context, const Config& config) {
  for (const Tunnel& t : config.tunnels) {
    check_reference(context, path_of(t, "underlay"), t.underlay, names_in(config.underlays),
                    "underlays");
    check_reference(context, path_of(t, "table"), t.table, names_in(config.tables), "route-tables");
    check_local_address(context, config, t);
    check_remote_address(context, config, t);
    check_lifetimes(context, t);
    check_aws_ranges(context, t);
    check_proposals(context, t);
    check_esp_proposals(context, t);
    check_inside(context, t);
    check_mtu(context, config, t);
  }
  check_ambiguity(context, config.tunnels);
}

}  // namespace kanmon::config
