#include "dataplane/reassembly/reassembly.h"

#include "dataplane/classify/classify.h"
#include "dataplane/reassembly/table.h"

namespace kanmon::reassembly {
namespace {

// Where the other pieces will look for it; this worker keeps what is no piece of anything.
uint16_t owner(const Context& c, const Packet* p) {
  Piece piece;
  if (c.workers == 1 || !read_piece(bytes(p), meta(p).table, piece)) return c.worker;
  return meeting_point(piece.key, c.workers);
}

void hand_over(Context& c, Packet* p, uint16_t to) {
  PacketVector& lane = c.lanes->handoff[to];
  if (lane.full()) return c.drop(p, Drop::kHandoffFull);
  meta(p).errand = Errand::kReassemble;
  lane.push(p);
}

}  // namespace

void run(Context& c) {
  PacketVector& lane = c.lanes->fragments;
  for (uint32_t i = 0; i < lane.count; ++i) {
    Packet* p = lane.slots[i];
    const uint16_t to = owner(c, p);
    if (to != c.worker) {
      hand_over(c, p, to);
    } else if (Packet* whole = c.reassembly->add(c, p); whole != nullptr) {
      classify::run_whole(c, whole);
    }
  }
  lane.clear();
}

}  // namespace kanmon::reassembly
