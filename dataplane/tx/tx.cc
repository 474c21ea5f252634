#include "dataplane/tx/tx.h"

#include <algorithm>
#include <bit>

#include "dataplane/observe/probe.h"
#include "dataplane/port/queue.h"
#include "dataplane/wire/headers.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon::tx {
namespace {

// How often a device that takes nothing is asked again.
constexpr unsigned kTries = 4;

// The stamps of sampled packets, read while the packets are still ours.
struct Stamps {
  uint64_t at[kBurst];

  void read(Packet* const* packets, uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) at[i] = meta(packets[i]).received_tsc;
  }
  // The first `n` of them are sent.
  void record(observe::LatencyHistogram& latency, uint32_t n) const {
    const uint64_t now = read_tsc();
    for (uint32_t i = 0; i < n; ++i)
      if (at[i] != 0) latency.add(now > at[i] ? now - at[i] : 0);
  }
};

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
  const bool sampled = context.sampling.pending();
  Stamps stamps;
  uint32_t sent = 0;
  for (unsigned tries = 0; sent < lane.count && tries < kTries;) {
    const uint32_t wanted = std::min(kBurst, lane.count - sent);
    if (sampled) [[unlikely]]
      stamps.read(lane.slots + sent, wanted);
    if (context.probe != nullptr) [[unlikely]]
      context.probe->before_send(context, port, lane.slots + sent, wanted);
    const uint32_t n = port::transmit(port, queue, lane.slots + sent, wanted);
    if (sampled) [[unlikely]]
      stamps.record(context.counters->latency, n);
    if (context.probe != nullptr) [[unlikely]]
      context.probe->sent(n);
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
