#include "dataplane/classify/classify.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/classify/ip_header.h"
#include "dataplane/common/prefetch.h"
#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/port/queue.h"
#include "dataplane/route/address_rules.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::classify {
namespace {

constexpr uint32_t kPrefetchAhead = 4;
constexpr uint8_t kRouterSolicitation = 133, kRedirect = 137;  // RFC 4861 section 4
constexpr uint8_t kKeepalive = 0xff;                           // RFC 3948 section 2.3
constexpr uint32_t kCommonFront = wire::kEthernetHeader + wire::kIp4Header;

// The classification of one frame: where it goes (by pushing it) or why not.
class Sorter {
 public:
  Sorter(Context& context, uint16_t port)
      : lanes_(*context.lanes),
        record_(context.tables->ports[port]),
        table_(context.tables->tables[std::min<uint16_t>(record_.table, kMaxTables - 1)]) {
    std::memcpy(&our_mac_, record_.mac.data(), record_.mac.size());
    passes_common_ = record_.in_use && record_.table < kMaxTables &&
                     record_.role != TableRole::kNone && table_.role == record_.role;
    fresh_.port = port;
    fresh_.table = record_.table;
    fresh_.tx_port = kNoPort;
    fresh_.tunnel_in = kNoTunnel;
    fresh_.received_tsc = context.burst_stamp;
  }

  // REQUIRES: is_common(p, total).
  Drop sort_common(Packet* p, uint32_t total);
  Drop sort(Packet* p);
  // What nearly all frames are, told by a few wide compares: untagged, in one segment of our own,
  // to our MAC, with a sound IPv4 header without options. All others are for sort() to look at.
  // Sets `total`, the octets from the IP header on.
  bool is_common(const Packet* p, uint32_t& total) const;
  // An IP packet made of fragments.
  Drop sort_whole(Packet* p);

 private:
  Drop make_plain(Packet* p);
  Drop sort_ip4(Packet* p, bool group);
  Drop sort_ip6(Packet* p, bool group);
  Drop sort_underlay(Packet* p, const Upper& u);
  Drop sort_fragment(Packet* p, const Upper& u);
  Drop sort_udp(Packet* p, const Upper& u);
  Drop sort_port_4500(Packet* p, const Upper& u);
  Drop to_punt(Packet* p, Punt why);
  Drop to_esp(Packet* p, uint16_t offset);
  Drop to_route(Packet* p) {
    lanes_.route.push(p);
    return Drop::kNone;
  }

