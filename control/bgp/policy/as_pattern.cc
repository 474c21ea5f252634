#include "control/bgp/policy/as_pattern.h"

#include <algorithm>
#include <charconv>

namespace kanmon::bgp {
namespace {

bool number(std::string_view text, uint32_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool AsPattern::parse_token(std::string_view text, Token& out) {
  if (text == "*") {
    out.any_number = true;
    return true;
  }
  if (text == "?") return true;
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    out.high = 0;
    if (!number(text, out.low)) return false;
    out.high = out.low;
    return true;
  }
  return number(text.substr(0, dash), out.low) && number(text.substr(dash + 1), out.high) &&
         out.low <= out.high;
}

Result<AsPattern> AsPattern::parse(std::string_view text) {
  AsPattern pattern;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const size_t end = std::min(text.find(' ', at), text.size());
    Token token;
    const auto offset = static_cast<uint32_t>(at);
    if (!parse_token(text.substr(at, end - at), token)) return Error{Errc::kBadValue, offset};
    if (pattern.tokens_.size() == kMaxTokens) return Error{Errc::kNoSpace, offset};
    pattern.tokens_.push_back(token);
    at = end;
  }
  return pattern;
}

// State i: the tokens before i are used up. A star may be passed without an AS.
uint64_t AsPattern::skip_stars(uint64_t states) const {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].any_number && (states >> i & 1)) states |= uint64_t{2} << i;
  }
  return states;
}

uint64_t AsPattern::step(uint64_t states, std::span<const uint32_t> one_of) const {
  uint64_t next = 0;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (!(states >> i & 1)) continue;
    const Token& t = tokens_[i];
    const bool fits = std::any_of(one_of.begin(), one_of.end(),
                                  [&](uint32_t asn) { return asn >= t.low && asn <= t.high; });
    if (fits) next |= (t.any_number ? uint64_t{1} : uint64_t{2}) << i;
  }
  return skip_stars(next);
}

bool AsPattern::matches(AsPathView path) const {
  uint64_t states = skip_stars(1);
  for (Segment s : path) {
    if (s.type == SegmentType::kSet) {
      states = step(states, s.asns);
      continue;
    }
    for (size_t i = 0; i < s.asns.size() && states != 0; ++i) {
      states = step(states, s.asns.subspan(i, 1));
    }
  }
  return states >> tokens_.size() & 1;
}

}  // namespace kanmon::bgp
