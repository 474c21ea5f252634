// Memory for keys: locked, left out of core dumps, wiped on free, without a way to print it
// (INV-9).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "dataplane/wire/bytes.h"

namespace kanmon {

// A fixed number of secret octets. Movable, not copyable by accident (see clone()), compared in
// constant time, and without operator<<: a secret that reaches a log line does not compile.
class Secret {
 public:
  Secret() = default;
  // `size` zero octets.
  explicit Secret(std::size_t size);
  // A copy of `bytes`; the caller wipes its own.
  explicit Secret(wire::Bytes bytes);
  Secret(Secret&& other) noexcept : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  Secret& operator=(Secret&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret clone() const { return Secret(bytes()); }
  wire::Bytes bytes() const { return {data_, size_}; }
  wire::MutableBytes mutable_bytes() { return {data_, size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Constant time in the contents; the lengths are not secret.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// True if the contents agree; takes the same time wherever they differ.
bool equal_in_constant_time(wire::Bytes a, wire::Bytes b);
// Overwrites `bytes` in a way the compiler keeps.
void wipe(wire::MutableBytes bytes);

}  // namespace kanmon
