// Measures the data plane: kanmon-bench --help.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <rte_cycles.h>
#include <unistd.h>

#include "bench/harness/rig.h"
#include "bench/harness/run.h"

namespace kanmon::bench {
namespace {

enum : int { kDone = 0, kFailed = 1, kUsage = 2 };

bool write_file(const std::string& name, const std::string& text) {
  std::ofstream file(name);
  file << text << std::flush;
  if (file.good()) return true;
  std::cerr << "kanmon-bench: " << name << ": cannot be written\n";
  return false;
}

// A file that cannot be written should be known before the minutes of measuring.
bool writable(const std::string& name) {
  return name.empty() || name == "-" || write_file(name, "");
}

int measure(const Options& options) {
  const uint16_t most = *std::max_element(options.workers.begin(), options.workers.end());
  if (const std::string error = start_machine(most, options.cores, options.eal_args);
      !error.empty()) {
    std::cerr << "kanmon-bench: " << error << "\n";
    return kFailed;
  }
  const bool watched = isatty(STDERR_FILENO) != 0;
  const Results results = run(options, [watched](const std::string& text) {
    if (watched) std::fprintf(stderr, "\r\033[K%s", text.c_str());
  });
  if (watched) std::fputs("\r\033[K", stderr);

  const auto tsc_hz = static_cast<double>(rte_get_tsc_hz());
  const std::string json = as_json(results, options, tsc_hz);
  std::cout << (options.json_file == "-" ? json : as_table(results, tsc_hz)) << std::flush;
  bool ok = results.failures.empty();
  if (!options.json_file.empty() && options.json_file != "-")
    ok &= write_file(options.json_file, json);
  if (!options.plot_file.empty()) ok &= write_file(options.plot_file, as_plot(results, options));
  return ok ? kDone : kFailed;
}

int program(int argc, char** argv) {
  Options options;
  if (const int status = read_options(argc, argv, options, std::cout, std::cerr); status >= 0)
    return status;
  if (options.list_algorithms) {
    for (const esp::AlgorithmInfo& a : esp::kAlgorithms) std::cout << a.name << "\n";
    return kDone;
  }
  if (!writable(options.json_file) || !writable(options.plot_file)) return kUsage;
  return measure(options);
}

}  // namespace
}  // namespace kanmon::bench

int main(int argc, char** argv) {
  return kanmon::bench::program(argc, argv);
}
