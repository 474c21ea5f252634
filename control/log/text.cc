#include "control/log/text.h"

#include <cstdint>

namespace kanmon::log {
namespace {

// Octets of the well-formed sequence at the start of `text`, 0 if there is none (RFC 3629 section
// 4: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = octet(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (octet(1) < low || octet(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((octet(i) & 0xc0) != 0x80) return 0;
  return length;
}

void append_escape(std::string& out, uint8_t octet) {
  constexpr char kHex[] = "0123456789abcdef";
  if (octet == '\n') {
    out += "\\n";
  } else if (octet == '\t') {
    out += "\\t";
  } else if (octet == '\\') {
    out += "\\\\";
  } else {
    out += "\\x";
    out += kHex[octet >> 4];
    out += kHex[octet & 15];
  }
}

// U+0080 … U+009F are control characters in two octets: a terminal obeys them too.
bool is_control(std::string_view sequence) {
  const auto lead = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7f || lead == '\\';
  return lead == 0xc2 && static_cast<uint8_t>(sequence[1]) < 0xa0;
}

}  // namespace

std::size_t valid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = sequence_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return at;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (out.size() >= limit) return out + "...";
    const std::size_t length = sequence_length(text.substr(at));
    const std::string_view sequence = text.substr(at, length == 0 ? 1 : length);
    if (length != 0 && !is_control(sequence)) {
      out += sequence;
    } else {
      for (const char c : sequence) append_escape(out, static_cast<uint8_t>(c));
    }
    at += sequence.size();
  }
  return out;
}

}  // namespace kanmon::log
