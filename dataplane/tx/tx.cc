#include "dataplane/tx/tx.h"

#include <algorithm>
#include <bit>

#include "dataplane/port/queue.h"
#include "dataplane/wire/headers.h"

namespace kanmon::tx {
namespace {

// How often a device that takes nothing is asked again.
constexpr unsigned kTries = 4;

// Frames longer than the port's MTU allows go: a device may refuse the burst that holds one.
void drop_too_big(Context& context, uint16_t port, PacketVector& lane) {
  const uint32_t limit = uint32_t{context.tables->ports[port].mtu} + wire::kEthernetHeader;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < lane.count; ++i) {
    if (length(lane.slots[i]) <= limit)
      lane.slots[kept++] = lane.slots[i];
    else
      context.drop(lane.slots[i], Drop::kTxTooBig);
  }
  lane.count = kept;
}

void send(Context& context, uint16_t port, uint16_t queue, PacketVector& lane) {
  uint32_t sent = 0;
  for (unsigned tries = 0; sent < lane.count && tries < kTries;) {
    const uint32_t n =
        port::transmit(port, queue, lane.slots + sent, std::min(kBurst, lane.count - sent));
    sent += n;
    tries += n == 0;
  }
  context.counters->transmitted.add(sent);
  for (uint32_t i = sent; i < lane.count; ++i) context.drop(lane.slots[i], Drop::kTxQueueFull);
}

void hand_over(Context& context, uint16_t port, uint16_t worker, PacketVector& lane) {
  PacketVector& handoff = context.lanes->handoff[worker];
  for (uint32_t i = 0; i < lane.count; ++i) {
    Packet* p = lane.slots[i];
    if (handoff.full()) {
      context.drop(p, Drop::kHandoffFull);
      continue;
    }
    meta(p).errand = Errand::kTransmit;
    meta(p).tx_port = port;
    handoff.push(p);
  }
}

void flush(Context& context, uint16_t port, const QueueMap::TxQueue& way, PacketVector& lane) {
  if (way.worker == QueueMap::kNoQueue) {
    for (uint32_t i = 0; i < lane.count; ++i) context.drop(lane.slots[i], Drop::kTxPortDown);
  } else if (way.queue == QueueMap::kNoQueue) {
    hand_over(context, port, way.worker, lane);
  } else {
    drop_too_big(context, port, lane);
    send(context, port, way.queue, lane);
  }
  lane.clear();
}

}  // namespace

uint32_t run(Context& context, const QueueMap& queues) {
  uint32_t frames = 0;
  for (uint64_t left = queues.known_ports; left != 0; left &= left - 1) {
    const auto port = static_cast<uint16_t>(std::countr_zero(left));
    PacketVector& lane = context.lanes->tx[port];
    if (lane.count == 0) continue;
    frames += lane.count;
    flush(context, port, queues.tx[port], lane);
  }
  return frames;
}

}  // namespace kanmon::tx
