#include "bench/harness/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace kanmon::bench {
namespace {

constexpr uint32_t kMinSize = 40, kMaxSize = 9000;
constexpr uint32_t kMaxTunnels = 32'768;  // each takes a slot of the SA table
constexpr uint32_t kMaxRoutes = 4'000'000;
constexpr uint32_t kMaxBurst = 64;  // what a worker takes from a queue at once
constexpr uint32_t kMaxWorkers = 16;

constexpr const char* kAbout =
    "Drives Kanmon's worker loop on in-memory ports and measures it beside its limits: the bare "
    "IPsec-MB call on the same payload, frames passed between two ring ports by nothing but "
    "rte_eth calls, and a copy of the payload in memory.\n\n"
    "Lists are written with commas; all combinations are measured. Cycles are those of the "
    "time-stamp counter.";
constexpr const char* kFooter =
    "Modes\n"
    "  cycles   cycles per packet of a worker's whole turn; making the packets is not timed. "
    "Median "
    "turn of a trial, median trial of all\n"
    "  loss     the highest rate without loss (NDR) and with little loss (PDR), RFC 2544 section "
    "26.1; a paced source on a CPU of its own\n"
    "  latency  time from the source to the sink at given loads, in percentiles (RFC 8219 section "
    "7.2 gives the method)\n\n"
    "Examples\n"
    "  kanmon-bench\n"
    "  kanmon-bench --direction encrypt --size 64,512,1420,imix --tunnels 1,1000 --plot out.svg\n"
    "  kanmon-bench --mode loss --direction decrypt --size 64 --seconds 1\n"
    "  kanmon-bench --mode latency --load 50%,90%,1.5 --json -\n\n"
    "Exit status: 0 measured, 1 a measurement failed or lost packets, 2 bad arguments.\n"
    "docs/benchmarking.md says how to read the figures.";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::optional<double> real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// Reads each word of a list with commas by `one`, which returns a mistake or nothing.
template <class T, class One>
std::string read_list(const std::string& words, std::vector<T>& out, One one) {
  out.clear();
  for (std::size_t at = 0; at <= words.size();) {
    const std::size_t end = std::min(words.find(',', at), words.size());
    T value{};
    if (const std::string wrong = one(words.substr(at, end - at), value); !wrong.empty())
      return wrong;
    out.push_back(value);
    at = end + 1;
  }
  return {};
}

template <class T>
std::string whole(const std::string& word, T& value, uint64_t low, uint64_t high) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (error != std::errc() || end != word.data() + word.size() || n < low || n > high)
    return fmt::format("\"{}\" is no whole number from {} to {}", word, low, high);
  value = static_cast<T>(n);
  return {};
}

std::string size_of(const std::string& word, Size& value) {
  if (lower(word) == "imix") {
    value = kImixSize;
    return {};
  }
  return whole(word, value, kMinSize, kMaxSize).empty()
             ? ""
             : fmt::format("\"{}\" is neither imix nor a number from {} to {}", word, kMinSize,
                           kMaxSize);
}

std::string algorithm_names() {
  std::string names;
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms)
    names += (names.empty() ? "" : ", ") + std::string(a.name);
  return names;
}

std::string algorithm_of(const std::string& word, esp::Algorithm& value) {
  const esp::AlgorithmInfo* info = find_algorithm(word);
  if (info == nullptr)
    return fmt::format("\"{}\" is not built; there are: {}", word, algorithm_names());
  value = info->algorithm;
  return {};
}

