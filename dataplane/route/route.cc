#include "dataplane/route/route.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/local/fragment.h"
#include "dataplane/local/icmp_error.h"
#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/route/address_rules.h"
#include "dataplane/route/flow_hash.h"
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
  Drop admit(Packet* p);
  bool is_spoofed(const Packet* p) const;
  void look_up();
  void look_up_mixed();
  void look_up4(const fib::Lpm4* lpm, const uint32_t* addresses, NextHop* hops, uint32_t n);
  void look_up6(const fib::Lpm6* lpm, const uint8_t* picks, NextHop* hops, uint32_t n);
  bool forward_common(Packet* p, NextHop hop, TableRole role);
  bool to_frame_common(Packet* p, uint32_t adjacency);
  void dispatch(Packet* p);
  void to_member(Packet* p, TableRole role);
  void forward(Packet* p, TableRole role);
  bool lower_ttl(Packet* p);
  void to_glean(Packet* p);
  void to_neighbour(Packet* p, TableRole role);
  void to_frame(Packet* p, const Adjacency& a);
  void too_long(Packet* p, const Adjacency& a, uint16_t mtu);

  Context& context_;
  const Tables& tables_;
  // Of the packets admitted, in their order.
  uint32_t count_ = 0;
  uint32_t keys_differ_ = 0;  // not zero: they are not all of one table and family
  Packet* packets_[kBurst];
  uint32_t keys_[kBurst];       // twice the table, plus one for IPv6
  uint32_t addresses_[kBurst];  // IPv4 destination, host order
  bool judged_[kBurst];         // by who put it here
  NextHop hops_[kBurst];
};

void Burst::run(Packet* const* packets, uint32_t n) {
  count_ = keys_differ_ = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const Drop why = admit(packets[i]);
    if (why == Drop::kNone) [[likely]] {
      keys_differ_ |= keys_[count_] ^ keys_[0];
      packets_[count_++] = packets[i];
    } else {
      context_.drop(packets[i], why);
    }
  }
  if (count_ == 0) return;
  look_up();
  const bool alike = keys_differ_ == 0;
  const TableRole first = tables_.tables[keys_[0] / 2].role;
  for (uint32_t i = 0; i < count_; ++i) {
    Packet* p = packets_[i];
    meta(p).next_hop = hops_[i];
    const TableRole role = alike ? first : tables_.tables[keys_[i] / 2].role;
    if (!judged_[i] || !forward_common(p, hops_[i], role)) dispatch(p);
  }
}

