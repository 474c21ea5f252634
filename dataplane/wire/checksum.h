// The Internet checksum (RFC 1071), whole and incremental (RFC 1624).
//
// Sums are kept in a native-order accumulator over 16-bit words as they lie in memory; the result
// is stored as it is, without byte swapping.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::wire {

// Adds `bytes` to `sum`. An odd last octet counts as followed by zero: only the last part of a
// message may have odd length.
inline uint64_t checksum_add(uint64_t sum, Bytes bytes) {
  const uint8_t* p = bytes.data();
  std::size_t n = bytes.size();
  for (; n >= 4; n -= 4, p += 4) {
    uint32_t word;
    std::memcpy(&word, p, 4);
    sum += word;
  }
  if (n >= 2) {
    uint16_t word;
    std::memcpy(&word, p, 2);
    sum += word;
    p += 2;
    n -= 2;
  }
  if (n == 1) {
    uint16_t word = 0;
    std::memcpy(&word, p, 1);
    sum += word;
  }
  return sum;
}

// Folds to 16 bits and complements: the value to store (in memory order) in a checksum field.
// Added to its halves swapped, a sum has in its upper half that of both with the carry taken round.
inline uint16_t checksum_finish(uint64_t sum) {
  const auto half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return static_cast<uint16_t>(~((half + std::rotl(half, 16)) >> 16));
}

// Checksum over `bytes`; zero if `bytes` already contains a correct one.
inline uint16_t checksum(Bytes bytes) {
  return checksum_finish(checksum_add(0, bytes));
}

// The same over the 20 octets of an IPv4 header without options, which each received packet is
// asked for: straight code, a quarter of the time.
inline uint16_t checksum20(const uint8_t* header) {
  uint64_t words[2], sum;
  uint32_t last;
  std::memcpy(words, header, sizeof words);
  std::memcpy(&last, header + sizeof words, sizeof last);
  sum = words[0] + words[1];
  sum += sum < words[1];
  sum += last;
  sum += sum < last;
  return checksum_finish(sum);
}

// The pseudo header of UDP, TCP and ICMPv6 (RFC 768, RFC 8200 section 8.1).
inline uint64_t pseudo_header(const IpAddress& source, const IpAddress& destination,
                              uint8_t protocol, uint32_t length) {
  uint64_t sum = checksum_add(0, source.bytes());
  sum = checksum_add(sum, destination.bytes());
  uint8_t tail[8] = {};
  store_be(tail, length);
  tail[7] = protocol;
  return checksum_add(sum, tail);
}

// The checksum field (in memory order) after one 16-bit word of the data changed from `before` to
// `after` (both in memory order). RFC 1624 equation 3.
inline uint16_t checksum_adjust(uint16_t field, uint16_t before, uint16_t after) {
  uint32_t sum = static_cast<uint16_t>(~field);
  sum += static_cast<uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace kanmon::wire
