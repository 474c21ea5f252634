// Numbers of the link, network and transport layers: EtherTypes, protocols, header sizes, offsets.
#pragma once

#include <cstdint>

namespace kanmon::wire {

inline constexpr uint16_t kEtherTypeIp4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kEtherTypeIp6 = 0x86dd;

inline constexpr uint8_t kEthernetHeader = 14;
inline constexpr uint8_t kIp4Header = 20;
inline constexpr uint8_t kIp6Header = 40;
inline constexpr uint8_t kUdpHeader = 8;
inline constexpr uint8_t kEspHeader = 8;

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolIp4 = 4;  // IPv4 in IP: ESP next header of tunnel mode
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIp6 = 41;  // IPv6 in IP
inline constexpr uint8_t kProtocolEsp = 50;
inline constexpr uint8_t kProtocolIcmp6 = 58;
inline constexpr uint8_t kProtocolNone = 59;  // no next header: ESP dummy packets

inline constexpr uint16_t kPortIke = 500;
inline constexpr uint16_t kPortIkeNat = 4500;

// Octet offsets in an IPv4 header (RFC 791 section 3.1).
namespace ip4 {
inline constexpr unsigned kTos = 1, kTotalLength = 2, kId = 4, kFragment = 6, kTtl = 8,
                          kProtocol = 9, kChecksum = 10, kSource = 12, kDestination = 16;
inline constexpr uint16_t kDontFragment = 0x4000, kMoreFragments = 0x2000, kOffsetMask = 0x1fff;
}  // namespace ip4

// Octet offsets in an IPv6 header (RFC 8200 section 3).
namespace ip6 {
inline constexpr unsigned kPayloadLength = 4, kNextHeader = 6, kHopLimit = 7, kSource = 8,
                          kDestination = 24;
}  // namespace ip6

}  // namespace kanmon::wire
