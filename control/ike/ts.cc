#include "control/ike/ts.h"

#include <algorithm>

#include "dataplane/wire/reader.h"

namespace kanmon::ike {
namespace {

constexpr uint8_t kIpv4Range = 7;
constexpr uint8_t kIpv6Range = 8;
constexpr std::size_t kTsPayloadHeaderBytes = 4;
constexpr std::size_t kIpv4SelectorBytes = 16;
constexpr std::size_t kIpv6SelectorBytes = 40;

wire::IpAddress take_address(wire::Reader& r, bool v4) {
  const wire::Bytes octets = r.take(v4 ? 4 : 16);
  if (!r.ok()) return {};
  return v4 ? wire::IpAddress::v4(octets.data()) : wire::IpAddress::v6(octets.data());
}

struct Parsed {
  sa::Selector selector;
  bool usable = true;
};

// Selector: | type | IP protocol | length (2) | start port | end port | start … | end … |
Result<Parsed> take_selector(wire::Reader& r) {
  const uint32_t at = r.at();
  Parsed p;
  const uint8_t type = r.u8();
  p.selector.protocol = r.u8();
  const uint16_t length = r.u16();
  if (!r.ok()) return r.truncated();
  const bool v4 = type == kIpv4Range;
  if (!v4 && type != kIpv6Range) {
    p.usable = false;
    if (length < 4) return Error{Errc::kBadLength, at + 2};
    r.skip(length - std::size_t{4});
    if (!r.ok()) return r.truncated();
    return p;
  }
  if (length != (v4 ? kIpv4SelectorBytes : kIpv6SelectorBytes))
    return Error{Errc::kBadLength, at + 2};
  p.selector.port_start = r.u16();
  p.selector.port_end = r.u16();
  p.selector.start = take_address(r, v4);
  p.selector.end = take_address(r, v4);
  if (!r.ok()) return r.truncated();
  if (p.selector.end < p.selector.start) return Error{Errc::kBadValue, at + 8};
  if (p.selector.port_end < p.selector.port_start && !p.selector.opaque_port())
    return Error{Errc::kBadValue, at + 4};
  return p;
}

void write_selector(wire::Writer& w, const sa::Selector& s) {
  const bool v4 = s.start.is_v4();
  w.u8(v4 ? kIpv4Range : kIpv6Range);
  w.u8(s.protocol);
  w.u16(v4 ? kIpv4SelectorBytes : kIpv6SelectorBytes);
  w.u16(s.port_start);
  w.u16(s.port_end);
  w.put(s.start.bytes());
  w.put(s.end.bytes());
}

// False if nothing is in both.
bool intersect(const sa::Selector& a, const sa::Selector& b, sa::Selector& out) {
  if (a.start.family != b.start.family) return false;
  if (a.protocol != 0 && b.protocol != 0 && a.protocol != b.protocol) return false;
  out.protocol = a.protocol != 0 ? a.protocol : b.protocol;
  out.start = std::max(a.start, b.start);
  out.end = std::min(a.end, b.end);
  out.port_start = std::max(a.port_start, b.port_start);
  out.port_end = std::min(a.port_end, b.port_end);
  if (out.end < out.start) return false;
  // ANY has what is OPAQUE too (RFC 4301 section 4.4.1.1); a range has not.
  if (!a.opaque_port() && !b.opaque_port()) return out.port_start <= out.port_end;
  return (a.opaque_port() || a.any_port()) && (b.opaque_port() || b.any_port());
}

// Keeps `all` free of selectors that lie in another, and bounded. One that swallows others takes
// the place of the first of them, so that what the initiator named first stays in front.
void add(Selectors& all, const sa::Selector& s) {
  const auto in_s = [&s](const sa::Selector& have) { return inside(have, s); };
  if (std::any_of(all.begin(), all.end(), [&s](const sa::Selector& h) { return inside(s, h); }))
    return;
  const auto first = std::find_if(all.begin(), all.end(), in_s);
  if (first == all.end()) {
    if (all.size() < kMaxSelectors) all.push_back(s);
    return;
  }
  *first = s;
  all.erase(std::remove_if(first + 1, all.end(), in_s), all.end());
}

}  // namespace

Result<Selectors> parse_ts(wire::Bytes body) {
  wire::Reader r(body);
  const uint8_t count = r.u8();
  r.skip(3);
  if (!r.ok()) return r.truncated();
  if (count == 0) return Error{Errc::kBadValue, 0};
  Selectors selectors;
  for (unsigned i = 0; i < count; ++i) {
    const auto p = take_selector(r);
    if (!p.ok()) return p.error();
    if (p->usable) selectors.push_back(p->selector);
  }
  if (!r.done()) return r.error(Errc::kBadLength);
  return selectors;
}

void write_ts(wire::Writer& w, std::span<const sa::Selector> selectors) {
  if (selectors.size() > 255) return w.fail();
  w.u8(static_cast<uint8_t>(selectors.size()));
  w.fill(0, kTsPayloadHeaderBytes - 1);
  for (const sa::Selector& s : selectors) write_selector(w, s);
}

Selectors narrow(std::span<const sa::Selector> theirs, std::span<const sa::Selector> ours) {
  Selectors result;
  sa::Selector both;
  for (const sa::Selector& t : theirs)
    for (const sa::Selector& o : ours)
      if (intersect(t, o, both)) add(result, both);
  return result;
}

bool inside(const sa::Selector& a, const sa::Selector& b) {
  const bool ports = a.opaque_port() || b.opaque_port()
                         ? (a.opaque_port() && (b.opaque_port() || b.any_port()))
                         : b.port_start <= a.port_start && a.port_end <= b.port_end;
  return ports && a.start.family == b.start.family && b.start <= a.start && a.end <= b.end &&
         (b.protocol == 0 || a.protocol == b.protocol);
}

bool is_subset(std::span<const sa::Selector> inner, std::span<const sa::Selector> outer) {
  return std::all_of(inner.begin(), inner.end(), [outer](const sa::Selector& i) {
    return std::any_of(outer.begin(), outer.end(),
                       [&i](const sa::Selector& o) { return inside(i, o); });
  });
}

namespace {

std::string addresses(const sa::Selector& s) {
  for (unsigned length = 0; length <= s.start.bits(); ++length) {
    const auto n = static_cast<uint8_t>(length);
    if (wire::mask(s.start, n) == s.start && wire::mask(s.start, n, true) == s.end)
      return wire::Prefix{s.start, n}.to_string();
  }
  return s.start.to_string() + "-" + s.end.to_string();
}

std::string protocol_name(uint8_t protocol) {
  switch (protocol) {
    case 0:
      return "any";
    case 1:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 58:
      return "icmpv6";
    default:
      return std::to_string(protocol);
  }
}

}  // namespace

std::string to_string(const sa::Selector& s) {
  std::string text = addresses(s);
  if (s.protocol == 0 && s.any_port()) return text;
  text += ":" + protocol_name(s.protocol);
  if (s.any_port()) return text;
  if (s.opaque_port()) return text + "/opaque";
  text += "/" + std::to_string(s.port_start);
  return s.port_start == s.port_end ? text : text + "-" + std::to_string(s.port_end);
}

std::string to_string(std::span<const sa::Selector> selectors) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(selectors.size(), kShown); ++i)
    text += (i == 0 ? "" : ",") + to_string(selectors[i]);
  if (selectors.size() > kShown) text += ",+" + std::to_string(selectors.size() - kShown) + " more";
  return text;
}

}  // namespace kanmon::ike
