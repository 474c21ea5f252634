// The error type of parsers and of everything that can refuse: a cause and a place, nothing else.
//
// Works without exceptions and without allocation, so that the data plane can use it. Text for
// humans is made from it in control/, where there is room for it.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <utility>

namespace kanmon {

enum class Errc : uint8_t {
  kTruncated,    // fewer bytes than the format needs
  kBadLength,    // a length field contradicts the bytes that are there
  kBadValue,     // a field holds a value the format forbids
  kBadAlign,     // a part is not a multiple of the required block
  kUnsupported,  // well formed, but nothing here handles it
  kNoSpace,      // a table or a buffer is full
  kNotFound,
  kDuplicate,
  kAuthFailed,  // an integrity or signature check failed
  kSystem,      // the operating system or a library refused
};

// A lower-case name for `code`, e.g. "truncated"; never null.
const char* to_string(Errc code);

struct Error {
  Errc code;
  uint32_t at = 0;  // byte offset in the message where it went wrong, 0 if there is no message
};

// Either a T or an Error. REQUIRES of value(): ok(); of error(): !ok().
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(error) {}
  Result(Errc code) : error_{code} {}

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return *value_;
  }
  const T& value() const& {
    assert(ok());
    return *value_;
  }
  T&& value() && {
    assert(ok());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error error() const {
    assert(!ok());
    return error_;
  }

 private:
  std::optional<T> value_;
  Error error_{Errc::kSystem};
};

// A Result that carries nothing on success.
struct Nothing {};
using Status = Result<Nothing>;
inline Status success() {
  return Nothing{};
}

}  // namespace kanmon
