#include "dataplane/route/route.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/local/fragment.h"
#include "dataplane/local/icmp_error.h"
#include "dataplane/packet/pool.h"
#include "dataplane/route/address_rules.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::route {
namespace {

namespace ip4 = wire::ip4;
namespace ip6 = wire::ip6;
using fib::NextHop;
using fib::NextHopKind;

// A packet comes here once, and an answer of ours once more: a third time is a loop of ours.
constexpr uint8_t kMaxHops = 2;

bool is_v4(const Packet* p) {
  return data(p)[0] >> 4 == 4;
}

// Up to kBurst packets, looked up together.
class Burst {
 public:
  explicit Burst(Context& context) : context_(context), tables_(*context.tables) {}

  void run(Packet* const* packets, uint32_t n);

 private:
  using Picks = std::array<uint8_t, kBurst>;  // which packets of the burst

  Drop admit(Packet* p);
  bool is_spoofed(const Packet* p) const;
  void look_up();
  void look_up4(const fib::Lpm4* lpm, const Picks& picks, uint32_t n);
  void look_up6(const fib::Lpm6* lpm, const Picks& picks, uint32_t n);
  void dispatch(Packet* p);
  void forward(Packet* p, TableRole role);
  bool lower_ttl(Packet* p);
  void to_glean(Packet* p);
  void to_neighbour(Packet* p, TableRole role);
  void to_frame(Packet* p, const Adjacency& a);
  void too_long(Packet* p, const Adjacency& a, uint16_t mtu);

  Context& context_;
  const Tables& tables_;
  uint32_t count_ = 0;
  Packet* packets_[kBurst];
};

void Burst::run(Packet* const* packets, uint32_t n) {
  count_ = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const Drop why = admit(packets[i]);
    if (why == Drop::kNone)
      packets_[count_++] = packets[i];
    else
      context_.drop(packets[i], why);
  }
  look_up();
  for (uint32_t i = 0; i < count_; ++i) dispatch(packets_[i]);
}

// What can be said before the lookup.
Drop Burst::admit(Packet* p) {
  Meta& m = meta(p);
  if (m.table >= kMaxTables || tables_.tables[m.table].role == TableRole::kNone)
    return Drop::kNoTable;
  if (++m.hops > kMaxHops) return Drop::kRecursion;
  const uint8_t* header = data(p);
  if (is_v4(p)) {
    const uint32_t to = load_be<uint32_t>(header + ip4::kDestination);
    if (is_group4(to)) return Drop::kMulticast;
    if (is_this_host4(to)) return Drop::kNoRoute;
  } else {
    if (is_group6(header + ip6::kDestination)) return Drop::kMulticast;
    if (is_this_host6(header + ip6::kDestination)) return Drop::kNoRoute;
  }
  return m.from_control == 0 && is_spoofed(p) ? Drop::kBadSource : Drop::kNone;
}

// A source nobody out there can have.
bool Burst::is_spoofed(const Packet* p) const {
  const Meta& m = meta(p);
  if (!can_come_from(tables_.tables[m.table], data(p))) return true;
  return !is_v4(p) && m.port < kMaxPorts &&
         is_link_local_of(tables_.ports[m.port].mac, data(p) + ip6::kSource);
}

// Packets of one table and family are looked up together.
void Burst::look_up() {
  uint32_t keys[kBurst];
  for (uint32_t i = 0; i < count_; ++i)
    keys[i] = meta(packets_[i]).table * 2u + (is_v4(packets_[i]) ? 0u : 1u);
  uint64_t left = count_ == kBurst ? ~uint64_t{0} : (uint64_t{1} << count_) - 1;
  while (left != 0) {
    const uint32_t key = keys[std::countr_zero(left)];
    Picks picks;
    uint32_t n = 0;
    for (uint64_t scan = left; scan != 0; scan &= scan - 1) {
      const int i = std::countr_zero(scan);
      if (keys[i] != key) continue;
      picks[n++] = static_cast<uint8_t>(i);
      left &= ~(uint64_t{1} << i);
    }
    const RouteTable& table = tables_.tables[key / 2];
    key % 2 == 0 ? look_up4(table.lpm4, picks, n) : look_up6(table.lpm6, picks, n);
  }
}

void Burst::look_up4(const fib::Lpm4* lpm, const Picks& picks, uint32_t n) {
  uint32_t addresses[kBurst];
  NextHop hops[kBurst] = {};
  for (uint32_t i = 0; i < n; ++i)
    addresses[i] = load_be<uint32_t>(data(packets_[picks[i]]) + ip4::kDestination);
  if (lpm != nullptr) lpm->lookup_bulk(addresses, hops, n);
  for (uint32_t i = 0; i < n; ++i) meta(packets_[picks[i]]).next_hop = hops[i];
}

void Burst::look_up6(const fib::Lpm6* lpm, const Picks& picks, uint32_t n) {
  fib::Address6 addresses[kBurst];
  NextHop hops[kBurst] = {};
  for (uint32_t i = 0; i < n; ++i)
    std::memcpy(addresses[i].data(), data(packets_[picks[i]]) + ip6::kDestination, 16);
  if (lpm != nullptr) lpm->lookup_bulk(addresses, hops, n);
  for (uint32_t i = 0; i < n; ++i) meta(packets_[picks[i]]).next_hop = hops[i];
}

