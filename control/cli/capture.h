// `kanmon capture`: starts a capture, writes its file as it comes, and stops it.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "control/cli/client.h"

namespace kanmon::cli {

struct CaptureOptions {
  std::string filter;
  std::string file;  // "-": `out`
  std::string keys;  // folder for the keys of SAs; empty: they are not asked for
  uint32_t packets = 1000;
  uint64_t octets = uint64_t{1} << 30;
  uint32_t snap = 65'535;
  uint32_t seconds = 60;
};

// Until one of the limits is reached, the user interrupts, or nobody reads `out` any more. The
// reply that ended it: a result, or why it failed. A file that cannot be written is kRefused.
// Keys are written at the end, when all SAs of the capture are known.
Reply capture(const CaptureOptions& options,
              const std::function<Reply(const std::string& method, const Json& params)>& ask,
              std::ostream& out, std::ostream& err);

}  // namespace kanmon::cli
