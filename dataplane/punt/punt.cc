#include "dataplane/punt/punt.h"

namespace kanmon::punt {

uint32_t run(Context& context, rings::Spsc<Packet*>& ring) {
  PacketVector& lane = context.lanes->punt;
  for (uint32_t i = 0; i < lane.count; ++i) {
    Packet* p = lane.slots[i];
    TokenBucket& bucket = context.limits.punts[static_cast<std::size_t>(meta(p).punt)];
    if (!bucket.take(context.now_tsc)) {
      context.drop(p, Drop::kPuntRateLimited);
    } else if (!ring.push(p)) {
      context.drop(p, Drop::kPuntRingFull);
    } else {
      context.counters->punted.add(1);
    }
  }
  const uint32_t handled = lane.count;
  lane.clear();
  return handled;
}

}  // namespace kanmon::punt
