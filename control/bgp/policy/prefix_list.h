// Prefix lists: rules in order, the first that matches decides, and what no
// rule matches is denied.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/wire/address.h"

namespace kanmon::bgp {

// Matches the prefixes inside `prefix` whose length is from `from` to `to`.
struct PrefixRule {
  bool permit = true;
  wire::Prefix prefix;
  uint8_t from = 0, to = 0;

  static PrefixRule exactly(wire::Prefix p, bool permit = true) {
    return {permit, p, p.length, p.length};
  }
  // As written with `ge` and `le`, 0 for "not given": with `ge` alone up to a
  // host, with `le` alone from the prefix itself. kBadValue unless length <= ge
  // <= le <= bits of an address.
  static Result<PrefixRule> make(bool permit, wire::Prefix p, uint8_t ge, uint8_t le);
  bool matches(const wire::Prefix& p) const {
    return p.length >= from && p.length <= to && prefix.contains(p);
  }
};

class PrefixList {
 public:
  PrefixList() = default;
  explicit PrefixList(std::vector<PrefixRule> rules);

  // Costs a search per distinct length among the rules' prefixes, however many
  // rules there are.
  bool permits(const wire::Prefix& prefix) const;
  const std::vector<PrefixRule>& rules() const { return rules_; }

 private:
  std::vector<PrefixRule> rules_;
  std::vector<uint32_t> sorted_;  // numbers of rules, by prefix, then by number
  struct Length {
    wire::Family family;
    uint8_t length;
    friend auto operator<=>(const Length&, const Length&) = default;
  };
  std::vector<Length> lengths_;  // that occur
};

}  // namespace kanmon::bgp
