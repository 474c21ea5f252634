#include "dataplane/port/device.h"

#include <algorithm>

namespace kanmon::port {
namespace {

constexpr uint16_t kManyQueues = 64;
constexpr uint16_t kRingQueues = 16;  // of DPDK's ring driver

// How the text after the colon becomes arguments of the driver.
enum class Style : uint8_t { kAddress, kInterface, kArguments, kName };

struct Row {
  std::string_view prefix;
  DeviceKind kind;
  Style style;
  std::string_view driver;
  uint16_t max_queues;
  std::string_view expects;
};
constexpr Row kRows[] = {
    {"pci", DeviceKind::kPci, Style::kAddress, "", kManyQueues, "a PCI address"},
    {"af_packet", DeviceKind::kAfPacket, Style::kInterface, "net_af_packet", kManyQueues,
     "an interface"},
    // On most kernel drivers more than one queue needs steering; veth has one only.
    {"af_xdp", DeviceKind::kAfXdp, Style::kInterface, "net_af_xdp", 1, "an interface"},
    {"tap", DeviceKind::kTap, Style::kInterface, "net_tap", 1, "a name for the interface"},
    {"memif", DeviceKind::kMemif, Style::kArguments, "net_memif", 1, "id=, role= and socket="},
    {"pcap", DeviceKind::kPcap, Style::kArguments, "net_pcap", 1, "rx=FILE and tx=FILE"},
    {"ring", DeviceKind::kRing, Style::kName, "net_ring", kRingQueues, "a name"},
    {"null", DeviceKind::kNull, Style::kArguments, "net_null", kManyQueues, ""},
};

std::string known_kinds() {
  std::string text;
  for (const Row& row : kRows) text += (text.empty() ? "" : ", ") + std::string(row.prefix) + ":";
  return text;
}

// Frames of the kernel's packet ring hold a header of its own, and a block is whole pages and a
// whole number of frames. Larger ones than usual are no larger than needed: the driver wants packet
// buffers that could hold all of a frame.
std::string packet_ring(uint16_t queues, uint16_t mtu) {
  constexpr uint32_t kKernelHeader = 96, kEthernet = 18;
  constexpr uint32_t kUsual = 2048, kStep = 64, kFramesOfBlock = 64;  // 64 * 64: a page
  const uint32_t wanted = mtu + kKernelHeader + kEthernet;
  const uint32_t frame = std::max(kUsual, (wanted + kStep - 1) / kStep * kStep);
  const uint32_t block = frame == kUsual ? 2 * kUsual : frame * kFramesOfBlock;
  return ",qpairs=" + std::to_string(queues) + ",framesz=" + std::to_string(frame) +
         ",blocksz=" + std::to_string(block) + ",framecnt=1024";
}

std::string pcap_arguments(std::string_view text) {
  std::string arguments;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part(text.substr(at, end - at));
    const bool ours = part.rfind("rx=", 0) == 0 || part.rfind("tx=", 0) == 0;
    arguments += (arguments.empty() ? "" : ",") +
                 (ours ? part.substr(0, 2) + "_pcap" + part.substr(2) : part);
    at = end + 1;
  }
  return arguments;
}

void fill_interface(Device& device, std::string_view text, uint16_t queues, uint16_t mtu) {
  const std::size_t comma = std::min(text.find(','), text.size());
  device.interface = text.substr(0, comma);
  device.arguments = "iface=" + device.interface;
  if (device.kind == DeviceKind::kAfPacket) device.arguments += packet_ring(queues, mtu);
  if (device.kind == DeviceKind::kAfXdp) device.arguments += ",start_queue=0,queue_count=1";
  device.arguments += text.substr(comma);
}

void fill(Device& device, const Row& row, std::string_view text, uint16_t queues, uint16_t mtu) {
  switch (row.style) {
    case Style::kAddress: {
      const std::size_t comma = std::min(text.find(','), text.size());
      device.bus = "pci";
      device.name = text.substr(0, comma);
      device.arguments = text.substr(std::min(comma + 1, text.size()));
      break;
    }
    case Style::kInterface:
      fill_interface(device, text, queues, mtu);
      break;
    case Style::kArguments:
      device.arguments = row.kind == DeviceKind::kPcap ? pcap_arguments(text) : std::string(text);
      // Without this the null driver receives without end.
      if (row.kind == DeviceKind::kNull && text.empty()) device.arguments = "no-rx=1";
      break;
    case Style::kName:
      device.bus.clear();
      device.name = text;
      break;
  }
}

}  // namespace

Device parse_device(std::string_view text, uint32_t serial, uint16_t queues, uint16_t mtu) {
  Device device;
  const std::size_t colon = text.find(':');
  const std::string_view prefix = text.substr(0, colon);
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [prefix](const Row& r) { return r.prefix == prefix; });
  if (colon == std::string_view::npos || row == std::end(kRows)) {
    device.error = "unknown kind of device; known are " + known_kinds();
    return device;
  }
  const std::string_view argument = text.substr(colon + 1);
  if (argument.empty() && !row->expects.empty()) {
    device.error =
        "expected " + std::string(row->expects) + " after \"" + std::string(row->prefix) + ":\"";
    return device;
  }
  if (row->kind == DeviceKind::kAfXdp && mtu > kAfXdpMaxMtu) {
    device.error = "MTU " + std::to_string(mtu) + " is more than the " +
                   std::to_string(kAfXdpMaxMtu) + " octets an AF_XDP buffer has room for";
    return device;
  }
  device.kind = row->kind;
  device.max_queues = row->max_queues;
  device.own_pool = row->kind == DeviceKind::kAfXdp;
  device.bus = "vdev";
  device.name = std::string(row->driver) + "_k" + std::to_string(serial);
  fill(device, *row, argument, std::min(queues, row->max_queues), mtu);
  return device;
}

}  // namespace kanmon::port
