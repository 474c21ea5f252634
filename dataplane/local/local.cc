#include "dataplane/local/local.h"

#include <algorithm>
#include <cstring>

#include "dataplane/classify/ip_header.h"
#include "dataplane/local/icmp_error.h"
#include "dataplane/packet/pool.h"
#include "dataplane/vigil/watch.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::local {
namespace {

using icmp_error::Unreachable;
using wire::IpAddress;

constexpr uint8_t kEchoRequest4 = 8, kEchoReply4 = 0;
constexpr uint8_t kEchoRequest6 = 128, kEchoReply6 = 129;
constexpr uint8_t kReplyTtl = 64;
constexpr uint8_t kIcmpHeader = 8;

// A packet to us, and what it carries.
struct Visitor {
  Packet* packet;
  classify::Upper upper;
  bool v4;

  wire::Bytes transport() const { return bytes(packet).subspan(upper.offset); }
  uint64_t pseudo(uint8_t protocol) const {
    const wire::Bytes p = bytes(packet);
    const auto n = static_cast<uint32_t>(transport().size());
    return v4 ? wire::pseudo_header(IpAddress::v4(&p[wire::ip4::kSource]),
                                    IpAddress::v4(&p[wire::ip4::kDestination]), protocol, n)
              : wire::pseudo_header(IpAddress::v6(&p[wire::ip6::kSource]),
                                    IpAddress::v6(&p[wire::ip6::kDestination]), protocol, n);
  }
};

template <std::size_t kOctets>
void swap_addresses(uint8_t* source) {
  std::swap_ranges(source, source + kOctets, source + kOctets);
}

// Turns an echo request into its reply (RFC 792, RFC 4443 section 4.2).
void turn_round(const Visitor& v) {
  uint8_t* p = data(v.packet);
  uint8_t* icmp = p + v.upper.offset;
  uint16_t sum, before, after;
  std::memcpy(&sum, icmp + 2, 2);
  std::memcpy(&before, icmp, 2);
  icmp[0] = v.v4 ? kEchoReply4 : kEchoReply6;
  std::memcpy(&after, icmp, 2);
  sum = wire::checksum_adjust(sum, before, after);
  std::memcpy(icmp + 2, &sum, 2);
  if (v.v4) {
    swap_addresses<4>(p + wire::ip4::kSource);
    p[wire::ip4::kTtl] = kReplyTtl;
    std::memset(p + wire::ip4::kChecksum, 0, 2);
    const uint16_t header = wire::checksum({p, v.upper.offset});
    std::memcpy(p + wire::ip4::kChecksum, &header, 2);
  } else {
    swap_addresses<16>(p + wire::ip6::kSource);
    p[wire::ip6::kHopLimit] = kReplyTtl;
  }
}

bool is_hosted(const Visitor& v) {
  return meta(v.packet).next_hop.index() == fib::kLocalHosted;
}

// For the machine's own stack, if it has this address too. What of it is wanted is control's
// matter.
Drop to_host(Context& context, const Visitor& v) {
  if (!is_hosted(v)) return Drop::kNoService;
  meta(v.packet).punt = Punt::kHost;
  context.lanes->punt.push(v.packet);
  return Drop::kNone;
}

bool is_underlay(const Context& context, const Packet* p) {
  return context.tables->tables[meta(p).table].role == TableRole::kUnderlay;
}

// Does this message, longer than its header, say that an ESP packet did not fit? Whether one of
// ours, control will see: here is only told apart what the host's own stack must have.
bool is_about_esp(const Visitor& v, wire::Bytes message) {
  if (v.v4 ? message[0] != 3 || message[1] != 4 : message[0] != 2) return false;
  const wire::Bytes quoted = message.subspan(kIcmpHeader);
  if (quoted.size() < (v.v4 ? wire::kIp4Header : wire::kIp6Header)) return false;
  if (quoted[0] >> 4 != (v.v4 ? 4 : 6)) return false;
  const classify::Upper u = classify::upper(quoted);
  if (!u.ok || !u.first) return false;
  if (u.protocol == wire::kProtocolEsp) return true;
  return u.protocol == wire::kProtocolUdp && quoted.size() >= size_t{u.offset} + wire::kUdpHeader &&
         load_be<uint16_t>(&quoted[u.offset]) == wire::kPortIkeNat;
}

Drop icmp(Context& context, const Visitor& v) {
  const wire::Bytes message = v.transport();
  if (message.size() < kIcmpHeader) return Drop::kBadIcmp;
  const uint64_t start = v.v4 ? 0 : v.pseudo(wire::kProtocolIcmp6);
  if (wire::checksum_finish(wire::checksum_add(start, message)) != 0) return Drop::kBadIcmp;
  if (is_underlay(context, v.packet) && is_about_esp(v, message)) {
    meta(v.packet).punt = Punt::kTooBig;
    context.lanes->punt.push(v.packet);
    return Drop::kNone;
  }
  if (message[0] == (v.v4 ? kEchoReply4 : kEchoReply6) && context.vigil != nullptr &&
      context.vigil->take_echo_reply(context, v.packet, message))
    return Drop::kNone;
  if (message[0] != (v.v4 ? kEchoRequest4 : kEchoRequest6) || message[1] != 0)
    return to_host(context, v);
  if (!context.limits.echo_replies.take(context.now_tsc)) return Drop::kLocalRateLimited;
  turn_round(v);
  const Trace trace = meta(v.packet).trace;
  reset_meta_of_own(v.packet, meta(v.packet).table);
  meta(v.packet).trace = trace;
  context.lanes->route.push(v.packet);
  return Drop::kNone;
}

// Checked here and not by control, so that what is punted is what was sent. A zero checksum says
// that none was made: IPv4 only (RFC 8200 section 8.1).
Drop ike(Context& context, const Visitor& v) {
  const wire::Bytes datagram = v.transport();
  if (load_be<uint16_t>(&datagram[4]) != datagram.size()) return Drop::kUdpBadLength;
  const bool unsummed = load_be<uint16_t>(&datagram[6]) == 0;
  const uint64_t sum = wire::checksum_add(v.pseudo(wire::kProtocolUdp), datagram);
  if (unsummed ? !v.v4 : wire::checksum_finish(sum) != 0) return Drop::kUdpBadChecksum;
  meta(v.packet).punt = Punt::kIke;
  context.lanes->punt.push(v.packet);
  return Drop::kNone;
}

bool is_ike(const Context& context, const Visitor& v) {
  if (v.upper.protocol != wire::kProtocolUdp || v.transport().size() < wire::kUdpHeader)
    return false;
  const uint16_t port = load_be<uint16_t>(&v.transport()[2]);
  return (port == wire::kPortIke || port == wire::kPortIkeNat) && is_underlay(context, v.packet);
}

// BFD of a session of ours. Other BFD may be for a daemon of the machine's own stack.
bool is_bfd(Context& context, const Visitor& v) {
  if (context.vigil == nullptr || v.upper.protocol != wire::kProtocolUdp) return false;
  const wire::Bytes datagram = v.transport();
  if (datagram.size() < wire::kUdpHeader) return false;
  const uint16_t port = load_be<uint16_t>(&datagram[2]);
  if (port != bfd::kPortSingleHop && port != bfd::kPortMultihop) return false;
  return context.vigil->take_bfd(context, v.packet,
                                 {bytes(v.packet), datagram, port == bfd::kPortMultihop});
}

// Nobody is told about an underlay's closed ports.
void refuse(Context& context, const Visitor& v) {
  if (is_underlay(context, v.packet)) return context.drop(v.packet, Drop::kNoService);
  const bool has_ports =
      v.upper.protocol == wire::kProtocolUdp || v.upper.protocol == wire::kProtocolTcp;
  icmp_error::unreachable(
      context, v.packet, has_ports ? Unreachable::kPort : Unreachable::kProtocol, Drop::kNoService);
}

void receive(Context& context, Packet* p) {
  const bool v4 = data(p)[0] >> 4 == 4;
  const Visitor v{p, classify::upper(bytes(p)), v4};
  Drop why = Drop::kNoService;
  if (v.upper.ok && !v.upper.fragment) {
    const bool is_icmp = v.upper.protocol == (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmp6);
    const bool for_ike = !is_icmp && is_ike(context, v);
    if (!is_icmp && !for_ike && is_bfd(context, v)) return;
    if (!is_icmp && !for_ike && !is_hosted(v)) return refuse(context, v);
    why = is_icmp ? icmp(context, v) : for_ike ? ike(context, v) : to_host(context, v);
  }
  if (why != Drop::kNone) context.drop(p, why);
}

}  // namespace

void run(Context& context) {
  PacketVector& lane = context.lanes->local;
  for (uint32_t i = 0; i < lane.count; ++i) receive(context, lane.slots[i]);
  lane.clear();
}

}  // namespace kanmon::local
