// The decision process of RFC 4271 section 9.1.2: which of the candidates for one prefix is best,
// which ones share the load with it, and for every other the step at which it lost.
//
// The result depends on the set of candidates alone, never on the order in which they came (the
// rule "keep the older route" of RFC 5004 is left out for that reason): the steps below form a
// total order, which ends in the numbers of peer and path.
//
// MED is compared between routes of one neighbouring AS only (RFC 4271 section 9.1.2.2 c). Pairwise
// comparison would then not be transitive. So: candidates form groups by neighbouring AS; within a
// group all steps count; the winners of the groups are compared by all steps but MED. This is what
// routers call "deterministic MED". `compare_med_always` makes all candidates one group.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "control/bgp/attributes.h"

namespace kanmon::bgp {

// Of a route that carries none.
inline constexpr uint32_t kDefaultLocalPref = 100;
// Of routes the gateway originates itself: they win unless an import policy says more, as on other
// routers.
inline constexpr uint32_t kOwnWeight = 32768;

// Whom a route comes from.
struct Source {
  enum class Kind : uint8_t { kLocal, kExternal, kInternal };
  Kind kind = Kind::kExternal;
  bool reflector_client = false;  // an internal peer that is our client (RFC 4456)
  uint8_t share = 1;              // of the load, beside other paths of a multipath route
  uint32_t asn = 0;
  uint32_t router_id = 0;
  uint32_t interior_cost = 0;  // lower wins among routes equal up to "external before internal"
  wire::IpAddress address;
};

// Where a candidate stands. In the order of the steps; names are an interface.
enum class Standing : uint8_t {
  kBest,
  kMultipath,  // equal to the best, used beside it
  kWeight,     // from here on: the step that was lost
  kLocalPref,
  kLocalOrigin,
  kPathLength,
  kOrigin,
  kMed,
  kExternal,
  kInteriorCost,
  kRouterId,
  kClusterList,
  kPeerAddress,
  kPeerNumber,
  kPathId,
  kRefused,  // by the import policy or a rule of the protocol: never a candidate
};
// "best", "equal, used beside the best", "longer AS path", "higher MED", …
std::string_view to_string(Standing standing);
inline bool is_selected(Standing s) {
  return s <= Standing::kMultipath;
}

struct DecisionOptions {
  bool compare_med_always = false;
  bool missing_med_is_worst = false;  // else a missing MED is 0 (RFC 4271 section 9.1.2.2 c)
  uint8_t multipath = 1;              // how many paths at most carry one prefix
  // Paths beside the best need the same AS numbers; with this only the same number of them.
  bool multipath_any_as_path = false;
};

struct Contender {
  const AttributeSet* attributes = nullptr;
  const Source* source = nullptr;
  uint16_t source_number = 0;
  uint32_t path_id = 0;
};

class Decision {
 public:
  explicit Decision(DecisionOptions options = {}) : options_(options) {}
  const DecisionOptions& options() const { return options_; }

  // Writes where each of `contenders` stands; exactly one is kBest if there is one at all.
  // REQUIRES: as many standings as contenders; no two contenders with the same source number and
  // path id.
  void decide(std::span<const Contender> contenders, std::span<Standing> standings);

  // The step at which `b` loses against `a`; kBest if it is `b` that wins or both are the same.
  Standing lost_at(const Contender& a, const Contender& b, bool med) const;

 private:
  bool before(const Contender& a, const Contender& b, bool med) const;
  uint32_t group(const Contender& c) const;
  void add_multipath(std::span<const Contender> contenders, std::span<Standing> standings,
                     size_t best);
  bool shares(const Contender& best, const Contender& other) const;

  DecisionOptions options_;
  std::vector<uint32_t> order_;  // scratch
};

}  // namespace kanmon::bgp
