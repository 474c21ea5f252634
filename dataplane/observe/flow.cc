#include "dataplane/observe/flow.h"

#include "dataplane/classify/ip_header.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"

namespace kanmon::observe {
namespace {

constexpr uint8_t kProtocolSctp = 132;

// False, and `out` unchanged, if the header is not whole.
bool read_addresses(wire::Bytes packet, Flow& out) {
  if (packet.empty()) return false;
  const uint8_t* p = packet.data();
  if (p[0] >> 4 == 4) {
    if (packet.size() < wire::kIp4Header || packet.size() < (p[0] & 0xfu) * 4) return false;
    if ((p[0] & 0xf) < 5) return false;
    out.source = wire::IpAddress::v4(p + wire::ip4::kSource);
    out.destination = wire::IpAddress::v4(p + wire::ip4::kDestination);
    return true;
  }
  if (p[0] >> 4 != 6 || packet.size() < wire::kIp6Header) return false;
  out.source = wire::IpAddress::v6(p + wire::ip6::kSource);
  out.destination = wire::IpAddress::v6(p + wire::ip6::kDestination);
  return true;
}

void read_esp(wire::Bytes esp, Flow& out) {
  wire::Reader r(esp);
  const auto spi = r.u32(), sequence = r.u32();
  out.has_spi = r.ok() && spi != 0;
  if (!out.has_spi) return;
  out.spi = spi;
  out.sequence_low = sequence;
}

void read_ports(wire::Bytes transport, Flow& out) {
  wire::Reader r(transport);
  const auto source = r.u16(), destination = r.u16();
  out.has_ports = r.ok();
  if (!out.has_ports) return;
  out.source_port = source;
  out.destination_port = destination;
  const bool nat = source == wire::kPortIkeNat || destination == wire::kPortIkeNat;
  // RFC 3948 section 2.2: four zero octets there are IKE, which is no SPI either.
  if (out.protocol == wire::kProtocolUdp && nat && transport.size() > wire::kUdpHeader)
    read_esp(transport.subspan(wire::kUdpHeader), out);
}

}  // namespace

std::optional<Flow> read_flow(wire::Bytes packet) {
  Flow flow;
  if (!read_addresses(packet, flow)) return std::nullopt;
  const classify::Upper upper = classify::upper(packet);
  flow.protocol = upper.protocol;
  if (!upper.ok || !upper.first || upper.offset > packet.size()) return flow;
  const wire::Bytes transport = packet.subspan(upper.offset);
  switch (flow.protocol) {
    case wire::kProtocolEsp:
      read_esp(transport, flow);
      break;
    case wire::kProtocolTcp:
    case wire::kProtocolUdp:
    case kProtocolSctp:
      read_ports(transport, flow);
      break;
    default:
      break;
  }
  return flow;
}

wire::Bytes ip_of_frame(wire::Bytes frame) {
  wire::Reader r(frame);
  r.skip(12);
  const auto type = r.u16();
  const bool is_ip = r.ok() && (type == wire::kEtherTypeIp4 || type == wire::kEtherTypeIp6);
  return is_ip ? frame.subspan(wire::kEthernetHeader) : wire::Bytes();
}

}  // namespace kanmon::observe
