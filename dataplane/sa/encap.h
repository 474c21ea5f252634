// What a worker needs to put a packet into a tunnel: two cache lines of its own per tunnel, with
// the outer header ready to be copied. Replaced whole by control's SetTunnel; the worker only
// reads.
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/common/cacheline.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/sa/params.h"

namespace kanmon::sa {

struct OutboundSa;

struct alignas(kCacheLine) Encap {
  // The outer header is kept at the end of this room, so that a copy of fixed size that ends where
  // the IV begins puts it in place, whichever families and encapsulation it has.
  static constexpr uint32_t kTemplateBytes = 64;

  // Line 0.
  OutboundSa* sa = nullptr;  // null: packets are dropped as kNoSa (INV-2)
  uint32_t adjacency = 0;
  uint32_t salt = 0;         // the SA's, as in memory
  uint32_t ip4_sum = 0;      // one's complement sum of the IPv4 header as it is in the template
  uint16_t mtu = 0;          // largest inner packet
  uint16_t mss4 = 0;         // TCP MSS of IPv4 SYNs is lowered to this; 0: left alone
  uint16_t mss6 = 0;         // and of IPv6 SYNs
  uint8_t header_bytes = 0;  // IP, UDP, ESP, IV
  wire::Family outer = wire::Family::kV4;
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  bool udp = false;
  bool esn = false;
  uint8_t any = 0;       // AnyBits of the SA's selectors
  uint8_t iv_bytes = 0;  // of the algorithm, like the two below
  uint8_t icv_bytes = 0;
  uint8_t align = 0;
  DscpMode dscp = DscpMode::kCopy;
  uint8_t dscp_value = 0;  // six bits, for DscpMode::kSet
  DfMode df = DfMode::kSet;
  FragmentMode fragmentation = FragmentMode::kBefore;
  bool pads_to_mtu = false;  // every packet is as long as the longest (TFC)
  uint16_t outer_mtu = 0;    // largest outer packet, for those that are fragmented
  // For DscpMode::kMap. Control's; freed after the acknowledgement of what replaced this record.
  const DscpMap* dscp_map = nullptr;

  // Line 1: [spare | IP | UDP | SPI, sequence], lengths, sequence and what varies by packet zero.
  alignas(kCacheLine) uint8_t header[kTemplateBytes] = {};
};
static_assert(sizeof(Encap) == 2 * kCacheLine);
static_assert(std::is_trivially_copyable_v<Encap>);

// The record of a tunnel whose packets are sealed with `sa` (null: none yet, all are dropped) and
// leave by `adjacency`. REQUIRES: params.local and params.remote are of one family.
Encap make_encap(OutboundSa* sa, const EncapParams& params, uint32_t adjacency);

}  // namespace kanmon::sa
