// Who speaks to whom in an IP packet, as far as it can be read: for those who watch, not for those
// who forward. Pure, over bytes in place; takes anything, checks no sums.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::observe {

struct Flow {
  wire::IpAddress source;
  wire::IpAddress destination;
  uint8_t protocol = 0;    // of the transport, behind IPv6 extension headers
  bool has_ports = false;  // TCP, UDP, SCTP; not of later fragments
  bool has_spi = false;    // ESP, also in UDP 4500
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t spi = 0;           // host order
  uint32_t sequence_low = 0;  // of ESP
};

// Nothing if `packet` does not begin with a whole IPv4 or IPv6 header.
std::optional<Flow> read_flow(wire::Bytes packet);

// The IP packet in an Ethernet frame; empty if it holds none.
wire::Bytes ip_of_frame(wire::Bytes frame);

}  // namespace kanmon::observe
