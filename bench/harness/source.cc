#include "bench/harness/source.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/encrypt/encrypt.h"
#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::bench {
namespace {

constexpr uint32_t kManyFlows = 65'536;      // when the whole table is asked
constexpr uint32_t kFarNet = 0xac10u << 16;  // 172.16/12
constexpr uint16_t kPeerPort = 0;            // the lane of the far end's frames

// Numbers that need not be good, but cheap (xorshift).
uint32_t next(uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

std::vector<uint8_t> ip_packet(uint16_t bytes) {
  std::vector<uint8_t> p(bytes);
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = static_cast<uint8_t>(i * 37);
  std::memset(p.data(), 0, wire::kIp4Header);
  p[0] = 0x45;
  store_be(&p[wire::ip4::kTotalLength], bytes);
  p[wire::ip4::kTtl] = 64;
  p[wire::ip4::kProtocol] = wire::kProtocolUdp;
  store_be(&p[wire::ip4::kSource], uint32_t{0x0a'ff'01'09});
  if (bytes < wire::kIp4Header + wire::kUdpHeader) return p;
  uint8_t* udp = &p[wire::kIp4Header];
  store_be(udp, uint16_t{1000});
  store_be(udp + 2, uint16_t{2000});
  store_be(udp + 4, static_cast<uint16_t>(bytes - wire::kIp4Header));
  store_be(udp + 6, uint16_t{0});
  return p;
}

}  // namespace

Source::Source(Rig& rig, const SourceSpec& spec)
    : rig_(rig), spec_(spec), random_(2463534242u + spec.worker) {
  make_templates();
  make_targets();
  if (spec.direction == Direction::kDecrypt) make_peer();
}

void Source::make_templates() {
  std::vector<Size> sizes{spec_.size};
  if (spec_.size == kImixSize) sizes.assign(std::begin(kImix), std::end(kImix));
  for (const Size size : sizes) {
    Template t;
    t.bytes = size;
    t.frame.resize(wire::kEthernetHeader);
    std::copy(std::begin(Rig::kOurMac), std::end(Rig::kOurMac), t.frame.begin());
    std::copy(std::begin(Rig::kTheirMac), std::end(Rig::kTheirMac), t.frame.begin() + 6);
    store_be(&t.frame[12], wire::kEtherTypeIp4);
    const std::vector<uint8_t> packet = ip_packet(size);
    t.sum = static_cast<uint32_t>(wire::checksum_add(0, {packet.data(), wire::kIp4Header}));
    t.sum = (t.sum & 0xffff) + (t.sum >> 16);
    t.frame.insert(t.frame.end(), packet.begin(), packet.end());
    templates_.push_back(std::move(t));
  }
}

void Source::add_target(uint32_t address, uint32_t tunnel) {
  Target t;
  store_be(t.address, address);
  t.sum = static_cast<uint32_t>(wire::checksum_add(0, {t.address, 4}));
  t.sum = (t.sum & 0xffff) + (t.sum >> 16);
  t.tunnel = tunnel;
  targets_.push_back(t);
}

void Source::make_targets() {
  const uint32_t tunnels = rig_.spec().tunnels;
  const std::vector<uint32_t>& wide = rig_.addresses();
  const bool to_tunnel = spec_.direction == Direction::kEncrypt;
  uint32_t count = to_tunnel ? std::max(spec_.flows, tunnels) : spec_.flows;
  if (!wide.empty() && !to_tunnel) count = std::max(count, kManyFlows);
  for (uint32_t i = 0; i < count; ++i) {
    // Of the packets to decrypt, those of the worker's own tunnels.
    uint32_t tunnel = i % tunnels;
    if (spec_.direction == Direction::kDecrypt) {
      const uint32_t workers = rig_.spec().workers,
                     own = (tunnels - spec_.worker - 1) / workers + 1;
      tunnel = spec_.worker + i % own * workers;
    }
    const uint32_t host = 1 + i / tunnels % 254;
    if (to_tunnel) {
      add_target(10u << 24 | (tunnel >> 8) << 16 | (tunnel & 255) << 8 | host, tunnel);
    } else {
      add_target(wide.empty() ? kFarNet + 1 + i : wide[i % wide.size()], tunnel);
    }
  }
  if (spec_.direction != Direction::kDecrypt) return;
  // As many as there are tunnels of this worker, so that each has its turn.
  for (uint32_t t = count * rig_.spec().workers + spec_.worker; t < tunnels;
       t += rig_.spec().workers)
    add_target(kFarNet + 1 + t % spec_.flows, t);
}

void Source::make_peer() {
  tables_ = std::make_unique<Tables>(Tables::Capacity{rig_.spec().tunnels, 1});
  lanes_ = std::make_unique<Lanes>();
  counters_ = std::make_unique<WorkerCounters>();
  engine_ = crypto::Engine::create(crypto::Isa::kAuto, rig_.spec().workers > 1);
  if (engine_ == nullptr) std::abort();  // the rig's workers have one
  context_.tables = tables_.get();
  context_.counters = counters_.get();
  context_.lanes = lanes_.get();
  context_.crypto = engine_.get();
  context_.events = &events_;
  context_.pool = rig_.pool();
  Adjacency& a = tables_->adjacencies[0];
  a.port = kPeerPort;
  std::copy(std::begin(Rig::kOurMac), std::end(Rig::kOurMac), a.ethernet);
  std::copy(std::begin(Rig::kTheirMac), std::end(Rig::kTheirMac), a.ethernet + 6);
  for (uint32_t t = spec_.worker; t < rig_.spec().tunnels; t += rig_.spec().workers)
    tables_->tunnels[t] = sa::make_encap(rig_.peer_sas()[t], Rig::encap(true), 0);
}

void Source::put(Packet* p) {
  const Target& target = targets_[at_];
  if (spec_.order == Order::kRandom) {
    at_ = static_cast<uint32_t>(uint64_t{next(random_)} * targets_.size() >> 32);
  } else if (++at_ == targets_.size()) {
    at_ = 0;
  }
  const Template& t = templates_[template_];
  if (++template_ == templates_.size()) template_ = 0;
  rte_pktmbuf_reset(p);
  const std::size_t sealed = spec_.direction == Direction::kDecrypt ? wire::kEthernetHeader : 0;
  const auto bytes = static_cast<uint16_t>(t.frame.size() - sealed);
  uint8_t* to = append(p, bytes);
  std::memcpy(to, t.frame.data() + sealed, bytes);
  uint8_t* ip = to + wire::kEthernetHeader - sealed;
  std::memcpy(ip + wire::ip4::kDestination, target.address, 4);
  const uint16_t sum = wire::checksum_finish(uint64_t{t.sum} + target.sum);
  std::memcpy(ip + wire::ip4::kChecksum, &sum, 2);
  inner_bytes_ += t.bytes;
  if (sealed == 0) return;
  reset_meta_of_own(p, 0);
  meta(p).next_hop = fib::NextHop::make(fib::NextHopKind::kTunnel, target.tunnel);
}

void Source::fill(Packet** packets, uint32_t n) {
  assert(n <= kBurst);
  for (uint32_t i = 0; i < n; ++i) put(packets[i]);
  if (spec_.direction == Direction::kDecrypt) seal(packets, n);
}

void Source::seal(Packet** packets, uint32_t n) {
  PacketVector& clear = lanes_->encrypt;
  for (uint32_t i = 0; i < n; ++i) {
    // The outer header goes in front; the standard headroom holds the longest.
    clear.push(packets[i]);
  }
  encrypt::run(context_);
  PacketVector& sealed = lanes_->tx[kPeerPort];
  if (sealed.count != n) std::abort();  // the SAs have no limits and the sizes were checked
  std::copy(sealed.slots, sealed.slots + n, packets);
  sealed.clear();
}

}  // namespace kanmon::bench
