#include "bench/harness/rig.h"

#include <algorithm>
#include <map>
#include <random>

#include <fmt/format.h>
#include <rte_mempool.h>

#include "dataplane/packet/pool.h"
#include "dataplane/port/eal.h"
#include "dataplane/wire/headers.h"
#include "tests/unit/fib/route_sets.h"

namespace kanmon::bench {
namespace {

using fib::NextHop;
using fib::NextHopKind;

constexpr uint16_t kUnderlay = 1, kOverlay = 2;
constexpr uint32_t kFirstRouted = 100;  // adjacencies of the further routes, as many as hops
constexpr unsigned kHops = 256;
constexpr uint32_t kFirstSlot = 256;
constexpr std::size_t kAddresses = std::size_t{1} << 16;
constexpr uint16_t kMtu = 9216;  // of the ports: what is measured decides, not the MTU
constexpr uint32_t kBuffersPerWorker = 16'384;  // of the usual size; of larger ones fewer
constexpr uint32_t kAroundClear = 256;          // what a tunnel and a frame add, and more
constexpr uint32_t kMemoryMib = 512;

std::vector<uint16_t> g_cpus;

wire::IpAddress address(const char* text) {
  return wire::IpAddress::parse(text).value();
}

uint32_t address4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

std::vector<sa::Selector> everything() {
  return {sa::Selector::of(*wire::Prefix::parse("0.0.0.0/0")),
          sa::Selector::of(*wire::Prefix::parse("::/0"))};
}

uint32_t spi_of(uint32_t tunnel, bool inbound) {
  return sa::make_spi(kFirstSlot + tunnel, inbound ? 0x4b4e : 0x4d4f);
}

std::vector<uint8_t> keymat(esp::Algorithm algorithm, uint32_t tunnel, bool inbound) {
  std::mt19937 rng(tunnel * 2 + (inbound ? 1 : 0));
  std::vector<uint8_t> octets(esp::info(algorithm).keymat_bytes());
  for (uint8_t& o : octets) o = static_cast<uint8_t>(rng());
  return octets;
}

sa::OutboundSa* outbound(const RigSpec& spec, uint32_t tunnel, bool from_peer) {
  const std::vector<sa::Selector> all = everything();
  const std::vector<uint8_t> key = keymat(spec.algorithm, tunnel, from_peer);
  sa::OutboundParams p;
  p.spi = spi_of(tunnel, from_peer);
  p.tunnel = tunnel;
  p.algorithm = spec.algorithm;
  p.esn = spec.esn;
  p.keymat = key;
  p.local_ts = p.remote_ts = all;
  p.workers = spec.workers;
  return sa::make_outbound(p);
}

sa::InboundSa* inbound(const RigSpec& spec, uint32_t tunnel) {
  const std::vector<sa::Selector> all = everything();
  const std::vector<uint8_t> key = keymat(spec.algorithm, tunnel, true);
  sa::InboundParams p;
  p.spi = spi_of(tunnel, true);
  p.tunnel = tunnel;
  p.table = kOverlay;
  p.owner_worker = static_cast<uint16_t>(tunnel % spec.workers);
  p.algorithm = spec.algorithm;
  p.esn = spec.esn;
  p.keymat = key;
  p.replay_window = spec.window;
  p.local = address("192.0.2.1");
  p.local_ts = p.remote_ts = all;
  return sa::make_inbound(p);
}

Adjacency neighbour(uint16_t port) {
  Adjacency a;
  a.port = port;
  a.mtu = kMtu;
  std::copy(std::begin(Rig::kTheirMac), std::end(Rig::kTheirMac), a.ethernet);
  std::copy(std::begin(Rig::kOurMac), std::end(Rig::kOurMac), a.ethernet + 6);
  return a;
}

// Made once: a million different routes take longer than a measurement.
const std::vector<fib::testing::Route4>& routes_of(uint32_t count) {
  static std::map<uint32_t, std::vector<fib::testing::Route4>> made;
  auto& routes = made[count];
  if (routes.empty()) routes = fib::testing::internet4(count, kHops);
  return routes;
}

bool is_private(uint32_t address) {
  return address >> 24 == 10 || address >> 20 == address4(172, 16, 0, 0) >> 20;
}

}  // namespace

std::string start_machine(uint16_t most_workers, const std::vector<uint16_t>& cores,
                          const std::string& eal_args) {
  port::EalOptions options;
  options.workers = most_workers;
  if (!cores.empty()) options.worker_cores.assign(cores.begin(), cores.begin() + most_workers);
  options.memory_mib = kMemoryMib + most_workers * 64u;
  options.extra_args = eal_args;
  const port::EalPlan plan = port::compose(options, port::look_at_machine());
  g_cpus = plan.worker_cpus;
  return port::start_eal(plan, most_workers);
}

const std::vector<uint16_t>& worker_cpus() {
  return g_cpus;
}

sa::EncapParams Rig::encap(bool from_peer) {
  sa::EncapParams e;
  e.local = {address(from_peer ? "192.0.2.2" : "192.0.2.1"), 4500};
  e.remote = {address(from_peer ? "192.0.2.1" : "192.0.2.2"), 4500};
  e.outer_mtu = kMtu;
  return e;
}

std::unique_ptr<Rig> Rig::make(const RigSpec& spec, std::string& error) {
  DataPlaneOptions options;
  options.workers = spec.workers;
  options.worker_cores.assign(g_cpus.begin(), g_cpus.begin() + spec.workers);
  options.power = Power::kPerformance;
  options.packet_room = room(spec);
  const uint32_t buffers = kBuffersPerWorker * kDefaultPacketRoom / options.packet_room;
  options.packet_buffers = buffers * spec.workers - 1;
  options.capacity = {std::max(64u, spec.tunnels), kFirstRouted + kHops};
  options.stepped = spec.stepped;
  Outcome<std::unique_ptr<DataPlane>> started = DataPlane::start(options);
  error = started.error;
  if (!started) return nullptr;
  auto rig = std::unique_ptr<Rig>(new Rig(spec));
  rig->dataplane_ = std::move(*started.value);
  for (const auto step :
       {&Rig::open_ports, &Rig::add_tunnels, &Rig::add_routes, &Rig::publish_tables}) {
    error = ((*rig).*step)();
    if (!error.empty()) return nullptr;
  }
  return rig;
}

std::string Rig::open_ports() {
  constexpr const char* kNames[] = {"wan", "lan", "far"};
  constexpr const char* kOwn[] = {"192.0.2.1", "10.255.1.1", "10.255.2.1"};
  for (uint16_t i = 0; i < kPorts; ++i) {
    const std::string name = fmt::format("bench{}{}", spec_.workers, kNames[i]);
    wires_[i] = port::find_or_make_wire(name, spec_.workers);
    if (wires_[i] == nullptr) return "no memory for a wire";
    PortOptions options;
    options.name = kNames[i];
    options.device = "ring:" + name;
    options.mac.emplace();
    std::copy(std::begin(kOurMac), std::end(kOurMac), options.mac->begin());
    const Outcome<PortInfo> port = dataplane_->open_port(options);
    if (!port) return port.error;
    ports_[i] = port.value->id;
    PortRecord record;
    record.in_use = true;
    record.role = i == kWan ? TableRole::kUnderlay : TableRole::kOverlay;
    record.table = i == kWan ? kUnderlay : kOverlay;
    record.mtu = kMtu;
    record.mac = *options.mac;
    record.icmp_source4 = address(kOwn[i]);
    dataplane_->publish(rings::SetPort{ports_[i], record});
    dataplane_->publish(rings::SetAdjacency{i, neighbour(ports_[i])});
  }
  return {};
}

std::string Rig::add_tunnels() {
  for (uint32_t t = 0; t < spec_.tunnels; ++t) {
    out_.push_back(outbound(spec_, t, false));
    peer_.push_back(outbound(spec_, t, true));
    in_.push_back(inbound(spec_, t));
    if (out_.back() == nullptr || peer_.back() == nullptr || in_.back() == nullptr)
      return fmt::format("tunnel {} of {} could not be made: no memory?", t + 1, spec_.tunnels);
    dataplane_->publish(rings::SetTunnel{t, sa::make_encap(out_.back(), encap(false), kWan)});
    dataplane_->publish(rings::SetInboundSa{in_.back()->spi, in_.back()});
  }
  return {};
}

std::string Rig::add_routes() {
  nodes_ = std::make_unique<fib::NodePool>(dataplane_->qsbr());
  underlay_ = std::make_unique<fib::Lpm4>(*nodes_);
  overlay_ = std::make_unique<fib::Lpm4>(*nodes_);
  bool ok = underlay_->insert(address4(192, 0, 2, 1), 32, NextHop::make(NextHopKind::kLocal)).ok();
  ok &= overlay_->insert(address4(172, 16, 0, 0), 12, NextHop::make(NextHopKind::kNeighbour, kFar))
            .ok();
  for (uint32_t t = 0; t < spec_.tunnels; ++t)
    ok &= overlay_
              ->insert(address4(10, t >> 8, t & 255, 0), 24, NextHop::make(NextHopKind::kTunnel, t))
              .ok();
  if (spec_.routes != 0) {
    const auto& routes = routes_of(spec_.routes);
    for (unsigned i = 0; i < kHops; ++i)
      dataplane_->publish(rings::SetAdjacency{kFirstRouted + i, neighbour(ports_[kFar])});
    for (const auto& r : routes)
      if (!is_private(r.prefix))
        ok &= overlay_
                  ->insert(r.prefix, r.length,
                           NextHop::make(NextHopKind::kNeighbour, kFirstRouted + r.hop.index()))
                  .ok();
    std::mt19937_64 rng(2544);
    while (addresses_.size() < kAddresses) {
      const uint32_t a = fib::testing::address_in(routes, rng);
      if (!is_private(a) && a >> 24 != 127 && a >> 24 != 0) addresses_.push_back(a);
    }
  }
  return ok ? "" : "a route was refused: no memory?";
}

std::string Rig::publish_tables() {
  RouteTable under{underlay_.get(), nullptr, TableRole::kUnderlay, {}, {}};
  RouteTable over{overlay_.get(), nullptr, TableRole::kOverlay, {}, {}};
  dataplane_->publish(rings::SetTable{kUnderlay, under});
  constexpr uint32_t kTimeoutMs = 20'000;
  return dataplane_->wait_for(dataplane_->publish(rings::SetTable{kOverlay, over}), kTimeoutMs).ok()
             ? ""
             : "the workers do not answer";
}

Rig::~Rig() {
  (void)dataplane_->stop();
  for (port::RingWire* wire : wires_)
    for (uint16_t q = 0; wire != nullptr && q < wire->queues(); ++q) {
      Packet* p = nullptr;
      while (wire->receive(q, &p, 1) == 1) rte_pktmbuf_free(p);
    }
  overlay_.reset();
  underlay_.reset();
  nodes_.reset();
  for (sa::OutboundSa* sa : out_) sa::destroy(sa);
  for (sa::OutboundSa* sa : peer_) sa::destroy(sa);
  for (sa::InboundSa* sa : in_) sa::destroy(sa);
}

uint16_t Rig::room(const RigSpec& spec) {
  return packet_room(static_cast<uint16_t>(spec.largest + kAroundClear));
}

uint32_t Rig::largest() const {
  constexpr uint32_t kTrailerRoom = 64;  // padding, its length, next header, ICV
  return room(spec_) - wire::kEthernetHeader - sa::Encap::kTemplateBytes - kTrailerRoom;
}

uint64_t Rig::dropped(std::string* why) const {
  uint64_t sum = 0, most = 0;
  for (std::size_t d = 0; d < kDropCount; ++d) {
    uint64_t n = 0;
    for (uint16_t w = 0; w < spec_.workers; ++w) n += dataplane_->counters(w).drops[d].get();
    sum += n;
    if (n > most && why != nullptr)
      *why = fmt::format("{}.{}", kStageNames[static_cast<std::size_t>(kDrops[d].stage)],
                         kDrops[d].name);
    most = std::max(most, n);
  }
  return sum;
}

}  // namespace kanmon::bench