  Lanes& lanes_;
  const PortRecord& record_;
  const RouteTable& table_;
  uint64_t our_mac_ = 0;  // its first six octets in memory
  bool passes_common_ = false;
  Meta fresh_{};
};

bool Sorter::is_common(const Packet* p, uint32_t& total) const {
  constexpr uint32_t kIp4NoOptions = std::endian::native == std::endian::little ? 0x450008 : 0;
  if (!passes_common_ || !is_plain(p) || first_length(p) < kCommonFront) return false;
  const uint8_t* frame = data(p);
  uint64_t to;
  uint32_t type;  // EtherType, version and header length, TOS
  std::memcpy(&to, frame, sizeof to);
  std::memcpy(&type, frame + 12, sizeof type);
  if ((to ^ our_mac_) << 16 != 0 || ((type ^ kIp4NoOptions) & 0xffffff) != 0) return false;
  const uint8_t* ip = frame + wire::kEthernetHeader;
  total = load_be<uint16_t>(ip + wire::ip4::kTotalLength);
  // Both bounds at once: what is too small wraps.
  return total - wire::kIp4Header <= first_length(p) - kCommonFront && wire::checksum20(ip) == 0;
}

Drop Sorter::sort_common(Packet* p, uint32_t total) {
  uint8_t* ip = data(p) + wire::kEthernetHeader;
  port::forget_offloads(p);
  set_data(p, ip, total);
  Meta& m = meta(p);
  m = fresh_;
  if (record_.role == TableRole::kOverlay) {
    route::judge4(table_, ip, m);
    return to_route(p);
  }
  constexpr uint16_t kFragmented = wire::ip4::kMoreFragments | wire::ip4::kOffsetMask;
  const bool whole = (load_be<uint16_t>(ip + wire::ip4::kFragment) & kFragmented) == 0;
  if (ip[wire::ip4::kProtocol] == wire::kProtocolEsp && whole) return to_esp(p, wire::kIp4Header);
  return sort_underlay(p, upper4(bytes(p)));
}

// Linear, ours alone, and without what the device said about it.
Drop Sorter::make_plain(Packet* p) {
  const bool tagged = port::had_vlan_tag(p);
  if (!is_linear(p) || !is_writable(p)) [[unlikely]] {
    if (!all_writable(p)) return Drop::kSharedBuffer;
    if (!linearize(p)) return Drop::kChained;
  }
  port::forget_offloads(p);
  meta(p) = fresh_;
  return tagged ? Drop::kEtherTypeUnknown : Drop::kNone;
}

Drop Sorter::sort(Packet* p) {
  if (const Drop why = make_plain(p); why != Drop::kNone) return why;
  if (record_.role == TableRole::kNone || !record_.in_use) return Drop::kNoTable;
  if (first_length(p) < wire::kEthernetHeader) return Drop::kFrameTooShort;
  const uint8_t* frame = data(p);
  const bool group = (frame[0] & 1) != 0;  // multicast or broadcast
  if (!group && std::memcmp(frame, record_.mac.data(), record_.mac.size()) != 0)
    return Drop::kNotOurMac;
  switch (load_be<uint16_t>(frame + 12)) {
    case wire::kEtherTypeIp4:
      return sort_ip4(p, group);
    case wire::kEtherTypeIp6:
      return sort_ip6(p, group);
    case wire::kEtherTypeArp:
      return to_punt(p, Punt::kArp);
    default:
      return Drop::kEtherTypeUnknown;
  }
}

Drop Sorter::to_punt(Packet* p, Punt why) {
  meta(p).punt = why;
  lanes_.punt.push(p);
  return Drop::kNone;
}

Drop Sorter::sort_ip4(Packet* p, bool group) {
  strip(p, wire::kEthernetHeader);
  uint16_t total = 0;
  if (const Drop why = check_ip4(bytes(p), total); why != Drop::kNone) return why;
  // RFC 1812 section 5.3.4: what came as a link-layer broadcast is not forwarded.
  if (group) return Drop::kMulticast;
  cut(p, total);
  if (record_.role == TableRole::kOverlay) return to_route(p);
  return sort_underlay(p, upper4(bytes(p)));
}

Drop Sorter::sort_ip6(Packet* p, bool group) {
  const wire::Bytes packet = bytes(p).subspan(wire::kEthernetHeader);
  uint32_t total = 0;
  if (const Drop why = check_ip6(packet, total); why != Drop::kNone) return why;
  // RFC 6980: discovery is neither fragmented nor behind extension headers.
  if (packet[wire::ip6::kNextHeader] == wire::kProtocolIcmp6 && total > wire::kIp6Header) {
    const uint8_t type = packet[wire::kIp6Header];
    if (type >= kRouterSolicitation && type <= kRedirect) return to_punt(p, Punt::kNeighbour);
  }
  if (group) return Drop::kMulticast;
  strip(p, wire::kEthernetHeader);
  cut(p, static_cast<uint16_t>(total));
  if (record_.role == TableRole::kOverlay) return to_route(p);
  const Upper u = upper6(bytes(p));
  return u.ok ? sort_underlay(p, u) : Drop::kIp6BadHeader;
}

Drop Sorter::sort_underlay(Packet* p, const Upper& u) {
  if (u.fragment) [[unlikely]]
    return sort_fragment(p, u);
  if (u.protocol == wire::kProtocolEsp) return to_esp(p, u.offset);
  return u.protocol == wire::kProtocolUdp ? sort_udp(p, u) : to_route(p);
}

// Nothing of a fragment may be believed before it is whole, its ports least of all.
Drop Sorter::sort_fragment(Packet* p, const Upper& u) {
  const uint8_t* ip = data(p);
  const bool ours = ip[0] >> 4 == 4
                        ? table_.is_own4(load_be<uint32_t>(ip + wire::ip4::kDestination))
                        : table_.is_own6(ip + wire::ip6::kDestination);
  if (ours) {
    lanes_.fragments.push(p);
    return Drop::kNone;
  }
  const bool may_be_esp = u.protocol == wire::kProtocolEsp || u.protocol == wire::kProtocolUdp;
  return may_be_esp ? Drop::kEspFragment : to_route(p);
}

Drop Sorter::sort_whole(Packet* p) {
  const Upper u = upper(bytes(p));
  if (!u.ok || u.fragment) return Drop::kFragmentBad;
  return sort_underlay(p, u);
}

Drop Sorter::sort_udp(Packet* p, const Upper& u) {
  if (first_length(p) < u.offset + wire::kUdpHeader) return Drop::kUdpBadLength;
  const uint16_t destination = load_be<uint16_t>(data(p) + u.offset + 2);
  if (destination != wire::kPortIkeNat) return to_route(p);
  return sort_port_4500(p, u);
}

// RFC 3948 section 2: what is in a datagram to port 4500 is told by its first four octets.
Drop Sorter::sort_port_4500(Packet* p, const Upper& u) {
  const wire::Bytes datagram = bytes(p).subspan(u.offset);
  if (load_be<uint16_t>(&datagram[4]) != datagram.size()) return Drop::kUdpBadLength;
  const wire::Bytes payload = datagram.subspan(wire::kUdpHeader);
  if (payload.size() == 1 && payload[0] == kKeepalive) return Drop::kNatKeepalive;
  if (payload.size() < 4) return Drop::kUdpBadLength;
  if (load_be<uint32_t>(payload.data()) == 0) return to_route(p);  // IKE
  meta(p).udp_encap = 1;
  meta(p).src_udp_port = load_be<uint16_t>(datagram.data());
  return to_esp(p, static_cast<uint16_t>(u.offset + wire::kUdpHeader));
}

Drop Sorter::to_esp(Packet* p, uint16_t offset) {
  meta(p).l4_offset = offset;
  meta(p).outer_length = static_cast<uint16_t>(first_length(p) - offset);
  lanes_.esp.push(p);
  return Drop::kNone;
}

void prefetch(Packet* p) {
  prefetch_line(data(p));
  prefetch_line(&meta(p));
}

}  // namespace

void run(Context& context, uint16_t port, Packet** frames, uint32_t n) {
  Sorter sorter(context, port);
  for (uint32_t i = 0; i < n && i < kPrefetchAhead; ++i) prefetch(frames[i]);
  for (uint32_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) prefetch(frames[i + kPrefetchAhead]);
    Packet* p = frames[i];
    uint32_t total;
    const Drop why = sorter.is_common(p, total) ? sorter.sort_common(p, total) : sorter.sort(p);
    if (why != Drop::kNone) [[unlikely]]
      context.drop(p, why);
  }
}

void run_whole(Context& context, Packet* packet) {
  Sorter sorter(context, meta(packet).port);
  if (const Drop why = sorter.sort_whole(packet); why != Drop::kNone) context.drop(packet, why);
}

}  // namespace kanmon::classify
