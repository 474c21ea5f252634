#include "control/bgp/wire/message.h"

#include <algorithm>

#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  |                     Marker: 16 octets of 0xff                 |
//  |          Length               |      Type     |
constexpr std::size_t kMarkerBytes = 16;

struct Rule {
  MessageType type;
  const char* name;
  std::size_t shortest;
  std::size_t longest;
};

// The extended length is not for OPEN and KEEPALIVE (RFC 8654 section 4). A ROUTE-REFRESH may be
// longer as far as the header goes: what its length means depends on its subtype (RFC 7313).
constexpr Rule kRules[] = {
    {MessageType::kOpen, "OPEN", 29, kMaxMessage},
    {MessageType::kUpdate, "UPDATE", 23, kMaxExtendedMessage},
    {MessageType::kNotification, "NOTIFICATION", 21, kMaxExtendedMessage},
    {MessageType::kKeepalive, "KEEPALIVE", 19, 19},
    {MessageType::kRouteRefresh, "ROUTE-REFRESH", 23, kMaxExtendedMessage},
};

const Rule* rule_of(uint8_t type) {
  for (const Rule& rule : kRules)
    if (static_cast<uint8_t>(rule.type) == type) return &rule;
  return nullptr;
}

Notification bad_length(uint16_t length) {
  return Notification::make(HeaderError::kBadLength, {static_cast<uint8_t>(length >> 8),
                                                      static_cast<uint8_t>(length & 0xff)});
}

}  // namespace

const char* to_string(MessageType type) {
  const Rule* rule = rule_of(static_cast<uint8_t>(type));
  return rule == nullptr ? "unknown" : rule->name;
}

Verdict next_message(wire::Bytes stream, std::size_t longest, Frame& out) {
  out = {};
  if (stream.size() < kHeaderBytes) return std::nullopt;
  wire::Reader r(stream);
  const wire::Bytes marker = r.take(kMarkerBytes);
  const uint16_t length = r.u16();
  const uint8_t type = r.u8();
  if (!std::all_of(marker.begin(), marker.end(), [](uint8_t octet) { return octet == 0xff; }))
    return Notification::make(HeaderError::kNotSynchronized);
  if (length < kHeaderBytes || length > longest) return bad_length(length);
  const Rule* rule = rule_of(type);
  if (rule == nullptr) return Notification::make(HeaderError::kBadType, {type});
  if (length < rule->shortest || length > rule->longest) return bad_length(length);
  if (stream.size() < length) return std::nullopt;
  out = {rule->type, stream.subspan(kHeaderBytes, length - kHeaderBytes), length};
  return std::nullopt;
}

void begin_message(wire::Writer& w, MessageType type) {
  w.fill(0xff, kMarkerBytes);
  w.u16(0);
  w.u8(static_cast<uint8_t>(type));
}

void finish_message(wire::Writer& w) {
  w.patch(kMarkerBytes, static_cast<uint16_t>(w.size()));
}

Octets keepalive() {
  Octets m(kHeaderBytes);
  wire::Writer w(m);
  begin_message(w, MessageType::kKeepalive);
  finish_message(w);
  return m;
}

}  // namespace kanmon::bgp
