// What control says about an SA when it has one made. The data plane copies everything it keeps;
// the caller wipes its keys.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/esp/algorithm.h"
#include "dataplane/sa/selector.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::sa {

// Limits after which a worker asks for a new SA (soft) or stops this one (hard); 0 = none. The soft
// limit of time is control's own: it has a clock.
struct Limits {
  uint64_t soft_packets = 0;
  uint64_t hard_packets = 0;
  uint64_t soft_bytes = 0;
  uint64_t hard_bytes = 0;
  uint64_t expires_tsc = 0;  // at this time-stamp counter the SA is over, control alive or not

  friend bool operator==(const Limits&, const Limits&) = default;
};

struct InboundParams {
  uint32_t spi = 0;  // host order
  uint32_t tunnel = 0;
  uint16_t table = 0;         // route table of decrypted packets
  uint16_t owner_worker = 0;  // the one worker that decrypts and keeps the replay window (INV-6)
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  bool esn = false;
  bool udp_encapsulation = false;
  wire::Bytes keymat;                   // info(algorithm).keymat_bytes() octets
  uint32_t replay_window = 4096;        // packets; multiple of 64
  wire::IpAddress local;                // outside address packets must be sent to
  std::span<const Selector> local_ts;   // inner destination
  std::span<const Selector> remote_ts;  // inner source
  Limits limits;
  bool fragments_also = false;  // later fragments may follow their first (RFC 4301 section 7.3)
};

struct OutboundParams {
  uint32_t spi = 0;  // host order, the peer's
  uint32_t tunnel = 0;
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  bool esn = false;
  wire::Bytes keymat;
  uint64_t first_sequence = 1;
  std::span<const Selector> local_ts;   // inner source
  std::span<const Selector> remote_ts;  // inner destination
  Limits limits;
  uint16_t workers = 1;  // counters are kept per worker
  bool fragments_also = false;
};

enum class DscpMode : uint8_t { kCopy, kSet, kMap };
// Outer DSCP by inner one.
using DscpMap = std::array<uint8_t, 64>;
enum class DfMode : uint8_t { kCopy, kSet, kClear };
// What becomes of an IPv4 packet that is too big and may be fragmented (RFC 4301 section 8.2.1).
enum class FragmentMode : uint8_t { kBefore, kAfter };

// The outer header of a tunnel, and what goes with it.
struct EncapParams {
  bool udp_encapsulation = false;
  wire::Endpoint local;  // ports are used if udp_encapsulation
  wire::Endpoint remote;
  uint8_t ttl = 64;
  DscpMode dscp = DscpMode::kCopy;
  uint8_t dscp_value = 0;
  const DscpMap* dscp_map = nullptr;  // kMap: outlives what is made with it
  DfMode df = DfMode::kSet;
  FragmentMode fragmentation = FragmentMode::kBefore;
  uint16_t outer_mtu = 1500;    // of the port the outer packets leave by
  uint16_t configured_mtu = 0;  // 0: computed from outer_mtu and the transforms
  bool mss_clamp = true;
  bool pads_to_mtu = false;  // TFC padding (RFC 4303 section 2.7)
};

}  // namespace kanmon::sa
