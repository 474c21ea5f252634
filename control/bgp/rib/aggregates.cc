#include "control/bgp/rib/aggregates.h"

#include <algorithm>

namespace kanmon::bgp {
namespace {

bool below(const wire::Prefix& aggregate, const wire::Prefix& p) {
  return p.length > aggregate.length && aggregate.contains(p);
}

}  // namespace

Aggregates::Aggregates(Rib& rib, AttributeTable& table, Aggregator aggregator,
                       const std::vector<AggregateOptions>& options)
    : rib_(rib), source_(rib.add_source({.kind = Source::Kind::kLocal})) {
  Attributes a;
  a.origin = Origin::kIgp;
  a.atomic_aggregate = true;
  a.aggregator = aggregator;
  a.weight = kOwnWeight;
  attributes_ = table.intern(a);
  for (const AggregateOptions& o : options) {
    // Not of aggregates: a nested one would hold up the outer one after all
    // routes have gone.
    auto counts = [prefix = o.prefix, source = source_](const wire::Prefix& p, const Path& best) {
      return best.source != source && below(prefix, p);
    };
    all_.push_back({o, std::make_unique<RouteWatch>(rib, std::move(counts))});
  }
}

Aggregates::~Aggregates() {
  all_.clear();
  rib_.remove_source(source_);
}

Aggregates::Result Aggregates::update(size_t limit, uint32_t now_s) {
  Result result;
  for (One& one : all_) {
    result.more |= one.watch->update(limit);
    const bool stands = one.watch->count() != 0;
    if (stands == one.stands) continue;
    one.stands = stands;
    result.summaries |= one.options.summary_only;
    if (stands) {
      rib_.announce(source_, {one.options.prefix}, attributes_, attributes_, now_s);
    } else {
      rib_.withdraw(source_, {one.options.prefix});
    }
  }
  return result;
}

bool Aggregates::suppresses(const wire::Prefix& prefix) const {
  return std::any_of(all_.begin(), all_.end(), [&](const One& one) {
    return one.options.summary_only && one.stands && below(one.options.prefix, prefix);
  });
}

}  // namespace kanmon::bgp
