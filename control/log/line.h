// Log lines as text, in both formats.
#pragma once

#include <chrono>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/log/field.h"

namespace kanmon::log {

enum class Level : uint8_t { kDebug, kInfo, kWarning, kError };
enum class Format : uint8_t { kKeyValue, kJson };

struct Line {
  std::chrono::system_clock::time_point time;  // shown only; drives nothing
  Level level = Level::kInfo;
  std::string_view room;   // "ike", "cfg", "dp", …
  std::string_view event;  // "child-rekeyed": stable, to grep by
  std::span<const Field> fields;
};

// Values come from peers too: whatever they hold, the result is one line of printable text, each
// value cut at kValueBytes.
//   2026-03-01T10:15:02.114Z info  ike  child-rekeyed tunnel=branch reason="no answer"
//   {"time":"2026-03-01T10:15:02.114Z","level":"info","room":"ike","event":"child-rekeyed",…}
// Neither ends in a newline.
inline constexpr std::size_t kValueBytes = 512;
std::string to_text(const Line& line, Format format);

// The fields of "a=1 b=\"two words\" c" as engines report them; what has no '=' becomes a field
// "text". \" and \\ in quotes are undone. They refer to `pairs` and `storage`. At most 32.
std::vector<Field> parse_pairs(std::string_view pairs, std::deque<std::string>& storage);

}  // namespace kanmon::log
