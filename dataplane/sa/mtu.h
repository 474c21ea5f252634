// How large an inner packet a tunnel takes, computed from the transforms and never guessed.
#pragma once

#include <cstdint>

#include "dataplane/esp/algorithm.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/headers.h"

namespace kanmon::sa {

// What stands around an inner packet.
struct Wrapping {
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  wire::Family outer = wire::Family::kV4;
  bool udp = false;
};

inline constexpr uint16_t kEspTrailerBytes = 2;  // pad length, next header
inline constexpr uint16_t kTcpHeaderBytes = 20;
inline constexpr uint16_t kIp6MinMtu = 1280;  // RFC 8200 section 5

constexpr uint16_t ip_header_bytes(wire::Family f) {
  return f == wire::Family::kV4 ? wire::kIp4Header : wire::kIp6Header;
}

// Octets in front of the inner packet: IP, UDP, ESP header, IV.
constexpr uint16_t header_bytes(Wrapping w) {
  return static_cast<uint16_t>(ip_header_bytes(w.outer) + (w.udp ? wire::kUdpHeader : 0) +
                               wire::kEspHeader + esp::info(w.algorithm).iv_bytes);
}

// The largest inner packet whose outer packet is at most `outer_mtu`; 0 if there is none.
constexpr uint16_t inner_mtu(uint16_t outer_mtu, Wrapping w) {
  const esp::AlgorithmInfo& a = esp::info(w.algorithm);
  const int room = outer_mtu - header_bytes(w) - a.icv_bytes;
  const int payload = room - room % a.align - kEspTrailerBytes;
  return static_cast<uint16_t>(payload > 0 ? payload : 0);
}

// The largest TCP segment a packet of `mtu` octets carries, without options; 0 if none.
constexpr uint16_t mss(uint16_t mtu, wire::Family inner) {
  const int room = mtu - ip_header_bytes(inner) - kTcpHeaderBytes;
  return static_cast<uint16_t>(room > 0 ? room : 0);
}

}  // namespace kanmon::sa
