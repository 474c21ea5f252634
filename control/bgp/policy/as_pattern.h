// Patterns for AS paths, without regular expressions: a pattern covers the
// whole path, token by token, in time proportional to path and pattern.
//
//   65001          this AS           64512-65534    one of a range
//   ?              any one AS        *              any number of them, also
//   none
//
// "65001 *" is what AS 65001 sent, "* 65010" what 65010 originated, "* 65020 *"
// what passed through it, "" an empty path. A set counts as one AS, which is
// any of its members.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/bgp/as_path.h"
#include "dataplane/common/result.h"

namespace kanmon::bgp {

class AsPattern {
 public:
  static constexpr size_t kMaxTokens = 63;  // so that the states of a match are the bits of a word

  // kBadValue at the offset of a token that is none; kNoSpace: too many.
  static Result<AsPattern> parse(std::string_view text);
  bool matches(AsPathView path) const;

 private:
  struct Token {
    uint32_t low = 0, high = UINT32_MAX;
    bool any_number = false;
  };
  static bool parse_token(std::string_view text, Token& out);
  uint64_t skip_stars(uint64_t states) const;
  uint64_t step(uint64_t states, std::span<const uint32_t> one_of) const;

  std::vector<Token> tokens_;
};

struct AsPathRule {
  bool permit = true;
  AsPattern pattern;
};

// The first rule that matches decides; none: denied.
class AsPathList {
 public:
  AsPathList() = default;
  explicit AsPathList(std::vector<AsPathRule> rules) : rules_(std::move(rules)) {}
  bool permits(AsPathView path) const {
    for (const AsPathRule& r : rules_) {
      if (r.pattern.matches(path)) return r.permit;
    }
    return false;
  }

 private:
  std::vector<AsPathRule> rules_;
};

}  // namespace kanmon::bgp
