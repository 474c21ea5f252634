// One worker: the loop that takes packets through the stages, and everything only it touches.
//
// A turn: commands, rx and classify, packets from control and other workers, what checks of paths
// have to send, decrypt, then route,
// local and encrypt (up to three rounds, for answers the gateway makes itself), tx, punts, rings
// to other workers, events. No lock, no heap, no log, and no system call but those of port drivers
// and, with Power::kBalanced, one sleep when there was nothing to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/crypto/engine.h"
#include "dataplane/rings/door.h"
#include "dataplane/worker/context.h"
#include "dataplane/worker/queue_map.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon::rings {
class Qsbr;
}

namespace kanmon {

namespace observe {
enum class Step : uint8_t;
}

enum class Power : uint8_t {
  kPerformance,  // poll without end
  kBalanced,     // after 64 empty polls pause, then sleep 50 to 200 µs
};

struct WorkerParts {
  uint16_t index = 0;
  uint16_t workers = 1;
  rings::Doors* doors = nullptr;
  rings::Handoffs* handoffs = nullptr;
  rings::Qsbr* qsbr = nullptr;
  rte_mempool* pool = nullptr;
  std::unique_ptr<crypto::Engine> crypto{};
  uint64_t tsc_hz = 1;
  uint32_t buffers = 16'384;  // packets there are, for all workers
  uint64_t salt = 0;          // random: of tables that strangers fill
  Power power = Power::kBalanced;
  Tables::Capacity capacity{};
  Liveness* liveness = nullptr;  // may be null
};

class Worker {
 public:
  explicit Worker(WorkerParts parts);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- the worker's thread
  // One turn; true if there was anything to do.
  bool turn();
  // Turns until the Stop command.
  void run();
  bool stopped() const { return stopped_; }
  // Drops what is left on the rings into this worker, as Drop::kStopped. REQUIRES: nobody turns
  // any more, this worker and the others.
  void discard_held();

  // ---- any thread
  // run() is over: what the worker did happened before.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  const WorkerCounters& counters() const { return *counters_; }

  // ---- tests, benchmarks: while nobody turns
  Tables& tables() { return *tables_; }
  Context& context() { return context_; }

 private:
  bool turn_from(uint64_t start);
  void account(bool busy, uint64_t spent);
  bool take_commands();
  void apply(const rings::Command& command);
  uint32_t take_injected();
  uint32_t take_handed_over();
  void take_in(Packet* p);
  uint32_t hand_over();
  uint32_t report_events();
  void route_rounds(StageClock& clock);
  uint32_t work(StageClock& clock);
  void look(observe::Step step);
  void rest(uint32_t empty_turns);

  rings::Doors& doors_;
  rings::Handoffs& handoffs_;
  rings::Qsbr& qsbr_;
  const Power power_;
  bool stopped_ = false;
  std::atomic<bool> ended_{false};  // worker: rw, control: ro
  bool online_ = false;
  QueueMap queues_;
  EventQueue events_;
  TurnSampling turns_;
  std::unique_ptr<WorkerCounters> counters_;
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<crypto::Engine> crypto_;
  std::unique_ptr<reassembly::Table> reassembly_;
  std::unique_ptr<vigil::Watch> vigil_;
  std::unique_ptr<reassembly::Followers> followers_;
  Context context_;
};

}  // namespace kanmon
