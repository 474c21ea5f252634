#include "dataplane/local/icmp_error.h"

#include <algorithm>

#include "dataplane/classify/ip_header.h"
#include "dataplane/packet/pool.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/writer.h"

namespace kanmon::icmp_error {
namespace {

using wire::IpAddress;

struct Message {
  uint8_t type4, code4;
  uint8_t type6, code6;
};
constexpr Message kTooBigMessage = {3, 4, 2, 0};
constexpr Message kTtlMessage = {11, 0, 3, 0};
constexpr Message kUnreachableMessages[] = {{3, 0, 1, 0}, {3, 3, 1, 4}, {3, 2, 1, 4}};  // by kind

constexpr uint8_t kErrorTtl = 64;
constexpr uint8_t kIcmpHeader = 8;
// RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4(c): how long an error may be, headers included.
constexpr uint16_t kMaxError4 = 576, kMaxError6 = 1280;
// RFC 1812 section 4.3.2.5: precedence 6, internetwork control.
constexpr uint8_t kErrorTos = 0xc0;
constexpr uint16_t kMinMtu4 = 68, kMinMtu6 = 1280;
constexpr uint8_t kRedirect6 = 137, kFirstInformational6 = 128;

// Types of ICMP that are no errors: only about those may one be sent.
constexpr bool is_query4(uint8_t type) {
  return type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);
}
constexpr bool is_informational6(uint8_t type) {
  return type >= kFirstInformational6 && type != kRedirect6;
}

// 0/8, 127/8, 224/4 and above name no single station.
bool is_station4(uint32_t a) {
  return a >> 24 != 0 && a >> 24 != 127 && a < 0xe0000000u;
}
bool is_station6(const IpAddress& a) {
  return !a.is_unspecified() && !a.is_loopback() && !a.is_multicast();
}

bool deserves_answer4(wire::Bytes packet) {
  if (!is_station4(load_be<uint32_t>(&packet[wire::ip4::kSource])) ||
      !is_station4(load_be<uint32_t>(&packet[wire::ip4::kDestination])))
    return false;
  const classify::Upper u = classify::upper4(packet);
  if (!u.first) return false;
  if (u.protocol != wire::kProtocolIcmp) return true;
  return packet.size() > u.offset && is_query4(packet[u.offset]);
}

bool deserves_answer6(wire::Bytes packet) {
  if (!is_station6(IpAddress::v6(&packet[wire::ip6::kSource])) ||
      !is_station6(IpAddress::v6(&packet[wire::ip6::kDestination])))
    return false;
  const classify::Upper u = classify::upper6(packet);
  if (!u.ok) return false;
  if (u.protocol != wire::kProtocolIcmp6 || !u.first) return true;
  return packet.size() > u.offset && is_informational6(packet[u.offset]);
}

// The gateway's address on the side the packet came from.
IpAddress source_for(const Context& context, const Meta& m, bool v4) {
  const Tables& tables = *context.tables;
  if (m.tunnel_in == kNoTunnel && m.port < kMaxPorts) {
    const PortRecord& port = tables.ports[m.port];
    return v4 ? port.icmp_source4 : port.icmp_source6;
  }
  if (m.table >= kMaxTables) return {};
  const RouteTable& table = tables.tables[m.table];
  return v4 ? table.icmp_source4 : table.icmp_source6;
}

void patch_checksum(uint8_t* at, uint16_t memory_order) {
  std::memcpy(at, &memory_order, sizeof memory_order);
}

void write4(Packet* error, wire::Bytes about, const IpAddress& source, const Message& message,
            uint32_t rest) {
  const auto quote = static_cast<uint16_t>(
      std::min<std::size_t>(about.size(), kMaxError4 - wire::kIp4Header - kIcmpHeader));
  const auto total = static_cast<uint16_t>(wire::kIp4Header + kIcmpHeader + quote);
  wire::Writer w({append(error, total), total});
  w.u16(0x4500 | kErrorTos);
  w.u16(total);
  w.u16(0);  // an atomic datagram needs no id (RFC 6864)
  w.u16(wire::ip4::kDontFragment);
  w.u8(kErrorTtl);
  w.u8(wire::kProtocolIcmp);
  w.u16(0);
  w.put(source.bytes());
  w.put(about.subspan(wire::ip4::kSource, 4));
  w.u8(message.type4);
  w.u8(message.code4);
  w.u16(0);
  w.u32(rest);
  w.put(about.first(quote));
  uint8_t* out = data(error);
  patch_checksum(out + wire::ip4::kChecksum, wire::checksum({out, wire::kIp4Header}));
  patch_checksum(out + wire::kIp4Header + 2, wire::checksum(bytes(error).subspan(20)));
}

void write6(Packet* error, wire::Bytes about, const IpAddress& source, const Message& message,
            uint32_t rest) {
  const auto quote = static_cast<uint16_t>(
      std::min<std::size_t>(about.size(), kMaxError6 - wire::kIp6Header - kIcmpHeader));
  const auto payload = static_cast<uint16_t>(kIcmpHeader + quote);
  const auto total = static_cast<uint16_t>(wire::kIp6Header + payload);
  const IpAddress destination = IpAddress::v6(&about[wire::ip6::kSource]);
  wire::Writer w({append(error, total), total});
  w.u32(0x60000000);
  w.u16(payload);
  w.u8(wire::kProtocolIcmp6);
  w.u8(kErrorTtl);
  w.put(source.bytes());
  w.put(destination.bytes());
  w.u8(message.type6);
  w.u8(message.code6);
  w.u16(0);
  w.u32(rest);
  w.put(about.first(quote));
  const uint64_t pseudo = wire::pseudo_header(source, destination, wire::kProtocolIcmp6, payload);
  patch_checksum(
      data(error) + wire::kIp6Header + 2,
      wire::checksum_finish(wire::checksum_add(pseudo, bytes(error).subspan(wire::kIp6Header))));
}

// Puts the error into lanes.route, if there is to be one. `p` stays as it is.
void answer(Context& context, const Packet* p, const Message& message, uint32_t rest) {
  const Meta& m = meta(p);
  const wire::Bytes about = bytes(p);
  const bool v4 = about[0] >> 4 == 4;
  if (m.from_control != 0 || m.is_error != 0) return;
  const IpAddress source = source_for(context, m, v4);
  if (source.is_unspecified() || source.is_v4() != v4) return;
  if (!(v4 ? deserves_answer4(about) : deserves_answer6(about))) return;
  if (context.lanes->route.full() || !context.limits.icmp_errors.take(context.now_tsc)) return;
  Packet* error = allocate(context.pool, m.table);
  if (error == nullptr) return;
  meta(error).is_error = 1;
  (v4 ? write4 : write6)(error, about, source, message, rest);
  context.counters->generated.add(1);
  context.lanes->route.push(error);
}

}  // namespace

void too_big(Context& context, Packet* p, uint16_t mtu) {
  const bool v4 = data(p)[0] >> 4 == 4;
  answer(context, p, kTooBigMessage, std::max(mtu, v4 ? kMinMtu4 : kMinMtu6));
  context.drop(p, Drop::kTooBig);
}

void ttl_exceeded(Context& context, Packet* p) {
  answer(context, p, kTtlMessage, 0);
  context.drop(p, Drop::kTtlExceeded);
}

void unreachable(Context& context, Packet* p, Unreachable what, Drop why) {
  answer(context, p, kUnreachableMessages[static_cast<std::size_t>(what)], 0);
  context.drop(p, why);
}

}  // namespace kanmon::icmp_error
