#include "control/bgp/policy/community.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace kanmon::bgp {
namespace {

struct Name {
  std::string_view text;
  uint32_t value;
};
constexpr std::array kNames = {
    Name{"graceful-shutdown", community::kGracefulShutdown},
    Name{"blackhole", community::kBlackhole},
    Name{"no-export", community::kNoExport},
    Name{"no-advertise", community::kNoAdvertise},
    Name{"no-export-subconfed", community::kNoExportSubconfed},
    Name{"no-peer", community::kNoPeer},
};

// Transitive extended communities of two-octet and four-octet AS (RFC 4360, RFC
// 5668).
constexpr uint32_t kTwoOctetAs = 0x00, kFourOctetAs = 0x02;
struct Subtype {
  std::string_view text;
  uint32_t value;
};
constexpr std::array kSubtypes = {Subtype{"rt", 0x02}, Subtype{"soo", 0x03}};

template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
  T out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(':', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// A decimal number up to `max`, or "*".
bool part(std::string_view text, uint32_t max, uint32_t& value, uint32_t& mask) {
  if (text == "*") return true;
  const auto n = number<uint32_t>(text);
  if (!n || *n > max) return false;
  value = *n;
  mask = max;
  return true;
}

Result<CommunityPattern> parse_standard(const std::vector<std::string_view>& parts) {
  CommunityPattern out;
  uint32_t value[2] = {}, mask[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    if (!part(parts[i], UINT16_MAX, value[i], mask[i])) return Errc::kBadValue;
  }
  out.value[0] = value[0] << 16 | value[1];
  out.mask[0] = mask[0] << 16 | mask[1];
  return out;
}

Result<CommunityPattern> extended(uint64_t value) {
  CommunityPattern out;
  out.kind = CommunityKind::kExtended;
  out.value = {static_cast<uint32_t>(value >> 32), static_cast<uint32_t>(value), 0};
  out.mask = {UINT32_MAX, UINT32_MAX, 0};
  return out;
}

Result<CommunityPattern> parse_extended(uint32_t subtype, std::string_view as_text,
                                        std::string_view value_text) {
  const auto asn = number<uint32_t>(as_text), value = number<uint32_t>(value_text);
  if (!asn || !value) return Errc::kBadValue;
  const uint64_t head = uint64_t{subtype} << 48;
  if (*asn <= UINT16_MAX) {
    return extended(uint64_t{kTwoOctetAs} << 56 | head | uint64_t{*asn} << 32 | *value);
  }
  if (*value > UINT16_MAX) return Errc::kBadValue;
  return extended(uint64_t{kFourOctetAs} << 56 | head | uint64_t{*asn} << 16 | *value);
}

Result<CommunityPattern> parse_large(const std::vector<std::string_view>& parts) {
  CommunityPattern out;
  out.kind = CommunityKind::kLarge;
  for (size_t i = 0; i < 3; ++i) {
    if (!part(parts[i], UINT32_MAX, out.value[i], out.mask[i])) return Errc::kBadValue;
  }
  return out;
}

size_t words(CommunityKind kind) {
  return static_cast<size_t>(kind) + 1;
}

bool fits(const CommunityPattern& p, std::array<uint32_t, 3> words) {
  for (size_t i = 0; i < 3; ++i) {
    if ((words[i] ^ p.value[i]) & p.mask[i]) return false;
  }
  return true;
}
std::array<uint32_t, 3> as_words(uint32_t c) {
  return {c, 0, 0};
}
std::array<uint32_t, 3> as_words(uint64_t c) {
  return {static_cast<uint32_t>(c >> 32), static_cast<uint32_t>(c), 0};
}
std::array<uint32_t, 3> as_words(const LargeCommunity& c) {
  return {c.global, c.local1, c.local2};
}

}  // namespace

Result<CommunityPattern> CommunityPattern::parse(std::string_view text) {
  for (const Name& n : kNames) {
    if (text == n.text) {
      CommunityPattern out;
      out.value[0] = n.value;
      out.mask[0] = UINT32_MAX;
      return out;
    }
  }
  if (text.starts_with("0x") && text.size() == 18) {
    const auto raw = number<uint64_t>(text.substr(2), 16);
    return raw ? extended(*raw) : Result<CommunityPattern>(Errc::kBadValue);
  }
  const auto parts = split(text);
  if (parts.size() == 2) return parse_standard(parts);
  if (parts.size() != 3) return Errc::kBadValue;
  for (const Subtype& s : kSubtypes) {
    if (parts[0] == s.text) return parse_extended(s.value, parts[1], parts[2]);
  }
  return parse_large(parts);
}

bool CommunityPattern::is_exact() const {
  return std::all_of(mask.begin(), mask.begin() + static_cast<std::ptrdiff_t>(words(kind)),
                     [](uint32_t m) { return m == UINT32_MAX; });
}

bool CommunityPattern::in(const AttributeSet& set) const {
  if (kind == CommunityKind::kStandard) {
    const auto all = set.communities();
    return std::any_of(all.begin(), all.end(),
                       [&](uint32_t c) { return fits(*this, as_words(c)); });
  }
  const bool large = kind == CommunityKind::kLarge;
  for (size_t i = 0, n = large ? set.large_count() : set.extended_count(); i < n; ++i) {
    if (fits(*this, large ? as_words(set.large(i)) : as_words(set.extended(i)))) return true;
  }
  return false;
}

void CommunityPattern::remove_from(Attributes& a) const {
  const auto matching = [&](const auto& c) { return fits(*this, as_words(c)); };
  if (kind == CommunityKind::kStandard) std::erase_if(a.communities, matching);
  if (kind == CommunityKind::kExtended) std::erase_if(a.extended, matching);
  if (kind == CommunityKind::kLarge) std::erase_if(a.large, matching);
}

void CommunityPattern::add_to(Attributes& a) const {
  if (kind == CommunityKind::kStandard) a.communities.push_back(value[0]);
  if (kind == CommunityKind::kExtended) a.extended.push_back(uint64_t{value[0]} << 32 | value[1]);
  if (kind == CommunityKind::kLarge) a.large.push_back({value[0], value[1], value[2]});
}

bool CommunityList::permits(const AttributeSet& set) const {
  for (const CommunityRule& rule : rules_) {
    const bool all = std::all_of(rule.all.begin(), rule.all.end(),
                                 [&](const CommunityPattern& p) { return p.in(set); });
    if (all) return rule.permit;
  }
  return false;
}

std::string community_text(uint32_t c) {
  for (const Name& n : kNames) {
    if (n.value == c) return std::string(n.text);
  }
  return std::to_string(c >> 16) + ':' + std::to_string(c & 0xffff);
}

std::string community_text(const LargeCommunity& c) {
  return std::to_string(c.global) + ':' + std::to_string(c.local1) + ':' + std::to_string(c.local2);
}

std::string extended_text(uint64_t c) {
  const uint32_t type = static_cast<uint32_t>(c >> 56), subtype = c >> 48 & 0xff;
  for (const Subtype& s : kSubtypes) {
    if (s.value != subtype) continue;
    const std::string head = std::string(s.text) + ':';
    if (type == kTwoOctetAs) {
      return head + std::to_string(c >> 32 & 0xffff) + ':' + std::to_string(c & UINT32_MAX);
    }
    if (type == kFourOctetAs) {
      return head + std::to_string(c >> 16 & UINT32_MAX) + ':' + std::to_string(c & 0xffff);
    }
  }
  std::string hex = "0x";
  for (int shift = 60; shift >= 0; shift -= 4) hex += "0123456789abcdef"[c >> shift & 15];
  return hex;
}

}  // namespace kanmon::bgp
