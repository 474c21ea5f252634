#include "control/daemon/gateway.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "control/common/random.h"
#include "control/ike/transport.h"
#include "control/log/log.h"
#include "dataplane/packet/pool.h"
#include "dataplane/wire/headers.h"

namespace kanmon::daemon {
namespace {

constexpr uint32_t kMaxTunnels = 16'384;
constexpr uint32_t kMaxGroups = 4'096;
constexpr std::chrono::milliseconds kSlowTick{100};

DataPlaneOptions options_of(const config::Config& config) {
  DataPlaneOptions o;
  o.workers = config.system.workers;
  o.worker_cores = config.system.worker_cores;
  o.power =
      config.system.power == config::Power::kPerformance ? Power::kPerformance : Power::kBalanced;
  o.packet_buffers = config.system.packet_buffers;
  o.crypto_isa = config.system.crypto_isa;
  o.crypto_backend = config.system.crypto_backend;
  o.eal_args = config.system.eal_args;
  for (const auto& port : config.ports) {
    o.devices.push_back(port.device);
    o.packet_room = std::max(o.packet_room, packet_room(port.mtu));
  }
  o.capacity.tunnels = kMaxTunnels;
  o.capacity.groups = kMaxGroups;
  return o;
}

// Destination of an IP packet whose header a worker has checked.
std::optional<wire::IpAddress> destination_of(wire::Bytes packet) {
  if (packet.size() >= wire::kIp4Header && packet[0] >> 4 == 4)
    return wire::IpAddress::v4(packet.data() + wire::ip4::kDestination);
  if (packet.size() >= wire::kIp6Header && packet[0] >> 4 == 6)
    return wire::IpAddress::v6(packet.data() + wire::ip6::kDestination);
  return std::nullopt;
}

// Of the flow hash: gateways in a row choose independently, and nobody outside can know how.
uint32_t random_seed() {
  std::array<uint8_t, 4> octets;
  strong_random(octets);
  return load_be<uint32_t>(octets.data());
}

}  // namespace

Gateway::Gateway(config::Config config, std::unique_ptr<DataPlane> plane)
    : config_(std::move(config)),
      plane_(std::move(plane)),
      nodes_(plane_->qsbr()),
      commands_(*plane_),
      watched_(commands_, plane_->workers()),
      tracer_(watched_),
      capturer_(watched_, {[this](uint16_t port) { return port_name(port); },
                           [this](uint32_t tunnel) { return tunnel_name(tunnel); }}),
      sas_(commands_, strong_random, plane_->workers()),
      groups_(commands_, plane_->workers(), kMaxGroups, random_seed()),
      paths_(commands_, *plane_,
             [this](uint32_t tunnel) -> const std::string& { return tunnel_name(tunnel); }),
      neighbors_(*this),
      ike_(*this, {}),
      host_devices_([this](const auto& device, wire::Bytes packet) {
        return send_from_host(device, packet);
      }),
      tunnel_numbers_(kMaxTunnels),
      table_numbers_(kMaxTables),
      compiler_(*this, kMaxGroups),
      load_(plane_->workers()),
      started_(std::chrono::steady_clock::now()),
      bgp_(std::make_unique<Bgp>(*this)) {}

Gateway::~Gateway() {
  bgp_.reset();
  for (const auto& [name, port] : ports_) neighbors_.remove_port(port.info.id);
  (void)plane_->stop();
}

std::unique_ptr<Gateway> Gateway::start(config::Config config, std::string file,
                                        std::vector<config::Problem>& problems, bool stepped) {
  DataPlaneOptions options = options_of(config);
  options.stepped = stepped;
  auto plane = DataPlane::start(options);
  for (const auto& warning : plane.warnings)
    log::warning("system", "data-plane", {{"text", warning}});
  if (!plane) {
    problems.push_back({.key = "system", .text = plane.error});
    return nullptr;
  }
  std::unique_ptr<Gateway> gateway(new Gateway({}, std::move(*plane.value)));
  gateway->config_.system = config.system;
  gateway->config_file_ = std::move(file);
  const auto result = gateway->reload(std::chrono::steady_clock::now(), std::move(config));
  problems.insert(problems.end(), result.problems.begin(), result.problems.end());
  if (!result.ok) return nullptr;
  return gateway;
}

uint32_t Gateway::tunnel_sending(uint32_t spi) const {
  for (const auto& tunnel : config_.tunnels) {
    const auto number = tunnel_numbers_.find(tunnel.name);
    const auto* out = number ? sas_.outbound(*number) : nullptr;
    if (out != nullptr && out->spi == spi) return *number;
  }
  return kNoTunnel;
}

bool Gateway::poll(TimePoint now) {
  now_ = now;
  const uint32_t done = plane_->poll([&](const Punted& packet) { punted(now, packet); },
                                     [&](uint16_t, rings::Event event) { happened(now, event); });
  groups_.sweep();
  for (const uint32_t tunnel : paths_.sweep()) judge_tunnel(tunnel);
  for (const uint32_t spi : sas_.sweep()) ike_.inbound_installed(now, spi);
  const uint32_t from_host = host_devices_.poll();
  const bool bgp_works = bgp_->poll(now);
  tracer_.poll(now);
  capturer_.poll(now);
  const bool more_routes = poll_fpm(now);
  return done + from_host != 0 || more_routes || bgp_works;
}

void Gateway::tick(TimePoint now) {
  now_ = now;
  if (ike_.next_deadline() <= now) ike_.tick(now);
  bgp_->tick(now);
  end_tunnels(now);
  if (is_underlay_changed_) resolve_paths(now);
  if (now < next_slow_tick_) return;
  next_slow_tick_ = now + kSlowTick;
  neighbors_.tick(now);
  watch_traffic(now);
  measure_load(now);
  follow_key_export();
  sas_.forget_old_mtus(now);
  forget_gone_tunnels();
  tick_fpm(now);
  plane_->qsbr().reclaim();
  std::erase_if(old_tables_, [&](const auto& old) { return plane_->acknowledged(old.first); });
}

// IKE SAs that come and go while a capture wants keys; and the end of one whose reader is gone.
void Gateway::follow_key_export() {
  if (key_book_.capture() == 0) return;
  if (!watched_.is_open(key_book_.capture())) return key_book_.end();
  see_ike_keys();
}

void Gateway::see_ike_keys() {
  ike_.visit_keys([this](const ike::IkeKeyView& view) { key_book_.see(view); });
}

uint32_t Gateway::sas_without_keys(std::optional<uint32_t> tunnel) const {
  const auto& all = sas_.inbound();
  return static_cast<uint32_t>(std::count_if(all.begin(), all.end(), [&](const auto& entry) {
    return (!tunnel || *tunnel == entry.second.tunnel) && !key_book_.knows(entry.first);
  }));
}

void Gateway::shut_down(TimePoint now) {
  now_ = now;
  bgp_->shut_down(now);
  farewell_due_ = true;
  end_tunnels(now);
}

void Gateway::end_tunnels(TimePoint now) {
  if (!farewell_due_ || !bgp_->quiet()) return;
  farewell_due_ = false;
  paths_.end();  // while there are SAs to say goodbye through
  ike_.shut_down(now);
}

void Gateway::punted(TimePoint now, const Punted& packet) {
  switch (packet.kind) {
    case Punt::kNone:
      return;
    case Punt::kArp:
    case Punt::kNeighbour:
      neighbors_.receive(now, packet.port, packet.bytes);
      return;
    case Punt::kGlean: {
      const auto destination = destination_of(packet.bytes);
      if (!destination) return;
      auto* held = new HeldPacket{packet.table, {packet.bytes.begin(), packet.bytes.end()}};
      neighbors_.hold(now, static_cast<uint16_t>(packet.next_hop.index()), *destination, held);
      return;
    }
    case Punt::kHost:
      host_devices_.deliver(packet.table, packet.tunnel_in, packet.bytes);
      return;
    case Punt::kTooBig:
      path_shrank(now, packet.bytes);
      return;
    case Punt::kIke: {
      const auto datagram = ike::parse_datagram(packet.bytes);
      if (!datagram.ok()) {
        ++bad_datagrams_;
        return;
      }
      ike_.receive(now, datagram->local, datagram->remote, datagram->payload);
      return;
    }
  }
}

// Ten minutes later it is tried again with the port's own MTU.
void Gateway::path_shrank(TimePoint now, wire::Bytes packet) {
  const auto message = publish::parse_too_big(packet);
  const bool learned = message.ok() && sas_.learn_mtu(now, *message).ok();
  ++(learned ? mtu_messages_.believed : mtu_messages_.ignored);
  if (!learned) return;
  log::info("sa", "path-mtu",
            {{"remote", message->remote.address.to_string()},
             {"spi", fmt::format("{:08x}", message->spi)},
             {"mtu", message->mtu}});
}

void Gateway::happened(TimePoint now, rings::Event event) {
  if (event.kind == rings::EventKind::kCheckChanged) {
    const PathCheck* check = paths_.happened(event.value);
    if (check == nullptr) return;
    if (check->port.empty()) return judge_tunnel(check->settings.path.tunnel);
    for (const auto& [adjacency, owner] : adjacencies_)
      if (owner.address == check->settings.path.remote && port_name(owner.port) == check->port)
        judge_adjacency(adjacency, owner);
    return;
  }
  const bool hard = event.kind == rings::EventKind::kInboundHardLimit ||
                    event.kind == rings::EventKind::kOutboundHardLimit;
  const bool inbound = event.kind == rings::EventKind::kInboundSoftLimit ||
                       event.kind == rings::EventKind::kInboundHardLimit;
  uint32_t spi = event.value;
  if (!inbound) {
    const auto* outbound = sas_.outbound(event.value);
    if (outbound == nullptr) return;
    spi = outbound->inbound_spi;
  }
  log::info("sa", hard ? "hard-limit" : "soft-limit",
            {{"spi", fmt::format("{:08x}", spi)}, {"direction", inbound ? "in" : "out"}});
  ike_.limit_reached(now, spi, hard);
}

// Tells IKE what went through each SA: liveness, the first packet on a new SA, a moved peer.
void Gateway::watch_traffic(TimePoint now) {
  struct News {
    uint32_t spi;
    uint64_t in, out;
    wire::Endpoint peer;
  };
  std::vector<News> news;
  for (const auto& [spi, inbound] : sas_.inbound()) {
    if (!inbound.installed) continue;
    const auto in = sa::report(*inbound.sa);
    const auto* outbound = sas_.outbound(inbound.tunnel);
    const bool pair = outbound != nullptr && outbound->inbound_spi == spi;
    Seen& seen = seen_[spi];
    const uint64_t out = pair ? sa::report(*outbound->sa).packets : seen.packets_out;
    if (in.packets == seen.packets_in && out == seen.packets_out) continue;
    news.push_back({spi, in.packets - seen.packets_in, out - seen.packets_out,
                    in.peer.value_or(wire::Endpoint{})});
    seen = {in.packets, out};
  }
  // IKE may install and remove SAs in answer: not while the list is being walked.
  for (const News& n : news) ike_.traffic_seen(now, n.spi, n.in, n.out, n.peer);
}

void Gateway::measure_load(TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - last_load_).count();
  if (seconds < 1) return;
  last_load_ = now;
  for (uint16_t w = 0; w < plane_->workers(); ++w) {
    const WorkerCounters& c = plane_->counters(w);
    const uint64_t busy = c.busy_cycles.get(), total = c.total_cycles.get();
    Load& load = load_[w];
    const uint64_t span = total - load.total;
    load.share = span == 0 ? 0 : static_cast<double>(busy - load.busy) / static_cast<double>(span);
    const uint64_t packets = c.received.get() + c.taken_over.get();
    load.packets_per_second = static_cast<double>(packets - load.packets) / seconds;
    load.packets = packets;
    load.busy = busy;
    load.total = total;
  }
}

