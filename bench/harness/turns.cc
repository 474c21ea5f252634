#include "bench/harness/turns.h"

#include <memory>
#include <vector>

#include <fmt/format.h>

#include "bench/harness/meter.h"
#include "bench/harness/source.h"
#include "bench/harness/threads.h"
#include "dataplane/packet/pool.h"

namespace kanmon::bench {
namespace {

constexpr uint32_t kWarmUpTurns = 200;

// One worker and the packets it is fed.
class Lane {
 public:
  Lane(Rig& rig, const TurnSpec& spec, uint16_t worker)
      : rig_(rig),
        spec_(spec),
        worker_(worker),
        source_(rig, {spec.direction, spec.size, spec.order, spec.flows, worker}),
        packets_(spec.buffers) {
    if (!allocate_all(rig.pool(), packets_.data(), spec.buffers)) packets_.clear();
  }
  ~Lane() {
    for (Packet* p : packets_) rte_pktmbuf_free(p);
  }
  bool ok() const { return !packets_.empty() && !lost_; }
  double inner_bytes_per_packet() const {
    return static_cast<double>(source_.inner_bytes()) / static_cast<double>(made_);
  }

  void warm_up() {
    for (uint32_t i = 0; i < kWarmUpTurns && ok(); ++i) turn(false);
  }
  void trial() {
    for (const uint64_t end = tsc_after(spec_.seconds); ok() && rte_rdtsc() < end;) turn(true);
    medians_.push_back(meter_.median() / spec_.burst);
    for (std::size_t s = 0; s < kStageCount; ++s)
      if (!stages_[s].empty()) stage_medians_[s].push_back(stages_[s].median() / spec_.burst);
  }
  const std::vector<double>& medians() const { return medians_; }
  std::array<double, kStageCount> stages() const {
    std::array<double, kStageCount> out{};
    for (std::size_t s = 0; s < kStageCount; ++s) out[s] = median(stage_medians_[s]);
    return out;
  }

 private:
  void turn(bool timed) {
    Packet* burst[kBurst];
    for (uint32_t i = 0; i < spec_.burst; ++i) burst[i] = packets_[at_++ % packets_.size()];
    source_.fill(burst, spec_.burst);
    made_ += spec_.burst;
    if (rig_.entry(spec_.direction).send(worker_, burst, spec_.burst) != spec_.burst) return lose();
    Worker& worker = rig_.dataplane().worker(worker_);
    uint64_t before[kStageCount];
    for (std::size_t s = 0; s < kStageCount; ++s)
      before[s] = worker.counters().stages[s].cycles.get();
    const uint64_t timed_before = worker.counters().timed_turns.get();
    const uint64_t from = rte_rdtsc_precise();
    (void)worker.turn();
    const uint64_t took = rte_rdtsc_precise() - from;
    if (rig_.exit(spec_.direction).receive(worker_, burst, kBurst) != spec_.burst) return lose();
    if (!timed) return;
    meter_.add(took);
    const uint64_t weight = worker.counters().timed_turns.get() - timed_before;
    for (std::size_t s = 0; s < kStageCount; ++s) {
      const uint64_t spent = worker.counters().stages[s].cycles.get() - before[s];
      if (spent != 0)
        stages_[s].add(spent / weight + clock_cost());  // no clock of ours was read for it
    }
  }
  // The buffers are somewhere in the gateway: not ours to free any more.
  void lose() {
    lost_ = true;
    packets_.clear();
  }

  Rig& rig_;
  const TurnSpec& spec_;
  const uint16_t worker_;
  Source source_;
  std::vector<Packet*> packets_;
  uint32_t at_ = 0;
  uint64_t made_ = 0;
  bool lost_ = false;
  Meter meter_;
  Meter stages_[kStageCount];
  std::vector<double> medians_;
  std::vector<double> stage_medians_[kStageCount];
};

}  // namespace

TurnResult measure_turns(Rig& rig, const TurnSpec& spec, const std::function<void()>& between) {
  const uint16_t workers = rig.spec().workers;
  std::vector<std::unique_ptr<Lane>> lanes(workers);
  // Made where they are used: the memory is then of that node.
  on_workers(workers, [&](uint16_t w) {
    lanes[w] = std::make_unique<Lane>(rig, spec, w);
    lanes[w]->warm_up();
  });
  for (uint32_t t = 0; t < spec.trials; ++t) {
    on_workers(workers, [&](uint16_t w) { lanes[w]->trial(); });
    between();
  }

  TurnResult result;
  std::vector<double> cycles(spec.trials), rates(spec.trials);
  for (const auto& lane : lanes) {
    if (!lane->ok()) {
      std::string why = "no buffers";
      (void)rig.dropped(&why);
      result.error = fmt::format("packets were lost ({}): nothing was measured", why);
    }
    for (uint32_t t = 0; t < spec.trials; ++t) {
      const double cyc = lane->medians()[t];
      cycles[t] += cyc / workers;
      rates[t] += cyc > 0 ? static_cast<double>(rte_get_tsc_hz()) / cyc : 0;
    }
  }
  // Freed by the threads whose caches they came from.
  const double bytes = lanes[0]->inner_bytes_per_packet();
  result.stages = lanes[0]->stages();
  on_workers(workers, [&](uint16_t w) { lanes[w].reset(); });
  if (!result.error.empty()) return result;
  result.cycles = summarize(cycles);
  result.trials = cycles;
  result.packets_per_second = median(rates);
  result.inner_bits_per_second = result.packets_per_second * bytes * 8;
  return result;
}

}  // namespace kanmon::bench
