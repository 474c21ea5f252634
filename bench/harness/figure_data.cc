#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/harness/figure.h"
#include "bench/harness/plot.h"

namespace kanmon::bench {
namespace {

using Json = nlohmann::ordered_json;

Json case_json(const Case& c) {
  Json j;
  j["direction"] = to_string(c.direction);
  if (c.direction != Direction::kForward) {
    j["algorithm"] = esp::info(c.algorithm).name;
    j["tunnels"] = c.tunnels;
  }
  j["size"] = size_name(c.size);
  j["burst"] = c.burst;
  j["workers"] = c.workers;
  j["routes"] = c.routes;
  return j;
}

Json summary_json(const Summary& s) {
  return {{"median", s.median},
          {"min", s.min},
          {"max", s.max},
          {"noise", s.noise},
          {"trials", s.trials}};
}

Json cycle_json(const CycleFigure& f) {
  Json j = case_json(f.what);
  j["cycles_per_packet"] = summary_json(f.cycles);
  j["packets_per_second"] = f.packets_per_second;
  j["inner_bits_per_second"] = f.inner_bits_per_second;
  for (std::size_t s = 0; s < kStageCount; ++s)
    if (f.stages[s] > 0) j["stage_cycles_per_packet"][kStageNames[s]] = f.stages[s];
  if (f.limit.trials != 0) {
    j["limit"] = {{"what", f.limit_name}, {"cycles_per_packet", summary_json(f.limit)}};
    j["ratio_to_limit"] = summary_json(f.ratio);
    j["cycles_over_limit"] = summary_json(f.over);
  }
  if (f.copy > 0) j["copy_cycles_per_packet"] = f.copy;
  return j;
}

Json loss_json(const LossFigure& f) {
  Json j = case_json(f.what);
  if (!f.latency) {
    j["ndr_packets_per_second"] = f.ndr;
    j["pdr_packets_per_second"] = f.pdr;
    j["source_limited"] = f.source_limited;
    j["trials"] = f.trials;
    return j;
  }
  if (f.load.percent > 0) j["load_percent_of_ndr"] = f.load.percent;
  j["offered_packets_per_second"] = f.offered;
  j["loss"] = f.loss;
  j["latency_us"] = {{"min", f.least}, {"mean", f.mean},  {"p50", f.p50}, {"p90", f.p90},
                     {"p99", f.p99},   {"p99.9", f.p999}, {"max", f.most}};
  return j;
}

// What tells a line of a chart from the others: all but the size, and only what varies.
std::string series_name(const Case& c, const Options& o) {
  std::string name = to_string(c.direction);
  if (o.algorithms.size() > 1 && c.direction != Direction::kForward)
    name += std::string(" ") + esp::info(c.algorithm).name;
  if (o.tunnels.size() > 1 && c.direction != Direction::kForward)
    name += fmt::format(" {} tunnels", c.tunnels);
  if (o.workers.size() > 1) name += fmt::format(" {} workers", c.workers);
  if (o.routes.size() > 1) name += fmt::format(" {} routes", c.routes);
  if (o.bursts.size() > 1) name += fmt::format(" burst {}", c.burst);
  return name;
}

// Series in the order they first come up.
class Collector {
 public:
  void add(const std::string& name, double x, double y, bool reference = false) {
    auto [at, fresh] = index_.try_emplace(name, series_.size());
    if (fresh) series_.push_back({name, {}, reference});
    series_[at->second].points.emplace_back(x, y);
  }
  std::vector<Series> take() { return std::move(series_); }

 private:
  std::map<std::string, std::size_t> index_;
  std::vector<Series> series_;
};

Plot cycle_plot(const Results& r, const Options& o) {
  Collector lines;
  for (const CycleFigure& f : r.cycles) {
    if (f.what.size == kImixSize) continue;
    const std::string name = series_name(f.what, o);
    lines.add(name, f.what.size, f.cycles.median);
    if (f.limit.trials != 0) lines.add(name + ": limit", f.what.size, f.limit.median, true);
  }
  return {"Cycles per packet of a worker's turn", "octets of the clear packet", "cycles per packet",
          true, lines.take()};
}

Plot loss_plot(const Results& r, const Options& o) {
  Collector lines;
  for (const LossFigure& f : r.losses) {
    if (f.what.size == kImixSize) continue;
    lines.add(series_name(f.what, o) + " NDR", f.what.size, f.ndr / 1e6);
    lines.add(series_name(f.what, o) + " PDR", f.what.size, f.pdr / 1e6, true);
  }
  return {"Rates with no and with little loss", "octets of the clear packet",
          "million packets a second", true, lines.take()};
}

Plot latency_plot(const Results& r, const Options& o) {
  Collector lines;
  for (const LossFigure& f : r.losses) {
    const std::string name = series_name(f.what, o) + " " + size_name(f.what.size);
    lines.add(name + " p50", f.offered / 1e6, f.p50);
    lines.add(name + " p99", f.offered / 1e6, f.p99, true);
  }
  return {"Latency by load", "million packets a second", "microseconds", false, lines.take()};
}

}  // namespace

std::string as_json(const Results& r, const Options& o, double tsc_hz) {
  constexpr const char* kModes[] = {"cycles", "loss", "latency"};
  Json j;
  j["program"] = "kanmon-bench";
  j["version"] = KANMON_VERSION;
  j["mode"] = kModes[static_cast<std::size_t>(o.mode)];
  j["tsc_hz"] = tsc_hz;
  j["trial_seconds"] = o.seconds;
  j["order"] = o.order == Order::kRandom ? "random" : "sequential";
  j["replay_window"] = o.window;
  j["extended_sequence_numbers"] = o.esn;
  j["figures"] = Json::array();
  for (const CycleFigure& f : r.cycles) j["figures"].push_back(cycle_json(f));
  for (const LossFigure& f : r.losses) j["figures"].push_back(loss_json(f));
  j["failures"] = Json::array();
  for (const Failure& f : r.failures) {
    j["failures"].push_back(case_json(f.what));
    j["failures"].back()["why"] = f.why;
  }
  return j.dump(2) + "\n";
}

std::string as_plot(const Results& r, const Options& o) {
  if (o.mode == Mode::kCycles) return svg(cycle_plot(r, o));
  return svg(o.mode == Mode::kLoss ? loss_plot(r, o) : latency_plot(r, o));
}

}  // namespace kanmon::bench