void Burst::dispatch(Packet* p) {
  const Meta& m = meta(p);
  const NextHopKind kind = m.next_hop.kind();
  const TableRole role = tables_.tables[m.table].role;
  if (kind == NextHopKind::kLocal) return context_.lanes->local.push(p);
  if (role == TableRole::kUnderlay && m.from_control == 0)
    return context_.drop(p, Drop::kUnderlayTransit);
  switch (kind) {
    case NextHopKind::kBlackhole:
      return context_.drop(p, Drop::kBlackhole);
    case NextHopKind::kGlean:
    case NextHopKind::kNeighbour:
    case NextHopKind::kTunnel:
      return forward(p, role);
    default:
      return icmp_error::unreachable(context_, p, icmp_error::Unreachable::kNet, Drop::kNoRoute);
  }
}

void Burst::forward(Packet* p, TableRole role) {
  const Meta& m = meta(p);
  if (m.from_control == 0) {
    // RFC 4291 section 2.5.6: what is known on one link only stays there.
    if (!is_v4(p) && is_link_local6(data(p) + ip6::kSource))
      return context_.drop(p, Drop::kBadSource);
    if (!lower_ttl(p)) return icmp_error::ttl_exceeded(context_, p);
  }
  const NextHopKind kind = m.next_hop.kind();
  if (kind == NextHopKind::kNeighbour) return to_neighbour(p, role);
  if (kind == NextHopKind::kGlean) return to_glean(p);
  if (role == TableRole::kUnderlay) return context_.drop(p, Drop::kRecursion);
  context_.lanes->encrypt.push(p);
}

// False, and the packet unchanged, if it has come to its end.
bool Burst::lower_ttl(Packet* p) {
  uint8_t* header = data(p);
  if (!is_v4(p)) {
    if (header[ip6::kHopLimit] <= 1) return false;
    --header[ip6::kHopLimit];
    return true;
  }
  if (header[ip4::kTtl] <= 1) return false;
  uint16_t before, after, sum;
  std::memcpy(&before, header + ip4::kTtl, 2);
  --header[ip4::kTtl];
  std::memcpy(&after, header + ip4::kTtl, 2);
  std::memcpy(&sum, header + ip4::kChecksum, 2);
  sum = wire::checksum_adjust(sum, before, after);
  std::memcpy(header + ip4::kChecksum, &sum, 2);
  return true;
}

void Burst::to_glean(Packet* p) {
  meta(p).punt = Punt::kGlean;
  context_.lanes->punt.push(p);
}

void Burst::to_neighbour(Packet* p, TableRole role) {
  const uint32_t index = meta(p).next_hop.index();
  if (index >= tables_.capacity.adjacencies) return context_.drop(p, Drop::kNoAdjacency);
  const Adjacency& a = tables_.adjacencies[index];
  // The port must be of the table's kind: inner packets never leave by an underlay (INV-2).
  if (a.port >= kMaxPorts || tables_.ports[a.port].role != role)
    return context_.drop(p, Drop::kNoAdjacency);
  const uint16_t mtu = std::min(a.mtu, tables_.ports[a.port].mtu);
  if (length(p) > mtu) return too_long(p, a, mtu);
  to_frame(p, a);
}

void Burst::too_long(Packet* p, const Adjacency& a, uint16_t mtu) {
  const bool may_split =
      is_v4(p) && (load_be<uint16_t>(data(p) + ip4::kFragment) & ip4::kDontFragment) == 0;
  if (!may_split) return icmp_error::too_big(context_, p, mtu);
  PacketVector fragments;
  if (!fragment4(context_, p, mtu, fragments)) return context_.drop(p, Drop::kNoBuffer);
  for (uint32_t i = 0; i < fragments.count; ++i) to_frame(fragments.slots[i], a);
}

void Burst::to_frame(Packet* p, const Adjacency& a) {
  const uint16_t type = is_v4(p) ? wire::kEtherTypeIp4 : wire::kEtherTypeIp6;
  PacketVector& lane = context_.lanes->tx[a.port];
  if (lane.full()) return context_.drop(p, Drop::kTxQueueFull);
  uint8_t* frame = prepend(p, wire::kEthernetHeader);
  if (frame == nullptr) return context_.drop(p, Drop::kNoHeadroom);
  std::memcpy(frame, a.ethernet, sizeof a.ethernet);
  store_be(frame + sizeof a.ethernet, type);
  lane.push(p);
}

}  // namespace

void run(Context& context) {
  PacketVector& lane = context.lanes->route;
  Burst burst(context);
  // Answers made here come to stand behind what was there: they wait for the next round.
  const uint32_t count = lane.count;
  for (uint32_t at = 0; at < count; at += kBurst)
    burst.run(lane.slots + at, std::min(kBurst, count - at));
  std::copy(lane.slots + count, lane.slots + lane.count, lane.slots);
  lane.count -= count;
}

}  // namespace kanmon::route
