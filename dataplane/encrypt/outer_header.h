// The outer header of a packet: the tunnel's template, copied and patched.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/esp/esp_wire.h"
#include "dataplane/sa/encap.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::encrypt {

// What the outer header takes from the inner one (RFC 4301 section 5.1.2, RFC 6040 section 4.1).
struct InnerTraits {
  uint8_t traffic_class;  // DSCP and ECN
  bool dont_fragment;     // IPv6 packets never are
  uint8_t next_header;    // 4 or 41
};

// REQUIRES: an IP header at `ip`.
inline InnerTraits traits_of(const uint8_t* ip) {
  if (ip[0] >> 4 == 4) {
    const bool df = (load_be<uint16_t>(ip + wire::ip4::kFragment) & wire::ip4::kDontFragment) != 0;
    return {ip[wire::ip4::kTos], df, wire::kProtocolIp4};
  }
  const auto traffic_class = static_cast<uint8_t>(load_be<uint16_t>(ip) >> 4);
  return {traffic_class, true, wire::kProtocolIp6};
}

// ECN is copied always (normal mode of RFC 6040), DSCP copied, set or mapped.
inline uint8_t outer_class(const sa::Encap& e, uint8_t inner) {
  if (e.dscp == sa::DscpMode::kCopy) return inner;
  const uint8_t dscp =
      e.dscp == sa::DscpMode::kSet ? e.dscp_value : (*e.dscp_map)[inner >> 2] & 0x3f;
  return static_cast<uint8_t>(dscp << 2 | (inner & 3));
}

// Total length, id and DF vary by packet; the template's checksum sum is completed with them. The
// id is the low half of the sequence number: unique within the lifetime of a datagram even where
// DF is clear (RFC 6864 section 4.3), on whichever worker.
inline void patch_ip4(uint8_t* ip, const sa::Encap& e, const InnerTraits& t, uint32_t total,
                      uint64_t sequence) {
  const bool df = e.df == sa::DfMode::kSet || (e.df == sa::DfMode::kCopy && t.dont_fragment);
  // All that varies stands in the header's first eight octets and is zero in the template.
  const uint64_t varies =
      be(uint64_t{outer_class(e, t.traffic_class)} << 48 | uint64_t{total & 0xffff} << 32 |
         uint64_t{sequence & 0xffff} << 16 | (df ? wire::ip4::kDontFragment : 0));
  const uint16_t sum = wire::checksum_finish(e.ip4_sum + varies);
  uint64_t front;
  std::memcpy(&front, ip, sizeof front);
  front |= varies;
  std::memcpy(ip, &front, sizeof front);
  std::memcpy(ip + wire::ip4::kChecksum, &sum, 2);
}

// Payload length and traffic class vary by packet; the flow label is the SA's.
inline void patch_ip6(uint8_t* ip, const sa::Encap& e, const InnerTraits& t, uint32_t total) {
  const uint8_t traffic_class = outer_class(e, t.traffic_class);
  ip[0] = static_cast<uint8_t>(0x60 | traffic_class >> 4);
  ip[1] = static_cast<uint8_t>((ip[1] & 0x0f) | traffic_class << 4);
  store_be(ip + wire::ip6::kPayloadLength, static_cast<uint16_t>(total - wire::kIp6Header));
}

// Writes everything in front of `inner` and returns where the IP header begins. `total` is the
// length of the outer packet. Overwrites Encap::kTemplateBytes in front of the IV, also where the
// header is shorter. The IV is the sequence number, right for AEADs; that of CBC is the engine's to
// write. The UDP checksum is left zero (RFC 3948 section 2.1); see finish_udp6().
inline uint8_t* put_outer(uint8_t* inner, const sa::Encap& e, const InnerTraits& t, uint32_t total,
                          uint64_t sequence) {
  uint8_t* iv = inner - e.iv_bytes;
  store_be(inner - sizeof sequence, sequence);  // before the template: there may be no IV at all
  std::memcpy(iv - sa::Encap::kTemplateBytes, e.header, sa::Encap::kTemplateBytes);
  store_be(iv - 4, static_cast<uint32_t>(sequence));
  uint8_t* ip = inner - e.header_bytes;
  if (e.outer == wire::Family::kV4) {
    patch_ip4(ip, e, t, total, sequence);
  } else {
    patch_ip6(ip, e, t, total);
  }
  if (e.udp) {
    const uint32_t ip_bytes = e.outer == wire::Family::kV4 ? wire::kIp4Header : wire::kIp6Header;
    store_be(ip + ip_bytes + 4, static_cast<uint16_t>(total - ip_bytes));
  }
  return ip;
}

// Completes the checksum of a sealed ESP packet inside UDP over IPv6. RFC 6935 would allow zero,
// but a receiver may refuse it, and Linux does unless told otherwise: RFC 8200 section 8.1 wants
// it computed.
inline void finish_udp6(uint8_t* ip, uint32_t total) {
  const uint32_t length = total - wire::kIp6Header;
  uint64_t sum = wire::checksum_add(0, {ip + wire::ip6::kSource, 32});
  uint8_t tail[8] = {};
  store_be(tail, length);
  tail[7] = wire::kProtocolUdp;
  sum = wire::checksum_add(sum, tail);
  sum = wire::checksum_add(sum, {ip + wire::kIp6Header, length});
  uint16_t checksum = wire::checksum_finish(sum);
  if (checksum == 0) checksum = 0xffff;
  std::memcpy(ip + wire::kIp6Header + 6, &checksum, 2);
}

}  // namespace kanmon::encrypt
