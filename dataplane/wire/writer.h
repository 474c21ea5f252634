// Bounds-checked writer into memory of the caller. Sticky like Reader: after one write that does
// not fit, nothing more is written and ok() stays false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::wire {

class Writer {
 public:
  explicit Writer(MutableBytes room) : room_(room) {}

  template <class T>
  void be(T v) {
    if (have(sizeof v)) store_be(advance(sizeof v), v);
  }
  void u8(uint8_t v) { be(v); }
  void u16(uint16_t v) { be(v); }
  void u32(uint32_t v) { be(v); }
  void u64(uint64_t v) { be(v); }
  void put(Bytes bytes) {
    if (have(bytes.size()) && !bytes.empty())
      std::memcpy(advance(bytes.size()), bytes.data(), bytes.size());
  }
  void fill(uint8_t value, std::size_t n) {
    if (have(n) && n != 0) std::memset(advance(n), value, n);
  }
  // Overwrites sizeof(T) bytes written earlier at offset `at`. REQUIRES: at + sizeof v <= size().
  template <class T>
  void patch(std::size_t at, T v) {
    if (ok_ && at + sizeof v <= at_) store_be(room_.data() + at, v);
  }

  // For a caller that finds that what it has to say does not fit the format.
  void fail() { ok_ = false; }

  bool ok() const { return ok_; }
  std::size_t size() const { return at_; }
  Bytes written() const { return room_.first(at_); }

 private:
  bool have(std::size_t n) {
    if (!ok_ || room_.size() - at_ < n) ok_ = false;
    return ok_;
  }
  uint8_t* advance(std::size_t n) {
    uint8_t* p = room_.data() + at_;
    at_ += n;
    return p;
  }

  MutableBytes room_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace kanmon::wire
