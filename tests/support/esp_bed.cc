#include "tests/support/esp_bed.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <rte_mempool.h>

#include "dataplane/decrypt/decrypt.h"
#include "dataplane/encrypt/encrypt.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "tests/support/eal.h"

namespace kanmon::test {

namespace {

rte_mempool* shared_pool() {
  static rte_mempool* pool = [] {
    start_eal();
    return rte_pktmbuf_pool_create("esp_bed", 8191, 0, kPacketPrivateSize, 10'240, 0);
  }();
  if (pool == nullptr) {
    std::fprintf(stderr, "no packet pool\n");
    std::abort();
  }
  return pool;
}

wire::IpAddress address(const char* text) {
  return *wire::IpAddress::parse(text);
}

}  // namespace

Octets from_hex(const std::string& hex) {
  Octets out;
  int high = -1;
  for (const char ch : hex) {
    const int v = ch >= '0' && ch <= '9'   ? ch - '0'
                  : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                  : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                           : -1;
    if (v < 0) continue;
    if (high < 0) {
      high = v;
    } else {
      out.push_back(static_cast<uint8_t>(high << 4 | v));
      high = -1;
    }
  }
  return out;
}

std::vector<sa::Selector> any_selectors() {
  return {sa::Selector::of(*wire::Prefix::parse("0.0.0.0/0")),
          sa::Selector::of(*wire::Prefix::parse("::/0"))};
}

Octets pattern(std::size_t n, uint32_t seed) {
  Octets out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<uint8_t>((i * 37 + seed * 101 + (i >> 8) * 11) & 0xff);
  return out;
}

Octets inner_packet(const InnerSpec& s) {
  Octets p(s.bytes);
  const std::size_t header = s.v6 ? wire::kIp6Header : wire::kIp4Header;
  const Octets fill = pattern(s.bytes > header ? s.bytes - header : 0, s.seed);
  std::copy(fill.begin(), fill.end(), p.begin() + static_cast<long>(header));
  if (s.bytes >= header + 4 && s.protocol == 17) {
    store_be(&p[header], uint16_t{1000});
    store_be(&p[header + 2], uint16_t{2000});
  }
  if (s.v6) {
    store_be(p.data(), uint32_t{6} << 28 | uint32_t{s.traffic_class} << 20 | 0x12345);
    store_be(&p[4], static_cast<uint16_t>(s.bytes - header));
    p[6] = s.protocol;
    p[7] = 63;
    std::memcpy(&p[8], address("2001:db8:a::1").octets.data(), 16);
    std::memcpy(&p[24], address("2001:db8:b::1").octets.data(), 16);
    return p;
  }
  p[0] = 0x45;
  p[1] = s.traffic_class;
  store_be(&p[2], static_cast<uint16_t>(s.bytes));
  store_be(&p[4], static_cast<uint16_t>(s.seed));
  store_be(&p[6], s.df ? uint16_t{0x4000} : uint16_t{0});
  p[8] = 63;
  p[9] = s.protocol;
  std::memcpy(&p[12], address("10.1.0.1").octets.data(), 4);
  std::memcpy(&p[16], address("10.2.0.1").octets.data(), 4);
  const uint16_t sum = wire::checksum({p.data(), 20});
  std::memcpy(&p[10], &sum, 2);
  return p;
}

EspBed::EspBed(rte_mempool* pool)
    : tables_(Tables::Capacity{1024, 64}),
      lanes_(std::make_unique<Lanes>()),
      counters_(std::make_unique<WorkerCounters>()),
      engine_(crypto::Engine::create()) {
  if (engine_ == nullptr) std::abort();
  context_.tables = &tables_;
  context_.counters = counters_.get();
  context_.lanes = lanes_.get();
  context_.crypto = engine_.get();
  context_.events = &events_;
  context_.followers = &followers_;
  context_.pool = pool != nullptr ? pool : shared_pool();
  context_.now_tsc = 1000;
  Adjacency& a = tables_.adjacencies[1];
  a.port = kPort;
  const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  std::memcpy(a.ethernet, macs, sizeof macs);
}

EspBed::~EspBed() {
  for (sa::InboundSa* sa : inbound_) sa::destroy(sa);
  for (sa::OutboundSa* sa : outbound_) sa::destroy(sa);
}

uint64_t EspBed::dropped_in_all() const {
  uint64_t n = 0;
  for (const Counter& c : counters_->drops) n += c.get();
  return n;
}

uint32_t EspBed::packets_out() const {
  return rte_mempool_in_use_count(context_.pool);
}

sa::InboundSa* EspBed::add_inbound(const sa::InboundParams& params) {
  sa::InboundSa* sa = sa::make_inbound(params);
  if (sa == nullptr) return nullptr;
  inbound_.push_back(sa);
  tables_.inbound_sas[sa::slot(params.spi)] = sa;
  return sa;
}

sa::OutboundSa* EspBed::add_outbound(const sa::OutboundParams& params,
                                     const sa::EncapParams& encap) {
  sa::OutboundSa* sa = sa::make_outbound(params);
  if (sa == nullptr) return nullptr;
  outbound_.push_back(sa);
  tables_.tunnels[params.tunnel] = sa::make_encap(sa, encap, 1);
  return sa;
}

Packet* EspBed::packet(const Octets& octets, uint16_t headroom) {
  Packet* p = rte_pktmbuf_alloc(context_.pool);
  if (p == nullptr) std::abort();
  p->data_off = headroom;
  if (octets.size() + headroom > p->buf_len) std::abort();
  if (!octets.empty()) std::memcpy(data(p), octets.data(), octets.size());
  p->data_len = static_cast<uint16_t>(octets.size());
  p->pkt_len = static_cast<uint32_t>(octets.size());
  meta(p) = Meta{};
  meta(p).port = kNoPort;
  meta(p).tunnel_in = kNoTunnel;
  return p;
}

Packet* EspBed::esp_packet(const Octets& ip) {
  Packet* p = packet(ip);
  Meta& m = meta(p);
  const bool v4 = ip[0] >> 4 == 4;
  m.l4_offset = v4 ? 20 : 40;
  if (ip[v4 ? 9 : 6] == wire::kProtocolUdp) {
    m.src_udp_port = load_be<uint16_t>(&ip[m.l4_offset]);
    m.udp_encap = 1;
    m.l4_offset = static_cast<uint16_t>(m.l4_offset + 8);
  }
  m.outer_length = ip.size() > m.l4_offset ? static_cast<uint16_t>(ip.size() - m.l4_offset) : 0;
  return p;
}

Packet* EspBed::clear_packet(const Octets& ip, uint32_t tunnel) {
  Packet* p = packet(ip);
  meta(p).next_hop = fib::NextHop::make(fib::NextHopKind::kTunnel, tunnel);
  return p;
}

std::vector<Octets> drain(PacketVector& lane) {
  std::vector<Octets> out;
  for (uint32_t i = 0; i < lane.count; ++i) {
    Packet* p = lane.slots[i];
    out.emplace_back(data(p), data(p) + first_length(p));
    rte_pktmbuf_free(p);
  }
  lane.clear();
  return out;
}

std::vector<Octets> EspBed::decrypt(const std::vector<Packet*>& packets) {
  for (Packet* p : packets) lanes_->esp.push(p);
  decrypt::run(context_);
  return drain(lanes_->route);
}

std::vector<Octets> EspBed::encrypt(const std::vector<Packet*>& packets) {
  for (Packet* p : packets) lanes_->encrypt.push(p);
  encrypt::run(context_);
  return drain(lanes_->tx[kPort]);
}

Octets EspBed::decrypt_one(const Octets& ip) {
  auto out = decrypt({esp_packet(ip)});
  return out.empty() ? Octets{} : out[0];
}

Octets EspBed::encrypt_one(const Octets& ip, uint32_t tunnel) {
  auto out = encrypt({clear_packet(ip, tunnel)});
  return out.empty() ? Octets{} : Octets(out[0].begin() + wire::kEthernetHeader, out[0].end());
}

Octets keymat_of(const TunnelSpec& s) {
  return !s.keymat.empty() ? s.keymat : pattern(esp::info(s.algorithm).keymat_bytes(), s.key_seed);
}

sa::EncapParams encap_of(const TunnelSpec& s) {
  sa::EncapParams e;
  e.udp_encapsulation = s.udp;
  e.local = {address(s.outer6 ? "2001:db8::1" : "192.0.2.1"), 4500};
  e.remote = {address(s.outer6 ? "2001:db8::2" : "192.0.2.2"), 4500};
  e.outer_mtu = 1700;
  return e;
}

Tunnel add_tunnel(EspBed& bed, const TunnelSpec& s, const sa::EncapParams* encap) {
  const Octets keymat = keymat_of(s);
  sa::OutboundParams out;
  out.spi = s.spi;
  out.tunnel = s.tunnel;
  out.algorithm = s.algorithm;
  out.esn = s.esn;
  out.keymat = keymat;
  out.first_sequence = s.first_sequence;
  out.local_ts = s.near;
  out.remote_ts = s.far;
  out.limits = s.limits;
  out.workers = s.workers;
  out.fragments_also = s.fragments_also;
  sa::InboundParams in;
  in.spi = s.spi;
  in.tunnel = s.tunnel;
  in.table = 77;
  in.owner_worker = s.owner;
  in.algorithm = s.algorithm;
  in.esn = s.esn;
  in.udp_encapsulation = s.udp;
  in.keymat = keymat;
  in.replay_window = s.window;
  in.local = encap_of(s).remote.address;
  in.local_ts = s.far;
  in.remote_ts = s.near;
  in.limits = s.limits;
  in.fragments_also = s.fragments_also;
  const sa::EncapParams e = encap != nullptr ? *encap : encap_of(s);
  return {bed.add_outbound(out, e), bed.add_inbound(in)};
}

}  // namespace kanmon::test
