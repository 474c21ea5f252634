#include "control/bgp/policy/prefix_list.h"

#include <algorithm>
#include <numeric>

namespace kanmon::bgp {

Result<PrefixRule> PrefixRule::make(bool permit, wire::Prefix p, uint8_t ge, uint8_t le) {
  const uint8_t bits = p.address.bits();
  PrefixRule rule{permit, p, p.length, p.length};
  if (ge != 0) rule.from = ge;
  if (ge != 0 || le != 0) rule.to = le != 0 ? le : bits;
  if (rule.from < p.length || rule.to < rule.from || rule.to > bits) return Errc::kBadValue;
  return rule;
}

PrefixList::PrefixList(std::vector<PrefixRule> rules) : rules_(std::move(rules)) {
  sorted_.resize(rules_.size());
  std::iota(sorted_.begin(), sorted_.end(), 0);
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [&](uint32_t a, uint32_t b) { return rules_[a].prefix < rules_[b].prefix; });
  for (const PrefixRule& r : rules_) lengths_.push_back({r.prefix.address.family, r.prefix.length});
  std::sort(lengths_.begin(), lengths_.end());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

bool PrefixList::permits(const wire::Prefix& prefix) const {
  uint32_t first = UINT32_MAX;
  for (const Length& l : lengths_) {
    if (l.family != prefix.address.family || l.length > prefix.length) continue;
    const wire::Prefix cover = wire::Prefix::make(prefix.address, l.length);
    auto at = std::lower_bound(
        sorted_.begin(), sorted_.end(), cover,
        [&](uint32_t rule, const wire::Prefix& p) { return rules_[rule].prefix < p; });
    for (; at != sorted_.end() && rules_[*at].prefix == cover && *at < first; ++at) {
      if (rules_[*at].matches(prefix)) first = *at;
    }
  }
  return first != UINT32_MAX && rules_[first].permit;
}

}  // namespace kanmon::bgp
