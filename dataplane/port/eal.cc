#include "dataplane/port/eal.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>

namespace kanmon::port {
namespace {

constexpr uint16_t kMaxWorkers = 64;
// Without hugepages all memory is set aside at start; what is not touched costs nothing.
constexpr uint32_t kSlackMib = 512;

bool starts_with(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

std::string join(const std::vector<uint16_t>& numbers) {
  std::string text;
  for (const uint16_t n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

// Control keeps the first CPU as long as there are enough for the workers without it.
std::vector<uint16_t> spread(uint16_t workers, const std::vector<uint16_t>& cpus) {
  std::vector<uint16_t> chosen;
  const std::size_t first = cpus.size() > 1 ? 1 : 0;
  for (uint16_t w = 0; w < workers; ++w) chosen.push_back(cpus[(first + w) % cpus.size()]);
  return chosen;
}

void choose_cpus(const EalOptions& options, const Machine& machine, EalPlan& plan) {
  plan.worker_cpus =
      options.worker_cores.empty() ? spread(options.workers, machine.cpus) : options.worker_cores;
  if (plan.worker_cpus.size() != options.workers) {
    plan.error = std::to_string(options.worker_cores.size()) + " worker cores are given for " +
                 std::to_string(options.workers) + " workers";
    return;
  }
  for (const uint16_t cpu : plan.worker_cpus)
    if (std::find(machine.cpus.begin(), machine.cpus.end(), cpu) == machine.cpus.end()) {
      plan.error = "CPU " + std::to_string(cpu) + " is not one this process may use (" +
                   join(machine.cpus) + ")";
      return;
    }
  std::vector<uint16_t> seen = plan.worker_cpus;
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) != seen.end())
    plan.warnings.push_back("workers share a CPU: they will wait for each other");
  else if (seen.size() >= machine.cpus.size())
    plan.warnings.push_back("no CPU is left to control alone: it shares one with a worker");
}

void choose_lcores(const Machine& machine, EalPlan& plan) {
  std::string map = "0@(" + join(machine.cpus) + ")";
  for (std::size_t w = 0; w < plan.worker_cpus.size(); ++w)
    map += "," + std::to_string(w + 1) + "@" + std::to_string(plan.worker_cpus[w]);
  plan.args.insert(plan.args.end(), {"--lcores", map, "--main-lcore", "0"});
}

void choose_memory(const EalOptions& options, const Machine& machine, EalPlan& plan) {
  const std::size_t nodes = nodes_of(machine.nodes, plan.worker_cpus).size();
  const auto memory_mib =
      static_cast<uint32_t>(options.memory_mib * std::max<std::size_t>(nodes, 1));
  // Either way nothing is shared with other processes and no file is left behind.
  if (machine.free_huge_mib >= memory_mib) {
    plan.args.push_back("--in-memory");
    return;
  }
  // DPDK does not take --in-memory together with --no-huge.
  plan.args.insert(plan.args.end(),
                   {"--no-shconf", "--no-huge", "-m", std::to_string(memory_mib + kSlackMib)});
  plan.warnings.push_back(std::to_string(machine.free_huge_mib) + " MiB of hugepages are free, " +
                          std::to_string(memory_mib) +
                          " are needed: using ordinary pages, which is slower; "
                          "'echo " +
                          std::to_string(memory_mib / 2 + 1) +
                          " > /proc/sys/vm/nr_hugepages' gives enough");
}

void choose_devices(const EalOptions& options, EalPlan& plan) {
  bool pci = false;
  bool shares_memory = false;
  for (std::string_view device : options.devices) {
    if (starts_with(device, "pci:")) {
      pci = true;
      plan.args.insert(plan.args.end(), {"-a", std::string(device.substr(4))});
    }
    // Hands the file descriptors of all memory segments to the other side.
    shares_memory |=
        starts_with(device, "memif:") && device.find("zero-copy=yes") != std::string_view::npos;
  }
  if (!pci) plan.args.push_back("--no-pci");
  if (shares_memory) plan.args.push_back("--single-file-segments");
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

EalPlan compose(const EalOptions& options, const Machine& machine) {
  EalPlan plan;
  if (options.workers < 1 || options.workers > kMaxWorkers || machine.cpus.empty()) {
    plan.error = std::to_string(options.workers) + " workers: 1 to 64 are possible";
    return plan;
  }
  plan.args = {"--no-telemetry", "--log-level", "*:warning", "--log-level", "lib.eal:error"};
  choose_cpus(options, machine, plan);
  for (const uint16_t cpu : plan.worker_cpus)
    plan.worker_nodes.push_back(node_of(machine.nodes, cpu));
  choose_lcores(machine, plan);
  choose_memory(options, machine, plan);
  choose_devices(options, plan);
  for (std::string& word : split_words(options.extra_args)) plan.args.push_back(std::move(word));
  return plan;
}

Machine look_at_machine() {
  Machine machine;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (uint16_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) machine.cpus.push_back(cpu);
  machine.nodes = look_at_nodes();
  std::error_code error;
  for (const auto& dir : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    unsigned long page_kib = 0;
    if (std::sscanf(dir.path().filename().c_str(), "hugepages-%lukB", &page_kib) != 1) continue;
    uint64_t free = 0;
    std::ifstream(dir.path() / "free_hugepages") >> free;
    machine.free_huge_mib += free * page_kib / 1024;
  }
  return machine;
}

std::string start_eal(const EalPlan& plan, uint16_t threads) {
  static bool started = false;
  if (!plan.error.empty()) return plan.error;
  if (!started) {
    // EAL keeps pointers to the arguments and permutes their order.
    static std::vector<std::string> kept;
    kept = plan.args;
    kept.insert(kept.begin(), "kanmon");
    std::vector<char*> argv;
    for (std::string& arg : kept) argv.push_back(arg.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0 && rte_errno != EALREADY)
      return std::string("DPDK did not start: ") + rte_strerror(rte_errno);
    started = true;
  }
  if (rte_lcore_count() < threads + 1u)
    return "DPDK runs already, with fewer threads than " + std::to_string(threads) +
           " workers need";
  return {};
}

}  // namespace kanmon::port
