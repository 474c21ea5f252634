#include "dataplane/worker/worker.h"

#include <algorithm>
#include <cassert>
#include <ctime>

#include <sys/prctl.h>

#include "dataplane/decrypt/decrypt.h"
#include "dataplane/encrypt/encrypt.h"
#include "dataplane/local/local.h"
#include "dataplane/observe/probe.h"
#include "dataplane/packet/pool.h"
#include "dataplane/punt/punt.h"
#include "dataplane/reassembly/followers.h"
#include "dataplane/reassembly/reassembly.h"
#include "dataplane/reassembly/table.h"
#include "dataplane/rings/qsbr.h"
#include "dataplane/route/route.h"
#include "dataplane/rx/rx.h"
#include "dataplane/tx/tx.h"
#include "dataplane/vigil/watch.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon {
namespace {

constexpr uint32_t kCommandsPerTurn = 32;
constexpr uint32_t kInjectedPerTurn = 32;
constexpr uint32_t kHandedOverPerTurn = 160;  // and a burst more
// An answer made in the first round is routed in the second; one made when that was encrypted, in
// the third.
constexpr unsigned kRouteRounds = 3;
static_assert(rx::kMaxPerTurn + kInjectedPerTurn + kHandedOverPerTurn + kBurst +
                      vigil::Watch::kPerTurn + kCommandsPerTurn <=
                  PacketVector::kRoom / 2,
              "a turn's packets and their answers fit any lane");

// RFC 8200 section 4.5 waits a minute for the rest of a datagram. Here pieces that were sent
// together come together, and an id that comes again within the time is taken for the same datagram
// (RFC 4963).
constexpr uint64_t kFragmentsWaitSeconds = 2;

// All workers together keep no more than a sixteenth of the buffers waiting.
reassembly::Limits fragment_limits(const WorkerParts& parts) {
  const uint32_t share = parts.buffers / 16 / parts.workers;
  return {std::clamp(share, reassembly::Table::kPieces, 1024u),
          kFragmentsWaitSeconds * parts.tsc_hz};
}

constexpr uint32_t kEmptyTurnsBeforeSleep = 64;
constexpr uint32_t kShortestSleepUs = 50, kLongestSleepUs = 200;

}  // namespace

Worker::Worker(WorkerParts parts)
    : doors_(*parts.doors),
      handoffs_(*parts.handoffs),
      qsbr_(*parts.qsbr),
      power_(parts.power),
      counters_(std::make_unique<WorkerCounters>()),
      tables_(std::make_unique<Tables>(parts.capacity)),
      lanes_(std::make_unique<Lanes>()),
      crypto_(std::move(parts.crypto)),
      reassembly_(std::make_unique<reassembly::Table>(parts.salt, fragment_limits(parts))),
      vigil_(
          std::make_unique<vigil::Watch>(parts.index, parts.workers, parts.tsc_hz, parts.liveness)),
      followers_(std::make_unique<reassembly::Followers>(parts.salt,
                                                         kFragmentsWaitSeconds * parts.tsc_hz)) {
  tables_->liveness = parts.liveness;
  context_.worker = parts.index;
  context_.workers = parts.workers;
  context_.tables = tables_.get();
  context_.counters = counters_.get();
  context_.lanes = lanes_.get();
  context_.crypto = crypto_.get();
  context_.events = &events_;
  context_.reassembly = reassembly_.get();
  context_.vigil = vigil_.get();
  context_.followers = followers_.get();
  context_.pool = parts.pool;
  context_.tsc_hz = parts.tsc_hz;
  context_.limits = RateLimits(parts.tsc_hz);
  counters_->heartbeat.set(read_tsc());
}

Worker::~Worker() = default;

bool Worker::turn() {
  const uint64_t start = read_tsc();
  const bool busy = turn_from(start);
  account(busy, read_tsc() - start);
  return busy;
}

bool Worker::turn_from(uint64_t start) {
  if (!online_) {
    qsbr_.online(context_.worker);
    online_ = true;
  }
  context_.now_tsc = start;
  StageClock clock(*counters_, turns_.weight(), start);
  const bool commanded = take_commands();
  const uint32_t packets = work(clock);
  counters_->loops.add(1);
  counters_->heartbeat.set(start);
  if (reassembly_->held() != 0) [[unlikely]]
    reassembly_->expire(context_);
  if (packets != 0) {
    if (const uint32_t weight = turns_.weight(); weight != 0) counters_->timed_turns.add(weight);
    turns_.end_of_turn();
  }
  qsbr_.quiescent(context_.worker);
  if (stopped_) {
    qsbr_.offline(context_.worker);
    online_ = false;
  }
  return commanded || packets != 0;
}

void Worker::account(bool busy, uint64_t spent) {
  counters_->total_cycles.add(spent);
  (busy ? counters_->busy_cycles : counters_->idle_loops).add(busy ? spent : 1);
}

