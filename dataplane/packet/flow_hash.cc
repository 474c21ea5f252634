#include "dataplane/packet/flow_hash.h"

#include <cstring>

#include <nmmintrin.h>

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/headers.h"

namespace kanmon {
namespace {

uint64_t load64(const uint8_t* at) {
  uint64_t v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

// TCP, UDP, SCTP and UDP-Lite begin with their ports.
bool has_ports(uint8_t protocol) {
  constexpr uint8_t kSctp = 132, kUdpLite = 136;
  return protocol == wire::kProtocolTcp || protocol == wire::kProtocolUdp || protocol == kSctp ||
         protocol == kUdpLite;
}

uint32_t ports_at(wire::Bytes packet, std::size_t offset, uint8_t protocol) {
  if (!has_ports(protocol) || packet.size() < offset + 4) return 0;
  return load_be<uint32_t>(&packet[offset]);
}

}  // namespace

uint32_t flow_hash(wire::Bytes packet) {
  const uint8_t* ip = packet.data();
  uint64_t crc = 0;
  uint8_t protocol;
  uint32_t ports;
  if (ip[0] >> 4 == 4) {
    protocol = ip[wire::ip4::kProtocol];
    const uint16_t fragment = load_be<uint16_t>(ip + wire::ip4::kFragment);
    const bool whole = (fragment & (wire::ip4::kMoreFragments | wire::ip4::kOffsetMask)) == 0;
    ports = whole ? ports_at(packet, (ip[0] & 15u) * 4u, protocol) : 0;
    crc = _mm_crc32_u64(crc, load64(ip + wire::ip4::kSource));
  } else {
    protocol = ip[wire::ip6::kNextHeader];
    ports = ports_at(packet, wire::kIp6Header, protocol);
    for (unsigned i = 0; i < 32; i += 8)
      crc = _mm_crc32_u64(crc, load64(ip + wire::ip6::kSource + i));
  }
  crc = _mm_crc32_u64(crc, uint64_t{ports} << 8 | protocol);
  // A CRC is linear: flows in a row would fill its low bits evenly and its high ones not at all.
  return static_cast<uint32_t>(crc * 0x9e3779b97f4a7c15u >> 32);
}

}  // namespace kanmon
