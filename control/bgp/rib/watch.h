// Counts the best routes that fulfil a condition, as they come and go: whether
// an aggregate has anything below it, whether the route a conditional
// advertisement asks for is there.
#pragma once

#include <functional>
#include <vector>

#include "control/bgp/rib/rib.h"

namespace kanmon::bgp {

class RouteWatch {
 public:
  using Condition = std::function<bool(const wire::Prefix& prefix, const Path& best)>;

  // `rib` outlives it.
  RouteWatch(Rib& rib, Condition condition)
      : rib_(rib), condition_(std::move(condition)), consumer_(rib.add_consumer()) {}
  ~RouteWatch() { rib_.remove_consumer(consumer_); }
  RouteWatch(const RouteWatch&) = delete;
  RouteWatch& operator=(const RouteWatch&) = delete;

  // Looks at up to `limit` changes. False if nothing waits any more.
  bool update(size_t limit) {
    rib_.take_changes(consumer_, limit, [&](NodeId node) { look_at(node); });
    return rib_.has_changes(consumer_);
  }
  uint64_t count() const { return count_; }

 private:
  void look_at(NodeId node) {
    const Path* best = rib_.best(node);
    const bool now = best != nullptr && condition_(rib_.prefix(node), *best);
    if (node >= holds_.size()) holds_.resize(rib_.end());
    if (holds_[node] == now) return;
    holds_[node] = now;
    count_ += now ? 1 : uint64_t(-1);
  }

  Rib& rib_;
  Condition condition_;
  ConsumerId consumer_;
  std::vector<bool> holds_;  // by node
  uint64_t count_ = 0;
};

}  // namespace kanmon::bgp
