#include "control/bgp/wire/open.h"

#include "control/bgp/as_path.h"
#include "control/bgp/wire/message.h"
#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

//  |    Version    |     My Autonomous System      |           Hold Time           |
//  |                         BGP Identifier                        | Opt Parm Len  |
//  |             Optional Parameters: type, length, value
constexpr uint8_t kVersion = 4;
constexpr uint8_t kCapabilitiesParameter = 2;
// As the type of the first parameter: a length of two octets follows, and each parameter has a
// length of two octets as well (RFC 9072 section 2).
constexpr uint8_t kExtendedLength = 255;

struct Fixed {
  uint8_t version = 0;
  uint16_t as = 0;
  uint16_t hold_time = 0;
  uint32_t identifier = 0;
};

// The octets of all parameters; `r` stands behind the identifier. Absent: the lengths contradict.
std::optional<wire::Bytes> take_parameters(wire::Reader& r, bool& extended) {
  std::size_t size = r.u8();
  wire::Bytes all = r.rest();
  wire::Reader inside(all);
  extended = size != 0 && inside.u8() == kExtendedLength;
  if (extended) {
    size = inside.u16();
    all = inside.rest();
  }
  if (!r.ok() || !inside.ok() || all.size() != size) return std::nullopt;
  return all;
}

Verdict parse_parameters(wire::Bytes parameters, bool extended, Capabilities& out) {
  wire::Reader r(parameters);
  while (!r.done()) {
    const uint8_t type = r.u8();
    const std::size_t size = extended ? r.u16() : r.u8();
    const wire::Bytes value = r.take(size);
    if (!r.ok()) return Notification::make(OpenError::kUnspecific);
    if (type != kCapabilitiesParameter) return Notification::make(OpenError::kParameter);
    if (Verdict v = parse_capabilities(value, out)) return v;
  }
  return std::nullopt;
}

Verdict check_as(uint16_t as, Open& out) {
  const std::optional<uint32_t>& as4 = out.capabilities.as4;
  out.as = as4.value_or(as);
  const uint32_t in_two_octets = out.as > 0xffff ? kAsTrans : out.as;
  if (out.as == 0 || out.as == kAsTrans || as != in_two_octets)
    return Notification::make(OpenError::kPeerAs);
  return std::nullopt;
}

}  // namespace

Verdict parse_open(wire::Bytes body, Open& out) {
  out = {};
  wire::Reader r(body);
  Fixed fixed{r.u8(), r.u16(), r.u16(), r.u32()};
  if (!r.ok()) return Notification::make(OpenError::kUnspecific);
  // The data of 2/1 is the version we speak.
  if (fixed.version != kVersion) return Notification::make(OpenError::kVersion, {0, kVersion});
  bool extended = false;
  const auto parameters = take_parameters(r, extended);
  if (!parameters) return Notification::make(OpenError::kUnspecific);
  if (Verdict v = parse_parameters(*parameters, extended, out.capabilities)) return v;
  if (Verdict v = check_as(fixed.as, out)) return v;
  if (fixed.hold_time == 1 || fixed.hold_time == 2) return Notification::make(OpenError::kHoldTime);
  if (fixed.identifier == 0) return Notification::make(OpenError::kIdentifier);
  out.hold_time = fixed.hold_time;
  out.identifier = fixed.identifier;
  return std::nullopt;
}

Octets encode(const Open& open) {
  Octets capabilities(255);  // the known ones need 59 at most
  wire::Writer c(capabilities);
  write_capabilities(c, open.capabilities);
  const std::size_t parameters = c.size() == 0 ? 0 : c.size() + 2;

  Octets m(kHeaderBytes + 10 + parameters);
  wire::Writer w(m);
  begin_message(w, MessageType::kOpen);
  w.u8(kVersion);
  w.u16(static_cast<uint16_t>(open.as > 0xffff ? kAsTrans : open.as));
  w.u16(open.hold_time);
  w.u32(open.identifier);
  w.u8(static_cast<uint8_t>(parameters));
  if (parameters != 0) {
    w.u8(kCapabilitiesParameter);
    w.u8(static_cast<uint8_t>(c.size()));
    w.put(c.written());
  }
  finish_message(w);
  return m;
}

}  // namespace kanmon::bgp
