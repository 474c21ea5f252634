#include "control/bgp/wire/capability.h"

#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

enum class Code : uint8_t {
  kMultiprotocol = 1,
  kRefresh = 2,
  kExtendedMessage = 6,
  kGracefulRestart = 64,
  kAs4 = 65,
  kAddPath = 69,
  kEnhancedRefresh = 70,
};

constexpr uint16_t kRestartedBit = 0x8000;
constexpr uint16_t kNotificationBit = 0x4000;
constexpr uint16_t kTimeMask = 0x0fff;
constexpr uint8_t kForwardingBit = 0x80;

void read_multiprotocol(wire::Reader& r, Capabilities& out) {
  const uint16_t afi = r.u16();
  r.skip(1);
  out.has_multiprotocol = true;
  if (const auto family = family_of(afi, r.u8())) out.family[*family] = true;
}

void read_refresh(wire::Reader&, Capabilities& out) {
  out.refresh = true;
}

void read_enhanced_refresh(wire::Reader&, Capabilities& out) {
  out.enhanced_refresh = true;
}

void read_extended(wire::Reader&, Capabilities& out) {
  out.extended_message = true;
}

void read_restart(wire::Reader& r, Capabilities& out) {
  GracefulRestart restart;
  const uint16_t head = r.u16();
  restart.time = head & kTimeMask;
  restart.restarted = (head & kRestartedBit) != 0;
  restart.notification = (head & kNotificationBit) != 0;
  while (!r.done()) {
    const uint16_t afi = r.u16();
    const uint8_t safi = r.u8(), flags = r.u8();
    if (const auto family = family_of(afi, safi))
      restart.family[*family] = {true, (flags & kForwardingBit) != 0};
  }
  out.restart = restart;
}

void read_as4(wire::Reader& r, Capabilities& out) {
  out.as4 = r.u32();
}

void read_add_path(wire::Reader& r, Capabilities& out) {
  while (!r.done()) {
    const uint16_t afi = r.u16();
    const auto family = family_of(afi, r.u8());
    const uint8_t way = r.u8();
    // Any other way is as if it were not there (section 4).
    if (family && way >= 1 && way <= 3) out.add_path[*family] = static_cast<AddPath>(way);
  }
}

// Length: `fixed` octets and then any number of blocks of `block` octets.
struct Rule {
  Code code;
  uint8_t fixed;
  uint8_t block;
  void (*read)(wire::Reader&, Capabilities&);

  bool fits(std::size_t size) const {
    if (size < fixed) return false;
    return block == 0 ? size == fixed : (size - fixed) % block == 0;
  }
};

constexpr Rule kRules[] = {
    {Code::kMultiprotocol, 4, 0, read_multiprotocol},
    {Code::kRefresh, 0, 0, read_refresh},
    {Code::kExtendedMessage, 0, 0, read_extended},
    {Code::kGracefulRestart, 2, 4, read_restart},
    {Code::kAs4, 4, 0, read_as4},
    {Code::kAddPath, 0, 4, read_add_path},
    {Code::kEnhancedRefresh, 0, 0, read_enhanced_refresh},
};

void head(wire::Writer& w, Code code, uint8_t size) {
  w.u8(static_cast<uint8_t>(code));
  w.u8(size);
}

void write_multiprotocol(wire::Writer& w, wire::Family family) {
  head(w, Code::kMultiprotocol, 4);
  w.u16(afi_of(family));
  w.u8(0);
  w.u8(kSafiUnicast);
}

void write_restart(wire::Writer& w, const GracefulRestart& restart) {
  uint8_t listed = 0;
  for (const wire::Family f : kFamilies) listed += restart.family[f].listed;
  head(w, Code::kGracefulRestart, static_cast<uint8_t>(2 + 4 * listed));
  w.u16(static_cast<uint16_t>((restart.restarted ? kRestartedBit : 0) |
                              (restart.notification ? kNotificationBit : 0) |
                              (restart.time & kTimeMask)));
  for (const wire::Family f : kFamilies) {
    if (!restart.family[f].listed) continue;
    w.u16(afi_of(f));
    w.u8(kSafiUnicast);
    w.u8(restart.family[f].preserved ? kForwardingBit : 0);
  }
}

void write_add_path(wire::Writer& w, const PerFamily<AddPath>& add_path) {
  uint8_t count = 0;
  for (const wire::Family f : kFamilies) count += add_path[f] != AddPath::kNone;
  if (count == 0) return;
  head(w, Code::kAddPath, static_cast<uint8_t>(4 * count));
  for (const wire::Family f : kFamilies) {
    if (add_path[f] == AddPath::kNone) continue;
    w.u16(afi_of(f));
    w.u8(kSafiUnicast);
    w.u8(static_cast<uint8_t>(add_path[f]));
  }
}

}  // namespace

Verdict parse_capabilities(wire::Bytes parameter, Capabilities& out) {
  wire::Reader r(parameter);
  while (!r.done()) {
    const uint8_t code = r.u8(), size = r.u8();
    const wire::Bytes value = r.take(size);
    if (!r.ok()) return Notification::make(OpenError::kUnspecific);
    for (const Rule& rule : kRules) {
      if (static_cast<uint8_t>(rule.code) != code) continue;
      if (!rule.fits(size)) return Notification::make(OpenError::kUnspecific);
      wire::Reader inside(value);
      rule.read(inside, out);
    }
  }
  return std::nullopt;
}

void write_capabilities(wire::Writer& w, const Capabilities& c) {
  for (const wire::Family f : kFamilies)
    if (c.has_multiprotocol && c.family[f]) write_multiprotocol(w, f);
  if (c.refresh) head(w, Code::kRefresh, 0);
  if (c.extended_message) head(w, Code::kExtendedMessage, 0);
  if (c.restart) write_restart(w, *c.restart);
  if (c.as4) {
    head(w, Code::kAs4, 4);
    w.u32(*c.as4);
  }
  write_add_path(w, c.add_path);
  if (c.enhanced_refresh) head(w, Code::kEnhancedRefresh, 0);
}

Octets multiprotocol_capability(wire::Family family) {
  Octets data(6);
  wire::Writer w(data);
  write_multiprotocol(w, family);
  return data;
}

}  // namespace kanmon::bgp
