#include "control/bgp/wire/notification.h"

#include <algorithm>

#include "control/bgp/wire/message.h"
#include "control/log/text.h"
#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

struct Name {
  uint8_t code;
  uint8_t subcode;
  const char* text;
};

// IANA "BGP Error (Notification) Codes" and their subcodes. Subcode 0 names the code.
constexpr Name kNames[] = {
    {1, 0, "header"},
    {1, 1, "not-synchronized"},
    {1, 2, "bad-length"},
    {1, 3, "bad-type"},
    {2, 0, "open"},
    {2, 1, "unsupported-version"},
    {2, 2, "bad-peer-as"},
    {2, 3, "bad-identifier"},
    {2, 4, "unsupported-parameter"},
    {2, 6, "unacceptable-hold-time"},
    {2, 7, "unsupported-capability"},
    {2, 11, "role-mismatch"},
    {3, 0, "update"},
    {3, 1, "malformed-attribute-list"},
    {3, 2, "unrecognized-well-known-attribute"},
    {3, 3, "missing-well-known-attribute"},
    {3, 4, "attribute-flags"},
    {3, 5, "attribute-length"},
    {3, 6, "invalid-origin"},
    {3, 8, "invalid-next-hop"},
    {3, 9, "optional-attribute"},
    {3, 10, "invalid-network-field"},
    {3, 11, "malformed-as-path"},
    {4, 0, "hold-timer-expired"},
    {5, 0, "fsm"},
    {5, 1, "unexpected-in-open-sent"},
    {5, 2, "unexpected-in-open-confirm"},
    {5, 3, "unexpected-in-established"},
    {6, 0, "cease"},
    {6, 1, "maximum-prefixes"},
    {6, 2, "administrative-shutdown"},
    {6, 3, "peer-deconfigured"},
    {6, 4, "administrative-reset"},
    {6, 5, "connection-rejected"},
    {6, 6, "configuration-change"},
    {6, 7, "collision"},
    {6, 8, "out-of-resources"},
    {6, 9, "hard-reset"},
    {6, 10, "bfd-down"},
    {7, 0, "route-refresh"},
    {7, 1, "invalid-length"},
    {8, 0, "send-hold-timer-expired"},
};

std::string name_of(uint8_t code, uint8_t subcode) {
  for (const Name& n : kNames)
    if (n.code == code && n.subcode == subcode) return n.text;
  return std::to_string(subcode == 0 ? code : subcode);
}

constexpr std::size_t kFixedBytes = kHeaderBytes + 2;

std::string_view as_text(wire::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Notification Notification::cease(Cease why, std::string_view text) {
  Notification n = make(why);
  if (text.empty()) return n;
  text = text.substr(0, 255);
  text = text.substr(0, log::valid_utf8(text));
  n.data.push_back(static_cast<uint8_t>(text.size()));
  n.data.insert(n.data.end(), text.begin(), text.end());
  return n;
}

Notification Notification::hard_reset(const Notification& inner) {
  Notification n = make(Cease::kHardReset);
  n.data.reserve(2 + inner.data.size());
  n.data.push_back(inner.code);
  n.data.push_back(inner.subcode);
  for (const uint8_t octet : inner.data) n.data.push_back(octet);
  return n;
}

Result<Notification> parse_notification(wire::Bytes body) {
  wire::Reader r(body);
  Notification n;
  n.code = r.u8();
  n.subcode = r.u8();
  if (!r.ok()) return r.truncated();
  const wire::Bytes data = r.rest();
  n.data.assign(data.begin(), data.end());
  return n;
}

Octets encode(const Notification& n, std::size_t longest) {
  const std::size_t size = std::min(n.data.size(), longest - kFixedBytes);
  Octets m(kFixedBytes + size);
  wire::Writer w(m);
  begin_message(w, MessageType::kNotification);
  w.u8(n.code);
  w.u8(n.subcode);
  w.put(wire::Bytes(n.data).first(size));
  finish_message(w);
  return m;
}

Notification unwrapped(const Notification& n) {
  if (!n.is(Cease::kHardReset) || n.data.size() < 2) return n;
  return parse_notification(n.data).value();
}

std::string shutdown_text(const Notification& outer) {
  const Notification n = unwrapped(outer);
  if (!n.is(Cease::kShutdown) && !n.is(Cease::kReset)) return {};
  if (n.data.empty()) return {};
  wire::Reader r(n.data);
  const uint8_t length = r.u8();
  const wire::Bytes text = r.take(length);
  if (!r.ok()) return "malformed text";
  // 255 octets that are all escaped as \xNN must still fit.
  return log::printable(as_text(text), 1024);
}

std::string to_string(const Notification& n) {
  std::string text = name_of(n.code, 0);
  if (n.subcode != 0) text += "/" + name_of(n.code, n.subcode);
  return text;
}

}  // namespace kanmon::bgp
