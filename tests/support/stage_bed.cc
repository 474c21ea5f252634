#include "tests/support/stage_bed.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <rte_mempool.h>

#include "dataplane/packet/pool.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "tests/support/eal.h"

namespace kanmon::test {
namespace {

using fib::NextHop;
using fib::NextHopKind;

rte_mempool* shared_pool() {
  static rte_mempool* pool = [] {
    start_eal();
    return make_pool("stage_bed", 4095, 4096, 0, -1);
  }();
  if (pool == nullptr) {
    std::fprintf(stderr, "no packet pool\n");
    std::abort();
  }
  return pool;
}

wire::IpAddress address(const char* text) {
  return wire::IpAddress::parse(text).value();
}

void put(Octets& at, std::size_t offset, wire::Bytes bytes) {
  std::copy(bytes.begin(), bytes.end(), at.begin() + static_cast<std::ptrdiff_t>(offset));
}

void put_sum(Octets& at, std::size_t offset, uint16_t memory_order) {
  std::memcpy(&at[offset], &memory_order, 2);
}

}  // namespace

Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Octets ip(const IpSpec& spec, const Octets& payload) {
  const wire::IpAddress from = address(spec.source), to = address(spec.destination);
  Octets p(from.is_v4() ? wire::kIp4Header : wire::kIp6Header);
  if (from.is_v4()) {
    p[0] = 0x45;
    store_be(&p[2], static_cast<uint16_t>(p.size() + payload.size()));
    store_be(&p[6], spec.fragment);
    p[8] = spec.ttl;
    p[9] = spec.protocol;
    std::copy_n(from.octets.begin(), 4, p.begin() + 12);
    std::copy_n(to.octets.begin(), 4, p.begin() + 16);
    put_sum(p, 10, wire::checksum(p));
  } else {
    p[0] = 0x60;
    store_be(&p[4], static_cast<uint16_t>(payload.size()));
    p[6] = spec.protocol;
    p[7] = spec.ttl;
    std::copy_n(from.octets.begin(), 16, p.begin() + 8);
    std::copy_n(to.octets.begin(), 16, p.begin() + 24);
  }
  return p + payload;
}

Octets udp(uint16_t source, uint16_t destination, const Octets& payload) {
  Octets d(wire::kUdpHeader);
  store_be(&d[0], source);
  store_be(&d[2], destination);
  store_be(&d[4], static_cast<uint16_t>(d.size() + payload.size()));
  return d + payload;
}

void sum_udp(Octets& p) {
  const bool v4 = p[0] >> 4 == 4;
  const std::size_t at = v4 ? wire::kIp4Header : wire::kIp6Header;
  const wire::Bytes datagram = wire::Bytes(p).subspan(at);
  const auto from = v4 ? wire::IpAddress::v4(&p[12]) : wire::IpAddress::v6(&p[8]);
  const auto to = v4 ? wire::IpAddress::v4(&p[16]) : wire::IpAddress::v6(&p[24]);
  const uint64_t pseudo =
      wire::pseudo_header(from, to, wire::kProtocolUdp, static_cast<uint32_t>(datagram.size()));
  put_sum(p, at + 6, 0);
  put_sum(p, at + 6, wire::checksum_finish(wire::checksum_add(pseudo, datagram)));
}

Octets frame(const Octets& payload, wire::MacAddress destination, uint16_t type) {
  if (type == 0)
    type = !payload.empty() && payload[0] >> 4 == 6 ? wire::kEtherTypeIp6 : wire::kEtherTypeIp4;
  Octets f(wire::kEthernetHeader);
  put(f, 0, destination);
  put(f, 6, kTheirMac);
  store_be(&f[12], type);
  return f + payload;
}

void Routes::add(const char* text, NextHop hop) {
  const wire::Prefix p = wire::Prefix::parse(text).value();
  const bool ok = p.address.is_v4() ? v4.insert(p.address.v4_host(), p.length, hop).ok()
                                    : v6.insert(p.address.octets, p.length, hop).ok();
  if (!ok) std::abort();
}

StageBed::StageBed()
    : nodes_(qsbr_),
      underlay_(std::make_unique<Routes>(nodes_)),
      overlay_(std::make_unique<Routes>(nodes_)),
      tables_(std::make_unique<Tables>(Tables::Capacity{64, 64})),
      lanes_(std::make_unique<Lanes>()),
      counters_(std::make_unique<WorkerCounters>()) {
  qsbr_.online(0);
  context_.tables = tables_.get();
  context_.lanes = lanes_.get();
  context_.counters = counters_.get();
  context_.events = &events_;
  context_.pool = shared_pool();
  add_port(kUnderlayPort, TableRole::kUnderlay, kUnderlay, "192.0.2.1", "2001:db8::1");
  add_port(kLanPort, TableRole::kOverlay, kOverlay, "10.0.1.1", "2001:db8:1::1");
  add_port(kFarPort, TableRole::kOverlay, kOverlay, "10.0.2.1", "2001:db8:2::1");
  tables_->tables[kUnderlay] = {&underlay_->v4, &underlay_->v6, TableRole::kUnderlay, {}, {}};
  tables_->tables[kOverlay] = {&overlay_->v4, &overlay_->v6, TableRole::kOverlay,
                               address("10.0.0.1"), address("2001:db8::aaaa")};
  for (uint16_t port = 0; port < 3; ++port) {
    Adjacency& a = tables_->adjacencies[port];
    a.port = port;
    std::copy(kTheirMac.begin(), kTheirMac.end(), a.ethernet);
    std::copy(kOurMac.begin(), kOurMac.end(), a.ethernet + 6);
  }
  for (const char* ours : {"192.0.2.1", "2001:db8::1"}) add_own(kUnderlay, *underlay_, ours);
  for (const char* far : {"192.0.2.2/32", "2001:db8::2/128", "0.0.0.0/0"})
    underlay_->add(far, NextHop::make(NextHopKind::kNeighbour, kUnderlayPort));
  for (const char* ours : {"10.0.1.1", "10.0.2.1", "2001:db8:1::1", "2001:db8:2::1"})
    add_own(kOverlay, *overlay_, ours);
  for (const char* near : {"10.0.1.9/32", "2001:db8:1::9/128"})
    overlay_->add(near, NextHop::make(NextHopKind::kNeighbour, kLanPort));
  for (const char* far : {"10.9.0.0/16", "2001:db8:9::/48"})
    overlay_->add(far, NextHop::make(NextHopKind::kNeighbour, kFarPort));
  for (const char* tunnel : {"10.5.0.0/16", "2001:db8:5::/48"})
    overlay_->add(tunnel, NextHop::make(NextHopKind::kTunnel, kTunnel));
  overlay_->add("10.66.0.0/16", NextHop::make(NextHopKind::kBlackhole));
  overlay_->add("10.0.1.0/24", NextHop::make(NextHopKind::kGlean, kLanPort));
}

StageBed::~StageBed() {
  qsbr_.offline(0);
}

void StageBed::add_port(uint16_t id, TableRole role, uint16_t table, const char* v4,
                        const char* v6) {
  PortRecord& port = tables_->ports[id];
  port.in_use = true;
  port.role = role;
  port.table = table;
  port.mac = kOurMac;
  port.icmp_source4 = address(v4);
  port.icmp_source6 = address(v6);
}

void StageBed::add_own(uint16_t table, Routes& routes, const char* ours) {
  routes.add(ours, NextHop::make(NextHopKind::kLocal));
  tables_->tables[table].own.add(address(ours));
}

uint64_t StageBed::dropped_in_all() const {
  uint64_t all = 0;
  for (const Counter& c : counters_->drops) all += c.get();
  return all;
}

uint32_t StageBed::packets_out() const {
  return rte_mempool_in_use_count(shared_pool());
}

Packet* StageBed::packet(const Octets& octets) {
  Packet* p = allocate(shared_pool(), 0);
  if (p == nullptr) std::abort();
  std::copy(octets.begin(), octets.end(), append(p, static_cast<uint16_t>(octets.size())));
  return p;
}

Packet* StageBed::routed(const Octets& ip_packet, uint16_t port, uint16_t table) {
  Packet* p = packet(ip_packet);
  meta(p).port = port;
  meta(p).table = table;
  meta(p).from_control = 0;
  return p;
}

std::vector<Octets> take_out(PacketVector& lane) {
  std::vector<Octets> out;
  for (uint32_t i = 0; i < lane.count; ++i) {
    const wire::Bytes b = bytes(lane.slots[i]);
    out.emplace_back(b.begin(), b.end());
    rte_pktmbuf_free(lane.slots[i]);
  }
  lane.clear();
  return out;
}

}  // namespace kanmon::test
