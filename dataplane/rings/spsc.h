// A bounded lock-free ring between one writing and one reading thread.
//
// Each side keeps a copy of the other side's index and looks at the shared one only when the copy
// says full (or empty), so that the two cores exchange a cache line once a lap and not once a
// push. Memory is taken at construction, never later. What does not fit is refused, not
// overwritten: the caller counts it or keeps it.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "dataplane/common/cacheline.h"

namespace kanmon::rings {

template <class T>
class Spsc {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Room for `capacity` items, rounded up to a power of two. REQUIRES: 1 <= capacity <= 2^31.
  explicit Spsc(uint32_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), items_(std::make_unique<T[]>(std::size_t{mask_} + 1)) {
    assert(capacity >= 1 && capacity <= 1u << 31);
  }
  Spsc(const Spsc&) = delete;
  Spsc& operator=(const Spsc&) = delete;

  uint32_t capacity() const { return mask_ + 1; }

  // Writer: appends the first of `items` that fit, in order; returns how many.
  uint32_t push(const T* items, uint32_t n) {
    const uint32_t head = writer_.own.load(std::memory_order_relaxed);
    n = std::min(n, room(head, n));
    for (uint32_t i = 0; i < n; ++i) items_[(head + i) & mask_] = items[i];
    writer_.own.store(head + n, std::memory_order_release);
    return n;
  }
  // Writer: false if full.
  bool push(const T& item) { return push(&item, 1) == 1; }

  // Reader: takes up to `n` of the oldest items; returns how many.
  uint32_t pop(T* items, uint32_t n) {
    const uint32_t tail = reader_.own.load(std::memory_order_relaxed);
    n = std::min(n, waiting(tail, n));
    for (uint32_t i = 0; i < n; ++i) items[i] = items_[(tail + i) & mask_];
    reader_.own.store(tail + n, std::memory_order_release);
    return n;
  }
  // Reader: false if empty.
  bool pop(T& item) { return pop(&item, 1) == 1; }

  // Items inside, exact for neither side while the other works; any thread may ask.
  uint32_t size() const {
    const uint32_t tail = reader_.own.load(std::memory_order_acquire);
    return std::min(writer_.own.load(std::memory_order_acquire) - tail, capacity());
  }

 private:
  // One side's line: its index, which runs through all 32 bits, and its copy of the other's.
  struct alignas(kCacheLine) Side {
    std::atomic<uint32_t> own{0};  // written by this side only
    uint32_t seen = 0;             // this side only
  };

  uint32_t room(uint32_t head, uint32_t wanted) {
    if (capacity() - (head - writer_.seen) < wanted)
      writer_.seen = reader_.own.load(std::memory_order_acquire);
    return capacity() - (head - writer_.seen);
  }
  uint32_t waiting(uint32_t tail, uint32_t wanted) {
    if (reader_.seen - tail < wanted) reader_.seen = writer_.own.load(std::memory_order_acquire);
    return reader_.seen - tail;
  }

  Side writer_;
  Side reader_;
  alignas(kCacheLine) const uint32_t mask_;
  const std::unique_ptr<T[]> items_;
};

}  // namespace kanmon::rings
