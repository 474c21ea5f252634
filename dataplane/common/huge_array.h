// Memory that packets are sent through at random: on huge pages, where the system gives them, so
// that a look-up costs a cache miss and no walk of page tables besides.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <type_traits>

namespace kanmon {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// `bytes` of zeroed memory, aligned to a huge page if they fill one; null if the system has none.
// Huge pages are asked for, and not needed.
void* map_huge(std::size_t bytes);
// REQUIRES: `memory` came from map_huge(bytes).
void unmap_huge(void* memory, std::size_t bytes);

// An array of fixed length whose elements need no destructor. Made when a worker is: without
// memory for it the process ends.
template <class T>
class HugeArray {
 public:
  explicit HugeArray(std::size_t length) : length_(length), first_(make(length)) {}
  ~HugeArray() { unmap_huge(first_, length_ * sizeof(T)); }
  HugeArray(const HugeArray&) = delete;
  HugeArray& operator=(const HugeArray&) = delete;

  T* get() const { return first_; }
  T& operator[](std::size_t i) const { return first_[i]; }

 private:
  static_assert(std::is_trivially_destructible_v<T>);
  static T* make(std::size_t length) {
    void* memory = map_huge(length * sizeof(T));
    if (memory == nullptr) std::abort();
    T* first = static_cast<T*>(memory);
    std::uninitialized_value_construct_n(first, length);
    return first;
  }

  const std::size_t length_;
  T* const first_;
};

}  // namespace kanmon
