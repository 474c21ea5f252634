// Which check is due next: a binary heap of fixed room in which each slot stands at most once.
//
// One thread. No heap memory after construction; every call costs the logarithm of what is in it.
#pragma once

#include <cstdint>
#include <memory>

namespace kanmon::vigil {

class Agenda {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};

  explicit Agenda(uint32_t slots);

  // `slot` is due at `due`, whatever was said of it before; kNever: it leaves.
  void set(uint32_t slot, uint64_t due);
  bool empty() const { return count_ == 0; }
  uint32_t size() const { return count_; }
  // REQUIRES: !empty().
  uint32_t first() const { return heap_[0].slot; }
  uint64_t first_due() const { return heap_[0].due; }

 private:
  struct Entry {
    uint64_t due;
    uint32_t slot;
  };
  static constexpr uint32_t kNowhere = ~uint32_t{0};

  void put(uint32_t at, const Entry& entry);
  void rise(uint32_t at, const Entry& entry);
  void sink(uint32_t at, const Entry& entry);
  void remove(uint32_t at);

  std::unique_ptr<Entry[]> heap_;       // [slots]
  std::unique_ptr<uint32_t[]> places_;  // [slot]: where it stands in the heap
  uint32_t count_ = 0;
};

}  // namespace kanmon::vigil
