#include "control/config/device.h"

#include <algorithm>
#include <vector>

#include "control/config/problems.h"

namespace kanmon::config {
namespace {

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// `text` follows `pattern`, in which x stands for a hex digit and all else for itself.
bool follows(std::string_view text, std::string_view pattern) {
  return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(),
                    [](char c, char p) { return p == 'x' ? is_hex(c) : c == p; });
}

// DDDD:BB:DD.F, as lspci -D prints it.
bool is_pci(std::string_view a) {
  return follows(a, "xxxx:xx:xx.x");
}

// A kernel interface name: at most 15 octets, no '/', no ':' (IFNAMSIZ).
bool is_interface(std::string_view a) {
  return !a.empty() && a.size() <= 15 && a.find_first_of("/:=") == std::string_view::npos &&
         a != "." && a != "..";
}

bool is_some(std::string_view a) {
  return !a.empty();
}

bool is_anything(std::string_view) {
  return true;
}

// "option=value", at least one, with commas between.
bool has_good_options(std::string_view options) {
  for (;;) {
    const auto comma = options.find(',');
    const std::string_view option = options.substr(0, comma);
    const auto equals = option.find('=');
    if (equals == 0 || equals == std::string_view::npos) return false;
    if (comma == std::string_view::npos) return true;
    options.remove_prefix(comma + 1);
  }
}

constexpr DeviceKind kKinds[] = {
    {"pci", "pci:0000:3b:00.0", "a NIC bound to vfio-pci (or mlx5 and the like), by PCI address",
     is_pci},
    {"af_packet", "af_packet:eth1", "a kernel interface through a packet socket", is_interface},
    {"af_xdp", "af_xdp:eth1", "a kernel interface through AF_XDP", is_interface},
    {"tap", "tap:kan0", "a TAP interface that Kanmon makes", is_interface},
    {"memif", "memif:id=0,role=server,socket=/run/kanmon/memif.sock",
     "shared memory with another process, by its socket", has_good_options},
    {"pcap", "pcap:rx=in.pcap,tx=out.pcap", "packets from and to capture files (tests)",
     has_good_options},
    {"ring", "ring:a", "in memory, within the process (tests, benchmarks)", is_some},
    {"null", "null:", "receives nothing and swallows all (benchmarks)", is_anything, true},
};

// What follows the colon without the options; some kinds have nothing but options.
std::string_view address_of(const DeviceKind& kind, std::string_view rest) {
  return kind.matches == has_good_options ? rest : rest.substr(0, rest.find(','));
}

}  // namespace

std::span<const DeviceKind> device_kinds() {
  return kKinds;
}

const DeviceKind* device_kind(std::string_view device) {
  const auto colon = device.find(':');
  if (colon == std::string_view::npos) return nullptr;
  for (const DeviceKind& kind : kKinds)
    if (kind.name == device.substr(0, colon)) return &kind;
  return nullptr;
}

std::string device_problem(std::string_view device) {
  const DeviceKind* kind = device_kind(device);
  if (kind == nullptr) {
    std::string text = "expected one of";
    std::vector<std::string_view> names;
    for (const DeviceKind& k : kKinds) {
      text += " " + std::string(k.name) + ":";
      names.push_back(k.name);
    }
    return text + " with an address, as in " + std::string(kKinds[0].example) +
           did_you_mean(device.substr(0, device.find(':')), names);
  }
  const std::string_view rest = device.substr(kind->name.size() + 1);
  const std::string_view address = address_of(*kind, rest);
  const bool is_printable =
      std::all_of(rest.begin(), rest.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  const std::string_view options = rest.substr(address.size());
  const bool are_good = options.empty() || has_good_options(options.substr(1));
  if (is_printable && kind->matches(address) && are_good) return {};
  return "expected the form of " + std::string(kind->example);
}

}  // namespace kanmon::config
