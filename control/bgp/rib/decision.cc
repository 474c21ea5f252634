#include "control/bgp/rib/decision.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace kanmon::bgp {
namespace {

// One step: the candidate with the lower key stays. Keys of both sides are compared as numbers.
struct Step {
  Standing standing;
  uint64_t (*key)(const Contender& c, const DecisionOptions& options);
};

uint64_t half(const wire::IpAddress& a, size_t at) {
  return load_be<uint64_t>(a.octets.data() + at);
}

using C = const Contender&;
using O = const DecisionOptions&;
constexpr std::array kSteps = {
    Step{Standing::kWeight, [](C c, O) -> uint64_t { return UINT32_MAX - c.attributes->weight(); }},
    Step{Standing::kLocalPref,
         [](C c, O) -> uint64_t {
           return UINT32_MAX - c.attributes->local_pref().value_or(kDefaultLocalPref);
         }},
    Step{Standing::kLocalOrigin,
         [](C c, O) -> uint64_t { return c.source->kind != Source::Kind::kLocal; }},
    Step{Standing::kPathLength, [](C c, O) -> uint64_t { return c.attributes->path_length(); }},
    Step{Standing::kOrigin,
         [](C c, O) -> uint64_t { return static_cast<uint64_t>(c.attributes->origin()); }},
    Step{Standing::kMed,
         [](C c, O o) -> uint64_t {
           // Worse than any that is there: a MED has 32 bits.
           const uint64_t missing = o.missing_med_is_worst ? uint64_t{1} << 32 : 0;
           const auto med = c.attributes->med();
           return med ? uint64_t{*med} : missing;
         }},
    Step{Standing::kExternal,
         [](C c, O) -> uint64_t { return c.source->kind == Source::Kind::kInternal; }},
    Step{Standing::kInteriorCost, [](C c, O) -> uint64_t { return c.source->interior_cost; }},
    // A reflected route counts as its originator's (RFC 4456 section 9).
    Step{Standing::kRouterId,
         [](C c, O) -> uint64_t {
           return c.attributes->originator_id().value_or(c.source->router_id);
         }},
    Step{Standing::kClusterList,
         [](C c, O) -> uint64_t { return c.attributes->cluster_list().size(); }},
    Step{Standing::kPeerAddress,
         [](C c, O) -> uint64_t { return static_cast<uint64_t>(c.source->address.family); }},
    Step{Standing::kPeerAddress, [](C c, O) -> uint64_t { return half(c.source->address, 0); }},
    Step{Standing::kPeerAddress, [](C c, O) -> uint64_t { return half(c.source->address, 8); }},
    Step{Standing::kPeerNumber, [](C c, O) -> uint64_t { return c.source_number; }},
    Step{Standing::kPathId, [](C c, O) -> uint64_t { return c.path_id; }},
};
// Paths that are equal in all steps before this one may share the load.
constexpr Standing kMultipathEnds = Standing::kRouterId;

constexpr std::array<std::string_view, 16> kTexts = {
    "best",
    "equal, used beside the best",
    "lower weight",
    "lower local preference",
    "not of this gateway",
    "longer AS path",
    "worse origin",
    "higher MED",
    "internal, the best is external",
    "higher cost to the next hop",
    "higher router id",
    "longer cluster list",
    "higher peer address",
    "peer is later in order",
    "higher path id",
    "refused",
};
static_assert(kTexts.size() == static_cast<size_t>(Standing::kRefused) + 1);

}  // namespace

std::string_view to_string(Standing standing) {
  return kTexts[static_cast<size_t>(standing)];
}

Standing Decision::lost_at(const Contender& a, const Contender& b, bool med) const {
  for (const Step& step : kSteps) {
    if (step.standing == Standing::kMed && !med) continue;
    const uint64_t mine = step.key(a, options_), other = step.key(b, options_);
    if (mine != other) return mine < other ? step.standing : Standing::kBest;
  }
  return Standing::kBest;
}

bool Decision::before(const Contender& a, const Contender& b, bool med) const {
  return lost_at(a, b, med) != Standing::kBest;
}

uint32_t Decision::group(const Contender& c) const {
  return options_.compare_med_always ? 0 : c.attributes->neighbor_as();
}

void Decision::decide(std::span<const Contender> contenders, std::span<Standing> standings) {
  assert(contenders.size() == standings.size());
  if (contenders.empty()) return;
  standings[0] = Standing::kBest;
  if (contenders.size() == 1) return;

  order_.resize(contenders.size());
  for (uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
  std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
    const uint32_t ga = group(contenders[a]), gb = group(contenders[b]);
    return ga != gb ? ga < gb : before(contenders[a], contenders[b], true);
  });
  // The first of each group stands for it.
  size_t best = order_[0];
  for (size_t i = 1; i < order_.size(); ++i) {
    const bool leads = group(contenders[order_[i]]) != group(contenders[order_[i - 1]]);
    if (leads && before(contenders[order_[i]], contenders[best], false)) best = order_[i];
  }
  // Who is not first in its group lost there; who is, lost to the best.
  size_t leader = order_[0];
  for (size_t i = 0; i < order_.size(); ++i) {
    const size_t at = order_[i];
    const bool leads = i == 0 || group(contenders[at]) != group(contenders[leader]);
    if (leads) leader = at;
    standings[at] = leads ? lost_at(contenders[best], contenders[at], false)
                          : lost_at(contenders[leader], contenders[at], true);
  }
  standings[best] = Standing::kBest;
  if (options_.multipath > 1) add_multipath(contenders, standings, best);
}

bool Decision::shares(const Contender& best, const Contender& other) const {
  if (best.source->kind == Source::Kind::kLocal) return false;
  const bool same_group = group(best) == group(other);
  const Standing at = lost_at(best, other, same_group);
  if (at < kMultipathEnds) return false;
  if (options_.multipath_any_as_path) return true;
  const auto a = best.attributes->as_path().words(), b = other.attributes->as_path().words();
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// A path that lost within its own group before the end of what has to be equal lost to a path that
// is better, and shares nothing.
void Decision::add_multipath(std::span<const Contender> contenders, std::span<Standing> standings,
                             size_t best) {
  const auto may = [&](uint32_t i) {
    return i != best && standings[i] >= kMultipathEnds && shares(contenders[best], contenders[i]);
  };
  order_.clear();
  for (uint32_t i = 0; i < contenders.size(); ++i) {
    if (may(i)) order_.push_back(i);
  }
  std::sort(order_.begin(), order_.end(),
            [&](uint32_t a, uint32_t b) { return before(contenders[a], contenders[b], false); });
  const size_t beside = std::min<size_t>(order_.size(), options_.multipath - 1u);
  for (size_t i = 0; i < beside; ++i) standings[order_[i]] = Standing::kMultipath;
}

}  // namespace kanmon::bgp
