// A counter with one writing thread and any number of readers: costs what a plain one costs.
#pragma once

#include <atomic>
#include <cstdint>

namespace kanmon {

class Counter {
 public:
  void add(uint64_t n) {  // the owner only
    v_.store(v_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(uint64_t v) { v_.store(v, std::memory_order_relaxed); }  // the owner only
  uint64_t get() const { return v_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> v_{0};
};

}  // namespace kanmon
