#include "control/host/filter.h"

#include <algorithm>
#include <optional>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/headers.h"

namespace kanmon::host {
namespace {

namespace ip4 = wire::ip4;
namespace ip6 = wire::ip6;

bool is_group(const wire::IpAddress& a) {
  if (!a.is_v4()) return a.octets[0] == 0xff;
  return (a.octets[0] & 0xf0) == 0xe0 || a.octets[0] == 0xff;
}

// The protocol and, if there are any, where its ports lie. Extension headers of IPv6 are not
// followed: none of the services uses them.
struct Upper {
  uint8_t protocol;
  wire::Bytes segment;
};

Upper upper_of(wire::Bytes packet) {
  if (packet[0] >> 4 == 6) return {packet[ip6::kNextHeader], packet.subspan(wire::kIp6Header)};
  return {packet[ip4::kProtocol], packet.subspan((packet[0] & 0x0fu) * 4u)};
}

bool matches(const config::HostService& service, const Upper& upper) {
  if (service.protocol == config::HostService::kAny) return true;
  const bool icmp = service.protocol == wire::kProtocolIcmp;
  if (icmp) return upper.protocol == wire::kProtocolIcmp || upper.protocol == wire::kProtocolIcmp6;
  if (upper.protocol != service.protocol || upper.segment.size() < 4) return false;
  return load_be<uint16_t>(upper.segment.data()) == service.port ||
         load_be<uint16_t>(upper.segment.data() + 2) == service.port;
}

}  // namespace

const char* to_string(Verdict verdict) {
  constexpr const char* kNames[kVerdicts] = {"pass", "malformed", "no_service", "foreign_source",
                                             "group"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::optional<Addresses> addresses_of(wire::Bytes packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = packet[0] >> 4;
  if (version == 4) {
    const std::size_t header = (packet[0] & 0x0fu) * 4u;
    if (header < wire::kIp4Header || packet.size() < header ||
        load_be<uint16_t>(packet.data() + ip4::kTotalLength) != packet.size())
      return std::nullopt;
    return Addresses{wire::IpAddress::v4(packet.data() + ip4::kSource),
                     wire::IpAddress::v4(packet.data() + ip4::kDestination)};
  }
  if (version != 6 || packet.size() < wire::kIp6Header ||
      packet.size() !=
          std::size_t{load_be<uint16_t>(packet.data() + ip6::kPayloadLength)} + wire::kIp6Header)
    return std::nullopt;
  return Addresses{wire::IpAddress::v6(packet.data() + ip6::kSource),
                   wire::IpAddress::v6(packet.data() + ip6::kDestination)};
}

Verdict inbound(wire::Bytes packet, std::span<const config::HostService> services) {
  if (!addresses_of(packet)) return Verdict::kMalformed;
  const Upper upper = upper_of(packet);
  const bool wanted = std::any_of(services.begin(), services.end(),
                                  [&](const auto& s) { return matches(s, upper); });
  return wanted ? Verdict::kPass : Verdict::kService;
}

Verdict outbound(wire::Bytes packet, std::span<const wire::InterfaceAddress> own) {
  const auto addresses = addresses_of(packet);
  if (!addresses) return Verdict::kMalformed;
  if (is_group(addresses->destination)) return Verdict::kGroup;
  const bool ours = std::any_of(own.begin(), own.end(),
                                [&](const auto& a) { return a.address == addresses->source; });
  return ours ? Verdict::kPass : Verdict::kSource;
}

}  // namespace kanmon::host