// ---- neighbours

void Gateway::send_frame(uint16_t port, const neighbor::Frame& frame) {
  (void)plane_->send_frame(port, frame);  // it is asked again
}

void Gateway::resolved(uint16_t port, const wire::IpAddress& address, uint32_t adjacency,
                       const wire::MacAddress& mac) {
  log::debug(
      "neighbor", "resolved",
      {{"port", port_name(port)}, {"address", address.to_string()}, {"mac", wire::to_string(mac)}});
  adjacencies_[adjacency] = {port, address, true};
  publish_adjacency(adjacency, port, &mac);
  judge_adjacency(adjacency, adjacencies_[adjacency]);
  set_neighbor_routes(port, address, adjacency);
}

void Gateway::lost(uint16_t port, const wire::IpAddress& address, uint32_t adjacency,
                   bool forgotten) {
  log::info("neighbor", "lost", {{"port", port_name(port)}, {"address", address.to_string()}});
  publish_adjacency(adjacency, port, nullptr);
  unset_neighbor_routes(port, address);
  // A number that is given back is nobody's, and nobody is down.
  compiler_.set_live(fib::NextHop::make(fib::NextHopKind::kNeighbour, adjacency), forgotten);
  if (forgotten) {
    adjacencies_.erase(adjacency);
  } else if (const auto it = adjacencies_.find(adjacency); it != adjacencies_.end()) {
    it->second.is_up = false;
  }
}

