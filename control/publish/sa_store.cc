#include "control/publish/sa_store.h"

#include <algorithm>
#include <utility>

namespace kanmon::publish {
namespace {

// RFC 1191 section 6.3, RFC 8201 section 4: longer than any route flaps, and a larger MTU is found.
constexpr std::chrono::minutes kMtuIsKept{10};
// How long ago a quoted packet may have been sent, in packets: a second at sixteen million a
// second.
constexpr uint32_t kQuotable = 1u << 24;

// A rekey is asked for well before a counter runs out: the peer may need several tries.
constexpr uint64_t kSoftSequence32 = 0xf000'0000;

sa::Limits sending(sa::Limits limits, bool esn) {
  if (!esn && (limits.soft_packets == 0 || limits.soft_packets > kSoftSequence32))
    limits.soft_packets = kSoftSequence32;
  return limits;
}

// With equal limits at both ends the sender asks first: two rekeys at once cost one more exchange.
sa::Limits receiving(sa::Limits limits) {
  limits.soft_packets += (limits.hard_packets - limits.soft_packets) / 2;
  limits.soft_bytes += (limits.hard_bytes - limits.soft_bytes) / 2;
  return limits;
}

}  // namespace

SaStore::SaStore(Plane& plane, SpiSlots::Random random, uint16_t workers)
    : plane_(plane), spis_(std::move(random)), workers_(workers) {}

SaStore::~SaStore() {
  for (Grave& grave : graves_) grave.bury();
  for (auto& [spi, inbound] : inbound_) sa::destroy(inbound.sa);
  for (auto& [number, tunnel] : tunnels_) sa::destroy(tunnel.outbound.sa);
}

void SaStore::set_tunnel(uint32_t number, const TunnelSettings& settings) {
  const auto [it, fresh] = tunnels_.try_emplace(number);
  Tunnel& tunnel = it->second;
  const bool changed = fresh || tunnel.settings != settings;
  tunnel.settings = settings;
  if (!changed) return;
  const auto old =
      std::exchange(tunnel.dscp_map, settings.dscp == sa::DscpMode::kMap
                                         ? std::make_shared<const sa::DscpMap>(settings.dscp_map)
                                         : nullptr);
  if (tunnel.outbound.sa != nullptr) show(number, tunnel);
  if (old != nullptr) bury_after(last_, [old] {});
}

// What the configuration says of each SA, from this moment on.
sa::Limits SaStore::limits_of(const TunnelSettings& settings) const {
  sa::Limits limits = settings.limits;
  limits.expires_tsc = settings.lifetime.count() == 0 ? 0 : plane_.tsc_after(settings.lifetime);
  return limits;
}

bool SaStore::needs_new_sas(uint32_t number, const TunnelSettings& settings) const {
  const auto it = tunnels_.find(number);
  if (it == tunnels_.end()) return false;
  const TunnelSettings& now = it->second.settings;
  return now.table != settings.table || now.replay_window != settings.replay_window;
}

void SaStore::forget_tunnel(uint32_t number) {
  const auto it = tunnels_.find(number);
  if (it == tunnels_.end()) return;
  std::vector<uint32_t> spis;
  for (const auto& [spi, inbound] : inbound_)
    if (inbound.tunnel == number) spis.push_back(spi);
  for (const uint32_t spi : spis) remove_inbound(spi);
  remove_outbound(number, it->second.outbound.spi);
  if (it->second.dscp_map != nullptr) bury_after(last_, [map = it->second.dscp_map] {});
  shrunk_.erase(number);
  tunnels_.erase(it);
}

void SaStore::set_path(uint32_t number, const Path& path) {
  const auto it = tunnels_.find(number);
  if (it == tunnels_.end() || it->second.path == path) return;
  Tunnel& tunnel = it->second;
  tunnel.path = path;
  tunnel.learned_mtu = 0;  // of another path
  shrunk_.erase(number);
  if (tunnel.outbound.sa != nullptr) show(number, tunnel);
}

Status SaStore::install_inbound(const ike::ChildSa& child) {
  const auto it = tunnels_.find(child.tunnel);
  if (it == tunnels_.end()) return Errc::kNotFound;
  const TunnelSettings& settings = it->second.settings;

  sa::InboundParams params;
  params.spi = child.inbound_spi;
  params.tunnel = child.tunnel;
  params.table = settings.table;
  params.owner_worker = static_cast<uint16_t>(child.tunnel % workers_);
  params.algorithm = child.algorithm;
  params.esn = child.esn;
  params.udp_encapsulation = child.udp_encapsulation;
  params.keymat = child.inbound_key.bytes();
  params.replay_window = settings.replay_window;
  params.local = child.local.address;
  params.limits = receiving(limits_of(settings));
  params.fragments_also = child.fragments_also;
  params.local_ts = child.local_ts;
  params.remote_ts = child.remote_ts;
  sa::InboundSa* sa = sa::make_inbound(params);
  if (sa == nullptr) return Errc::kNoSpace;

  remove_inbound(child.inbound_spi);
  plane_.announce_spi(child.inbound_spi);
  const uint64_t sequence = plane_.publish(rings::SetInboundSa{child.inbound_spi, sa});
  inbound_[child.inbound_spi] = {sa, child.tunnel, sequence, false};
  awaiting_.push_back(child.inbound_spi);
  return success();
}

Status SaStore::install_outbound(const ike::ChildSa& child) {
  const auto it = tunnels_.find(child.tunnel);
  if (it == tunnels_.end()) return Errc::kNotFound;
  Tunnel& tunnel = it->second;

  sa::OutboundParams params;
  params.spi = child.outbound_spi;
  params.tunnel = child.tunnel;
  params.algorithm = child.algorithm;
  params.esn = child.esn;
  params.keymat = child.outbound_key.bytes();
  params.fragments_also = child.fragments_also;
  params.local_ts = child.local_ts;
  params.remote_ts = child.remote_ts;
  params.limits = sending(limits_of(tunnel.settings), child.esn);
  params.workers = workers_;
  sa::OutboundSa* sa = sa::make_outbound(params);
  if (sa == nullptr) return Errc::kNoSpace;

  sa::OutboundSa* old = std::exchange(tunnel.outbound.sa, sa);
  forget_outbound_spi(tunnel.outbound.spi, child.tunnel);
  senders_.emplace(child.outbound_spi, child.tunnel);
  tunnel.outbound.spi = child.outbound_spi;
  tunnel.outbound.inbound_spi = child.inbound_spi;
  tunnel.udp_encapsulation = child.udp_encapsulation;
  tunnel.peer_refuses_tfc = child.peer_refuses_tfc;
  tunnel.local = child.local;
  tunnel.remote = child.remote;
  show(child.tunnel, tunnel);
  if (old != nullptr)
    bury_after(last_, [this, old, number = child.tunnel] { retire_outbound(number, old); });
  return success();
}

void SaStore::remove_inbound(uint32_t spi) {
  const auto it = inbound_.find(spi);
  if (it == inbound_.end()) return;
  sa::InboundSa* sa = it->second.sa;
  const uint64_t sequence = plane_.publish(rings::SetInboundSa{spi, nullptr});
  // The SPI is free for others only when no worker can take a packet for the old SA any more.
  bury_after(sequence, [this, sa, spi, tunnel = it->second.tunnel] {
    retire_inbound(tunnel, sa);
    if (inbound_.count(spi) != 0) return;
    plane_.withdraw_spi(spi);
    spis_.release(spi);
  });
  inbound_.erase(it);
  std::erase(awaiting_, spi);
}

void SaStore::remove_outbound(uint32_t number, uint32_t spi) {
  const auto it = tunnels_.find(number);
  if (it == tunnels_.end()) return;
  Tunnel& tunnel = it->second;
  if (tunnel.outbound.sa == nullptr || tunnel.outbound.spi != spi) return;
  sa::OutboundSa* old = std::exchange(tunnel.outbound.sa, nullptr);
  forget_outbound_spi(spi, number);
  tunnel.outbound = {};
  show(number, tunnel);
  bury_after(last_, [this, old, number] { retire_outbound(number, old); });
}

void SaStore::move_endpoint(uint32_t number, const wire::Endpoint& remote) {
  const auto it = tunnels_.find(number);
  if (it == tunnels_.end() || it->second.outbound.sa == nullptr) return;
  it->second.remote = remote;
  it->second.learned_mtu = 0;
  shrunk_.erase(number);
  show(number, it->second);
}

std::vector<uint32_t> SaStore::sweep() {
  while (!graves_.empty() && plane_.acknowledged(graves_.front().sequence)) {
    graves_.front().bury();
    graves_.pop_front();
  }
  std::vector<uint32_t> installed;
  std::erase_if(awaiting_, [&](uint32_t spi) {
    Inbound& inbound = inbound_.at(spi);
    if (!plane_.acknowledged(inbound.sequence)) return false;
    inbound.installed = true;
    installed.push_back(spi);
    return true;
  });
  return installed;
}

void SaStore::retire_inbound(uint32_t number, sa::InboundSa* sa) {
  const auto report = sa::report(*sa);
  if (const auto it = tunnels_.find(number); it != tunnels_.end()) {
    it->second.past.packets_in += report.packets;
    it->second.past.bytes_in += report.bytes;
  }
  sa::destroy(sa);
}

void SaStore::retire_outbound(uint32_t number, sa::OutboundSa* sa) {
  const auto report = sa::report(*sa);
  if (const auto it = tunnels_.find(number); it != tunnels_.end()) {
    it->second.past.packets_out += report.packets;
    it->second.past.bytes_out += report.bytes;
  }
  sa::destroy(sa);
}

SaStore::Traffic SaStore::traffic(uint32_t number) const {
  const auto it = tunnels_.find(number);
  if (it == tunnels_.end()) return {};
  Traffic t = it->second.past;
  if (it->second.outbound.sa != nullptr) {
    const auto out = sa::report(*it->second.outbound.sa);
    t.packets_out += out.packets;
    t.bytes_out += out.bytes;
  }
  for (const auto& [spi, inbound] : inbound_) {
    if (inbound.tunnel != number) continue;
    const auto in = sa::report(*inbound.sa);
    t.packets_in += in.packets;
    t.bytes_in += in.bytes;
  }
  return t;
}

const SaStore::Outbound* SaStore::outbound(uint32_t tunnel) const {
  const auto it = tunnels_.find(tunnel);
  return it == tunnels_.end() || it->second.outbound.sa == nullptr ? nullptr : &it->second.outbound;
}

std::optional<wire::Endpoint> SaStore::remote(uint32_t tunnel) const {
  const auto it = tunnels_.find(tunnel);
  if (it == tunnels_.end() || it->second.outbound.sa == nullptr) return std::nullopt;
  return it->second.remote;
}

const sa::Encap* SaStore::encap(uint32_t tunnel) const {
  const auto it = tunnels_.find(tunnel);
  return it == tunnels_.end() || it->second.outbound.sa == nullptr ? nullptr : &it->second.encap;
}

// Sends the tunnel's record, as it is now, to every worker.
void SaStore::show(uint32_t number, Tunnel& tunnel) {
  tunnel.encap = {};
  if (tunnel.outbound.sa != nullptr) {
    sa::EncapParams params;
    params.udp_encapsulation = tunnel.udp_encapsulation;
    params.local = tunnel.local;
    params.remote = tunnel.remote;
    params.dscp = tunnel.settings.dscp;
    params.dscp_value = tunnel.settings.dscp_value;
    params.dscp_map = tunnel.dscp_map.get();
    params.df = tunnel.settings.df;
    params.fragmentation = tunnel.settings.fragmentation;
    params.outer_mtu = tunnel.outer_mtu();
    params.configured_mtu = tunnel.settings.configured_mtu;
    params.mss_clamp = tunnel.settings.mss_clamp;
    params.pads_to_mtu = tunnel.settings.tfc_to_mtu && !tunnel.peer_refuses_tfc;
    tunnel.encap = sa::make_encap(tunnel.outbound.sa, params, tunnel.path.adjacency);
  }
  last_ = plane_.publish(rings::SetTunnel{number, tunnel.encap});
}

void SaStore::forget_outbound_spi(uint32_t spi, uint32_t tunnel) {
  const auto [first, last] = senders_.equal_range(spi);
  const auto it = std::find_if(first, last, [&](const auto& row) { return row.second == tunnel; });
  if (it != last) senders_.erase(it);
}

// Has one of our tunnels sent what the message quotes, not long ago, to the peer it has now?
SaStore::Tunnel* SaStore::tunnel_that_sent(const TooBig& message, uint32_t& number) {
  const auto [first, last] = senders_.equal_range(message.spi);
  for (auto it = first; it != last; ++it) {
    Tunnel& t = tunnels_.at(it->second);
    if (t.udp_encapsulation != message.udp) continue;
    const bool same = message.udp ? t.local == message.local && t.remote == message.remote
                                  : t.local.address == message.local.address &&
                                        t.remote.address == message.remote.address;
    const uint64_t sent = sa::report(*t.outbound.sa).next_sequence - 1;
    const uint32_t age = static_cast<uint32_t>(sent) - message.sequence_low;
    if (!same || age >= std::min<uint64_t>(sent, kQuotable)) continue;
    number = it->second;
    return &t;
  }
  return nullptr;
}

Status SaStore::learn_mtu(TimePoint now, const TooBig& message) {
  uint32_t number = 0;
  Tunnel* tunnel = tunnel_that_sent(message, number);
  if (tunnel == nullptr) return Errc::kNotFound;
  const uint16_t mtu = believed_mtu(message, tunnel->outer_mtu());
  if (mtu >= tunnel->outer_mtu()) return Errc::kUnsupported;
  tunnel->learned_mtu = mtu;
  tunnel->learned_until = now + kMtuIsKept;
  shrunk_.insert(number);
  show(number, *tunnel);
  return success();
}

void SaStore::forget_old_mtus(TimePoint now) {
  std::erase_if(shrunk_, [&](uint32_t number) {
    Tunnel& tunnel = tunnels_.at(number);
    if (now < tunnel.learned_until) return false;
    tunnel.learned_mtu = 0;
    if (tunnel.outbound.sa != nullptr) show(number, tunnel);
    return true;
  });
}

uint16_t SaStore::path_mtu(uint32_t number) const {
  const auto it = tunnels_.find(number);
  return it == tunnels_.end() || it->second.outbound.sa == nullptr ? 0 : it->second.outer_mtu();
}

void SaStore::bury_after(uint64_t sequence, std::function<void()> bury) {
  graves_.push_back({sequence, std::move(bury)});
}

}  // namespace kanmon::publish
