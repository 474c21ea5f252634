// The one bounds-checked cursor through which every parser of Kanmon reads network input.
//
// Sticky: after one short read every further read yields zero or an empty span and ok() stays
// false, so that a parser may read a whole header and check once. Nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/common/byteorder.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::wire {

class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  // The next sizeof(T) bytes as a big-endian unsigned integer.
  template <class T>
  T be() {
    if (!have(sizeof(T))) return 0;
    T v = load_be<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return v;
  }
  uint8_t u8() { return be<uint8_t>(); }
  uint16_t u16() { return be<uint16_t>(); }
  uint32_t u32() { return be<uint32_t>(); }
  uint64_t u64() { return be<uint64_t>(); }

  // The next `n` bytes, in place.
  Bytes take(std::size_t n) {
    if (!have(n)) return {};
    Bytes part = bytes_.subspan(at_, n);
    at_ += n;
    return part;
  }
  void skip(std::size_t n) { (void)take(n); }
  // All that is left.
  Bytes rest() { return take(left()); }

  bool ok() const { return ok_; }
  bool done() const { return left() == 0; }
  std::size_t left() const { return ok_ ? bytes_.size() - at_ : 0; }
  // Offset of the next byte, or of the read that failed.
  uint32_t at() const { return static_cast<uint32_t>(at_); }
  Error error(Errc code) const { return Error{code, at()}; }
  Error truncated() const { return error(Errc::kTruncated); }

 private:
  bool have(std::size_t n) {
    if (!ok_ || bytes_.size() - at_ < n) ok_ = false;
    return ok_;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace kanmon::wire
