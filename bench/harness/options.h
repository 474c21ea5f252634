// What kanmon-bench is asked to measure: the command line, read and checked.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/esp/algorithm.h"

namespace kanmon::bench {

enum class Mode : uint8_t { kCycles, kLoss, kLatency };
enum class Direction : uint8_t { kForward, kEncrypt, kDecrypt };
enum class Order : uint8_t { kSequential, kRandom };
const char* to_string(Direction d);

// Octets of the clear IP packet; 0 stands for a mix of sizes (kImix).
using Size = uint16_t;
inline constexpr Size kImixSize = 0;
// The mix: sizes in this order, again and again. Seven small, four middle, one large packet, as
// in the "simple IMIX", with the largest cut to what fits a tunnel inside 1500 octets.
inline constexpr Size kImix[] = {64, 576, 64, 64, 576, 64, 1420, 64, 576, 64, 64, 576};
std::string size_name(Size size);

// A load, as a part of the rate without loss or in packets a second.
struct Load {
  double percent = 0;
  double packets_per_second = 0;  // 0: percent counts
};

struct Options {
  Mode mode = Mode::kCycles;
  std::vector<Size> sizes{64, 512, 1420};
  std::vector<esp::Algorithm> algorithms{esp::Algorithm::kAes128Gcm16};
  std::vector<Direction> directions{Direction::kForward, Direction::kEncrypt, Direction::kDecrypt};
  std::vector<uint32_t> tunnels{1};
  Order order = Order::kRandom;
  std::vector<uint16_t> workers{1};
  std::vector<uint32_t> routes{0};  // on top of those the measurement needs
  std::vector<uint32_t> bursts{64};
  uint32_t buffers = 256;  // packets in turn, of each worker
  uint32_t flows = 256;    // different destinations of clear packets, per worker
  uint32_t window = 4096;  // anti-replay, packets
  bool esn = true;
  double seconds = 0.2;  // of a trial
  uint32_t trials = 5;
  bool limits = true;
  double max_loss = 0.005;  // of the PDR, part of the offered packets
  double resolution = 0.01;
  double max_mpps = 0;  // where the search begins; 0: from a measurement
  std::vector<Load> loads{{50, 0}, {90, 0}};
  std::vector<uint16_t> cores;  // of the workers; empty: spread
  std::string eal_args;
  std::string json_file;  // "-": standard output, instead of tables
  std::string plot_file;
  bool list_algorithms = false;
};

// The algorithm of that name, as configurations write it, in upper or lower case; null: unknown.
const esp::AlgorithmInfo* find_algorithm(std::string_view name);

// Reads the command line. Returns -1 to go on, else the status to exit with, everything having been
// said: help and versions on `out`, every mistake on `err`.
int read_options(int argc, const char* const* argv, Options& options, std::ostream& out,
                 std::ostream& err);

}  // namespace kanmon::bench
