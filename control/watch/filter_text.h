// A filter in words, as `kanmon trace` takes it, to what the workers compare (observe/filter.h).
//
//   src 10.1.0.0/16 dst 10.2.0.9 proto tcp dport 443
//
// Each condition is a word and its value, in any order, each at most once; all must hold. "and"
// between them may be written. No condition: every packet.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/observe/filter.h"

namespace kanmon::watch {

inline constexpr std::size_t kFilterOctets = 1024;

// What only the gateway knows.
struct Names {
  // The tunnel of this name; nothing if there is none.
  std::function<std::optional<uint32_t>(std::string_view name)> tunnel;
  // The tunnel whose packets leave with this SPI, or kNoTunnel.
  std::function<uint32_t(uint32_t spi)> tunnel_sending;
};

struct ParsedFilter {
  std::optional<observe::Filter> filter;
  uint32_t column = 0;  // of the mistake, from 1; 0 if there is none
  std::string mistake;

  std::string to_string() const { return "column " + std::to_string(column) + ": " + mistake; }
};

ParsedFilter parse_filter(std::string_view text, const Names& names);

// The conditions, one a line with its meaning, as --help prints them.
std::string filter_help();

}  // namespace kanmon::watch
