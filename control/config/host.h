// The keys of what the gateway shares with the machine's own stack: a network device, services.
#pragma once

#include "control/config/codec.h"

namespace kanmon::config {

// Name of a network device: 1 to 15 octets, no slash, no blank, not "." or "..".
struct DeviceName {
  static void read(Context& context, const Node& node, std::string& out);
  static std::string show(const std::string& value) { return value; }
  static Json schema();
};

// Name of a network namespace as `ip netns` has it: 1 to 63 octets, no slash or blank.
struct DeviceNamespace {
  static void read(Context& context, const Node& node, std::string& out);
  static std::string show(const std::string& value) { return value; }
  static Json schema();
};

// icmp, bgp, any, tcp/PORT or udp/PORT.
struct HostServices {
  static void read(Context& context, const Node& node, HostService& out);
  static std::string show(const HostService& value);
  static Json schema();
};

}  // namespace kanmon::config
