#include "tests/support/gateway.h"

#include <cstdio>
#include <cstdlib>

#include "dataplane/packet/pool.h"
#include "dataplane/port/eal.h"

namespace kanmon::test {
namespace {

using fib::NextHop;
using fib::NextHopKind;

constexpr uint16_t kMostWorkers = 2;

// Once, for the largest gateway any test of the process makes.
void start_threads() {
  static const bool started = [] {
    port::EalOptions options;
    options.workers = kMostWorkers;
    const std::string error =
        port::start_eal(port::compose(options, port::look_at_machine()), kMostWorkers);
    if (!error.empty()) {
      std::fprintf(stderr, "%s\n", error.c_str());
      std::abort();
    }
    return true;
  }();
  (void)started;
}

template <class T>
T must(Outcome<T> outcome) {
  if (!outcome) {
    std::fprintf(stderr, "%s\n", outcome.error.c_str());
    std::abort();
  }
  return std::move(*outcome.value);
}

wire::IpAddress address(const char* text) {
  return wire::IpAddress::parse(text).value();
}

}  // namespace

Gateway::Gateway(const Spec& spec) {
  start_threads();
  DataPlaneOptions options;
  options.workers = spec.workers;
  options.stepped = spec.stepped;
  options.packet_buffers = 8191;
  options.capacity = {64, 64};
  dataplane_ = must(DataPlane::start(options));
  static int serial = 0;
  const uint16_t queues = spec.queues == 0 ? spec.workers : spec.queues;
  for (int i = 0; i < 3; ++i) {
    const std::string name = "w" + std::to_string(serial++);
    wires_[i] = port::find_or_make_wire(name, queues);
    PortOptions port;
    port.name = name;
    port.device = "ring:" + name;
    port.mac = kOurMac;
    port.underlay = i == 0;
    port.share_out = spec.share_out;
    ports_[i] = must(dataplane_->open_port(port)).id;
  }
  nodes_ = std::make_unique<fib::NodePool>(dataplane_->qsbr());
  underlay_ = std::make_unique<Routes>(*nodes_);
  overlay_ = std::make_unique<Routes>(*nodes_);
  configure();
}

void Gateway::configure() {
  const char* own[] = {"192.0.2.1", "10.0.1.1", "10.0.2.1"};
  for (uint16_t i = 0; i < 3; ++i) {
    PortRecord record;
    record.in_use = true;
    record.role = i == 0 ? TableRole::kUnderlay : TableRole::kOverlay;
    record.table = i == 0 ? kUnderlay : kOverlay;
    record.mac = kOurMac;
    record.icmp_source4 = address(own[i]);
    dataplane_->publish(rings::SetPort{ports_[i], record});
    Adjacency a;
    a.port = ports_[i];
    std::copy(kTheirMac.begin(), kTheirMac.end(), a.ethernet);
    std::copy(kOurMac.begin(), kOurMac.end(), a.ethernet + 6);
    dataplane_->publish(rings::SetAdjacency{i, a});
  }
  underlay_->add("192.0.2.1/32", NextHop::make(NextHopKind::kLocal));
  underlay_->add("192.0.2.2/32", NextHop::make(NextHopKind::kNeighbour, 0));
  overlay_->add("10.0.1.1/32", NextHop::make(NextHopKind::kLocal));
  overlay_->add("10.0.1.0/24", NextHop::make(NextHopKind::kGlean, ports_[1]));
  overlay_->add("10.0.1.9/32", NextHop::make(NextHopKind::kNeighbour, 1));
  overlay_->add("10.9.0.0/16", NextHop::make(NextHopKind::kNeighbour, 2));
  overlay_->add("10.5.0.0/16", NextHop::make(NextHopKind::kTunnel, 5));
  RouteTable under{&underlay_->v4, &underlay_->v6, TableRole::kUnderlay, {}, {}};
  RouteTable over{&overlay_->v4, &overlay_->v6, TableRole::kOverlay, address("10.0.0.1"), {}};
  under.own.add(address("192.0.2.1"));
  over.own.add(address("10.0.1.1"));
  dataplane_->publish(rings::SetTable{kUnderlay, under});
  if (!dataplane_->wait_for(dataplane_->publish(rings::SetTable{kOverlay, over})).ok())
    std::abort();
}

Gateway::~Gateway() {
  if (!dataplane_->stop().ok()) std::abort();
  for (const uint16_t port : ports_) (void)receive(port);
  overlay_.reset();
  underlay_.reset();
  nodes_.reset();
}

bool Gateway::send(uint16_t port, const Octets& octets, uint16_t queue) {
  Packet* p = allocate(dataplane_->packet_pool(), 0);
  if (p == nullptr) return false;
  std::copy(octets.begin(), octets.end(), append(p, static_cast<uint16_t>(octets.size())));
  if (wire(port).send(queue, &p, 1) == 1) return true;
  rte_pktmbuf_free(p);
  return false;
}

std::vector<Octets> Gateway::receive(uint16_t port) {
  std::vector<Octets> out;
  for (uint16_t q = 0; q < wire(port).queues(); ++q) {
    Packet* p = nullptr;
    while (wire(port).receive(q, &p, 1) == 1) {
      const wire::Bytes b = bytes(p);
      out.emplace_back(b.begin(), b.end());
      rte_pktmbuf_free(p);
    }
  }
  return out;
}

void Gateway::settle() {
  for (bool busy = true; busy;) {
    busy = false;
    for (uint16_t w = 0; w < dataplane_->workers(); ++w) busy |= dataplane_->worker(w).turn();
  }
}

Gateway::Sums Gateway::sums() {
  Sums s;
  for (uint16_t w = 0; w < dataplane_->workers(); ++w) {
    const WorkerCounters& c = dataplane_->counters(w);
    s.in += c.received.get() + c.injected.get() + c.generated.get();
    s.out += c.transmitted.get() + c.punted.get();
    s.queued += c.handed_over.get() - c.taken_over.get();
  }
  s.out += dropped_in_all();
  return s;
}

uint64_t Gateway::dropped(Drop why) {
  uint64_t sum = 0;
  for (uint16_t w = 0; w < dataplane_->workers(); ++w)
    sum += dataplane_->counters(w).drops[static_cast<std::size_t>(why)].get();
  return sum;
}

uint64_t Gateway::dropped_in_all() {
  uint64_t sum = 0;
  for (std::size_t d = 0; d < kDropCount; ++d) sum += dropped(static_cast<Drop>(d));
  return sum;
}

}  // namespace kanmon::test
