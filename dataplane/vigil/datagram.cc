#include "dataplane/vigil/datagram.h"

#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/writer.h"

namespace kanmon::vigil {
namespace {

constexpr uint8_t kInternetControl = 0xc0;  // DSCP CS6, as routers mark what keeps the network up
constexpr uint16_t kNoChecksum = 0xffff;    // how a sum of zero is sent (RFC 768)

bool is_v4(wire::Bytes ip) {
  return ip[0] >> 4 == 4;
}

}  // namespace

void write_headers(const Check& check, wire::MutableBytes packet) {
  const Path& path = check.settings.path;
  const bool v4 = path.local.is_v4();
  const uint32_t header = v4 ? wire::kIp4Header : wire::kIp6Header;
  const auto total = static_cast<uint16_t>(packet.size());
  const auto length = static_cast<uint16_t>(total - header);
  wire::Writer w(packet);
  if (v4) {
    w.u8(0x45);
    w.u8(kInternetControl);
    w.u16(total);
    w.u32(uint32_t{wire::ip4::kDontFragment});
    w.u8(bfd::kSentTtl);
    w.u8(wire::kProtocolUdp);
    w.u16(0);
  } else {
    w.u32(0x60000000u | uint32_t{kInternetControl} << 20);
    w.u16(length);
    w.u8(wire::kProtocolUdp);
    w.u8(bfd::kSentTtl);
  }
  w.put(path.local.bytes());
  w.put(path.remote.bytes());
  w.u16(source_port(check.slot));
  w.u16(check.settings.multihop ? bfd::kPortMultihop : bfd::kPortSingleHop);
  w.u16(length);
  w.u16(0);
  if (v4) {
    const uint16_t sum = wire::checksum(packet.first(header));
    std::memcpy(&packet[wire::ip4::kChecksum], &sum, sizeof sum);
  }
  const uint64_t pseudo = wire::pseudo_header(path.local, path.remote, wire::kProtocolUdp, length);
  uint16_t sum = wire::checksum_finish(wire::checksum_add(pseudo, packet.subspan(header)));
  if (sum == 0) sum = kNoChecksum;
  std::memcpy(&packet[header + 6], &sum, sizeof sum);
}

uint8_t Arrived::ttl() const {
  return ip[is_v4(ip) ? wire::ip4::kTtl : wire::ip6::kHopLimit];
}

uint16_t Arrived::source_port() const {
  return load_be<uint16_t>(&udp[0]);
}

wire::Bytes Arrived::payload() const {
  return udp.subspan(wire::kUdpHeader);
}

bool Arrived::well_formed() const {
  if (udp.size() < wire::kUdpHeader || load_be<uint16_t>(&udp[4]) != udp.size()) return false;
  if (load_be<uint16_t>(&udp[6]) == 0) return is_v4(ip);
  const uint64_t pseudo = wire::pseudo_header(source(), destination(), wire::kProtocolUdp,
                                              static_cast<uint32_t>(udp.size()));
  return wire::checksum_finish(wire::checksum_add(pseudo, udp)) == 0;
}

wire::IpAddress Arrived::source() const {
  return is_v4(ip) ? wire::IpAddress::v4(&ip[wire::ip4::kSource])
                   : wire::IpAddress::v6(&ip[wire::ip6::kSource]);
}

wire::IpAddress Arrived::destination() const {
  return is_v4(ip) ? wire::IpAddress::v4(&ip[wire::ip4::kDestination])
                   : wire::IpAddress::v6(&ip[wire::ip6::kDestination]);
}

}  // namespace kanmon::vigil
