// A decision process as the RFC's prose says it, slow and without tricks: what the RIB is held
// against.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

#include "control/bgp/rib/decision.h"

namespace kanmon::bgp {

// RFC 4271 section 9.1.2.2 with weight and local preference before it: among `all`, the index of
// the best. First every neighbouring AS chooses its own with MED, then the choices meet without it.
inline size_t oracle_best(const std::vector<Contender>& all) {
  const auto key = [&](const Contender& c, bool med) {
    const AttributeSet& a = *c.attributes;
    return std::tuple(-int64_t{a.weight()}, -int64_t{a.local_pref().value_or(100)},
                      c.source->kind == Source::Kind::kLocal ? 0 : 1, a.as_path().length(),
                      static_cast<int>(a.origin()), med ? a.med().value_or(0) : 0,
                      c.source->kind == Source::Kind::kInternal ? 1 : 0, c.source->interior_cost,
                      a.originator_id().value_or(c.source->router_id), a.cluster_list().size(),
                      c.source->address.family, c.source->address.octets, c.source_number,
                      c.path_id);
  };
  std::map<uint32_t, size_t> by_neighbor;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto [at, fresh] = by_neighbor.try_emplace(all[i].attributes->as_path().neighbor(), i);
    if (!fresh && key(all[i], true) < key(all[at->second], true)) at->second = i;
  }
  size_t best = by_neighbor.begin()->second;
  for (const auto& [asn, i] : by_neighbor) {
    if (key(all[i], false) < key(all[best], false)) best = i;
  }
  return best;
}

// Sets from small domains, so that ties are frequent at every step.
inline Attributes random_attributes(std::mt19937_64& rng) {
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(rng() % n); };
  Attributes a;
  a.weight = below(8) == 0;
  if (below(2)) a.local_pref = 99 + below(3);
  a.origin = static_cast<Origin>(below(8) ? 0 : below(3));
  a.as_path = {65001 + below(3)};
  if (below(4) == 0) a.as_path.prepend(65001 + below(3));
  if (below(8) == 0) a.as_path.clear();
  if (below(2)) a.med = below(3);
  if (below(4) == 0) a.originator_id = below(4);
  for (uint32_t i = below(4) ? 0 : below(3); i > 0; --i) a.cluster_list.push_back(i);
  a.next_hop = wire::IpAddress::v4(0x0a000001 + below(4));
  return a;
}

inline Source random_source(std::mt19937_64& rng, uint32_t number) {
  Source s;
  s.kind = static_cast<Source::Kind>(rng() % 16 == 0 ? 0 : 1 + rng() % 2);
  s.router_id = static_cast<uint32_t>(rng() % 4);
  s.interior_cost = static_cast<uint32_t>(rng() % 2);
  s.address = wire::IpAddress::v4(0xa9fe0000 + number / 2);  // two of each
  return s;
}

}  // namespace kanmon::bgp