template <class E>
std::string one_of(const std::string& word, E& value,
                   std::initializer_list<std::pair<const char*, E>> known) {
  std::string names;
  for (const auto& [name, meaning] : known) {
    if (lower(word) == name) {
      value = meaning;
      return {};
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return fmt::format("\"{}\" is none of: {}", word, names);
}

std::string direction_of(const std::string& word, Direction& value) {
  return one_of<Direction>(word, value,
                           {{"forward", Direction::kForward},
                            {"encrypt", Direction::kEncrypt},
                            {"decrypt", Direction::kDecrypt}});
}

// "90%" of the NDR, or "1.5" million packets a second.
std::string load_of(const std::string& word, Load& value) {
  const bool part = !word.empty() && word.back() == '%';
  const auto number = real(std::string_view(word).substr(0, word.size() - (part ? 1 : 0)));
  if (!number || *number <= 0 || (part && *number > 100))
    return fmt::format(
        "\"{}\" is neither a part of the NDR (90%) nor a rate in million packets a second (1.5)",
        word);
  (part ? value.percent : value.packets_per_second) = part ? *number : *number * 1e6;
  return {};
}

// The options as a table: how each is called, read and explained.
class Reader {
 public:
  Reader(CLI::App& app, Options& o) : app_(app), o_(o) {}

  void declare() {
    one("--mode", "MODE", "cycles, loss or latency [cycles]", [this](const std::string& w) {
      return one_of<Mode>(
          w, o_.mode,
          {{"cycles", Mode::kCycles}, {"loss", Mode::kLoss}, {"latency", Mode::kLatency}});
    });
    list("--direction", "LIST", "forward (clear IPv4), encrypt, decrypt [all three]", o_.directions,
         direction_of);
    list("--size", "LIST",
         "octets of the clear IP packet, 40 to 9000, or imix (7x64, 4x576, 1x1420) "
         "[64,512,1420]",
         o_.sizes, size_of);
    list("--algorithm", "LIST", fmt::format("of ESP: {} [AES128-GCM-16]", algorithm_names()),
         o_.algorithms, algorithm_of);
    numbers("--tunnels", "tunnels, each with an SA of either direction [1]", o_.tunnels, 1,
            kMaxTunnels);
    one("--order", "ORDER", "random or sequential: the tunnel of the next packet [random]",
        [this](const std::string& w) {
          return one_of<Order>(w, o_.order,
                               {{"random", Order::kRandom}, {"sequential", Order::kSequential}});
        });
    numbers("--workers", "workers, each on a CPU of its own [1]", o_.workers, 1, kMaxWorkers);
    numbers("--routes",
            "IPv4 routes in the table besides those needed; clear packets to forward "
            "then go to addresses all over it [0]",
            o_.routes, 0, kMaxRoutes);
    numbers("--burst", "frames a turn of a worker finds, 1 to 64 [64]", o_.bursts, 1, kMaxBurst);
    number("--buffers", "packets each worker has in turn: more than fit a cache make it miss [256]",
           o_.buffers, 64, 3072);
    number("--flows",
           "different destinations of clear packets, each worker [256; with --routes "
           "65536]",
           o_.flows, 1, 1u << 20);
    number("--window", "anti-replay window, packets, a multiple of 64 [4096]", o_.window, 64,
           65'536);
    app_.add_flag_callback(
        "--no-esn", [this] { o_.esn = false; }, "32-bit sequence numbers");
    declare_run();
  }

 private:
  void declare_run() {
    positive("--seconds", "length of a trial [0.2]", o_.seconds, 600);
    number("--trials", "trials of each figure; the median is shown [5]", o_.trials, 1, 1000);
    app_.add_flag_callback(
        "--no-limits", [this] { o_.limits = false; }, "do not measure the limits");
    positive("--max-loss", "of the PDR, part of the offered packets [0.005]", o_.max_loss, 1);
    positive("--resolution", "relative width at which a search ends [0.01]", o_.resolution, 0.5);
    positive("--max-mpps", "rate where a search begins, million packets a second [measured]",
             o_.max_mpps, 1e4);
    list("--load", "LIST",
         "of mode latency: parts of the NDR (50%) or million packets a second "
         "(1.5) [50%,90%]",
         o_.loads, load_of);
    numbers("--cores", "CPU of each worker [spread, the first CPU last]", o_.cores, 0, 1023);
    app_.add_option("--eal-args", o_.eal_args, "more words for DPDK's EAL")->option_text("WORDS");
    app_.add_option("--json", o_.json_file,
                    "write everything measured, - for standard output "
                    "instead of tables")
        ->option_text("FILE");
    app_.add_option("--plot", o_.plot_file,
                    "write a chart of cycles by size (or of rates, or of "
                    "latencies) as SVG")
        ->option_text("FILE");
    app_.add_flag("--list-algorithms", o_.list_algorithms, "print the algorithms of this build");
  }

  template <class Check>
  void one(const char* name, const char* type, const std::string& help, Check check) {
    app_.add_option_function<std::string>(
            name, [name, check](const std::string& word) { fail_if(name, check(word)); }, help)
        ->option_text(type);
  }
  template <class T, class One>
  void list(const char* name, const char* type, const std::string& help, std::vector<T>& out,
            One read) {
    one(name, type, help,
        [&out, read](const std::string& words) { return read_list(words, out, read); });
  }
  template <class T>
  void numbers(const char* name, const char* help, std::vector<T>& out, uint64_t low,
               uint64_t high) {
    list(name, "LIST", help, out,
         [low, high](const std::string& word, T& value) { return whole(word, value, low, high); });
  }
  void number(const char* name, const char* help, uint32_t& out, uint64_t low, uint64_t high) {
    one(name, "N", help,
        [&out, low, high](const std::string& w) { return whole(w, out, low, high); });
  }
  void positive(const char* name, const char* help, double& out, double high) {
    one(name, "X", help, [&out, high](const std::string& w) {
      const auto value = real(w);
      if (!value || *value <= 0 || *value > high)
        return fmt::format("\"{}\" is no number above 0 and up to {:g}", w, high);
      out = *value;
      return std::string();
    });
  }
  static void fail_if(const char* name, const std::string& wrong) {
    if (!wrong.empty()) throw CLI::ValidationError(name, wrong);
  }

  CLI::App& app_;
  Options& o_;
};

// What no single option can know.
std::string mistake(const Options& o) {
  if (o.window % 64 != 0) return "--window: no multiple of 64";
  const uint16_t most = *std::max_element(o.workers.begin(), o.workers.end());
  if (!o.cores.empty() && o.cores.size() < most)
    return fmt::format("--cores: {} given for {} workers", o.cores.size(), most);
  for (const uint32_t burst : o.bursts)
    if (burst > o.buffers) return "--buffers: fewer than a burst";
  return {};
}

}  // namespace

const char* to_string(Direction d) {
  constexpr const char* kNames[] = {"forward", "encrypt", "decrypt"};
  return kNames[static_cast<std::size_t>(d)];
}

std::string size_name(Size size) {
  return size == kImixSize ? "imix" : std::to_string(size);
}

const esp::AlgorithmInfo* find_algorithm(std::string_view name) {
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms)
    if (lower(a.name) == lower(name)) return &a;
  return nullptr;
}

int read_options(int argc, const char* const* argv, Options& options, std::ostream& out,
                 std::ostream& err) {
  CLI::App app(kAbout, "kanmon-bench");
  app.footer(kFooter);
  app.set_version_flag("--version", KANMON_VERSION);
  Reader reader(app, options);  // the options' callbacks refer to it while they are parsed
  reader.declare();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e, out, err);
    err << "kanmon-bench: " << e.what() << "\nkanmon-bench --help lists all options\n";
    return 2;
  }
  if (const std::string wrong = mistake(options); !wrong.empty()) {
    err << "kanmon-bench: " << wrong << "\n";
    return 2;
  }
  return -1;
}

}  // namespace kanmon::bench
