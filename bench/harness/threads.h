// Work on the CPUs of the workers.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace kanmon::bench {

// Runs `work(w)` for every w < workers, each on the thread of EAL that worker w would have, all
// beginning together, and returns when all are done. REQUIRES: start_machine() made the threads,
// and no worker runs on them. The caller sleeps meanwhile.
void on_workers(uint16_t workers, const std::function<void(uint16_t)>& work);

// Ties the calling thread to a CPU none of `busy` is, or if there is none, to the first it may use;
// false then. Undone by the destructor.
class Pinned {
 public:
  explicit Pinned(const std::vector<uint16_t>& busy);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  bool alone() const { return alone_; }

 private:
  bool alone_ = false;
  uint8_t before_[128];  // a cpu_set_t
};

}  // namespace kanmon::bench
