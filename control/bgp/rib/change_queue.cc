#include "control/bgp/rib/change_queue.h"

#include <algorithm>

namespace kanmon::bgp {

ConsumerId ChangeQueue::add(const Nodes& nodes) {
  const auto unused =
      std::find_if(consumers_.begin(), consumers_.end(), [](const Consumer& c) { return !c.used; });
  const auto id = static_cast<ConsumerId>(unused - consumers_.begin());
  if (unused == consumers_.end()) consumers_.emplace_back();
  consumers_[id] = Consumer();
  consumers_[id].used = true;
  ++users_;
  replay(id, nodes);
  return id;
}

void ChangeQueue::remove(ConsumerId id, Nodes& nodes, std::vector<NodeId>& dropped) {
  consumers_[id] = Consumer();
  --users_;
  trim(nodes, dropped);
}

void ChangeQueue::leave(NodeId node, Nodes& nodes) {
  Node& n = nodes[node];
  for (Consumer& c : consumers_) {
    if (c.next == node) c.next = n.next;
  }
  (n.previous == kNoId ? first_ : nodes[n.previous].next) = n.next;
  (n.next == kNoId ? last_ : nodes[n.next].previous) = n.previous;
  n.previous = n.next = kNoId;
  n.queued = false;
}

void ChangeQueue::push(NodeId node, Nodes& nodes) {
  if (users_ == 0) return;
  if (nodes[node].queued) leave(node, nodes);
  Node& n = nodes[node];
  n.queued = true;
  n.previous = last_;
  (last_ == kNoId ? first_ : nodes[last_].next) = node;
  last_ = node;
  for (Consumer& c : consumers_) {
    if (c.used && c.next == kNoId) c.next = node;
  }
}

NodeId ChangeQueue::take(ConsumerId id, Nodes& nodes, std::vector<NodeId>& dropped) {
  Consumer& c = consumers_[id];
  while (c.walk != c.walk_end) {
    const NodeId node = c.walk++;
    if (nodes.exists(node)) return node;
  }
  const NodeId node = c.next;
  if (node == kNoId) return kNoId;
  c.next = nodes[node].next;
  if (node == first_) trim(nodes, dropped);
  return node;
}

// Looks from the end, since consumers are served from the front: whoever still waits is found soon.
void ChangeQueue::trim(Nodes& nodes, std::vector<NodeId>& dropped) {
  const auto wanted = [&] {
    return std::any_of(consumers_.rbegin(), consumers_.rend(),
                       [&](const Consumer& c) { return c.next == first_; });
  };
  while (first_ != kNoId && !wanted()) {
    dropped.push_back(first_);
    leave(first_, nodes);
  }
}

}  // namespace kanmon::bgp
