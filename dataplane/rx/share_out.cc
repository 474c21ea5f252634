#include "dataplane/rx/share_out.h"

#include "dataplane/packet/flow_hash.h"

namespace kanmon::rx {

void share_out(Context& context, uint32_t from) {
  PacketVector& lane = context.lanes->route;
  uint32_t kept = from;
  for (uint32_t i = from; i < lane.count; ++i) {
    Packet* p = lane.slots[i];
    const uint16_t owner = flow_owner(bytes(p), context.workers);
    if (owner == context.worker) {
      lane.slots[kept++] = p;
      continue;
    }
    PacketVector& handoff = context.lanes->handoff[owner];
    if (handoff.full()) {
      context.drop(p, Drop::kHandoffFull);
      continue;
    }
    meta(p).errand = Errand::kRoute;
    handoff.push(p);
  }
  lane.count = kept;
}

}  // namespace kanmon::rx
