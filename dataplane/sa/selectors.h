// A compiled set of traffic selectors: may this packet travel on this SA? (RFC 4301 section 4.4.1,
// 5.1 and 5.2; ESP-05.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/sa/selector.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::sa {

// Families of which the set lets every packet through, so that it need not be asked at all.
enum AnyBits : uint8_t { kAnyV4 = 1, kAnyV6 = 2 };

// What stands behind the headers of the IP layer.
struct UpperLayer {
  uint8_t protocol = 0;
  uint32_t offset = 0;         // from the start of the packet; within it
  bool first_fragment = true;  // or no fragment: what is at `offset` is the upper layer's header
};

// Walks IPv4 options or IPv6 extension headers. False if the headers do not add up, or there are
// more of them than anyone needs.
bool find_upper_layer(wire::Bytes packet, UpperLayer& upper);

// The fields of a packet that selectors look at.
struct FlowKey {
  wire::IpAddress source;
  wire::IpAddress destination;
  uint8_t protocol = 0;      // of the upper layer, behind IPv6 extension headers
  bool ports_known = false;  // false: a later fragment, or a packet too short to have them
  uint16_t source_port = 0;  // ICMP, ICMPv6: type (high octet) and code, in both
  uint16_t destination_port = 0;
};

// Reads them from an IP packet of either family. False if its headers do not add up.
// Protocols without ports have them unknown.
bool read_flow_key(wire::Bytes packet, FlowKey& key);

class SelectorSet {
 public:
  SelectorSet() = default;
  // `near` holds the selectors of our side, `far` those of the peer's.
  SelectorSet(std::span<const Selector> near, std::span<const Selector> far);

  // Would a packet from our side to the peer's (`outbound`), or the reverse, be inside? A packet
  // whose ports are unknown is outside of every selector that names ports, one whose ports are
  // known outside of every OPAQUE one.
  bool matches(const FlowKey& key, bool outbound) const;
  // The same, from the packet itself; one that cannot be read is outside. An ICMP error is inside
  // too if it goes to who sent the packet it quotes, and that packet's answers would be (RFC 4301
  // section 6.2): whichever router on the way it comes from.
  bool matches(wire::Bytes packet, bool outbound) const;

  uint8_t any() const { return any_; }
  // Some selector names ports or OPAQUE: later fragments, which have none, may be outside of it.
  bool names_ports() const;

 private:
  std::vector<Selector> near_;
  std::vector<Selector> far_;
  uint8_t any_ = 0;
};

}  // namespace kanmon::sa
