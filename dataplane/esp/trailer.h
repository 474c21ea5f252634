// The ESP trailer: padding, pad length, next header (RFC 4303 sections 2.4 to 2.6).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/wire/bytes.h"

namespace kanmon::esp {

inline constexpr uint32_t kTrailerBytes = 2;  // pad length, next header
inline constexpr uint32_t kMaxPad = 255;

// 1, 2, 3, … as section 2.4 wants the padding.
inline constexpr auto kPadPattern = [] {
  std::array<uint8_t, kMaxPad> p{};
  for (uint32_t i = 0; i < kMaxPad; ++i) p[i] = static_cast<uint8_t>(i + 1);
  return p;
}();

// The least padding after which `payload` octets and the trailer are a multiple of `align`.
// REQUIRES: align is a power of two.
constexpr uint32_t pad_bytes(uint32_t payload, uint32_t align) {
  return (0u - (payload + kTrailerBytes)) & (align - 1);
}

// What write_trailer() may touch behind the payload, whatever the padding.
inline constexpr uint32_t kTrailerRoom = 18;

// Writes padding and trailer at `end`, where the payload ends. REQUIRES: pad < 16, that is the
// least padding for an alignment of up to 16, and kTrailerRoom octets at `end`.
inline void write_trailer(uint8_t* end, uint32_t pad, uint8_t next_header) {
  std::memcpy(end, kPadPattern.data(), 16);
  end[pad] = static_cast<uint8_t>(pad);
  end[pad + 1] = next_header;
}

// What is left of a decrypted text when its trailer is taken off.
struct Payload {
  uint32_t bytes;
  uint8_t next_header;
};

// Takes padding and trailer off `text`. Nothing if the pad length exceeds the text or the padding
// is not 1, 2, 3, … (section 3.4.4.1). REQUIRES: `text` is authentic (ESP-16).
inline std::optional<Payload> strip_trailer(wire::Bytes text) {
  if (text.size() < kTrailerBytes) return std::nullopt;
  const uint8_t* end = text.data() + text.size() - kTrailerBytes;
  const uint32_t pad = end[0];
  const uint32_t room = static_cast<uint32_t>(text.size()) - kTrailerBytes;
  if (pad > room) return std::nullopt;
  if (pad != 0 && std::memcmp(end - pad, kPadPattern.data(), pad) != 0) return std::nullopt;
  return Payload{room - pad, end[1]};
}

}  // namespace kanmon::esp
