// Starting DPDK's EAL inside the process: what to ask it for, and asking.
//
// Choosing (compose) is pure and testable; looking at the machine and starting are apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/port/topology.h"

namespace kanmon::port {

struct EalOptions {
  uint16_t workers = 1;
  std::vector<uint16_t> worker_cores{};  // CPU of each worker; empty: spread over the allowed CPUs
  uint32_t memory_mib = 256;             // for packet buffers and device queues, on each node
  std::vector<std::string> devices{};    // device strings that will be opened
  std::string extra_args{};              // escape hatch, split at spaces, comes last and wins
};

// What the machine has.
struct Machine {
  std::vector<uint16_t> cpus;  // those this process may run on, ascending
  uint64_t free_huge_mib = 0;
  Topology nodes{};
};

struct EalPlan {
  std::vector<std::string> args;      // without the program's name
  std::vector<uint16_t> worker_cpus;  // of each worker; worker i runs on lcore i + 1
  std::vector<int> worker_nodes;      // NUMA node of each worker
  std::vector<std::string> warnings;
  std::string error;  // not empty: the options cannot be had
};

Machine look_at_machine();
EalPlan compose(const EalOptions& options, const Machine& machine);

// Starts EAL by the plan. The calling thread becomes lcore 0 and may run on every allowed CPU.
// EAL starts once in a process: a second call, or one after somebody else started it, succeeds if
// there are lcores for `threads` workers. Returns a sentence about what went wrong, or nothing.
std::string start_eal(const EalPlan& plan, uint16_t threads);

// Splits at runs of spaces.
std::vector<std::string> split_words(std::string_view text);

}  // namespace kanmon::port
