// Conversion between host and network (big-endian) order, usable in constant expressions.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace kanmon {

// Reverses the bytes of `v`. (std::byteswap is C++23.)
template <class T>
constexpr T byteswap(T v) {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1) return v;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(v));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(v));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(v));
}

// Host to network order and back: the same operation.
template <class T>
constexpr T be(T v) {
  return std::endian::native == std::endian::little ? byteswap(v) : v;
}

// Reads a big-endian T at `p`, which needs no alignment.
template <class T>
inline T load_be(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return be(v);
}

// Writes `v` big-endian at `p`, which needs no alignment.
template <class T>
inline void store_be(void* p, T v) {
  v = be(v);
  std::memcpy(p, &v, sizeof v);
}

}  // namespace kanmon
