// Many small objects of one type, named by 32-bit numbers: half the size of pointers, never moved,
// no overhead per object. Numbers of objects given back are used again.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <vector>

namespace kanmon::bgp {

inline constexpr uint32_t kNoId = UINT32_MAX;

template <class T>
class Slab {
 public:
  static constexpr uint32_t kChunkBits = 12, kChunk = 1u << kChunkBits;

  T& operator[](uint32_t id) {
    assert(id < end_);
    return chunks_[id >> kChunkBits][id & (kChunk - 1)];
  }
  const T& operator[](uint32_t id) const { return const_cast<Slab&>(*this)[id]; }

  // A number whose object is as T() made it.
  uint32_t take() {
    ++used_;
    if (!free_.empty()) {
      const uint32_t id = free_.back();
      free_.pop_back();
      return id;
    }
    if (end_ == chunks_.size() << kChunkBits) chunks_.push_back(std::make_unique<T[]>(kChunk));
    return end_++;
  }
  void give(uint32_t id) {
    (*this)[id] = T();
    free_.push_back(id);
    --used_;
  }

  uint32_t used() const { return used_; }
  // All numbers ever taken are below; those given back hold T().
  uint32_t end() const { return end_; }
  size_t memory_bytes() const {
    return chunks_.size() * kChunk * sizeof(T) + free_.capacity() * sizeof(uint32_t);
  }

 private:
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<uint32_t> free_;
  uint32_t end_ = 0, used_ = 0;
};

}  // namespace kanmon::bgp
