#include "control/config/paths.h"

#include <algorithm>

#include "dataplane/liveness/verdict.h"

namespace kanmon::config {
namespace {

using std::chrono::milliseconds;

// The other host of a subnet of two: of a /30 or /126 the two in the middle, of a /31 or /127 both.
std::optional<wire::IpAddress> other_host(const wire::InterfaceAddress& own) {
  const uint8_t spare = static_cast<uint8_t>(own.address.bits() - own.length);
  if (spare != 1 && spare != 2) return std::nullopt;
  wire::IpAddress other = own.address;
  uint8_t& last = other.octets[other.size() - 1u];
  last = static_cast<uint8_t>(last ^ (spare == 1 ? 1 : 3));
  return other;
}

std::optional<wire::IpAddress> inside_address(const Tunnel& tunnel, wire::Family family) {
  for (const auto& a : tunnel.inside_addresses)
    if (a.address.family == family) return a.address;
  return std::nullopt;
}

std::optional<wire::IpAddress> far_host_of(const Tunnel& tunnel, const wire::IpAddress& local) {
  for (const auto& a : tunnel.inside_addresses)
    if (a.address == local) return other_host(a);
  return std::nullopt;
}

std::string product(uint64_t times, milliseconds each) {
  return std::to_string(times) + " x " + std::to_string(each.count()) + " ms";
}

Detection by_bfd(const Bfd& b) {
  const auto us = static_cast<uint64_t>(b.interval.count()) * 1000;
  const uint64_t worst = liveness::worst_bfd_detection_us(us, us, b.multiplier);
  return {"bfd", milliseconds(worst / 1000), product(b.multiplier, b.interval)};
}

Detection by_probe(const HealthCheck& h) {
  const uint64_t worst = liveness::worst_probe_detection_us(
      static_cast<uint64_t>(h.interval.count()), static_cast<uint64_t>(h.timeout.count()), h.fall);
  return {"health-check", milliseconds(worst),
          product(h.fall, h.interval) + " + " + std::to_string(h.timeout.count()) + " ms"};
}

// The session inside the tunnel that holds longest without a word. Zero: for ever (RFC 4271 section
// 4.2), so that it finds nothing.
std::optional<Detection> by_bgp(const Config& config, const Tunnel& tunnel) {
  uint32_t longest = 0;
  for (const BgpSpeaker& speaker : config.bgp.speakers)
    for (const BgpPeer& peer : speaker.peers)
      if (peer.tunnel == tunnel.name && !peer.shutdown)
        longest = std::max<uint32_t>(longest, peer.hold_time_s.value_or(speaker.hold_time_s));
  if (longest == 0) return std::nullopt;
  return Detection{"bgp", std::chrono::seconds(longest), "hold time"};
}

// A hold time is agreed, the lower of both: so it holds for the way back as well.
std::optional<Detection> faster(std::optional<Detection> a, std::optional<Detection> b) {
  if (!a || (b && b->worst < a->worst)) return b;
  return a;
}

std::string text_of(const Detection& d) {
  return std::to_string(d.worst.count()) + " ms (" + d.by + " " + d.sum + ")";
}

}  // namespace

std::optional<PathEnds> bfd_ends(const Tunnel& tunnel) {
  const Bfd& b = tunnel.bfd;
  std::optional<wire::IpAddress> local = b.local;
  if (!local && b.remote) local = inside_address(tunnel, b.remote->family);
  if (!local && !b.remote && !tunnel.inside_addresses.empty())
    local = tunnel.inside_addresses.front().address;
  if (!local) return std::nullopt;
  const auto remote = b.remote ? b.remote : far_host_of(tunnel, *local);
  if (!remote) return std::nullopt;
  return PathEnds{*local, *remote};
}

std::optional<PathEnds> probe_ends(const Config& config, const Tunnel& tunnel) {
  const HealthCheck& h = tunnel.health_check;
  if (h.source) return PathEnds{*h.source, h.target};
  if (const auto inside = inside_address(tunnel, h.target.family))
    return PathEnds{*inside, h.target};
  for (const Port& p : config.ports)
    for (const auto& a : p.addresses)
      if (p.underlay.empty() && p.domain() == tunnel.table && a.address.family == h.target.family)
        return PathEnds{a.address, h.target};
  return std::nullopt;
}

std::optional<PathEnds> neighbor_ends(const Port& port, const wire::IpAddress& remote) {
  for (const auto& a : port.addresses)
    if (a.address == remote) return std::nullopt;
  for (const auto& a : port.addresses)
    if (a.subnet().contains(remote)) return PathEnds{a.address, remote};
  return std::nullopt;
}

std::vector<Detection> detections(const Config& config, const Tunnel& tunnel) {
  std::vector<Detection> found;
  if (tunnel.bfd.configured) found.push_back(by_bfd(tunnel.bfd));
  if (tunnel.health_check.configured) found.push_back(by_probe(tunnel.health_check));
  if (const auto bgp = by_bgp(config, tunnel)) found.push_back(*bgp);
  if (tunnel.ike.dpd_action != ike::DpdAction::kNone)
    found.push_back(
        {"dpd", tunnel.ike.dpd_timeout, std::to_string(tunnel.ike.dpd_timeout.count()) + " s"});
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.worst < b.worst; });
  return found;
}

Outage worst_outage(const Config& config, const Tunnel& tunnel) {
  Outage outage;
  const auto all = detections(config, tunnel);
  if (!all.empty()) outage.forward = all.front();
  if (tunnel.bfd.configured) outage.back = by_bfd(tunnel.bfd);
  outage.back = faster(outage.back, by_bgp(config, tunnel));
  return outage;
}

std::vector<std::string> outage_lines(const Config& config) {
  std::vector<std::string> lines;
  for (const Tunnel& t : config.tunnels) {
    const Outage outage = worst_outage(config, t);
    lines.push_back("tunnel " + t.name + ": a dead path is found after at most: forward " +
                    (outage.forward ? text_of(*outage.forward) : "never") + ", back " +
                    (outage.back ? text_of(*outage.back) : "the peer's own timers"));
  }
  return lines;
}

}  // namespace kanmon::config
