#include "control/ike/transport.h"

#include <cassert>
#include <cstring>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"
#include "dataplane/wire/writer.h"

namespace kanmon::ike {
namespace {

using wire::IpAddress;

constexpr uint8_t kTtl = 64;
constexpr uint8_t kNonEspMarker = 4;  // octets of zero

struct IpView {
  IpAddress source, destination;
  uint8_t protocol = 0;
  wire::Bytes payload;
};

Result<IpView> parse_ip4(wire::Bytes packet) {
  wire::Reader r(packet);
  const uint8_t first = r.u8();
  r.skip(1);
  const uint16_t total = r.u16();
  r.skip(2);
  const uint16_t fragment = r.u16();
  r.skip(1);
  IpView v;
  v.protocol = r.u8();
  r.skip(2);
  const auto source = r.take(4), destination = r.take(4);
  if (!r.ok()) return r.truncated();
  const size_t header = (first & 15) * 4u;
  if (header < wire::kIp4Header || total < header || total > packet.size())
    return Error{Errc::kBadLength, wire::ip4::kTotalLength};
  if ((fragment & (wire::ip4::kMoreFragments | wire::ip4::kOffsetMask)) != 0)
    return Error{Errc::kUnsupported, wire::ip4::kFragment};
  v.source = IpAddress::v4(source.data());
  v.destination = IpAddress::v4(destination.data());
  v.payload = packet.subspan(header, total - header);
  return v;
}

Result<IpView> parse_ip6(wire::Bytes packet) {
  wire::Reader r(packet);
  r.skip(4);
  const uint16_t payload = r.u16();
  IpView v;
  v.protocol = r.u8();
  r.skip(1);
  const auto source = r.take(16), destination = r.take(16);
  v.payload = r.take(payload);
  if (!r.ok()) return r.truncated();
  v.source = IpAddress::v6(source.data());
  v.destination = IpAddress::v6(destination.data());
  return v;
}

Result<IpView> parse_ip(wire::Bytes packet) {
  if (packet.empty()) return Errc::kTruncated;
  if (packet[0] >> 4 == 4) return parse_ip4(packet);
  if (packet[0] >> 4 == 6) return parse_ip6(packet);
  return Errc::kBadValue;
}

uint16_t udp_checksum(const IpAddress& source, const IpAddress& destination, wire::Bytes udp) {
  const auto pseudo = wire::pseudo_header(source, destination, wire::kProtocolUdp,
                                          static_cast<uint32_t>(udp.size()));
  return wire::checksum_finish(wire::checksum_add(pseudo, udp));
}

void put_ip4(wire::Writer& w, const IpAddress& from, const IpAddress& to, size_t payload) {
  const size_t start = w.size();
  w.u8(0x45);
  w.u8(0xc0);  // DSCP CS6, network control
  w.u16(static_cast<uint16_t>(wire::kIp4Header + payload));
  w.u16(0);
  w.u16(0);  // may be fragmented: an IKE message must arrive even over a small MTU
  w.u8(kTtl);
  w.u8(wire::kProtocolUdp);
  w.u16(0);
  w.put(from.bytes());
  w.put(to.bytes());
  w.patch(start + wire::ip4::kChecksum, be(wire::checksum(w.written().subspan(start))));
}

void put_ip6(wire::Writer& w, const IpAddress& from, const IpAddress& to, size_t payload) {
  w.u32(6u << 28 | 0xc0u << 20);
  w.u16(static_cast<uint16_t>(payload));
  w.u8(wire::kProtocolUdp);
  w.u8(kTtl);
  w.put(from.bytes());
  w.put(to.bytes());
}

std::vector<uint8_t> build(const wire::Endpoint& local, const wire::Endpoint& remote, size_t marker,
                           wire::Bytes message) {
  assert(local.address.family == remote.address.family);
  const bool v4 = local.address.is_v4();
  const size_t header = v4 ? wire::kIp4Header : wire::kIp6Header;
  const size_t udp = wire::kUdpHeader + marker + message.size();
  std::vector<uint8_t> packet(header + udp);
  wire::Writer w(packet);
  if (v4) put_ip4(w, local.address, remote.address, udp);
  if (!v4) put_ip6(w, local.address, remote.address, udp);
  w.u16(local.port);
  w.u16(remote.port);
  w.u16(static_cast<uint16_t>(udp));
  w.u16(0);
  w.fill(0, marker);
  w.put(message);
  assert(w.ok());
  uint16_t sum = udp_checksum(local.address, remote.address, wire::Bytes(packet).subspan(header));
  if (sum == 0) sum = 0xffff;  // zero means: none (RFC 768)
  std::memcpy(packet.data() + header + 6, &sum, sizeof sum);
  return packet;
}

}  // namespace

Result<Datagram> parse_datagram(wire::Bytes ip_packet) {
  const auto ip = parse_ip(ip_packet);
  if (!ip.ok()) return ip.error();
  if (ip->protocol != wire::kProtocolUdp) return Errc::kUnsupported;
  wire::Reader r(ip->payload);
  const uint16_t source = r.u16(), destination = r.u16(), length = r.u16(), sum = r.u16();
  if (!r.ok()) return r.truncated();
  if (length < wire::kUdpHeader || length > ip->payload.size()) return r.error(Errc::kBadLength);
  // No checksum is legal in IPv4 only (RFC 768; RFC 6935's exception does not cover IKE).
  if (sum == 0 && !ip->source.is_v4()) return Errc::kBadValue;
  const wire::Bytes udp = ip->payload.first(length);
  if (sum != 0 && udp_checksum(ip->source, ip->destination, udp) != 0) return Errc::kBadValue;

  Datagram d{{ip->destination, destination}, {ip->source, source}, udp.subspan(wire::kUdpHeader)};
  if (destination != wire::kPortIkeNat) return d;
  wire::Reader payload(d.payload);
  const uint32_t marker = payload.u32();
  if (!payload.ok()) return payload.truncated();
  if (marker != 0) return Errc::kBadValue;
  d.payload = payload.rest();
  return d;
}

std::vector<uint8_t> build_datagram(const wire::Endpoint& local, const wire::Endpoint& remote,
                                    wire::Bytes message) {
  return build(local, remote, local.port == wire::kPortIkeNat ? kNonEspMarker : 0, message);
}

std::vector<uint8_t> build_keepalive(const wire::Endpoint& local, const wire::Endpoint& remote) {
  constexpr uint8_t kKeepalive[] = {0xff};
  return build(local, remote, 0, kKeepalive);
}

}  // namespace kanmon::ike