// What can be said before the lookup; fills the arrays' next place for it.
Drop Burst::admit(Packet* p) {
  Meta& m = meta(p);
  judged_[count_] = m.judged != 0;
  if (m.judged != 0) [[likely]] {
    m.judged = 0;
    m.hops = 1;
    keys_[count_] = m.table * 2u;
    addresses_[count_] = m.destination;
    return Drop::kNone;
  }
  if (m.table >= kMaxTables || tables_.tables[m.table].role == TableRole::kNone)
    return Drop::kNoTable;
  if (++m.hops > kMaxHops) return Drop::kRecursion;
  const uint8_t* header = data(p);
  keys_[count_] = m.table * 2u;
  if (is_v4(p)) [[likely]] {
    const uint32_t to = addresses_[count_] = load_be<uint32_t>(header + ip4::kDestination);
    if (is_group4(to)) return Drop::kMulticast;
    if (is_this_host4(to)) return Drop::kNoRoute;
  } else {
    ++keys_[count_];
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

// Nearly always all packets of a burst are of one table and family.
void Burst::look_up() {
  if (keys_differ_ != 0 || keys_[0] % 2 != 0) [[unlikely]]
    return look_up_mixed();
  look_up4(tables_.tables[keys_[0] / 2].lpm4, addresses_, hops_, count_);
}

// Packets of one table and family are looked up together.
void Burst::look_up_mixed() {
  uint64_t left = count_ == kBurst ? ~uint64_t{0} : (uint64_t{1} << count_) - 1;
  while (left != 0) {
    const uint32_t key = keys_[std::countr_zero(left)];
    uint8_t picks[kBurst];
    uint32_t addresses[kBurst];
    NextHop hops[kBurst];
    uint32_t n = 0;
    for (uint64_t scan = left; scan != 0; scan &= scan - 1) {
      const int i = std::countr_zero(scan);
      if (keys_[i] != key) continue;
      addresses[n] = addresses_[i];
      picks[n++] = static_cast<uint8_t>(i);
      left &= ~(uint64_t{1} << i);
    }
    const RouteTable& table = tables_.tables[key / 2];
    key % 2 == 0 ? look_up4(table.lpm4, addresses, hops, n) : look_up6(table.lpm6, picks, hops, n);
    for (uint32_t i = 0; i < n; ++i) hops_[picks[i]] = hops[i];
  }
}

void Burst::look_up4(const fib::Lpm4* lpm, const uint32_t* addresses, NextHop* hops, uint32_t n) {
  if (lpm != nullptr)
    lpm->lookup_bulk(addresses, hops, n);
  else
    std::fill_n(hops, n, NextHop{});
}

void Burst::look_up6(const fib::Lpm6* lpm, const uint8_t* picks, NextHop* hops, uint32_t n) {
  fib::Address6 addresses[kBurst];
  for (uint32_t i = 0; i < n; ++i)
    std::memcpy(addresses[i].data(), data(packets_[picks[i]]) + ip6::kDestination, 16);
  if (lpm != nullptr)
    lpm->lookup_bulk(addresses, hops, n);
  else
    std::fill_n(hops, n, NextHop{});
}

// TTL, protocol and checksum are one word: a byte that was just written, read as part of a word,
// would have to wait until it is in the cache. RFC 1624 equation 3. REQUIRES: a TTL above one.
void lower_ttl4(uint8_t* ip) {
  static_assert(std::endian::native == std::endian::little && ip4::kChecksum == ip4::kTtl + 2);
  uint32_t word;
  std::memcpy(&word, ip + ip4::kTtl, sizeof word);
  uint32_t sum = (~word >> 16) + 0xfffe;
  sum = (sum & 0xffff) + (sum >> 16);
  word = ((word - 1) & 0xffff) | ~sum << 16;
  std::memcpy(ip + ip4::kTtl, &word, sizeof word);
}

// What nearly all judged packets of an overlay are: in transit to a tunnel, or to a neighbour that
// takes them whole. False, and nothing changed, if it is not so simple.
bool Burst::forward_common(Packet* p, NextHop hop, TableRole role) {
  uint8_t* ip = data(p);
  if (ip[ip4::kTtl] <= 1 || role != TableRole::kOverlay) return false;
  if (hop.kind() == NextHopKind::kTunnel) {
    lower_ttl4(ip);
    context_.lanes->encrypt.push(p);
    return true;
  }
  return hop.kind() == NextHopKind::kNeighbour && to_frame_common(p, hop.index());
}

bool Burst::to_frame_common(Packet* p, uint32_t adjacency) {
  if (adjacency >= tables_.capacity.adjacencies) return false;
  const Adjacency& a = tables_.adjacencies[adjacency];
  if (a.port >= kMaxPorts) return false;
  const PortRecord& port = tables_.ports[a.port];
  const uint32_t bytes = length(p);
  PacketVector& lane = context_.lanes->tx[a.port];
  if (port.role != TableRole::kOverlay || bytes > a.mtu || bytes > port.mtu || lane.full() ||
      headroom(p) < wire::kEthernetHeader)
    return false;
  uint8_t* ip = data(p);
  lower_ttl4(ip);
  uint8_t* frame = ip - wire::kEthernetHeader;
  std::memcpy(frame, a.ethernet, sizeof a.ethernet);
  store_be(frame + sizeof a.ethernet, wire::kEtherTypeIp4);
  set_data(p, frame, bytes + wire::kEthernetHeader);
  lane.push(p);
  return true;
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
    case NextHopKind::kGroup:
      return to_member(p, role);
    default:
      return icmp_error::unreachable(context_, p, icmp_error::Unreachable::kNet, Drop::kNoRoute);
  }
}

// A group's packet goes the way of one of its members.
void Burst::to_member(Packet* p, TableRole role) {
  const uint32_t index = meta(p).next_hop.index();
  fib::Group* group = index < tables_.capacity.groups ? tables_.groups[index] : nullptr;
  unsigned member = fib::Group::kNobody;
  if (group != nullptr)
    member = group->choose(flow_hash(bytes(p), group->seed()),
                           [&](NextHop hop) { return tables_.is_alive(hop); });
  if (member == fib::Group::kNobody)
    return icmp_error::unreachable(context_, p, icmp_error::Unreachable::kNet, Drop::kNoMember);
  group->count(context_.worker, member, length(p));
  const NextHop hop = meta(p).next_hop = group->member(member).hop;
  if (hop.kind() == NextHopKind::kBlackhole) return context_.drop(p, Drop::kBlackhole);
  forward(p, role);
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
  lower_ttl4(header);
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
