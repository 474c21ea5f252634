#include "control/fpm/listener.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kanmon::fpm {

namespace {

constexpr int kBacklog = 4;

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t fill(const wire::Endpoint& at, Address& to) {
  std::memset(&to, 0, sizeof to);
  if (at.address.is_v4()) {
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(at.port);
    std::memcpy(&to.v4.sin_addr, at.address.octets.data(), 4);
    return sizeof to.v4;
  }
  to.v6.sin6_family = AF_INET6;
  to.v6.sin6_port = htons(at.port);
  std::memcpy(&to.v6.sin6_addr, at.address.octets.data(), 16);
  return sizeof to.v6;
}

uint16_t bound_port(int fd) {
  Address at{};
  socklen_t length = sizeof at;
  if (getsockname(fd, &at.any, &length) != 0) return 0;
  return ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
}

bool bind_and_listen(int fd, const wire::Endpoint& at) {
  Address to;
  const socklen_t length = fill(at, to);
  const int yes = 1;
  return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
         bind(fd, &to.any, length) == 0 && listen(fd, kBacklog) == 0;
}

const char* words(Errc code) {
  switch (code) {
    case Errc::kUnsupported:
      return "a frame of another version or type";
    case Errc::kBadValue:
      return "a message with an impossible value";
    default:
      return "lengths that contradict each other";
  }
}

}  // namespace

std::unique_ptr<Listener> Listener::open(const host::Namespace* where, const wire::Endpoint& at,
                                         Routes& routes, std::string& why) {
  const host::Namespace::Visit visit(where);
  if (!visit.ok()) {
    why = "its network namespace cannot be entered";
    return nullptr;
  }
  const int family = at.address.is_v4() ? AF_INET : AF_INET6;
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || !bind_and_listen(fd, at)) {
    why = at.to_string() + ": " + std::strerror(errno);
    if (fd >= 0) close(fd);
    return nullptr;
  }
  std::unique_ptr<Listener> made(new Listener(fd, routes));
  made->port_ = bound_port(fd);
  return made;
}

Listener::~Listener() {
  if (peer_ >= 0) close(peer_);
  close(fd_);
}

void Listener::accept_all(TimePoint now) {
  for (int fd = 0; (fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    if (peer_ >= 0) close_peer(now, "replaced by a newer connection");
    peer_ = fd;
    since_ = now;
    ++connections_;
    routes_.connected(now);
  }
}

void Listener::close_peer(TimePoint now, std::string why) {
  close(std::exchange(peer_, -1));
  frames_.clear();
  since_ = now;
  last_error_ = std::move(why);
  routes_.disconnected(now);
}

bool Listener::work_off(TimePoint now) {
  for (;;) {
    const auto frame = frames_.next();
    if (frame.ok() && !*frame) return true;
    const auto messages = frame.ok() ? parse(**frame) : Result<std::vector<Message>>(frame.error());
    if (!messages.ok()) {
      close_peer(now, words(messages.error().code));
      return false;
    }
    routes_.apply(*messages);
  }
}

bool Listener::poll(TimePoint now, size_t most) {
  accept_all(now);
  std::array<uint8_t, 65'536> room;
  for (size_t read = 0; peer_ >= 0 && read < most;) {
    const ssize_t n = recv(peer_, room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (n <= 0) {
      close_peer(now, n == 0 ? "closed by the peer" : std::strerror(errno));
      return false;
    }
    read += static_cast<size_t>(n);
    frames_.feed(wire::Bytes(room.data(), static_cast<size_t>(n)));
    if (!work_off(now)) return false;
  }
  return peer_ >= 0;
}

}  // namespace kanmon::fpm
