// The command line `kanmon`.
#pragma once

#include <iosfwd>

namespace kanmon::cli {

// Exit codes, part of the interface (docs/cli.md).
enum Exit : int {
  kOk = 0,
  kFailed = 1,    // refused by the daemon, or a configuration with errors
  kUsage = 2,     // the command line is wrong
  kNoDaemon = 3,  // nobody answers at the socket
};

// Parses the command line and does what it says. Never throws.
int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace kanmon::cli