// Where are the packets of a trace now?
inline void Worker::look(observe::Step step) {
  if (context_.probe != nullptr) [[unlikely]]
    context_.probe->after(context_, step);
}

uint32_t Worker::work(StageClock& clock) {
  Lanes& lanes = *lanes_;
  uint32_t packets = rx::run(context_, queues_, clock);
  const uint32_t taken = take_injected() + take_handed_over() + vigil_->run(context_);
  packets += taken;
  look(observe::Step::kTakenIn);
  if (lanes.fragments.count != 0) [[unlikely]]
    reassembly::run(context_);
  if (packets == 0 && lanes.route.count == 0 && lanes.encrypt.count == 0) return report_events();
  if (taken != 0) clock.restart();
  if (const uint32_t n = lanes.esp.count; n != 0) {
    decrypt::run(context_);
    look(observe::Step::kDecrypt);
    clock.lap(Stage::kDecrypt, n);
  }
  route_rounds(clock);
  clock.lap(Stage::kTx, tx::run(context_, queues_));
  clock.lap(Stage::kPunt, punt::run(context_, doors_.punts));
  look(observe::Step::kTx);
  packets += hand_over();
  context_.sampling.end_of_turn();
  return packets + report_events();
}

void Worker::route_rounds(StageClock& clock) {
  Lanes& lanes = *lanes_;
  for (unsigned round = 0; round < kRouteRounds; ++round) {
    const uint32_t routed = lanes.route.count;
    if (routed == 0 && lanes.encrypt.count == 0 && lanes.local.count == 0) return;
    if (routed != 0) {
      route::run(context_);
      look(observe::Step::kRoute);
      clock.lap(Stage::kRoute, routed);
    }
    if (const uint32_t n = lanes.local.count; n != 0) {
      local::run(context_);
      look(observe::Step::kLocal);
      clock.lap(Stage::kLocal, n);
    }
    if (const uint32_t n = lanes.encrypt.count; n != 0) {
      if (context_.probe != nullptr) [[unlikely]]
        context_.probe->before_encrypt(context_);
      encrypt::run(context_);
      look(observe::Step::kEncrypt);
      clock.lap(Stage::kEncrypt, n);
    }
  }
}

bool Worker::take_commands() {
  rings::NumberedCommand command;
  uint64_t last = 0;
  for (uint32_t n = 0; n < kCommandsPerTurn && doors_.commands.pop(command); ++n) {
    apply(command.command);
    last = command.sequence;
  }
  if (last == 0) return false;
  // No lane holds a packet that was looked up by what was replaced: they are empty between turns,
  // but for answers not looked up yet.
  doors_.applied.store(last, std::memory_order_release);
  return true;
}

void Worker::apply(const rings::Command& command) {
  struct Visitor {
    Worker& w;
    Tables& t;
    void operator()(const rings::SetInboundSa& c) {
      sa::InboundSa*& at = t.inbound_sas[sa::slot(c.spi)];
      if (c.sa != nullptr || (at != nullptr && at->spi == c.spi)) at = c.sa;
    }
    void operator()(const rings::SetTunnel& c) {
      assert(c.tunnel < t.capacity.tunnels);
      t.tunnels[c.tunnel] = c.encap;
    }
    void operator()(const rings::SetAdjacency& c) {
      assert(c.adjacency < t.capacity.adjacencies);
      t.adjacencies[c.adjacency] = c.record;
    }
    void operator()(const rings::SetGroup& c) {
      assert(c.group < t.capacity.groups);
      t.groups[c.group] = c.record;
    }
    void operator()(const rings::SetTable& c) {
      assert(c.table < kMaxTables);
      t.tables[c.table] = c.record;
    }
    void operator()(const rings::SetPort& c) {
      assert(c.port < kMaxPorts);
      t.ports[c.port] = c.record;
      w.queues_.known_ports |= uint64_t{1} << c.port;
    }
    void operator()(const rings::SetQueues& c) {
      w.queues_.assign(w.context_.worker, w.context_.workers, c.port, c.rx_queues, c.tx_queues,
                       c.first_worker, c.share_out);
    }
    void operator()(const rings::FlushPool& c) { flush_cache(c.pool); }
    void operator()(const rings::SetProbe& c) {
      w.context_.probe = c.session != nullptr ? &c.session->probe(w.context_.worker) : nullptr;
    }
    void operator()(const rings::SetCheck& c) { w.vigil_->set(w.context_, c.slot, c.check); }
    void operator()(const rings::ChangeCheck& c) { w.vigil_->change(w.context_, c.slot, c.policy); }
    void operator()(const rings::Stop&) { w.stopped_ = true; }
  };
  std::visit(Visitor{*this, *tables_}, command);
}

uint32_t Worker::take_injected() {
  Packet* packets[kInjectedPerTurn];
  const uint32_t n = doors_.inject.pop(packets, kInjectedPerTurn);
  for (uint32_t i = 0; i < n; ++i) take_in(packets[i]);
  if (n != 0) counters_->injected.add(n);
  return n;
}

