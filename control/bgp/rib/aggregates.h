// Aggregates: a configured prefix is originated while a more specific route is
// there (RFC 4271 section 9.2.2.2). The path is empty and ATOMIC_AGGREGATE says
// that numbers were lost: sets are deprecated (RFC 9774).
#pragma once

#include <memory>
#include <vector>

#include "control/bgp/attributes.h"
#include "control/bgp/rib/rib.h"
#include "control/bgp/rib/watch.h"

namespace kanmon::bgp {

struct AggregateOptions {
  wire::Prefix prefix;
  bool summary_only = false;  // what is more specific is not told to peers while
                              // the aggregate stands
  friend bool operator==(const AggregateOptions&, const AggregateOptions&) = default;
};

class Aggregates {
 public:
  // `rib` and `table` outlive it. `aggregator`: our AS number and router id.
  Aggregates(Rib& rib, AttributeTable& table, Aggregator aggregator,
             const std::vector<AggregateOptions>& options);
  ~Aggregates();

  // Looks at up to `limit` changes per aggregate, and originates or withdraws.
  // `more`: changes wait. `summaries`: a summary began or ended, so every
  // export has to be judged again.
  struct Result {
    bool more = false, summaries = false;
  };
  Result update(size_t limit, uint32_t now_s);
  // Within a standing summary, and not the summary itself.
  bool suppresses(const wire::Prefix& prefix) const;

 private:
  struct One {
    AggregateOptions options;
    std::unique_ptr<RouteWatch> watch;
    bool stands = false;
  };
  Rib& rib_;
  SourceId source_;
  AttributeRef attributes_;
  std::vector<One> all_;
};

}  // namespace kanmon::bgp
