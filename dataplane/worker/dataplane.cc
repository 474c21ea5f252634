#include "dataplane/worker/dataplane.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <deque>
#include <utility>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <sys/random.h>

#include "dataplane/crypto/short_sha1.h"
#include "dataplane/packet/pool.h"
#include "dataplane/port/eal.h"
#include "dataplane/rings/qsbr.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon {
namespace {

constexpr uint32_t kControlBuffers =
    2047;                                  // so that IKE goes out even when traffic took all others
constexpr uint32_t kDeviceBuffers = 8191;  // of a device that must have its own
// With so many packets back a device's pool serves again: its rings hold 4,096, the rest is for
// what is on its way. Those not back are in other devices' rings, or were being sent when it was
// closed.
constexpr uint32_t kDeviceBuffersEnough = 5120;
constexpr uint32_t kControlCache = 32;
constexpr uint32_t kMaxCache = 256;
constexpr uint32_t kAroundBuffer = 600;  // headroom, headers, meta
constexpr uint32_t kOtherMemoryMib = 64;
constexpr uint32_t kStopTimeoutMs = 1000;
constexpr uint32_t kPollBurst = 32;
constexpr long kWaitStepNs = 50'000;

struct Pool {
  int node;
  rte_mempool* packets;
};

uint32_t next_serial() {
  static uint32_t serial = 0;
  return serial++;
}

rte_mempool* make_named_pool(const char* kind, uint32_t buffers, uint16_t room, uint32_t cache,
                             int node) {
  const std::string name = std::string(kind) + std::to_string(next_serial());
  rte_mempool* pool = make_pool(name.c_str(), buffers, room, cache, node);
  // Without hugepages memory has no node.
  if (pool == nullptr) pool = make_pool(name.c_str(), buffers, room, cache, -1);
  return pool;
}

void free_if_whole(rte_mempool* pool) {
  // One that is held elsewhere, by a stalled worker or a test, is better lost than used after.
  if (pool != nullptr && rte_mempool_in_use_count(pool) == 0) rte_mempool_free(pool);
}

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

// Polls `done` until it holds or the time is over; `step` is done in between.
template <class Done, class Step>
bool wait_until(uint32_t timeout_ms, Done done, Step step) {
  const uint64_t end = rte_get_tsc_cycles() + rte_get_tsc_hz() / 1000 * timeout_ms;
  while (!done()) {
    if (rte_get_tsc_cycles() > end) return false;
    step();
  }
  return true;
}

void doze() {
  const timespec time{0, kWaitStepNs};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

}  // namespace

struct DataPlane::Parts {
  // What control has for a worker and its ring had no room for.
  struct Outbox {
    std::deque<rings::NumberedCommand> waiting;
    uint64_t ring_full = 0;
  };
  struct OpenPort {
    uint16_t id;
    uint16_t first_worker;
    Pool own_pool;  // without packets: the device shares a node's
  };

  DataPlaneOptions options;
  std::vector<uint16_t> cpus;
  std::vector<int> nodes;  // [worker]
  std::vector<Pool> pools;
  rte_mempool* control_pool = nullptr;
  std::vector<Pool> spare_pools;  // of closed devices that kept packets
  rings::Qsbr qsbr;
  std::unique_ptr<Liveness> liveness;
  std::vector<std::unique_ptr<rings::Doors>> doors;
  std::unique_ptr<rings::Handoffs> handoffs;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Outbox> outboxes;
  std::vector<PortInfo> ports;
  std::vector<OpenPort> owners;
  xdp::Front front;
  uint64_t published = 0;
  uint16_t next_first_worker = 0;
  bool stopped = false;

  ~Parts() {
    for (const Pool& pool : pools) free_if_whole(pool.packets);
    free_if_whole(control_pool);
    for (const Pool& pool : spare_pools) rte_mempool_free(pool.packets);
  }

