#include "control/bgp/wire/as_path.h"

#include <algorithm>
#include <vector>

#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

constexpr std::size_t kMaxMembers = 255;

bool is_confederation(uint8_t type) {
  return type == 3 || type == 4;
}

bool is_segment(uint8_t type) {
  return type == 1 || type == 2;
}

std::optional<AsPath> parse(wire::Bytes value, AsWidth width, bool skip_confederations) {
  AsPath path;
  std::vector<uint32_t> members;
  wire::Reader r(value);
  while (!r.done()) {
    const uint8_t type = r.u8(), count = r.u8();
    members.clear();
    for (unsigned i = 0; i < count && r.ok(); ++i)
      members.push_back(width == AsWidth::kFour ? r.u32() : r.u16());
    if (!r.ok() || count == 0) return std::nullopt;
    if (std::find(members.begin(), members.end(), 0u) != members.end()) return std::nullopt;
    if (skip_confederations && is_confederation(type)) continue;
    if (!is_segment(type)) return std::nullopt;
    path.append(static_cast<SegmentType>(type), members);
  }
  return path;
}

// The first `length` of `path` as the decision process counts: a set is one.
AsPath leading(AsPathView path, uint32_t length) {
  AsPath out;
  for (const Segment s : path) {
    if (length == 0) break;
    if (s.type == SegmentType::kSet) {
      out.append(s.type, s.asns);
      --length;
      continue;
    }
    const auto part = s.asns.first(std::min<std::size_t>(s.asns.size(), length));
    out.append(s.type, part);
    length -= static_cast<uint32_t>(part.size());
  }
  return out;
}

// Calls `f(type, members)` for each segment as it goes on the wire.
template <class F>
void for_each_piece(AsPathView path, F f) {
  for (const Segment s : path)
    for (std::span<const uint32_t> left = s.asns; !left.empty();) {
      const auto piece = left.first(std::min(left.size(), kMaxMembers));
      f(s.type, piece);
      left = left.subspan(piece.size());
    }
}

}  // namespace

std::optional<AsPath> parse_as_path(wire::Bytes value, AsWidth width) {
  return parse(value, width, false);
}

std::optional<AsPath> parse_as4_path(wire::Bytes value) {
  return parse(value, AsWidth::kFour, true);
}

AsPath merge_as4_path(AsPathView path, AsPathView as4) {
  if (path.length() < as4.length()) return AsPath(path);
  AsPath out = leading(path, path.length() - as4.length());
  for (const Segment s : as4) out.append(s.type, s.asns);
  return out;
}

std::size_t as_path_bytes(AsPathView path, AsWidth width) {
  std::size_t bytes = 0;
  for_each_piece(path, [&](SegmentType, std::span<const uint32_t> members) {
    bytes += 2 + members.size() * static_cast<std::size_t>(width);
  });
  return bytes;
}

void write_as_path(wire::Writer& w, AsPathView path, AsWidth width) {
  for_each_piece(path, [&](SegmentType type, std::span<const uint32_t> members) {
    w.u8(static_cast<uint8_t>(type));
    w.u8(static_cast<uint8_t>(members.size()));
    for (const uint32_t asn : members) {
      if (width == AsWidth::kFour)
        w.u32(asn);
      else
        w.u16(static_cast<uint16_t>(asn > 0xffff ? kAsTrans : asn));
    }
  });
}

bool needs_as4_path(AsPathView path) {
  for (const Segment s : path)
    if (std::any_of(s.asns.begin(), s.asns.end(), [](uint32_t asn) { return asn > 0xffff; }))
      return true;
  return false;
}

}  // namespace kanmon::bgp