void Gateway::release(neighbor::Held packet) {
  const std::unique_ptr<HeldPacket> held(static_cast<HeldPacket*>(packet));
  (void)plane_->send_packet(held->table, held->bytes);
}

void Gateway::discard(neighbor::Held packet) {
  delete static_cast<HeldPacket*>(packet);
}

// ---- IKE

void Gateway::send(const wire::Endpoint& local, const wire::Endpoint& remote, wire::Bytes message) {
  send_local(local.address, ike::build_datagram(local, remote, message));
}

void Gateway::send_keepalive(const wire::Endpoint& local, const wire::Endpoint& remote) {
  send_local(local.address, ike::build_keepalive(local, remote));
}

// Lost like a packet on the wire if the ring is full: IKE retransmits.
void Gateway::send_local(const wire::IpAddress& from, const std::vector<uint8_t>& packet) {
  const LiveTable* table = table_with_address(from);
  if (table == nullptr || !table->underlay) {
    log::warning("ike", "no-underlay", {{"local", from.to_string()}});
    return;
  }
  (void)plane_->send_packet(table->number, packet);
}

void Gateway::random(wire::MutableBytes out) {
  strong_random(out);
}
Result<uint32_t> Gateway::reserve_spi(uint32_t) {
  return sas_.reserve_spi();
}
void Gateway::release_spi(uint32_t spi) {
  sas_.release_spi(spi);
}

