// What the XDP program counts, in words: one row per verdict of shared.h. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/esp/algorithm.h"
#include "dataplane/sa/spi.h"
#include "dataplane/xdp/shared.h"

namespace kanmon::xdp {

enum class Fate : uint8_t { kGateway, kKernel, kDropped };

struct VerdictInfo {
  Verdict verdict;
  const char* name;  // stable; of a drop, "xdp.NAME" is what `show drops` calls it
  const char* help;
};

inline constexpr VerdictInfo kVerdictInfos[] = {
    {kVerdictEsp, "esp", "ESP with the SPI of an inbound SA"},
    {kVerdictEspInUdp, "esp_in_udp", "the same in UDP 4500"},
    {kVerdictIke, "ike", "UDP 500, UDP 4500 with the non-ESP marker, and NAT keepalives"},
    {kVerdictBfd, "bfd", "UDP 3784, 3785 and 4784 on an underlay"},
    {kVerdictIcmp, "icmp", "ICMP and ICMPv6 on an underlay, but for discovery"},
    {kVerdictNeighbour, "neighbor", "ARP and neighbour discovery"},
    {kVerdictOther, "other", "what the gateway forwards, answers or drops by name"},
    {kVerdictKernel, "kernel", "not the gateway's: other stations, EtherTypes, kernel-addresses"},
    {kVerdictNoSocket, "no_socket", "received on a queue no worker reads"},
    {kVerdictUnknownSpi, "unknown_spi", "no inbound SA has this SPI"},
    {kVerdictReservedSpi, "reserved_spi", "SPI 0 to 255 (RFC 4303 section 2.1)"},
    {kVerdictEspTooShort, "esp_too_short", "shorter than ESP with any transform"},
};

constexpr Fate fate(Verdict v) {
  return v >= kVerdictUnknownSpi ? Fate::kDropped
         : v >= kVerdictKernel   ? Fate::kKernel
                                 : Fate::kGateway;
}
constexpr const char* to_string(Fate fate) {
  constexpr const char* kNames[] = {"gateway", "kernel", "dropped"};
  return kNames[static_cast<uint8_t>(fate)];
}

// Packets per verdict, all CPUs together.
using Counts = std::array<uint64_t, kVerdicts>;

namespace detail {
constexpr bool infos_in_order() {
  if (sizeof kVerdictInfos / sizeof kVerdictInfos[0] != kVerdicts) return false;
  for (std::size_t i = 0; i < kVerdicts; ++i)
    if (static_cast<std::size_t>(kVerdictInfos[i].verdict) != i) return false;
  return true;
}
// The program must not call too short what some transform makes: SPI, sequence number, IV, padding
// with its length and next header, ICV.
constexpr bool minimum_is_safe() {
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms)
    if (4 + 4 + a.iv_bytes + 4 + a.icv_bytes < kEspMinimum) return false;
  return true;
}
}  // namespace detail
static_assert(detail::infos_in_order(), "kVerdictInfos needs one row per Verdict, in its order");
static_assert(detail::minimum_is_safe(), "the XDP program would drop ESP of a known transform");
static_assert(uint32_t{kSpiSlots} == sa::kSlots && uint32_t{kFirstValidSpi} == sa::kFirstSpi);

}  // namespace kanmon::xdp
