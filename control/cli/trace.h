// `kanmon trace`: starts a trace, prints each packet as its way comes to an end, and stops it.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "control/cli/client.h"

namespace kanmon::cli {

struct TraceOptions {
  std::string filter;
  uint32_t packets = 10;
  uint32_t seconds = 30;
  bool is_json = false;  // one document a line
};

// Asks the daemon once.
using Ask = std::function<Reply(const std::string& method, const Json& params)>;

// Until enough packets were followed, the time is over, or the user interrupts. The reply that
// ended it: a result, or why it failed.
Reply trace(const TraceOptions& options, const Ask& ask, std::ostream& out, std::ostream& err);

// The document of one packet, as a block of lines.
std::string render_packet(const Json& packet);

}  // namespace kanmon::cli
