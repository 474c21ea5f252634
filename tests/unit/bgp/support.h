// Octets from text, and messages from bodies, for the tests of BGP.
#pragma once

#include <cctype>
#include <string_view>

#include "control/bgp/wire/message.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::bgp {

// "ff 00 1b": blanks mean nothing. REQUIRES: an even number of hexadecimal digits.
inline Octets hex(std::string_view text) {
  Octets out;
  int high = -1;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    const int digit =
        std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
      continue;
    }
    out.push_back(static_cast<uint8_t>(high << 4 | digit));
    high = -1;
  }
  return out;
}

inline Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A message as RFC 4271 section 4.1 draws it, made without the code under test. `length` 0: right.
inline Octets raw_message(uint8_t type, const Octets& body, uint16_t length = 0) {
  if (length == 0) length = static_cast<uint16_t>(19 + body.size());
  Octets m(16, 0xff);
  m.push_back(static_cast<uint8_t>(length >> 8));
  m.push_back(static_cast<uint8_t>(length & 0xff));
  m.push_back(type);
  return m + body;
}

inline Octets body_of(const Octets& message) {
  return Octets(message.begin() + kHeaderBytes, message.end());
}

}  // namespace kanmon::bgp