  unsigned lcore(std::size_t worker) const { return static_cast<unsigned>(worker) + 1; }
  int node_of(uint16_t worker) const { return options.stepped ? port::kAnyNode : nodes[worker]; }
  rte_mempool* pool_of(int node);
  rte_mempool* receive_pool(int device_node);
  std::string make_pools();
  std::string make_workers();
  std::string make_worker(uint16_t w);
  std::string make_worker_at_home(uint16_t w);
  std::string launch();
  void flush(std::size_t worker);
  Status inject(Packet* p, uint16_t first_worker);
  Result<Packet*> packet_of(wire::Bytes bytes, uint16_t table);
  void discard_punts();
};

// The pool of a node, made when it is first asked for: by a worker there, or a device. Null: no
// memory.
rte_mempool* DataPlane::Parts::pool_of(int node) {
  for (const Pool& pool : pools)
    if (pool.node == node) return pool.packets;
  const uint32_t buffers = options.packet_buffers;
  const uint32_t cache = std::min(kMaxCache, buffers / (4 * (options.workers + 1u)));
  rte_mempool* made = make_named_pool("packets", buffers, options.packet_room, cache, node);
  if (made != nullptr) pools.push_back({node, made});
  return made;
}

// Where memory is short, a device on a node without workers has to do with theirs.
rte_mempool* DataPlane::Parts::receive_pool(int device_node) {
  std::vector<int> at;
  for (const Pool& pool : pools) at.push_back(pool.node);
  const int node = port::receive_node(device_node, at);
  rte_mempool* near = node == port::kAnyNode ? nullptr : pool_of(node);
  return near != nullptr ? near : pools.front().packets;
}

std::string DataPlane::Parts::make_pools() {
  for (uint16_t w = 0; w < options.workers; ++w) {
    const int node = node_of(w);
    if (pool_of(node) == nullptr)
      return "no memory for " + std::to_string(options.packet_buffers) + " packet buffers";
  }
  control_pool =
      make_named_pool("control", kControlBuffers, options.packet_room, kControlCache, -1);
  return control_pool == nullptr ? "no memory for control's packet buffers" : "";
}

std::string DataPlane::Parts::make_workers() {
  crypto::choose_isa(options.crypto_isa);
  crypto::choose_backend(options.crypto_backend);
  if (!crypto::prepare_short_sha1()) return "IPsec-MB has no SHA-1 for this CPU";
  handoffs = std::make_unique<rings::Handoffs>(options.workers, rings::DoorSizes{});
  outboxes.resize(options.workers);
  liveness = std::make_unique<Liveness>(options.capacity.tunnels);
  std::string error;
  for (uint16_t w = 0; w < options.workers && error.empty(); ++w)
    error = options.stepped ? make_worker(w) : make_worker_at_home(w);
  return error;
}

// On the worker's own thread: the kernel gives memory from the node of whoever touches it first.
std::string DataPlane::Parts::make_worker_at_home(uint16_t w) {
  struct Order {
    Parts& parts;
    uint16_t worker;
    std::string error{};
  } order{*this, w};
  const auto make = [](void* to_do) {
    auto& o = *static_cast<Order*>(to_do);
    o.error = o.parts.make_worker(o.worker);
    return 0;
  };
  if (rte_eal_remote_launch(make, &order, lcore(w)) != 0)
    return "worker " + std::to_string(w) + " was not made: its thread is busy";
  rte_eal_wait_lcore(lcore(w));
  return order.error;
}

std::string DataPlane::Parts::make_worker(uint16_t w) {
  doors.push_back(std::make_unique<rings::Doors>(rings::DoorSizes{}));
  WorkerParts parts;
  parts.index = w;
  parts.workers = options.workers;
  parts.doors = doors.back().get();
  parts.handoffs = handoffs.get();
  parts.qsbr = &qsbr;
  parts.pool = pool_of(node_of(w));
  parts.tsc_hz = rte_get_tsc_hz();
  parts.buffers = options.packet_buffers;
  if (getrandom(&parts.salt, sizeof parts.salt, 0) != sizeof parts.salt)
    return "the kernel gives no randomness";
  parts.power = options.power;
  parts.capacity = options.capacity;
  parts.liveness = liveness.get();
  parts.crypto = crypto::Engine::create(crypto::Isa::kAuto, options.workers > 1);
  if (parts.crypto == nullptr)
    return std::string("IPsec-MB or this CPU has no code for crypto-isa ") +
           crypto::to_string(options.crypto_isa);
  const char* failed = nullptr;
  if (!crypto::self_test(*parts.crypto, &failed))
    return std::string("the crypto engine fails its known answers of ") + failed + " (" +
           parts.crypto->describe() + "): nothing is started";
  workers.push_back(std::make_unique<Worker>(std::move(parts)));
  return {};
}

std::string DataPlane::Parts::launch() {
  for (std::size_t w = 0; w < workers.size() && !options.stepped; ++w)
    if (rte_eal_remote_launch(run_worker, workers[w].get(), lcore(w)) != 0)
      return "worker " + std::to_string(w) + " did not start: its thread is busy";
  return {};
}

Outcome<std::unique_ptr<DataPlane>> DataPlane::start(const DataPlaneOptions& options) {
  Outcome<std::unique_ptr<DataPlane>> outcome;
  port::EalOptions eal;
  eal.workers = options.workers;
  eal.worker_cores = options.worker_cores;
  eal.memory_mib = static_cast<uint32_t>((uint64_t{options.packet_buffers} + kControlBuffers) *
                                             (options.packet_room + kAroundBuffer) >>
                                         20) +
                   kOtherMemoryMib;
  eal.devices = options.devices;
  eal.extra_args = options.eal_args;
  port::EalPlan plan = port::compose(eal, port::look_at_machine());
  outcome.warnings = plan.warnings;
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  parts->cpus = plan.worker_cpus;
  parts->nodes = plan.worker_nodes;
  outcome.error = port::start_eal(plan, options.stepped ? 0 : options.workers);
  if (outcome.error.empty()) outcome.error = parts->make_pools();
  if (outcome.error.empty()) outcome.error = parts->make_workers();
  if (outcome.error.empty()) outcome.error = parts->launch();
  if (outcome.error.empty())
    outcome.value = std::unique_ptr<DataPlane>(new DataPlane(std::move(parts)));
  return outcome;
}

DataPlane::DataPlane(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

DataPlane::~DataPlane() {
  // A worker that does not stop still uses everything here: keep it rather than pull it away.
  if (!stop().ok()) (void)parts_.release();
}

// ---- ports

// A pool for one device: that of a closed one if its packets are back, else a new one. Each costs
// tens of megabytes and cannot be freed while a packet of it may be anywhere: without this a device
// that comes and goes would eat the memory.
rte_mempool* DataPlane::device_pool(int node) {
  Parts& d = *parts_;
  for (auto spare = d.spare_pools.begin(); spare != d.spare_pools.end(); ++spare) {
    rte_mempool* pool = spare->packets;
    if (spare->node != node || !wait_for(publish(rings::FlushPool{pool})).ok()) continue;
    flush_cache(pool);
    if (take_back_lost(pool) < kDeviceBuffersEnough) continue;
    d.spare_pools.erase(spare);
    return pool;
  }
  return make_named_pool("device", kDeviceBuffers, kDefaultPacketRoom, kControlCache, node);
}

Outcome<PortInfo> DataPlane::open_port(const PortOptions& options) {
  Parts& d = *parts_;
  // An AF_XDP device has buffers of its own, of one size; it says itself what fits.
  const bool own_buffers = options.device.rfind("af_xdp:", 0) == 0;
  if (!own_buffers && packet_room(options.mtu) > d.options.packet_room) {
    Outcome<PortInfo> refused;
    refused.error = "MTU " + std::to_string(options.mtu) +
                    " needs larger buffers than were made at start: restart the gateway";
    return refused;
  }
  rte_mempool* own_pool = nullptr;
  int own_node = -1;
  const uint16_t queues = options.share_out ? d.options.workers : uint16_t{1};
  Outcome<PortInfo> opened = port::open(options, queues, [&](int node, bool own) {
    own_node = node;
    if (own && own_pool == nullptr) own_pool = device_pool(node);  // asked again at each try
    return own ? own_pool : d.receive_pool(node);
  });
  if (!opened) {
    if (own_pool != nullptr) d.spare_pools.push_back({own_node, own_pool});
    return opened;
  }
  if (!options.share_out && d.options.workers > 1)
    opened.value->spread = {port::SpreadBy::kOff, 1, 0, "share-out is false: one worker does all"};
  const PortInfo& port = *opened.value;
  d.ports.push_back(port);
  d.owners.push_back({port.id, d.next_first_worker, {own_node, own_pool}});
  if (const std::string why = d.front.take(port.id, port.plain_xdp); !why.empty())
    opened.warnings.push_back("port " + port.name + ": " + why);
  if (const std::string far = port::far_device(port.node, d.nodes); !far.empty())
    opened.warnings.push_back("port " + port.name + ": " + options.device + ": " + far);
  const bool share_out = port.spread.by == port::SpreadBy::kWorkers && !options.underlay;
  publish(
      rings::SetQueues{port.id, port.rx_queues, port.tx_queues, d.next_first_worker, share_out});
  // The next port begins where this one's queues end, so that single queues spread over workers.
  d.next_first_worker =
      static_cast<uint16_t>((d.next_first_worker + port.rx_queues) % d.options.workers);
  return opened;
}

Status DataPlane::close_port(uint16_t id) {
  Parts& d = *parts_;
  const auto at = std::find_if(d.ports.begin(), d.ports.end(),
                               [id](const PortInfo& port) { return port.id == id; });
  if (at == d.ports.end()) return Errc::kNotFound;
  if (!d.stopped) {
    const Status taken = wait_for(publish(rings::SetQueues{id, 0, 0, 0}));
    if (!taken.ok()) return taken;
  }
  port::close(*at);
  d.front.let_go(id);
  const auto owner = d.owners.begin() + (at - d.ports.begin());
  if (owner->own_pool.packets != nullptr) d.spare_pools.push_back(owner->own_pool);
  d.owners.erase(owner);
  d.ports.erase(at);
  return success();
}

const std::vector<PortInfo>& DataPlane::ports() const {
  return parts_->ports;
}

PortStatus DataPlane::port_status(uint16_t id) const {
  return port::status(id);
}

uint16_t DataPlane::worker_of(uint16_t port, uint16_t rx_queue) const {
  const auto owner = std::find_if(parts_->owners.begin(), parts_->owners.end(),
                                  [port](const Parts::OpenPort& o) { return o.id == port; });
  return static_cast<uint16_t>((owner->first_worker + rx_queue) % parts_->options.workers);
}

xdp::Front& DataPlane::front() {
  return parts_->front;
}

const xdp::Front& DataPlane::front() const {
  return parts_->front;
}

// ---- commands

void DataPlane::Parts::flush(std::size_t worker) {
  Outbox& outbox = outboxes[worker];
  while (!outbox.waiting.empty()) {
    if (!doors[worker]->commands.push(outbox.waiting.front())) {
      ++outbox.ring_full;
      return;
    }
    outbox.waiting.pop_front();
  }
}

uint64_t DataPlane::publish(const rings::Command& command) {
  Parts& d = *parts_;
  ++d.published;
  for (std::size_t w = 0; w < d.workers.size(); ++w) {
    d.outboxes[w].waiting.push_back({d.published, command});
    d.flush(w);
  }
  return d.published;
}

bool DataPlane::acknowledged(uint64_t sequence) const {
  const Parts& d = *parts_;
  return d.stopped || std::all_of(d.doors.begin(), d.doors.end(), [sequence](const auto& doors) {
           return doors->applied.load(std::memory_order_acquire) >= sequence;
         });
}

uint64_t DataPlane::last_published() const {
  return parts_->published;
}

Status DataPlane::wait_for(uint64_t sequence, uint32_t timeout_ms) {
  Parts& d = *parts_;
  const bool done = wait_until(
      timeout_ms, [&] { return acknowledged(sequence); },
      [&] {
        for (std::size_t w = 0; w < d.workers.size(); ++w) d.flush(w);
        d.options.stepped ? turn() : doze();
      });
  return done ? success() : Status(Errc::kSystem);
}

// ---- the control loop's turn

uint32_t DataPlane::poll(const std::function<void(const Punted&)>& on_packet,
                         const std::function<void(uint16_t, rings::Event)>& on_event,
                         uint32_t max) {
  Parts& d = *parts_;
  uint32_t packets = 0, events = 0;
  for (uint16_t w = 0; w < d.workers.size(); ++w) {
    d.flush(w);
    Packet* burst[kPollBurst];
    for (uint32_t n = 1; n != 0 && packets < max; packets += n) {
      n = d.doors[w]->punts.pop(burst, std::min(kPollBurst, max - packets));
      for (uint32_t i = 0; i < n; ++i) {
        const Meta& m = meta(burst[i]);
        on_packet({m.punt, m.port, m.table, m.tunnel_in, m.next_hop, bytes(burst[i])});
        rte_pktmbuf_free(burst[i]);
      }
    }
    rings::Event event;
    for (; events < max && d.doors[w]->events.pop(event); ++events) on_event(w, event);
  }
  return packets + events;
}

// ---- packets of control

Result<Packet*> DataPlane::Parts::packet_of(wire::Bytes bytes, uint16_t table) {
  if (bytes.empty() || bytes.size() > options.packet_room) return Errc::kBadLength;
  Packet* p = allocate(control_pool, table);
  if (p == nullptr) return Errc::kNoSpace;
  std::memcpy(append(p, static_cast<uint16_t>(bytes.size())), bytes.data(), bytes.size());
  return p;
}

Status DataPlane::Parts::inject(Packet* p, uint16_t first_worker) {
  for (std::size_t i = 0; i < workers.size(); ++i)
    if (doors[(first_worker + i) % workers.size()]->inject.push(p)) return success();
  rte_pktmbuf_free(p);
  return Errc::kNoSpace;
}

Status DataPlane::send_packet(uint16_t table, wire::Bytes packet) {
  if (parts_->stopped) return Errc::kSystem;
  Result<Packet*> p = parts_->packet_of(packet, table);
  if (!p) return p.error();
  meta(*p).errand = Errand::kRoute;
  return parts_->inject(*p, 0);
}

Status DataPlane::send_into_tunnel(uint32_t tunnel, uint16_t table, wire::Bytes packet) {
  if (parts_->stopped) return Errc::kSystem;
  if (tunnel >= parts_->options.capacity.tunnels) return Errc::kNotFound;
  Result<Packet*> p = parts_->packet_of(packet, table);
  if (!p) return p.error();
  meta(*p).errand = Errand::kEncrypt;
  meta(*p).next_hop = fib::NextHop::make(fib::NextHopKind::kTunnel, tunnel);
  return parts_->inject(*p, 0);
}

Status DataPlane::send_frame(uint16_t port, wire::Bytes frame) {
  Parts& d = *parts_;
  if (d.stopped) return Errc::kSystem;
  const auto owner = std::find_if(d.owners.begin(), d.owners.end(),
                                  [port](const Parts::OpenPort& o) { return o.id == port; });
  if (owner == d.owners.end()) return Errc::kNotFound;
  Result<Packet*> p = d.packet_of(frame, 0);
  if (!p) return p.error();
  meta(*p).errand = Errand::kTransmit;
  meta(*p).tx_port = port;
  return d.inject(*p, owner->first_worker);
}

// ---- reading

uint16_t DataPlane::workers() const {
  return parts_->options.workers;
}

const WorkerCounters& DataPlane::counters(uint16_t worker) const {
  return parts_->workers[worker]->counters();
}

WorkerStatus DataPlane::worker_status(uint16_t worker) const {
  const Parts& d = *parts_;
  WorkerStatus status;
  status.cpu = d.cpus[worker];
  status.node = d.nodes[worker];
  status.running =
      !d.stopped && (d.options.stepped || rte_eal_get_lcore_state(d.lcore(worker)) == RUNNING);
  const uint64_t now = read_tsc(), beat = d.workers[worker]->counters().heartbeat.get();
  const double age = now > beat ? static_cast<double>(now - beat) : 0;
  status.heartbeat_age_ns = static_cast<uint64_t>(age * 1e9 / static_cast<double>(tsc_hz()));
  status.commands_waiting = d.published - d.doors[worker]->applied.load(std::memory_order_acquire);
  status.command_ring_full = d.outboxes[worker].ring_full;
  return status;
}

uint64_t DataPlane::tsc_hz() const {
  return rte_get_tsc_hz();
}

uint64_t DataPlane::tsc_now() const {
  return read_tsc();
}

uint32_t DataPlane::buffers_in_use() const {
  uint32_t used = rte_mempool_in_use_count(parts_->control_pool);
  for (const Pool& pool : parts_->pools) used += rte_mempool_in_use_count(pool.packets);
  for (const Parts::OpenPort& port : parts_->owners)
    if (port.own_pool.packets != nullptr) used += rte_mempool_in_use_count(port.own_pool.packets);
  return used;
}

uint32_t DataPlane::buffers_total() const {
  uint32_t total = parts_->control_pool->size;
  for (const Pool& pool : parts_->pools) total += pool.packets->size;
  return total;
}

rings::Qsbr& DataPlane::qsbr() {
  return parts_->qsbr;
}

Liveness& DataPlane::liveness() {
  return *parts_->liveness;
}

const Liveness& DataPlane::liveness() const {
  return *parts_->liveness;
}

Worker& DataPlane::worker(uint16_t index) {
  return *parts_->workers[index];
}

rte_mempool* DataPlane::packet_pool() {
  return parts_->pools.front().packets;
}

void DataPlane::turn() {
  for (const auto& worker : parts_->workers)
    if (!worker->stopped()) worker->turn();
}

// ---- the end

void DataPlane::Parts::discard_punts() {
  for (const auto& door : doors) {
    Packet* p = nullptr;
    while (door->punts.pop(p)) rte_pktmbuf_free(p);
  }
}

Status DataPlane::stop() {
  Parts& d = *parts_;
  if (d.stopped) return success();
  if (!d.workers.empty()) {
    const Status told = wait_for(publish(rings::Stop{}), kStopTimeoutMs);
    if (!told.ok()) return told;
  }
  for (std::size_t w = 0; w < d.workers.size() && !d.options.stepped; ++w) {
    const Worker& worker = *d.workers[w];
    if (!wait_until(
            kStopTimeoutMs, [&worker] { return worker.ended(); }, doze))
      return Errc::kSystem;
    rte_eal_wait_lcore(d.lcore(w));
  }
  d.stopped = true;
  for (const auto& worker : d.workers) worker->discard_held();
  d.discard_punts();
  while (!d.ports.empty()) (void)close_port(d.ports.back().id);
  return success();
}

}  // namespace kanmon
