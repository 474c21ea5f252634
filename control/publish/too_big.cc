#include "control/publish/too_big.h"

#include <algorithm>

#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"

namespace kanmon::publish {
namespace {

using wire::IpAddress;
using wire::Reader;

constexpr uint8_t kUnreachable4 = 3, kFragmentationNeeded = 4, kTooBig6 = 2;
constexpr uint16_t kLeast4 = 576, kLeast6 = 1280;
// RFC 1191 table 7-1: what a path takes, when a router says only that a packet was too long for it.
constexpr uint16_t kPlateaus[] = {32'000, 17'914, 8'166, 4'352, 2'002, 1'492, 1'006, kLeast4};

// The IPv4 header at `r`, options skipped; the protocol in it.
uint8_t read_ip4(Reader& r, IpAddress& source, IpAddress& destination, uint16_t& total) {
  const uint32_t header = (r.u8() & 15u) * 4u;
  r.skip(1);
  total = r.u16();
  r.skip(wire::ip4::kProtocol - wire::ip4::kId);
  const uint8_t protocol = r.u8();
  r.skip(2);
  const auto from = r.take(4), to = r.take(4);
  if (header < wire::kIp4Header) return wire::kProtocolNone;
  r.skip(header - wire::kIp4Header);
  if (!r.ok()) return wire::kProtocolNone;
  source = IpAddress::v4(from.data());
  destination = IpAddress::v4(to.data());
  return protocol;
}

// Likewise for IPv6. What we send has no extension header in front of ESP, but for a fragment's.
uint8_t read_ip6(Reader& r, IpAddress& source, IpAddress& destination, uint16_t& total) {
  constexpr uint8_t kFragmentHeader = 44;
  r.skip(4);
  total = static_cast<uint16_t>(std::min<uint32_t>(r.u16() + wire::kIp6Header, 0xffff));
  uint8_t next = r.u8();
  r.skip(1);
  const auto from = r.take(16), to = r.take(16);
  if (!r.ok()) return wire::kProtocolNone;
  if (next == kFragmentHeader) {
    next = r.u8();
    r.skip(1);
    // Only the first fragment has an ESP header.
    if ((r.u16() & 0xfff8) != 0) return wire::kProtocolNone;
    r.skip(4);
  }
  source = IpAddress::v6(from.data());
  destination = IpAddress::v6(to.data());
  return next;
}

uint8_t read_ip(Reader& r, bool v4, wire::Endpoint& source, wire::Endpoint& destination,
                uint16_t& total) {
  return v4 ? read_ip4(r, source.address, destination.address, total)
            : read_ip6(r, source.address, destination.address, total);
}

// The quoted packet, of the same family as the message.
Result<TooBig> read_quote(Reader& r, bool v4, uint16_t mtu) {
  TooBig t;
  t.mtu = mtu;
  uint8_t protocol = read_ip(r, v4, t.local, t.remote, t.length);
  if (protocol == wire::kProtocolUdp) {
    t.udp = true;
    t.local.port = r.u16();
    t.remote.port = r.u16();
    r.skip(4);
    protocol = t.local.port == wire::kPortIkeNat ? wire::kProtocolEsp : wire::kProtocolNone;
  }
  if (protocol != wire::kProtocolEsp) return Errc::kUnsupported;
  t.spi = r.u32();
  t.sequence_low = r.u32();
  if (!r.ok()) return r.truncated();
  return t;
}

uint16_t plateau_below(uint16_t length) {
  for (const uint16_t plateau : kPlateaus)
    if (plateau < length) return plateau;
  return kLeast4;
}

}  // namespace

Result<TooBig> parse_too_big(wire::Bytes packet) {
  if (packet.empty()) return Errc::kTruncated;
  const bool v4 = packet[0] >> 4 == 4;
  Reader r(packet);
  wire::Endpoint router, us;
  uint16_t total = 0;
  const uint8_t protocol = read_ip(r, v4, router, us, total);
  if (protocol != (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmp6)) return Errc::kUnsupported;
  const uint8_t type = r.u8(), code = r.u8();
  r.skip(2);
  const uint32_t word = r.u32();
  if (v4 && (type != kUnreachable4 || code != kFragmentationNeeded)) return Errc::kUnsupported;
  if (!v4 && type != kTooBig6) return Errc::kUnsupported;
  const uint32_t mtu = v4 ? word & 0xffff : std::min<uint32_t>(word, 0xffff);
  if (!r.ok()) return r.truncated();
  return read_quote(r, v4, static_cast<uint16_t>(mtu));
}

uint16_t believed_mtu(const TooBig& message, uint16_t now) {
  const bool v4 = message.local.address.is_v4();
  // RFC 8201 section 4: one below the least there is must be discarded.
  if (!v4 && message.mtu < kLeast6) return now;
  const uint16_t told = message.mtu != 0 ? message.mtu : plateau_below(message.length);
  return std::min(now, v4 ? std::max(told, kLeast4) : told);
}

}  // namespace kanmon::publish
