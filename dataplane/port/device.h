// Device strings: "KIND:ARGUMENT", turned into what DPDK's buses want to hear. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/packet/pool.h"

namespace kanmon::port {

enum class DeviceKind : uint8_t { kPci, kAfPacket, kAfXdp, kTap, kMemif, kPcap, kRing, kNull };

struct Device {
  DeviceKind kind = DeviceKind::kNull;
  std::string bus;        // "vdev" or "pci"; empty: made by this program (ring)
  std::string name;       // on that bus, unique in the process
  std::string arguments;  // of the driver
  std::string interface;  // kernel interface it stands on, or empty
  uint16_t max_queues = 1;
  // The driver receives into the pool's own memory and does not give back at close what it holds.
  bool own_pool = false;
  std::string error;  // not empty: the string means nothing
};

// The kernel writes AF_XDP frames into our buffers, behind a headroom of its own (256 octets), and
// drops without a word what is longer: Ethernet header, a VLAN tag and this are what fits.
inline constexpr uint16_t kAfXdpMaxMtu = kDefaultPacketRoom - 256 - 18;

// `serial` makes the device's name unique; `queues` are wanted; `mtu` sizes kernel rings and must
// fit the packet buffers where the driver cannot use more than one for a frame (af_xdp).
Device parse_device(std::string_view text, uint32_t serial, uint16_t queues, uint16_t mtu);

}  // namespace kanmon::port