void Gateway::install_inbound(const ike::ChildSa& child) {
  const Status done = sas_.install_inbound(child);
  if (done.ok()) key_book_.installed_inbound(child);
  if (!done.ok())
    log::error("sa", "install-failed",
               {{"tunnel", tunnel_name(child.tunnel)},
                {"direction", "in"},
                {"why", to_string(done.error().code)}});
}

void Gateway::install_outbound(const ike::ChildSa& child) {
  const Status done = sas_.install_outbound(child);
  if (done.ok()) key_book_.installed_outbound(child);
  if (!done.ok())
    log::error("sa", "install-failed",
               {{"tunnel", tunnel_name(child.tunnel)},
                {"direction", "out"},
                {"why", to_string(done.error().code)}});
  resolve_path_of(child.tunnel);
  judge_tunnel(child.tunnel);
}

void Gateway::remove_inbound(uint32_t spi) {
  seen_.erase(spi);
  key_book_.removed(spi);
  sas_.remove_inbound(spi);
}

void Gateway::remove_outbound(uint32_t tunnel, uint32_t outbound_spi) {
  sas_.remove_outbound(tunnel, outbound_spi);
  judge_tunnel(tunnel);
}

void Gateway::move_endpoint(uint32_t tunnel, const wire::Endpoint& remote) {
  sas_.move_endpoint(tunnel, remote);
  key_book_.moved(tunnel, remote);
  resolve_path_of(tunnel);
}

// The number is not given back at once: the reload that removed the tunnel may not be through.
void Gateway::tunnel_gone(uint32_t tunnel) {
  if (const auto it = leaving_.find(tunnel); it != leaving_.end()) it->second.gone = true;
}

void Gateway::forget_gone_tunnels() {
  std::erase_if(leaving_, [this](const auto& entry) {
    if (!entry.second.gone) return false;
    sas_.forget_tunnel(entry.first);
    compiler_.set_live(fib::NextHop::make(fib::NextHopKind::kTunnel, entry.first), true);
    live_tunnels_.erase(entry.first);
    tunnel_numbers_.give_back(entry.second.name);
    return true;
  });
}

void Gateway::log(Level level, std::string_view event, std::string_view text) {
  constexpr log::Level kLevels[] = {log::Level::kDebug, log::Level::kInfo, log::Level::kWarning,
                                    log::Level::kError};
  log::write_pairs(kLevels[static_cast<uint8_t>(level)], "ike", event, text);
}

// ---- reading

const std::string& Gateway::port_name(uint16_t id) const {
  static const std::string kNone;
  const OpenPort* port = port_by_id(id);
  return port == nullptr ? kNone : port->config.name;
}

const OpenPort* Gateway::port_by_id(uint16_t id) const {
  for (const auto& [name, port] : ports_)
    if (port.info.id == id) return &port;
  return nullptr;
}

const wire::IpAddress* Gateway::adjacency_address(uint32_t adjacency) const {
  const auto it = adjacencies_.find(adjacency);
  return it == adjacencies_.end() ? nullptr : &it->second.address;
}

uint16_t Gateway::adjacency_port(uint32_t adjacency) const {
  const auto it = adjacencies_.find(adjacency);
  return it == adjacencies_.end() ? kNoPort : it->second.port;
}

const LiveTable* Gateway::table_with_address(const wire::IpAddress& address) const {
  for (const auto& [name, port] : ports_)
    for (const auto& a : port.config.addresses)
      if (a.address == address) {
        const auto& table = port.config.domain();
        const auto it = tables_.find(table);
        return it == tables_.end() ? nullptr : &it->second;
      }
  return nullptr;
}

}  // namespace kanmon::daemon
