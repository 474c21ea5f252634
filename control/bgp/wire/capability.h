// Capabilities of an OPEN message: what a speaker can do, as one value. RFC 5492.
//
// Known: multiprotocol (RFC 4760) for IPv4 and IPv6 unicast, route refresh (2918) and enhanced
// (7313), extended messages (8654), graceful restart with the N-bit (4724, 8538), 4-octet AS
// numbers (6793), add-path (7911). Whatever else a peer says is ignored, and so are other address
// families.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "control/bgp/wire/notification.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::bgp {

// Address family numbers; all that Kanmon routes is unicast (SAFI 1).
inline constexpr uint16_t kAfiIpv4 = 1;
inline constexpr uint16_t kAfiIpv6 = 2;
inline constexpr uint8_t kSafiUnicast = 1;

inline constexpr std::array<wire::Family, 2> kFamilies{wire::Family::kV4, wire::Family::kV6};
constexpr uint16_t afi_of(wire::Family family) {
  return family == wire::Family::kV4 ? kAfiIpv4 : kAfiIpv6;
}
// Absent for what Kanmon does not route.
constexpr std::optional<wire::Family> family_of(uint16_t afi, uint8_t safi) {
  if (safi != kSafiUnicast) return std::nullopt;
  if (afi == kAfiIpv4) return wire::Family::kV4;
  if (afi == kAfiIpv6) return wire::Family::kV6;
  return std::nullopt;
}

// Something for each family.
template <class T>
class PerFamily {
 public:
  T& operator[](wire::Family family) { return values_[family == wire::Family::kV6]; }
  const T& operator[](wire::Family family) const { return values_[family == wire::Family::kV6]; }
  friend bool operator==(const PerFamily&, const PerFamily&) = default;

 private:
  std::array<T, 2> values_{};
};

// Whether routes of a family may have several paths (RFC 7911 section 4).
enum class AddPath : uint8_t { kNone = 0, kReceive = 1, kSend = 2, kBoth = 3 };
constexpr bool sends(AddPath a) {
  return (static_cast<uint8_t>(a) & 2) != 0;
}
constexpr bool receives(AddPath a) {
  return (static_cast<uint8_t>(a) & 1) != 0;
}

// RFC 4724 section 3. `time` in seconds, 12 bits.
struct GracefulRestart {
  struct Family {
    bool listed = false;     // this speaker can keep forwarding for it
    bool preserved = false;  // and did so through its last restart (F-bit)
    friend bool operator==(const Family&, const Family&) = default;
  };
  uint16_t time = 0;
  bool restarted = false;     // R-bit: this speaker comes back from a restart
  bool notification = false;  // N-bit: NOTIFICATIONs and expired timers count as restart too
  PerFamily<Family> family;
  friend bool operator==(const GracefulRestart&, const GracefulRestart&) = default;
};

struct Capabilities {
  bool has_multiprotocol = false;  // without any, IPv4 unicast is meant
  PerFamily<bool> family;
  bool refresh = false;
  bool enhanced_refresh = false;
  bool extended_message = false;
  std::optional<uint32_t> as4;  // the speaker's AS number
  std::optional<GracefulRestart> restart;
  PerFamily<AddPath> add_path;
  friend bool operator==(const Capabilities&, const Capabilities&) = default;

  // Routes of `f` may be exchanged, as far as this speaker is concerned.
  bool speaks(wire::Family f) const {
    return has_multiprotocol ? family[f] : f == wire::Family::kV4;
  }
};

// Reads the value of one Capabilities parameter, adding to `out`. Several of one code:
// multiprotocol and add-path add up, of others the last counts. A known code with a length that
// cannot be its own, and one that reaches beyond the parameter, is refused with 2/0.
Verdict parse_capabilities(wire::Bytes parameter, Capabilities& out);

// Writes all of `c`, one capability after another.
void write_capabilities(wire::Writer& w, const Capabilities& c);
// One multiprotocol capability, as data of 2/7 "unsupported capability".
Octets multiprotocol_capability(wire::Family family);

}  // namespace kanmon::bgp
