// Device strings: "KIND:ARGUMENT", turned into what DPDK's buses want to hear. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

// `serial` makes the device's name unique; `queues` are wanted; `mtu` sizes kernel rings.
Device parse_device(std::string_view text, uint32_t serial, uint16_t queues, uint16_t mtu);

}  // namespace kanmon::port
