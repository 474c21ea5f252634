#include "dataplane/classify/ip_header.h"

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"

namespace kanmon::classify {
namespace {

constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestination = 60;
constexpr unsigned kMaxExtensions = 8;
constexpr uint16_t kOffset6Mask = 0xfff8, kMore6 = 1;

}  // namespace

Drop check_ip4(wire::Bytes packet, uint16_t& total) {
  if (packet.size() < wire::kIp4Header) return Drop::kFrameTooShort;
  const uint8_t first = packet[0];
  const std::size_t header = (first & 0x0fu) * 4u;
  total = load_be<uint16_t>(&packet[wire::ip4::kTotalLength]);
  if (first >> 4 != 4 || header < wire::kIp4Header || total < header || total > packet.size())
    return Drop::kIp4BadHeader;
  const uint16_t sum = header == wire::kIp4Header ? wire::checksum20(packet.data())
                                                  : wire::checksum(packet.first(header));
  if (sum != 0) return Drop::kIp4BadChecksum;
  return Drop::kNone;
}

Drop check_ip6(wire::Bytes packet, uint32_t& total) {
  if (packet.size() < wire::kIp6Header) return Drop::kFrameTooShort;
  const uint16_t payload = load_be<uint16_t>(&packet[wire::ip6::kPayloadLength]);
  total = uint32_t{wire::kIp6Header} + payload;
  const bool jumbo = payload == 0 && packet[wire::ip6::kNextHeader] == kHopByHop;
  if (packet[0] >> 4 != 6 || total > packet.size() || jumbo) return Drop::kIp6BadHeader;
  return Drop::kNone;
}

Upper upper4(wire::Bytes packet) {
  const uint16_t fragment = load_be<uint16_t>(&packet[wire::ip4::kFragment]);
  Upper u;
  u.protocol = packet[wire::ip4::kProtocol];
  u.offset = static_cast<uint16_t>((packet[0] & 0x0f) * 4);
  u.fragment = (fragment & (wire::ip4::kMoreFragments | wire::ip4::kOffsetMask)) != 0;
  u.first = (fragment & wire::ip4::kOffsetMask) == 0;
  u.ok = true;
  return u;
}

Upper upper6(wire::Bytes packet) {
  Upper u;
  u.protocol = packet[wire::ip6::kNextHeader];
  wire::Reader r(packet);
  r.skip(wire::kIp6Header);
  for (unsigned n = 0; n <= kMaxExtensions && r.ok(); ++n) {
    u.offset = static_cast<uint16_t>(r.at());
    const uint8_t type = u.protocol;
    const bool known = type == kHopByHop || type == kRouting || type == kDestination;
    if (!known && type != kFragment) {
      u.ok = true;
      return u;
    }
    u.protocol = r.u8();
    const uint8_t length = r.u8();
    if (type == kFragment) {
      const uint16_t field = r.u16();
      r.skip(4);
      u.fragment = (field & (kOffset6Mask | kMore6)) != 0;
      u.first = (field & kOffset6Mask) == 0;
      // Behind a later fragment's header stands payload and no header.
      u.ok = r.ok() && !u.first;
      u.offset = static_cast<uint16_t>(r.at());
      if (u.ok) return u;
    } else {
      r.skip(length * 8u + 6u);
    }
  }
  return u;
}

}  // namespace kanmon::classify
