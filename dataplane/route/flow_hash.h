// Which flow a packet belongs to, as 32 evenly spread bits: what a next-hop group chooses by.
// Seeded, unlike the hash that shares packets out over workers (packet/flow_hash.h): the two
// choices, and those of the next gateway, must not hang together.
//
//   TCP, UDP, DCCP, SCTP, UDP-Lite    addresses, protocol and ports
//   fragments, the first one too      addresses only: later ones have no ports, and all of a packet
//                                     take one way (so do ICMP, ESP and whatever else has no ports)
//   IPv6 flow label                   not used. RFC 6438 would allow it, but hosts draw a new one
//                                     when they suspect their path (RFC 6437 section 3.1): the flow
//                                     would change tunnels under a firewall behind them
//
// IPv6 extension headers are walked (RFC 8200 section 4), at most kMaxExtensions of them.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/headers.h"

namespace kanmon::route {

namespace flow_detail {

inline constexpr unsigned kMaxExtensions = 4;

struct Ports {
  uint32_t ports = 0;    // both, as in memory; 0 where there are none
  uint8_t protocol = 0;  // 0 where there are no ports
};

constexpr bool has_ports(uint8_t protocol) {
  return protocol == wire::kProtocolTcp || protocol == wire::kProtocolUdp || protocol == 33 ||
         protocol == 132 || protocol == 136;
}

// Hop-by-hop options, routing, destination options: length in units of eight octets behind the
// first.
constexpr bool is_extension(uint8_t protocol) {
  return protocol == 0 || protocol == 43 || protocol == 60;
}

inline Ports ports_at(wire::Bytes packet, uint32_t offset, uint8_t protocol) {
  Ports p;
  if (!has_ports(protocol) || offset + sizeof p.ports > packet.size()) return p;
  std::memcpy(&p.ports, packet.data() + offset, sizeof p.ports);
  p.protocol = protocol;
  return p;
}

inline Ports ports4(wire::Bytes packet) {
  namespace ip4 = wire::ip4;
  uint16_t fragment;
  std::memcpy(&fragment, packet.data() + ip4::kFragment, sizeof fragment);
  if ((be(fragment) & (ip4::kMoreFragments | ip4::kOffsetMask)) != 0) return {};
  return ports_at(packet, (packet[0] & 15u) * 4, packet[ip4::kProtocol]);
}

inline Ports ports6(wire::Bytes packet) {
  uint32_t offset = wire::kIp6Header;
  uint8_t next = packet[wire::ip6::kNextHeader];
  for (unsigned i = 0; is_extension(next); ++i) {
    if (i == kMaxExtensions || offset + 2 > packet.size()) return {};
    next = packet[offset];
    offset += 8 * (packet[offset + 1] + 1u);
  }
  return ports_at(packet, offset, next);
}

// Two words into one, every bit of both in every bit of the result: the halves of their product.
inline uint64_t fold(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace flow_detail

// REQUIRES: `packet` begins with an IP header that classify has found whole.
inline uint32_t flow_hash(wire::Bytes packet, uint32_t seed) {
  using namespace flow_detail;
  // Odd constants with as many ones as zeros (wyhash's): no operand of a product is 0 by chance.
  constexpr uint64_t kA = 0xa0761d6478bd642f, kB = 0xe7037ed1a0b428db, kC = 0x8ebc6af09c88c6e3;
  const bool v4 = packet[0] >> 4 == 4;
  const Ports p = v4 ? ports4(packet) : ports6(packet);
  uint64_t words[4];
  uint64_t addresses;
  if (v4) {
    std::memcpy(words, packet.data() + wire::ip4::kSource, 8);
    addresses = words[0];
  } else {
    std::memcpy(words, packet.data() + wire::ip6::kSource, 32);
    addresses = fold(words[0] ^ kA, words[1] ^ kB) ^ fold(words[2] ^ kB, words[3] ^ kC);
  }
  const uint64_t rest = uint64_t{p.ports} << 8 | p.protocol;
  const uint64_t hash = fold(fold(addresses ^ kA, rest ^ kB) ^ kC, kB ^ seed);
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

}  // namespace kanmon::route
