#include <fmt/format.h>

#include "bench/harness/figure.h"
#include "bench/harness/table.h"

namespace kanmon::bench {
namespace {

using Align = Table::Align;

std::vector<Table::Column> case_columns() {
  return {{"DIRECTION", Align::kLeft},
          {"ALGORITHM", Align::kLeft},
          {"BYTES"},
          {"BURST"},
          {"TUNNELS"},
          {"WORKERS"},
          {"ROUTES"}};
}

std::vector<std::string> case_cells(const Case& c) {
  const bool clear = c.direction == Direction::kForward;
  return {
      to_string(c.direction),  clear ? "-" : esp::info(c.algorithm).name, size_name(c.size),
      std::to_string(c.burst), clear ? "-" : grouped(c.tunnels),          std::to_string(c.workers),
      grouped(c.routes)};
}

Table table(std::initializer_list<const char*> heads) {
  std::vector<Table::Column> columns = case_columns();
  for (const char* head : heads) columns.push_back({head});
  return Table(columns);
}

void add(Table& t, const Case& c, std::initializer_list<std::string> more) {
  std::vector<std::string> cells = case_cells(c);
  cells.insert(cells.end(), more);
  t.add(std::move(cells));
}

std::string cycle_table(const Results& r) {
  Table t =
      table({"CYC/PKT", "MIN", "+-", "MPPS", "GBIT/S", "LIMIT CYC", "RATIO", "OVER", "LIMIT IS"});
  for (const CycleFigure& f : r.cycles) {
    const bool limited = f.limit.trials != 0;
    const double cycles = f.cycles.median, limit = f.limit.median;
    add(t, f.what,
        {number(cycles, 1), number(f.cycles.min, 1), number(f.cycles.noise, 1),
         number(f.packets_per_second / 1e6, 2), number(f.inner_bits_per_second / 1e9, 2),
         limited ? number(limit, 1) : "-", limited ? number(f.ratio.median, 2) : "-",
         limited ? number(f.over.median, 1) : "-", limited ? f.limit_name : "-"});
  }
  return t.empty() ? "" : t.text();
}

// Where the cycles of each figure went.
std::string stage_table(const Results& r) {
  std::vector<Table::Column> columns = case_columns();
  std::vector<std::size_t> used;
  for (std::size_t s = 0; s < kStageCount; ++s)
    for (const CycleFigure& f : r.cycles)
      if (f.stages[s] > 0) {
        used.push_back(s);
        columns.push_back({kStageNames[s]});
        break;
      }
  columns.push_back({"loop"});
  columns.push_back({"COPY"});
  Table t(columns);
  for (const CycleFigure& f : r.cycles) {
    std::vector<std::string> cells = case_cells(f.what);
    double rest = f.cycles.median;
    for (const std::size_t s : used) {
      cells.push_back(number(f.stages[s], 1));
      rest -= f.stages[s];
    }
    cells.push_back(number(rest, 1));
    cells.push_back(f.copy > 0 ? number(f.copy, 1) : "-");
    t.add(std::move(cells));
  }
  return t.empty()
             ? ""
             : "\nCycles per packet by stage, and those of copying as many octets\n" + t.text();
}

std::string rate(double packets_per_second, bool source_limited) {
  return (source_limited ? ">= " : "") + number(packets_per_second / 1e6, 3);
}

std::string loss_table(const Results& r) {
  Table t = table({"NDR MPPS", "PDR MPPS", "TRIALS"});
  for (const LossFigure& f : r.losses)
    if (!f.latency)
      add(t, f.what,
          {rate(f.ndr, f.source_limited), rate(f.pdr, f.source_limited), std::to_string(f.trials)});
  return t.empty() ? "" : t.text();
}

std::string latency_table(const Results& r) {
  Table t = table({"LOAD", "MPPS", "LOSS %", "MIN US", "MEAN US", "P50 US", "P90 US", "P99 US",
                   "P99.9 US", "MAX US"});
  for (const LossFigure& f : r.losses)
    if (f.latency)
      add(t, f.what,
          {f.load.percent > 0 ? number(f.load.percent, 0) + "%" : "-", number(f.offered / 1e6, 3),
           number(f.loss * 100, 4), number(f.least, 1), number(f.mean, 1), number(f.p50, 1),
           number(f.p90, 1), number(f.p99, 1), number(f.p999, 1), number(f.most, 1)});
  return t.empty() ? "" : t.text();
}

}  // namespace

std::string as_table(const Results& r, double tsc_hz) {
  std::string out = fmt::format("time-stamp counter {:.3f} GHz\n\n", tsc_hz / 1e9);
  out += cycle_table(r) + stage_table(r) + loss_table(r) + latency_table(r);
  for (const Failure& f : r.failures) {
    out += "failed:";
    for (const std::string& cell : case_cells(f.what)) out += " " + cell;
    out += ": " + f.why + "\n";
  }
  return out;
}

}  // namespace kanmon::bench
