// Which prefixes changed, for any number of consumers at their own pace: one list of nodes in order
// of their last change, and per consumer a place in it.
//
// A node that changes goes to the end of the list, so it waits once for everybody. What all have
// seen leaves the list. A consumer that starts (or starts over) also walks through all nodes by
// number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/bgp/rib/nodes.h"

namespace kanmon::bgp {

using ConsumerId = uint16_t;

class ChangeQueue {
 public:
  ConsumerId add(const Nodes& nodes);
  // The list may become shorter: `dropped` gets the nodes that left it.
  void remove(ConsumerId id, Nodes& nodes, std::vector<NodeId>& dropped);
  void replay(ConsumerId id, const Nodes& nodes) {
    consumers_[id].walk = 0;
    consumers_[id].walk_end = nodes.end();
  }

  // To the end of the list. Nothing if nobody listens.
  void push(NodeId node, Nodes& nodes);
  // The next node for `id`, kNoId if there is none. `dropped` as above: it may hold the node
  // returned.
  NodeId take(ConsumerId id, Nodes& nodes, std::vector<NodeId>& dropped);
  bool waits(ConsumerId id) const { return !walked(id) || consumers_[id].next != kNoId; }
  bool walked(ConsumerId id) const { return consumers_[id].walk == consumers_[id].walk_end; }

 private:
  struct Consumer {
    bool used = false;
    NodeId walk = 0, walk_end = 0;  // nodes made after the walk began are in the list
    NodeId next = kNoId;            // the next of the list; kNoId: seen all
  };
  void leave(NodeId node, Nodes& nodes);
  void trim(Nodes& nodes, std::vector<NodeId>& dropped);

  std::vector<Consumer> consumers_;
  size_t users_ = 0;
  NodeId first_ = kNoId, last_ = kNoId;
};

}  // namespace kanmon::bgp
