// Every reason for which a packet ends here, by stage: one row, one name, one counter (INV-8).
//
// Adding a drop is one row in kDrops (and its enumerator, in the same place). Names are stable:
// they are the field's interface in `kanmon show drops`, the API and the metrics.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kanmon {

enum class Stage : uint8_t { kRx, kClassify, kDecrypt, kRoute, kLocal, kEncrypt, kTx, kPunt };
inline constexpr std::size_t kStageCount = 8;
inline constexpr const char* kStageNames[kStageCount] = {"rx",    "classify", "decrypt", "route",
                                                         "local", "encrypt",  "tx",      "punt"};

enum class Drop : uint16_t {
  kNone,  // not dropped
  kFrameTooShort,
  kEtherTypeUnknown,
  kNotOurMac,
  kIp4BadHeader,
  kIp4BadChecksum,
  kIp6BadHeader,
  kChained,
  kEspFragment,
  kFragmentJoined,
  kFragmentBad,
  kFragmentOverlap,
  kFragmentDuplicate,
  kFragmentTimeout,
  kFragmentEvicted,
  kFragmentTooLong,
  kUdpBadLength,
  kNatKeepalive,
  kUnknownSpi,
  kWrongDestination,
  kOuterBadSource,
  kEncapsulationMismatch,
  kEspTruncated,
  kEspBadAlignment,
  kReplayed,
  kTooOld,
  kIcvFailed,
  kBadPadding,
  kDummy,
  kBadNextHeader,
  kInnerBadHeader,
  kInnerBadLength,
  kEcnIllegal,
  kInboundSelectorMismatch,
  kInboundSaExpired,
  kHandoffFull,
  kSharedBuffer,
  kNoRoute,
  kBlackhole,
  kTtlExceeded,
  kNoTable,
  kUnderlayTransit,
  kRecursion,
  kBadSource,
  kMulticast,
  kNoMember,
  kNoService,
  kBadIcmp,
  kUdpBadChecksum,
  kLocalRateLimited,
  kBfd,
  kBfdRefused,
  kProbeAnswer,
  kProbeRefused,
  kAsymmetric,
  kNoSa,
  kOutboundSelectorMismatch,
  kTooBig,
  kSequenceExhausted,
  kOutboundSaExpired,
  kNoHeadroom,
  kNoAdjacency,
  kNoBuffer,
  kTxQueueFull,
  kTxPortDown,
  kTxTooBig,
  kStopped,
  kPuntRingFull,
  kPuntRateLimited,
  kCount,
};
inline constexpr std::size_t kDropCount = static_cast<std::size_t>(Drop::kCount);

struct DropInfo {
  Drop drop;
  Stage stage;
  const char* name;  // "decrypt.replayed" is shown as stage name, dot, this
  const char* help;
};

