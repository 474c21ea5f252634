// ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861) frames: bytes in, meaning out, and back.
#pragma once

#include <optional>
#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::neighbor {

using Frame = std::vector<uint8_t>;

// What a received ARP or ND frame says, in the terms both have in common.
struct Message {
  enum class Kind : uint8_t { kSolicit, kAdvertise } kind = Kind::kSolicit;
  wire::IpAddress sender;                      // unspecified: duplicate address detection
  wire::IpAddress target;                      // the address asked for, or advertised
  std::optional<wire::MacAddress> sender_mac;  // absent if an ND message carries no such option
  wire::MacAddress frame_source{};
  bool solicited = false;  // ND advertisement: answers a question of ours
  bool override_entry = true;
};

// Reads a whole Ethernet frame. kUnsupported: not ARP or NS/NA (router advertisements, redirects);
// all else means malformed. An ND message must have hop limit 255 and a right checksum.
Result<Message> parse(wire::Bytes frame);

// A question for `target`: broadcast ARP, or a neighbour solicitation to the solicited-node group;
// with `unicast_to` sent to that station only (reachability probe).
Frame solicit(const wire::MacAddress& our_mac, const wire::IpAddress& our_address,
              const wire::IpAddress& target,
              const std::optional<wire::MacAddress>& unicast_to = std::nullopt);

// The answer to `question`: our address is at `our_mac`.
Frame advertise(const wire::MacAddress& our_mac, const Message& question);

// Tells all neighbours of an address of ours (gratuitous ARP, unsolicited advertisement).
Frame announce(const wire::MacAddress& our_mac, const wire::IpAddress& our_address);

// The link-local address made from a MAC (RFC 4291 appendix A).
wire::IpAddress link_local(const wire::MacAddress& mac);

}  // namespace kanmon::neighbor
