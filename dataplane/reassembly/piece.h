// One IP fragment: what it is a piece of, and which (RFC 791 section 3.2, RFC 8200 section 4.5).
// Pure.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/wire/bytes.h"

namespace kanmon::reassembly {

// What all pieces of a datagram have in common, and those of no other at the time.
struct DatagramKey {
  std::array<uint8_t, 32> addresses{};  // source, destination; IPv4: the first four of each half
  uint32_t id = 0;
  uint16_t table = 0;    // where it was received: two underlays may use the same addresses
  uint8_t protocol = 0;  // IPv4 only: RFC 8200 tells datagrams by addresses and id
  uint8_t version = 0;

  friend bool operator==(const DatagramKey&, const DatagramKey&) = default;
};

struct Piece {
  DatagramKey key;
  uint16_t header = 0;  // octets in front of the piece's payload, a fragment header included
  uint16_t unfragmentable = 0;  // of those, in front of the fragment header; IPv4: all
  uint16_t next_at = 0;         // IPv6: octet that names the fragment header …
  uint8_t next = 0;             // … and what it must name without
  uint32_t start = 0;           // place of the payload in the datagram's, in octets …
  uint32_t end = 0;             // … and where it ends
  bool last = false;
};

// A first fragment must have as much: the headers of UDP and ESP, so that nothing is decided on
// half of one (RFC 1858 section 3, RFC 8200 section 4.5).
inline constexpr uint32_t kLeastFirst = 16;

// Reads a fragment that classify has checked and cut to its length. False if it can be a piece of
// nothing: empty, not cut at eight octets, beyond what a datagram may have, or a first one too
// small.
bool read_piece(wire::Bytes packet, uint16_t table, Piece& piece);

}  // namespace kanmon::reassembly
