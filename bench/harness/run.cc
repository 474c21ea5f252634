#include "bench/harness/run.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <rte_cycles.h>

#include "bench/harness/limits.h"
#include "bench/harness/paced.h"
#include "bench/harness/threads.h"
#include "bench/harness/turns.h"

namespace kanmon::bench {
namespace {

constexpr double kLimitPart = 0.25;  // of a trial's time: limits are steadier than what they limit

class Run {
 public:
  Run(const Options& o, const std::function<void(const std::string&)>& say) : o_(o), say_(say) {}

  Results go() {
    for (const uint16_t workers : o_.workers)
      for (const uint32_t routes : o_.routes)
        for (std::size_t a = 0; a < o_.algorithms.size(); ++a)
          for (std::size_t t = 0; t < o_.tunnels.size(); ++t) {
            // Clear packets know neither algorithm nor tunnel: measured with the first of each.
            clear_too_ = a == 0 && t == 0;
            with_rig(o_.algorithms[a], o_.tunnels[t], workers, routes);
          }
    return std::move(results_);
  }

 private:
  void with_rig(esp::Algorithm algorithm, uint32_t tunnels, uint16_t workers, uint32_t routes) {
    RigSpec spec;
    spec.algorithm = algorithm;
    spec.tunnels = tunnels;
    spec.workers = workers;
    spec.routes = routes;
    spec.window = o_.window;
    spec.esn = o_.esn;
    spec.largest = std::max(spec.largest, *std::max_element(o_.sizes.begin(), o_.sizes.end()));
    spec.stepped = o_.mode == Mode::kCycles;
    Case c;
    c.algorithm = algorithm;
    c.tunnels = tunnels;
    c.workers = workers;
    c.routes = routes;
    std::string error;
    const std::unique_ptr<Rig> rig = Rig::make(spec, error);
    if (rig == nullptr) return fail(c, error);
    for (const Direction d : o_.directions) {
      if (d == Direction::kForward && !clear_too_) continue;
      c.direction = d;
      for (const Size size : o_.sizes) {
        c.size = size;
        one_size(*rig, c);
      }
    }
  }

  void one_size(Rig& rig, Case c) {
    const uint32_t largest = c.size == kImixSize ? 1420 : c.size;
    if (largest > rig.largest())
      return fail(c, fmt::format("a packet buffer of this build holds {} octets and what a tunnel "
                                 "adds",
                                 rig.largest()));
    if (c.direction == Direction::kDecrypt && c.tunnels < c.workers)
      return fail(c, "an inbound SA has one owner: decryption needs as many tunnels as workers");
    if (o_.mode != Mode::kCycles) return o_.mode == Mode::kLoss ? loss(rig, c) : latency(rig, c);
    for (const uint32_t burst : o_.bursts) {
      c.burst = burst;
      cycles(rig, c);
    }
  }

  void cycles(Rig& rig, const Case& c) {
    tell(c);
    TurnSpec spec;
    spec.direction = c.direction;
    spec.size = c.size;
    spec.order = o_.order;
    spec.burst = c.burst;
    spec.buffers = o_.buffers;
    spec.flows = o_.flows;
    spec.seconds = o_.seconds;
    spec.trials = o_.trials;
    Limits limits;
    const TurnResult turns = measure_turns(rig, spec, [&] {
      if (o_.limits) measure(rig, c, limits);
    });
    if (!turns.error.empty()) return fail(c, turns.error);
    CycleFigure f;
    f.what = c;
    f.cycles = turns.cycles;
    f.stages = turns.stages;
    f.packets_per_second = turns.packets_per_second;
    f.inner_bits_per_second = turns.inner_bits_per_second;
    add_limits(f, turns.trials, limits);
    results_.cycles.push_back(f);
  }

  // Cycles per packet, trial by trial.
  struct Limits {
    std::vector<double> limit, copy;
  };
  void measure(Rig& rig, const Case& c, Limits& limits) {
    const LimitSpec spec{c.direction, c.size, c.burst, o_.buffers, o_.seconds * kLimitPart};
    on_workers(1, [&](uint16_t) {
      limits.limit.push_back(c.direction == Direction::kForward ? null_forwarding(rig, spec)
                                                                : raw_crypto(rig, spec));
      limits.copy.push_back(memory_copy(spec));
    });
  }

