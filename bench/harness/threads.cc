#include "bench/harness/threads.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>

namespace kanmon::bench {
namespace {

constexpr long kNapNs = 500'000;

struct Shared {
  const std::function<void(uint16_t)>* work;
  std::atomic<uint32_t> waiting;
};
struct Job {
  Shared* shared;
  uint16_t worker;
};

int start(void* argument) {
  const Job& job = *static_cast<Job*>(argument);
  std::atomic<uint32_t>& waiting = job.shared->waiting;
  waiting.fetch_sub(1);
  while (waiting.load(std::memory_order_acquire) != 0) rte_pause();
  (*job.shared->work)(job.worker);
  return 0;
}

}  // namespace

void on_workers(uint16_t workers, const std::function<void(uint16_t)>& work) {
  Shared shared{&work, {workers}};
  std::vector<Job> jobs;
  for (uint16_t w = 0; w < workers; ++w) jobs.push_back({&shared, w});
  for (Job& job : jobs) rte_eal_remote_launch(start, &job, job.worker + 1u);
  for (uint16_t w = 0; w < workers; ++w) {
    // rte_eal_wait_lcore() would poll, on a CPU a worker may need.
    while (rte_eal_get_lcore_state(w + 1u) == RUNNING) {
      const timespec nap{0, kNapNs};
      clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
    }
    (void)rte_eal_wait_lcore(w + 1u);
  }
}

Pinned::Pinned(const std::vector<uint16_t>& busy) {
  static_assert(sizeof(cpu_set_t) == sizeof before_);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::memcpy(before_, &allowed, sizeof before_);
  int chosen = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE && !alone_; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    alone_ = std::find(busy.begin(), busy.end(), cpu) == busy.end();
    if (chosen < 0 || alone_) chosen = cpu;
  }
  if (chosen < 0) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(chosen, &one);
  sched_setaffinity(0, sizeof one, &one);
}

Pinned::~Pinned() {
  cpu_set_t set;
  std::memcpy(&set, before_, sizeof set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace kanmon::bench
