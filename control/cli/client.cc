#include "control/cli/client.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace kanmon::cli {
namespace {

constexpr std::size_t kAnswerBytes = 256 * 1024 * 1024;  // a bound, not an expectation

struct Socket {
  int fd = -1;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
};

Reply failure(Reply::Kind kind, std::string message) {
  Reply reply;
  reply.kind = kind;
  reply.message = std::move(message);
  return reply;
}

// Empty on success, else why not.
std::string connect_to(const std::string& path, std::chrono::milliseconds timeout, Socket& out) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::strerror(ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  out.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (out.fd < 0) return std::strerror(errno);
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = (timeout.count() % 1000) * 1000;
  (void)setsockopt(out.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)setsockopt(out.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(out.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return std::strerror(errno);
  return {};
}

bool send_all(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

// The line without its end; empty if none came.
std::string receive_line(int fd) {
  std::string line;
  char buffer[65536];
  while (line.size() < kAnswerBytes) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return {};
    const void* end = std::memchr(buffer, '\n', static_cast<std::size_t>(n));
    if (end != nullptr) return line.append(buffer, static_cast<const char*>(end) - buffer);
    line.append(buffer, static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Reply call(const std::string& socket_path, const std::string& method, const Json& params,
           std::chrono::milliseconds timeout) {
  Socket socket;
  const std::string problem = connect_to(socket_path, timeout, socket);
  if (!problem.empty())
    return failure(Reply::Kind::kNoDaemon, "no answer at " + socket_path + ": " + problem +
                                               "; is kanmond running? (--socket names another "
                                               "socket)");
  const Json request = {{"method", method}, {"params", params}};
  // A refused client is answered and closed before it has written all: the answer counts.
  (void)send_all(socket.fd, request.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  const std::string line = receive_line(socket.fd);
  if (line.empty())
    return failure(Reply::Kind::kNoDaemon, "no answer at " + socket_path + " within " +
                                               std::to_string(timeout.count() / 1000) + " s");
  const Json answer = Json::parse(line, nullptr, false);
  if (answer.is_object() && answer.value("ok", Json()) == true && answer.contains("result")) {
    Reply reply;
    reply.kind = Reply::Kind::kResult;
    reply.result = answer["result"];
    return reply;
  }
  Reply reply = failure(Reply::Kind::kRefused, "the answer is not understood");
  if (!answer.is_object() || !answer.contains("error") || !answer["error"].is_object())
    return reply;
  reply.error = answer["error"];
  const auto message = reply.error.find("message");
  if (message != reply.error.end() && message->is_string()) reply.message = *message;
  return reply;
}

}  // namespace kanmon::cli
