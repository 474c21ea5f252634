// What is inside a decrypted ESP packet: judged before anything else looks at it (ESP-10).
#pragma once

#include <cstdint>

#include "dataplane/common/byteorder.h"
#include "dataplane/common/counter.h"
#include "dataplane/sa/selectors.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/headers.h"
#include "dataplane/worker/drops.h"

namespace kanmon::decrypt {

struct Inner {
  Drop why = Drop::kNone;  // kNone: sound
  uint32_t bytes = 0;      // of the inner packet; what the text has beyond is TFC padding
  uint8_t any_bit = 0;     // of sa::AnyBits, for its family
};

// The inner packet at the start of `payload`, which next header `next_header` announced.
// REQUIRES: payload is authentic and without ESP trailer.
inline Inner read_inner(wire::Bytes payload, uint8_t next_header) {
  const uint8_t* h = payload.data();
  const auto room = static_cast<uint32_t>(payload.size());
  if (next_header == wire::kProtocolIp4) {
    if (room < wire::kIp4Header || h[0] >> 4 != 4) return {Drop::kInnerBadHeader};
    const uint32_t header = (h[0] & 0xfu) * 4;
    const uint32_t total = load_be<uint16_t>(h + wire::ip4::kTotalLength);
    if (header < wire::kIp4Header) return {Drop::kInnerBadHeader};
    if (total < header || total > room) return {Drop::kInnerBadLength};
    return {Drop::kNone, total, sa::kAnyV4};
  }
  if (next_header == wire::kProtocolIp6) {
    if (room < wire::kIp6Header || h[0] >> 4 != 6) return {Drop::kInnerBadHeader};
    const uint32_t total = wire::kIp6Header + load_be<uint16_t>(h + wire::ip6::kPayloadLength);
    if (total > room) return {Drop::kInnerBadLength};
    return {Drop::kNone, total, sa::kAnyV6};
  }
  return {Drop::kBadNextHeader};
}

// The two ECN bits of an IP header of either family.
uint8_t ecn_of(const uint8_t* ip);

// Carries congestion met by the outer header over to the inner one (RFC 6040 section 4.2), its
// IPv4 checksum included. kEcnIllegal if that cannot be. Counts the combinations the RFC wants
// seen.
Drop combine_ecn(const uint8_t* outer, uint8_t* inner, Counter& unused_combinations);

// The same, done in place for the common case of an outer header without ECN.
inline Drop pass_congestion(const uint8_t* outer, uint8_t* inner, Counter& unused_combinations) {
  const uint8_t bits = outer[0] >> 4 == 4 ? outer[1] & 3 : outer[1] >> 4 & 3;
  return bits == 0 ? Drop::kNone : combine_ecn(outer, inner, unused_combinations);
}

}  // namespace kanmon::decrypt
