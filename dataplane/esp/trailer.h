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

// The same for an alignment of up to four, as one word. REQUIRES: pad < 4.
inline void write_short_trailer(uint8_t* end, uint32_t pad, uint8_t next_header) {
  // 1, 2, … `pad`, `pad`: read as little endian, like the shift below.
  constexpr uint32_t kFront[] = {0x00, 0x0101, 0x020201, 0x03030201};
  const uint64_t word = kFront[pad] | uint64_t{next_header} << 8 * (pad + 1);
  std::memcpy(end, &word, sizeof word);
}

// What is left of a decrypted text when its trailer is taken off.
struct Payload {
  uint32_t bytes;
  uint8_t next_header;
};

// Are the `pad` octets in front of `end` 1, 2, 3, …? Those of a minimal padding, which nearly all
// senders use, are compared as one word. REQUIRES: pad <= room, of octets in front of `end`.
inline bool is_pattern(const uint8_t* end, uint32_t pad, uint32_t room) {
  constexpr uint64_t kPattern = 0x0807060504030201;  // read as little endian
  if (pad >= 8 || room < 8) [[unlikely]]
    return std::memcmp(end - pad, kPadPattern.data(), pad) == 0;
  uint64_t word;
  std::memcpy(&word, end - 8, sizeof word);
  return word >> 1 >> (63 - 8 * pad) == (kPattern & ((uint64_t{1} << 8 * pad) - 1));
}

// Takes padding and trailer off `text`. Nothing if the pad length exceeds the text or the padding
// is not 1, 2, 3, … (section 3.4.4.1). REQUIRES: `text` is authentic (ESP-16).
inline std::optional<Payload> strip_trailer(wire::Bytes text) {
  if (text.size() < kTrailerBytes) return std::nullopt;
  const uint8_t* end = text.data() + text.size() - kTrailerBytes;
  const uint32_t pad = end[0];
  const uint32_t room = static_cast<uint32_t>(text.size()) - kTrailerBytes;
  if (pad > room) return std::nullopt;
  if (!is_pattern(end, pad, room)) return std::nullopt;
  return Payload{room - pad, end[1]};
}

}  // namespace kanmon::esp
