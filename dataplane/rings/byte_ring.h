// A bounded lock-free ring of messages of any length, between one writing and one reading thread.
//
// Like Spsc, for what has no fixed size: memory is taken at construction, a message that does not
// fit is refused as a whole, and the reader sees whole messages only.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "dataplane/common/cacheline.h"

namespace kanmon::rings {

class ByteRing {
 public:
  // Room for `capacity` octets, rounded up to a power of two; each message takes four more than it
  // has. REQUIRES: 64 <= capacity <= 2^30.
  explicit ByteRing(uint32_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), octets_(std::make_unique<uint8_t[]>(mask_ + 1u)) {
    assert(capacity >= 64 && capacity <= 1u << 30);
  }
  ByteRing(const ByteRing&) = delete;
  ByteRing& operator=(const ByteRing&) = delete;

  // Writer: begins a message of `length` octets; false if it does not fit. After true exactly so
  // many are appended, then it is committed.
  bool begin(uint32_t length) {
    const uint32_t tail = tail_.load(std::memory_order_acquire);
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (length > mask_ || mask_ + 1 - (head - tail) < length + kLength) return false;
    at_ = head;
    append(&length, kLength);
    return true;
  }
  void append(const void* data, uint32_t length) {
    if (length == 0) return;  // data may be null then
    const uint32_t offset = at_ & mask_;
    const uint32_t first = length < mask_ + 1 - offset ? length : mask_ + 1 - offset;
    std::memcpy(&octets_[offset], data, first);
    std::memcpy(&octets_[0], static_cast<const uint8_t*>(data) + first, length - first);
    at_ += length;
  }
  void commit() { head_.store(at_, std::memory_order_release); }

  // Reader: the oldest message; false if there is none.
  bool pop(std::vector<uint8_t>& message) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (head_.load(std::memory_order_acquire) == tail) return false;
    uint32_t length = 0;
    read(tail, &length, kLength);
    message.resize(length);
    read(tail + kLength, message.data(), length);
    tail_.store(tail + kLength + length, std::memory_order_release);
    return true;
  }

 private:
  static constexpr uint32_t kLength = sizeof(uint32_t);

  void read(uint32_t at, void* out, uint32_t length) const {
    if (length == 0) return;  // out may be null then
    const uint32_t offset = at & mask_;
    const uint32_t first = length < mask_ + 1 - offset ? length : mask_ + 1 - offset;
    std::memcpy(out, &octets_[offset], first);
    std::memcpy(static_cast<uint8_t*>(out) + first, &octets_[0], length - first);
  }

  const uint32_t mask_;
  const std::unique_ptr<uint8_t[]> octets_;
  uint32_t at_ = 0;                                    // writer only
  alignas(kCacheLine) std::atomic<uint32_t> head_{0};  // writer: rw, reader: ro
  alignas(kCacheLine) std::atomic<uint32_t> tail_{0};  // reader: rw, writer: ro
};

}  // namespace kanmon::rings
