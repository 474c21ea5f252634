#include "dataplane/sa/selectors.h"

#include <algorithm>
#include <utility>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/headers.h"

namespace kanmon::sa {

namespace {

constexpr uint32_t kMaxExtensionHeaders = 8;  // more than any sane packet has; bounds the walk
constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestinationOptions = 60;

bool has_ports(uint8_t protocol) {
  constexpr uint8_t kSctp = 132, kDccp = 33, kUdpLite = 136;
  return protocol == wire::kProtocolTcp || protocol == wire::kProtocolUdp || protocol == kSctp ||
         protocol == kDccp || protocol == kUdpLite;
}

bool is_icmp(uint8_t protocol) {
  return protocol == wire::kProtocolIcmp || protocol == wire::kProtocolIcmp6;
}

bool find_upper4(wire::Bytes p, UpperLayer& upper) {
  if (p.size() < wire::kIp4Header) return false;
  const uint32_t header = (p[0] & 0xfu) * 4;
  if (header < wire::kIp4Header || header > p.size()) return false;
  const auto fragment = load_be<uint16_t>(p.data() + wire::ip4::kFragment);
  upper = {p[wire::ip4::kProtocol], header, (fragment & wire::ip4::kOffsetMask) == 0};
  return true;
}

bool find_upper6(wire::Bytes p, UpperLayer& upper) {
  if (p.size() < wire::kIp6Header) return false;
  upper = {p[wire::ip6::kNextHeader], wire::kIp6Header, true};
  for (uint32_t i = 0; i < kMaxExtensionHeaders; ++i) {
    const uint8_t type = upper.protocol;
    if (type != kHopByHop && type != kRouting && type != kFragment && type != kDestinationOptions)
      return true;
    if (p.size() - upper.offset < 8) return false;
    const uint8_t* h = p.data() + upper.offset;
    const uint32_t bytes = type == kFragment ? 8 : (h[1] + 1u) * 8;
    if (p.size() - upper.offset < bytes) return false;
    upper.protocol = h[0];
    upper.offset += bytes;
    // Behind a later fragment's header there is no upper-layer header to look at.
    if (type == kFragment && (load_be<uint16_t>(h + 2) & 0xfff8) != 0) {
      upper.first_fragment = false;
      return true;
    }
  }
  return false;
}

void read_ports(wire::Bytes p, const UpperLayer& upper, FlowKey& key) {
  key.ports_known = false;
  if (!upper.first_fragment || p.size() - upper.offset < 4) return;
  const uint8_t* h = p.data() + upper.offset;
  if (has_ports(upper.protocol)) {
    key.source_port = load_be<uint16_t>(h);
    key.destination_port = load_be<uint16_t>(h + 2);
    key.ports_known = true;
  } else if (is_icmp(upper.protocol)) {
    key.source_port = key.destination_port = load_be<uint16_t>(h);
    key.ports_known = true;
  }
}

// One side of a packet against one selector.
bool inside(const Selector& s, const wire::IpAddress& address, uint16_t port, const FlowKey& key) {
  if (s.protocol != 0 && s.protocol != key.protocol) return false;
  if (s.opaque_port()) return !key.ports_known && s.has(address);
  if (!s.any_port() && (!key.ports_known || port < s.port_start || port > s.port_end)) return false;
  return s.has(address);
}

// RFC 792, RFC 4443 section 2.1. Redirects are errors of a first hop, which no tunnel is.
// Each is of its own family only: ICMPv6 in an IPv4 packet is nothing.
bool is_icmp_error(bool v4, uint8_t protocol, uint8_t type) {
  if (v4)
    return protocol == wire::kProtocolIcmp && (type == 3 || type == 4 || type == 11 || type == 12);
  return protocol == wire::kProtocolIcmp6 && type >= 1 && type <= 4;
}

// An answer to the packet that an ICMP error with this key quotes, as far as the quote says.
bool read_answer(wire::Bytes packet, const FlowKey& error, FlowKey& answer) {
  constexpr uint32_t kIcmpHeader = 8;
  UpperLayer upper;
  if (!error.ports_known || !find_upper_layer(packet, upper)) return false;
  const auto type = static_cast<uint8_t>(error.source_port >> 8);
  if (!is_icmp_error(error.source.is_v4(), upper.protocol, type)) return false;
  if (packet.size() < upper.offset + kIcmpHeader) return false;
  if (!read_flow_key(packet.subspan(upper.offset + kIcmpHeader), answer)) return false;
  if (answer.source != error.destination) return false;
  std::swap(answer.source, answer.destination);
  std::swap(answer.source_port, answer.destination_port);
  if (is_icmp(answer.protocol)) answer.ports_known = false;  // the answer is of another type
  return true;
}

bool lets_all_through(std::span<const Selector> side, wire::Family family) {
  return std::any_of(side.begin(), side.end(), [family](const Selector& s) {
    return s.start.family == family && s.protocol == 0 && s.any_port() &&
           s.start.is_unspecified() && s.end == wire::mask(s.start, 0, true);
  });
}

}  // namespace

bool find_upper_layer(wire::Bytes packet, UpperLayer& upper) {
  if (packet.empty()) return false;
  if (packet[0] >> 4 == 4) return find_upper4(packet, upper);
  return packet[0] >> 4 == 6 && find_upper6(packet, upper);
}

bool read_flow_key(wire::Bytes packet, FlowKey& key) {
  UpperLayer upper;
  if (!find_upper_layer(packet, upper)) return false;
  if (packet[0] >> 4 == 4) {
    key.source = wire::IpAddress::v4(packet.data() + wire::ip4::kSource);
    key.destination = wire::IpAddress::v4(packet.data() + wire::ip4::kDestination);
  } else {
    key.source = wire::IpAddress::v6(packet.data() + wire::ip6::kSource);
    key.destination = wire::IpAddress::v6(packet.data() + wire::ip6::kDestination);
  }
  key.protocol = upper.protocol;
  read_ports(packet, upper, key);
  return true;
}

SelectorSet::SelectorSet(std::span<const Selector> near, std::span<const Selector> far)
    : near_(near.begin(), near.end()), far_(far.begin(), far.end()) {
  if (lets_all_through(near, wire::Family::kV4) && lets_all_through(far, wire::Family::kV4))
    any_ |= kAnyV4;
  if (lets_all_through(near, wire::Family::kV6) && lets_all_through(far, wire::Family::kV6))
    any_ |= kAnyV6;
}

bool SelectorSet::matches(const FlowKey& key, bool outbound) const {
  const auto& sources = outbound ? near_ : far_;
  const auto& destinations = outbound ? far_ : near_;
  const auto fits_source = [&key](const Selector& s) {
    return inside(s, key.source, key.source_port, key);
  };
  const auto fits_destination = [&key](const Selector& s) {
    return inside(s, key.destination, key.destination_port, key);
  };
  return std::any_of(sources.begin(), sources.end(), fits_source) &&
         std::any_of(destinations.begin(), destinations.end(), fits_destination);
}

bool SelectorSet::matches(wire::Bytes packet, bool outbound) const {
  FlowKey key, answer;
  if (!read_flow_key(packet, key)) return false;
  return matches(key, outbound) || (read_answer(packet, key, answer) && matches(answer, outbound));
}

bool SelectorSet::names_ports() const {
  const auto names = [](const Selector& s) { return !s.any_port(); };
  return std::any_of(near_.begin(), near_.end(), names) ||
         std::any_of(far_.begin(), far_.end(), names);
}

}  // namespace kanmon::sa
