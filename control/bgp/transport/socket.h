// TCP sockets of BGP and their options: RFC 4271 section 8.2.1, RFC 5082 (GTSM), RFC 2385 (MD5).
// Non-blocking; IPv4 and IPv6 are separate sockets.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "control/common/secret.h"
#include "control/host/namespace.h"
#include "dataplane/wire/address.h"

namespace kanmon::bgp {

inline constexpr uint16_t kBgpPort = 179;

// How a neighbour is reached.
struct TcpOptions {
  std::shared_ptr<const host::Namespace> where;  // null: the daemon's own
  std::string device;                            // sockets are bound to it; empty: any
  std::optional<wire::IpAddress> local;          // empty: as routed
  uint16_t port = kBgpPort;
  bool listens = true;  // false: only we connect
  // Hops to the neighbour at most. With `gtsm` packets leave with TTL 255, and those that come with
  // less than 255 - hops + 1 are dropped by the kernel before TCP sees them; without, they leave
  // with a TTL of `hops`.
  uint8_t hops = 1;
  bool gtsm = false;
  std::shared_ptr<const Secret> md5;       // null: none; at most 80 octets
  std::chrono::seconds user_timeout{120};  // for octets that are not acknowledged

  uint8_t ttl() const { return gtsm ? 255 : hops; }
  uint8_t least_ttl() const { return gtsm ? static_cast<uint8_t>(256 - hops) : 0; }
};

// An owned descriptor; -1 is none.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();

  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Begins a connection; writable once it stands or has failed (socket_error). None: `why` says what
// the kernel refused.
Socket begin_connect(const wire::IpAddress& remote, const TcpOptions& options, std::string& why);

// Listens at `local`, or at any address of `family`, as the options say but for hops and MD5.
Socket listen_at(wire::Family family, const TcpOptions& options, std::string& why);
// The next connection that waits; none if there is none. `remote` is who it is.
Socket accept_from(const Socket& listener, wire::Endpoint& remote);

// Segments from or to `remote` must carry this key from now on; null takes it away. Prefixes of a
// family with `length` below all bits serve neighbours without a fixed address.
bool set_md5(const Socket& socket, const wire::Prefix& remote, const Secret* key, std::string& why);
// TTL, GTSM, and what makes a session notice that nobody is there.
bool set_session_options(const Socket& socket, wire::Family family, const TcpOptions& options,
                         std::string& why);
// What a listener's handshakes leave with, and must come with at least.
bool set_ttls(const Socket& socket, wire::Family family, uint8_t ttl, uint8_t least);

// What became of a connection that was begun: 0, or an errno.
int socket_error(const Socket& socket);
wire::Endpoint local_of(const Socket& socket);
wire::Endpoint remote_of(const Socket& socket);

}  // namespace kanmon::bgp