uint32_t Worker::take_handed_over() {
  uint32_t taken = 0;
  Packet* packets[kBurst];
  for (uint16_t i = 1; i < context_.workers && taken < kHandedOverPerTurn; ++i) {
    const auto from = static_cast<uint16_t>((context_.worker + i) % context_.workers);
    const uint32_t n = handoffs_.ring(from, context_.worker).pop(packets, kBurst);
    for (uint32_t k = 0; k < n; ++k) take_in(packets[k]);
    taken += n;
  }
  if (taken != 0) counters_->taken_over.add(taken);
  return taken;
}

void Worker::take_in(Packet* p) {
  const Meta& m = meta(p);
  context_.sampling.taken_over(m.received_tsc);
  switch (m.errand) {
    case Errand::kReassemble:
      return lanes_->fragments.push(p);
    case Errand::kDecrypt:
      return lanes_->esp.push(p);
    case Errand::kRoute:
      return lanes_->route.push(p);
    case Errand::kEncrypt:
      return lanes_->encrypt.push(p);
    case Errand::kLocal:
      return lanes_->local.push(p);
    case Errand::kTransmit:
      break;
  }
  // Only lanes of known ports are emptied.
  if (m.tx_port >= kMaxPorts || (queues_.known_ports >> m.tx_port & 1) == 0)
    return context_.drop(p, Drop::kTxPortDown);
  lanes_->tx[m.tx_port].push(p);
}

uint32_t Worker::hand_over() {
  uint32_t total = 0;
  for (uint16_t to = 0; to < context_.workers; ++to) {
    PacketVector& lane = lanes_->handoff[to];
    if (lane.count == 0) continue;
    const uint32_t taken = handoffs_.ring(context_.worker, to).push(lane.slots, lane.count);
    for (uint32_t i = taken; i < lane.count; ++i) context_.drop(lane.slots[i], Drop::kHandoffFull);
    counters_->handed_over.add(taken);
    total += lane.count;
    lane.clear();
  }
  return total;
}

uint32_t Worker::report_events() {
  uint32_t sent = 0;
  while (sent < events_.count) {
    const EventQueue::Item& item = events_.items[sent];
    if (!doors_.events.push({static_cast<rings::EventKind>(item.kind), item.value})) break;
    ++sent;
  }
  std::copy(events_.items + sent, events_.items + events_.count, events_.items);
  events_.count -= sent;
  return sent;
}

void Worker::discard_held() {
  Packet* p = nullptr;
  while (doors_.inject.pop(p)) {
    counters_->injected.add(1);
    context_.drop(p, Drop::kStopped);
  }
  for (uint16_t from = 0; from < context_.workers; ++from)
    while (handoffs_.ring(from, context_.worker).pop(p)) {
      counters_->taken_over.add(1);
      context_.drop(p, Drop::kStopped);
    }
  for (uint32_t i = 0; i < lanes_->route.count; ++i)
    context_.drop(lanes_->route.slots[i], Drop::kStopped);
  lanes_->route.clear();
  for (uint32_t i = 0; i < lanes_->encrypt.count; ++i)
    context_.drop(lanes_->encrypt.slots[i], Drop::kStopped);
  lanes_->encrypt.clear();
  reassembly_->clear(context_, Drop::kStopped);
}

void Worker::run() {
  // Sleeps end when they should, and not up to 50 µs later.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  uint32_t empty_turns = 0;
  uint64_t start = read_tsc();
  while (!stopped_) {
    const bool busy = turn_from(start);
    const uint64_t end = read_tsc();
    account(busy, end - start);
    start = end;
    empty_turns = busy ? 0 : empty_turns + 1;
    if (busy || power_ != Power::kBalanced) continue;
    rest(empty_turns);
    start = read_tsc();  // rest is neither busy nor idle
  }
  ended_.store(true, std::memory_order_release);
}

// Two pollers on two cores starve everything else; a sleep of this length costs a fraction of a
// millisecond and nothing once there is traffic.
void Worker::rest(uint32_t empty_turns) {
  if (empty_turns < kEmptyTurnsBeforeSleep) {
    _mm_pause();
    return;
  }
  const uint32_t growth = empty_turns - kEmptyTurnsBeforeSleep;
  const uint32_t us = std::min(kShortestSleepUs + growth, kLongestSleepUs);
  uint64_t ns = uint64_t{us} * 1000;
  if (const uint64_t due = vigil_->next_tsc(); due != ~uint64_t{0}) {
    const uint64_t now = read_tsc();
    if (due <= now) return;
    const uint64_t left = std::min(due - now, context_.tsc_hz);
    ns = std::min(ns, left * 1'000'000'000 / context_.tsc_hz);
  }
  const timespec time{0, static_cast<long>(ns)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

}  // namespace kanmon
