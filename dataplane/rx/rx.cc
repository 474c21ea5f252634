#include "dataplane/rx/rx.h"

#include <algorithm>

#include "dataplane/classify/classify.h"
#include "dataplane/observe/probe.h"
#include "dataplane/port/queue.h"
#include "dataplane/rx/share_out.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon::rx {

namespace {

constexpr uint32_t kFewFrames = 4;  // of which the time to receive is counted as classify's

}  // namespace

uint32_t run(Context& context, QueueMap& queues, StageClock& clock) {
  uint32_t received = 0;
  Packet* frames[kBurst];
  uint32_t at = queues.next_rx;
  for (uint32_t i = 0; i < queues.rx_count && received < kMaxPerTurn; ++i, ++at) {
    if (at >= queues.rx_count) at = 0;
    const QueueMap::RxQueue q = queues.rx[at];
    const uint32_t n =
        port::receive(q.port, q.queue, frames, std::min(kBurst, kMaxPerTurn - received));
    if (n == 0) continue;
    received += n;
    context.counters->received.add(n);
    context.burst_stamp = context.sampling.stamp_of_burst(context.now_tsc);
    if (context.probe != nullptr) [[unlikely]]
      context.probe->arrived(context, q.port, frames, n);
    n < kFewFrames ? clock.pass(Stage::kRx, n) : clock.lap(Stage::kRx, n);
    const uint32_t before = context.lanes->route.count;
    classify::run(context, q.port, frames, n);
    if (queues.shares_out(q.port)) share_out(context, before);
    if (context.probe != nullptr) [[unlikely]]
      context.probe->after(context, observe::Step::kClassify);
    clock.lap(Stage::kClassify, n);
  }
  if (++queues.next_rx >= queues.rx_count) queues.next_rx = 0;
  return received;
}

}  // namespace kanmon::rx