  static void add_limits(CycleFigure& f, const std::vector<double>& trials, const Limits& limits) {
    std::vector<double> ratios, over;
    for (std::size_t t = 0; t < limits.limit.size(); ++t) {
      if (limits.limit[t] <= 0) return;
      ratios.push_back(trials[t] / limits.limit[t]);
      over.push_back(trials[t] - limits.limit[t]);
    }
    if (ratios.empty()) return;
    f.limit_name =
        f.what.direction == Direction::kForward ? "rte_eth null forwarding" : "raw IPsec-MB";
    f.limit = summarize(limits.limit);
    f.ratio = summarize(ratios);
    f.over = summarize(over);
    f.copy = median(limits.copy);
  }

  PacedSpec paced_spec(const Case& c) const {
    return {c.direction, c.size, o_.order, o_.flows, o_.seconds};
  }

  // NDR, then PDR from where the NDR ended.
  void search_both(Paced& paced, LossFigure& f) {
    SearchSpec spec;
    spec.resolution = o_.resolution;
    spec.max_rate = o_.max_mpps > 0 ? o_.max_mpps * 1e6 : paced.flat_out();
    const RunTrial trial = [&](double rate) { return paced.offer(rate); };
    const SearchResult none = search(spec, trial);
    spec.max_loss = o_.max_loss;
    const SearchResult some = search(spec, trial);
    f.ndr = none.rate;
    f.pdr = std::max(some.rate, none.rate);
    // What was never refused at the source's best may be the source's limit and not the gateway's.
    f.source_limited = none.source_limited || none.trials.size() == 1;
    f.trials = static_cast<uint32_t>(none.trials.size() + some.trials.size());
  }

  void loss(Rig& rig, Case c) {
    tell(c);
    const Pinned pinned(cpus_of(c));
    check(pinned);
    Paced paced(rig, paced_spec(c));
    LossFigure f;
    f.what = c;
    search_both(paced, f);
    results_.losses.push_back(f);
  }

  void latency(Rig& rig, Case c) {
    tell(c);
    const Pinned pinned(cpus_of(c));
    check(pinned);
    Paced paced(rig, paced_spec(c));
    LossFigure found;
    const bool relative =
        std::any_of(o_.loads.begin(), o_.loads.end(), [](const Load& l) { return l.percent > 0; });
    if (relative) search_both(paced, found);
    for (const Load& load : o_.loads) {
      LossFigure f;
      f.what = c;
      f.latency = true;
      f.load = load;
      const double rate =
          load.percent > 0 ? found.ndr * load.percent / 100 : load.packets_per_second;
      if (rate <= 0) {
        fail(c, "no rate without loss was found: give --load in million packets a second");
        continue;
      }
      fill(f, paced.offer(rate), paced.latency());
      results_.losses.push_back(f);
    }
  }

  static void fill(LossFigure& f, const Trial& t, const Histogram& h) {
    const double us = 1e6 / static_cast<double>(rte_get_tsc_hz());
    f.offered = t.rate;
    f.loss = loss_of(t);
    f.least = static_cast<double>(h.min()) * us;
    f.mean = h.mean() * us;
    f.p50 = static_cast<double>(h.percentile(50)) * us;
    f.p90 = static_cast<double>(h.percentile(90)) * us;
    f.p99 = static_cast<double>(h.percentile(99)) * us;
    f.p999 = static_cast<double>(h.percentile(99.9)) * us;
    f.most = static_cast<double>(h.max()) * us;
  }

  static std::vector<uint16_t> cpus_of(const Case& c) {
    const std::vector<uint16_t>& cpus = worker_cpus();
    return {cpus.begin(), cpus.begin() + c.workers};
  }
  void check(const Pinned& pinned) {
    if (!pinned.alone()) say_("the source shares a CPU with a worker: rates are too low");
  }

  void tell(const Case& c) {
    say_(fmt::format("{} {} octets, {} tunnels, {} workers, {} routes, burst {}",
                     to_string(c.direction), size_name(c.size), c.tunnels, c.workers, c.routes,
                     c.burst));
  }
  void fail(const Case& c, const std::string& why) { results_.failures.push_back({c, why}); }

  const Options& o_;
  const std::function<void(const std::string&)>& say_;
  bool clear_too_ = true;
  Results results_;
};

}  // namespace

Results run(const Options& options, const std::function<void(const std::string&)>& say) {
  return Run(options, say).go();
}

}  // namespace kanmon::bench