inline constexpr DropInfo kDrops[] = {
    {Drop::kNone, Stage::kRx, "none", ""},
    {Drop::kFrameTooShort, Stage::kClassify, "frame_too_short", "shorter than its headers"},
    {Drop::kEtherTypeUnknown, Stage::kClassify, "ethertype_unknown", "neither IPv4, IPv6 nor ARP"},
    {Drop::kNotOurMac, Stage::kClassify, "not_our_mac", "unicast frame for another station"},
    {Drop::kIp4BadHeader, Stage::kClassify, "ip4_bad_header", "version, IHL or length is wrong"},
    {Drop::kIp4BadChecksum, Stage::kClassify, "ip4_bad_checksum", "header checksum is wrong"},
    {Drop::kIp6BadHeader, Stage::kClassify, "ip6_bad_header", "version or length is wrong"},
    {Drop::kChained, Stage::kClassify, "chained", "the frame spans buffers this path cannot join"},
    {Drop::kEspFragment, Stage::kClassify, "esp_fragment",
     "an IP fragment of ESP or UDP that is not for us (RFC 4303 section 3.4.1)"},
    {Drop::kFragmentJoined, Stage::kClassify, "fragment_joined",
     "its octets went on as a part of the first fragment's packet"},
    {Drop::kFragmentBad, Stage::kClassify, "fragment_bad",
     "empty, tiny or cut wrongly (RFC 1858), or its ECN cannot be combined (RFC 3168)"},
    {Drop::kFragmentOverlap, Stage::kClassify, "fragment_overlap",
     "fragments contradict each other: all of the datagram go (RFC 5722)"},
    {Drop::kFragmentDuplicate, Stage::kClassify, "fragment_duplicate", "came before"},
    {Drop::kFragmentTimeout, Stage::kClassify, "fragment_timeout",
     "the rest of the datagram did not come in time"},
    {Drop::kFragmentEvicted, Stage::kClassify, "fragment_evicted",
     "gave way to newer fragments: too many wait"},
    {Drop::kFragmentTooLong, Stage::kClassify, "fragment_too_long",
     "the whole datagram is longer than a buffer"},
    {Drop::kUdpBadLength, Stage::kClassify, "udp_bad_length", "UDP length contradicts the packet"},
    {Drop::kNatKeepalive, Stage::kClassify, "nat_keepalive", "NAT keepalive, consumed (RFC 3948)"},
    {Drop::kUnknownSpi, Stage::kDecrypt, "unknown_spi", "no inbound SA has this SPI"},
    {Drop::kWrongDestination, Stage::kDecrypt, "wrong_destination",
     "the SA belongs to another outside address"},
    {Drop::kOuterBadSource, Stage::kDecrypt, "bad_source",
     "outer source is multicast, loopback or our own"},
    {Drop::kEncapsulationMismatch, Stage::kDecrypt, "encapsulation_mismatch",
     "ESP without UDP on an SA whose peer is behind a NAT (RFC 7296 section 2.23)"},
    {Drop::kEspTruncated, Stage::kDecrypt, "truncated", "shorter than the SA's transforms allow"},
    {Drop::kEspBadAlignment, Stage::kDecrypt, "bad_alignment", "ciphertext is not aligned"},
    {Drop::kReplayed, Stage::kDecrypt, "replayed", "sequence number was seen before"},
    {Drop::kTooOld, Stage::kDecrypt, "too_old", "sequence number is left of the replay window"},
    {Drop::kIcvFailed, Stage::kDecrypt, "icv_failed", "integrity check failed"},
    {Drop::kBadPadding, Stage::kDecrypt, "bad_padding", "pad length or pad octets are wrong"},
    {Drop::kDummy, Stage::kDecrypt, "dummy", "dummy packet, consumed (RFC 4303 section 2.6)"},
    {Drop::kBadNextHeader, Stage::kDecrypt, "bad_next_header", "inner packet is not IPv4 or IPv6"},
    {Drop::kInnerBadHeader, Stage::kDecrypt, "inner_bad_header",
     "inner version or header length is wrong"},
    {Drop::kInnerBadLength, Stage::kDecrypt, "inner_bad_length",
     "inner total length exceeds what was decrypted"},
    {Drop::kEcnIllegal, Stage::kDecrypt, "ecn_illegal",
     "outer says congestion, inner cannot carry it (RFC 6040 section 4.2)"},
    {Drop::kInboundSelectorMismatch, Stage::kDecrypt, "selector_mismatch",
     "inner packet is outside the SA's traffic selectors (RFC 4301 section 5.2)"},
    {Drop::kInboundSaExpired, Stage::kDecrypt, "sa_expired", "the SA reached a hard limit"},
    {Drop::kHandoffFull, Stage::kDecrypt, "handoff_full", "ring to the owning worker is full"},
    {Drop::kSharedBuffer, Stage::kDecrypt, "shared_buffer", "buffer may not be written in place"},
    {Drop::kNoRoute, Stage::kRoute, "no_route", "no prefix of the table covers the destination"},
    {Drop::kBlackhole, Stage::kRoute, "blackhole", "the route says so"},
    {Drop::kTtlExceeded, Stage::kRoute, "ttl_exceeded", "TTL or hop limit ran out"},
    {Drop::kNoTable, Stage::kRoute, "no_table", "port or tunnel is associated with no table"},
    {Drop::kUnderlayTransit, Stage::kRoute, "underlay_transit",
     "came in on an underlay port and is not for us"},
    {Drop::kRecursion, Stage::kRoute, "recursion", "an underlay route pointed at a tunnel (INV-1)"},
    {Drop::kBadSource, Stage::kRoute, "bad_source", "source is multicast, loopback or our own"},
    {Drop::kMulticast, Stage::kRoute, "multicast", "multicast and broadcast are not routed"},
    {Drop::kNoMember, Stage::kRoute, "no_member",
     "every tunnel and neighbour of the route's group is down"},
    {Drop::kNoService, Stage::kLocal, "no_service", "for us, but nothing here answers it"},
    {Drop::kBadIcmp, Stage::kLocal, "bad_icmp", "ICMP to us is malformed"},
    {Drop::kUdpBadChecksum, Stage::kLocal, "udp_bad_checksum",
     "UDP checksum of IKE or BFD to us is wrong"},
    {Drop::kLocalRateLimited, Stage::kLocal, "rate_limited", "too many echo requests a second"},
    {Drop::kBfd, Stage::kLocal, "bfd", "BFD packet of a session, consumed (RFC 5880)"},
    {Drop::kBfdRefused, Stage::kLocal, "bfd_refused",
     "BFD packet that changes nothing; show bfd has the reasons (RFC 5880 section 6.8.6)"},
    {Drop::kProbeAnswer, Stage::kLocal, "probe_answer", "answer to a health probe, consumed"},
    {Drop::kProbeRefused, Stage::kLocal, "probe_refused",
     "answer to a health probe that is late, a duplicate or malformed"},
    {Drop::kAsymmetric, Stage::kLocal, "asymmetric",
     "BFD or the answer to a probe, come by another tunnel than its own: it does not count"},
    {Drop::kNoSa, Stage::kEncrypt, "no_sa", "the tunnel has no outbound SA (INV-2)"},
    {Drop::kOutboundSelectorMismatch, Stage::kEncrypt, "selector_mismatch",
     "packet is outside the SA's traffic selectors (RFC 4301 section 5.1)"},
    {Drop::kTooBig, Stage::kEncrypt, "too_big", "larger than the tunnel's MTU; ICMP says so"},
    {Drop::kSequenceExhausted, Stage::kEncrypt, "sequence_exhausted",
     "sequence numbers of the SA are used up (RFC 4303 section 3.3.3)"},
    {Drop::kOutboundSaExpired, Stage::kEncrypt, "sa_expired", "the SA reached a hard limit"},
    {Drop::kNoHeadroom, Stage::kEncrypt, "no_headroom", "buffer has no room for the headers"},
    {Drop::kNoAdjacency, Stage::kEncrypt, "no_adjacency",
     "the way to the peer's outside address is not resolved"},
    {Drop::kNoBuffer, Stage::kRoute, "no_buffer", "packet buffers are used up"},
    {Drop::kTxQueueFull, Stage::kTx, "queue_full", "the port did not take it in time"},
    {Drop::kTxPortDown, Stage::kTx, "port_down", "port or its transmit queue is gone"},
    {Drop::kTxTooBig, Stage::kTx, "too_big", "larger than the port's MTU"},
    {Drop::kStopped, Stage::kTx, "stopped", "still on a ring when the program stopped"},
    {Drop::kPuntRingFull, Stage::kPunt, "ring_full", "control is behind"},
    {Drop::kPuntRateLimited, Stage::kPunt, "rate_limited", "too many packets of this kind"},
};

namespace detail {
constexpr bool drops_in_order() {
  if (sizeof kDrops / sizeof kDrops[0] != kDropCount) return false;
  for (std::size_t i = 0; i < kDropCount; ++i)
    if (static_cast<std::size_t>(kDrops[i].drop) != i) return false;
  return true;
}
}  // namespace detail
static_assert(detail::drops_in_order(), "kDrops needs one row per Drop, in the enum's order");

constexpr const DropInfo& info(Drop d) {
  return kDrops[static_cast<std::size_t>(d)];
}

}  // namespace kanmon
