#include "control/log/fd_sink.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

#include <poll.h>
#include <unistd.h>

namespace kanmon::log {

// A pipe that polls writable takes PIPE_BUF octets without blocking; hence the steps.
bool FdSink::write_all(std::string_view text) {
  const std::size_t whole = text.size();
  while (!text.empty()) {
    pollfd p{fd_, POLLOUT, 0};
    const int ready = poll(&p, 1, is_stalled_ ? 0 : kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    is_stalled_ = ready <= 0;
    const ssize_t n =
        is_stalled_ ? -1 : ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (n < 0 && !is_stalled_ && errno == EINTR) continue;
    if (n <= 0) {
      is_torn_ = is_torn_ || text.size() != whole;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  is_torn_ = false;
  return true;
}

void FdSink::sink_it_(const spdlog::details::log_msg& message) {
  std::string line = is_torn_ ? "\n" : "";
  line.append(message.payload.data(), message.payload.size());
  line += '\n';
  if (!write_all(line)) lost_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace kanmon::log
