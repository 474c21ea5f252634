// What may pass between the outside and the machine's own stack: pure, decided per packet.
//
// The workers have checked headers and lengths of what comes in; what the kernel sends is read
// with the same care, as any program of the machine may have written it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "control/config/config.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::host {

enum class Verdict : uint8_t {
  kPass,
  kMalformed,  // not one whole IP packet
  kService,    // inbound: no service of the list
  kSource,     // outbound: from an address the device does not have
  kGroup,      // outbound: to a group or all stations; a tunnel has no link to reach them on
};
inline constexpr std::size_t kVerdicts = 5;
const char* to_string(Verdict verdict);

// The packet's source and destination, or nothing if it is not one whole IP packet.
struct Addresses {
  wire::IpAddress source;
  wire::IpAddress destination;
};
std::optional<Addresses> addresses_of(wire::Bytes packet);

// To the machine: allowed if a service matches. Of TCP and UDP either port counts, as the machine
// may have opened the connection.
Verdict inbound(wire::Bytes packet, std::span<const config::HostService> services);

// From the machine: allowed from the device's own addresses to single stations.
Verdict outbound(wire::Bytes packet, std::span<const wire::InterfaceAddress> own);

}  // namespace kanmon::host
