#include "dataplane/port/topology.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace kanmon::port {
namespace {

constexpr uint16_t kMostCpus = 4096;

// Takes a number off the front of `text`; false if there is none.
bool take_number(std::string_view& text, uint16_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number >= kMostCpus) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

void add_range(std::string_view range, std::vector<uint16_t>& cpus) {
  uint16_t first = 0, last = 0;
  if (!take_number(range, first)) return;
  last = first;
  if (!range.empty() && range[0] == '-') {
    range.remove_prefix(1);
    if (!take_number(range, last)) return;
  }
  for (uint32_t cpu = first; cpu <= last; ++cpu) cpus.push_back(static_cast<uint16_t>(cpu));
}

}  // namespace

std::vector<uint16_t> parse_cpu_list(std::string_view text) {
  std::vector<uint16_t> cpus;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    add_range(text.substr(at, end - at), cpus);
    at = end + 1;
  }
  return cpus;
}

Topology look_at_nodes() {
  Topology topology;
  std::error_code error;
  for (const auto& dir : std::filesystem::directory_iterator("/sys/devices/system/node", error)) {
    int node = 0;
    if (std::sscanf(dir.path().filename().c_str(), "node%d", &node) != 1) continue;
    std::string list;
    std::getline(std::ifstream(dir.path() / "cpulist"), list);
    for (const uint16_t cpu : parse_cpu_list(list)) topology[cpu] = node;
  }
  return topology;
}

int node_of(const Topology& topology, uint16_t cpu) {
  const auto at = topology.find(cpu);
  return at == topology.end() ? kAnyNode : at->second;
}

std::vector<int> nodes_of(const Topology& topology, const std::vector<uint16_t>& cpus) {
  std::vector<int> nodes;
  for (const uint16_t cpu : cpus) nodes.push_back(node_of(topology, cpu));
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

int receive_node(int device, const std::vector<int>& pools) {
  const bool anywhere = std::find(pools.begin(), pools.end(), kAnyNode) != pools.end();
  return device == kAnyNode || anywhere ? kAnyNode : device;
}

std::string far_device(int device, const std::vector<int>& workers) {
  const auto near = [device](int node) { return node == device || node == kAnyNode; };
  if (device == kAnyNode || std::any_of(workers.begin(), workers.end(), near)) return {};
  return "is on NUMA node " + std::to_string(device) +
         ", where no worker is: give system.worker-cores CPUs of that node";
}

}  // namespace kanmon::port
