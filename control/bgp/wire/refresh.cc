#include "control/bgp/wire/refresh.h"

#include "control/bgp/wire/message.h"
#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

//  |             AFI               |   Subtype     |     SAFI      |
constexpr std::size_t kBodyBytes = 4;

Octets whole_message(wire::Bytes body) {
  Octets m(kHeaderBytes + body.size());
  wire::Writer w(m);
  begin_message(w, MessageType::kRouteRefresh);
  w.put(body);
  finish_message(w);
  return m;
}

Octets length_of(wire::Bytes body) {
  const std::size_t size = kHeaderBytes + body.size();
  return {static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size & 0xff)};
}

}  // namespace

Verdict parse_refresh(wire::Bytes body, bool enhanced, std::optional<Refresh>& out) {
  out.reset();
  wire::Reader r(body);
  const uint16_t afi = r.u16();
  uint8_t subtype = r.u8();
  const uint8_t safi = r.u8();
  if (!enhanced) subtype = 0;
  const bool is_mark = subtype == 1 || subtype == 2;
  if (body.size() != kBodyBytes && is_mark)
    return Notification::make(RefreshError::kLength, whole_message(body));
  if (subtype > 2) return std::nullopt;
  if (body.size() != kBodyBytes)
    return Notification::make(HeaderError::kBadLength, length_of(body));
  if (const auto family = family_of(afi, safi))
    out = Refresh{static_cast<Refresh::Kind>(subtype), *family};
  return std::nullopt;
}

Octets encode(const Refresh& refresh) {
  Octets body(kBodyBytes);
  wire::Writer w(body);
  w.u16(afi_of(refresh.family));
  w.u8(static_cast<uint8_t>(refresh.kind));
  w.u8(kSafiUnicast);
  return whole_message(body);
}

}  // namespace kanmon::bgp
