// NUMA: which CPU and which memory stand near each other, and where memory is taken from. Pure but
// for look_at_nodes().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kanmon::port {

inline constexpr int kAnyNode = -1;

// NUMA node of each CPU the kernel names; empty: the machine has one memory.
using Topology = std::map<uint16_t, int>;

// Reads /sys/devices/system/node.
Topology look_at_nodes();

// The kernel's lists: "0-3,8,10-11". What is malformed is left out.
std::vector<uint16_t> parse_cpu_list(std::string_view text);

// kAnyNode if the topology does not know it.
int node_of(const Topology& topology, uint16_t cpu);

// Nodes that get a pool of packets: those of these CPUs, each once, ascending.
std::vector<int> nodes_of(const Topology& topology, const std::vector<uint16_t>& cpus);

// The node whose pool a device on node `device` receives into: its own, because it is the device
// that writes packets first. kAnyNode, any of `pools`: the device has no place, or memory has none.
int receive_node(int device, const std::vector<int>& pools);

// A sentence if no worker is near the device: each of its packets crosses the machine twice.
std::string far_device(int device, const std::vector<int>& workers);

}  // namespace kanmon::port
