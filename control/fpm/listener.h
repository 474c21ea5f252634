// Where another routing daemon connects: a TCP port in the namespace of a route table's host
// devices, and the one connection that feeds the table's routes. Never waits: poll() does what
// there is to do. Control's thread only.
//
// FPM knows no authentication. Whoever reaches the port decides the table's routes, so it is bound
// to a loopback address, and the namespace it is in should be one that only the other daemon
// enters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "control/fpm/frames.h"
#include "control/fpm/routes.h"
#include "control/host/namespace.h"
#include "dataplane/wire/address.h"

namespace kanmon::fpm {

class Listener {
 public:
  // Null: `why` says what the kernel refused. `where`: null for the daemon's own namespace.
  static std::unique_ptr<Listener> open(const host::Namespace* where, const wire::Endpoint& at,
                                        Routes& routes, std::string& why);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Takes connections, and reads at most about `most` octets of the present one. A newer connection
  // replaces the present one: a daemon that was started again has only the new one. True: there may
  // be more to read at once.
  bool poll(TimePoint now, size_t most = 1 << 20);

  bool is_connected() const { return peer_ >= 0; }
  std::optional<TimePoint> since() const { return since_; }  // connected, or not connected any more
  uint64_t connections() const { return connections_; }
  // Why the last connection ended: "closed by peer", "frame of an unknown version" …; empty: none
  // did.
  const std::string& last_error() const { return last_error_; }
  // The port, which the kernel chose if the endpoint's was 0.
  uint16_t port() const { return port_; }

 private:
  Listener(int fd, Routes& routes) : fd_(fd), routes_(routes) {}

  void accept_all(TimePoint now);
  void close_peer(TimePoint now, std::string why);
  // False: the connection ended.
  bool work_off(TimePoint now);

  int fd_;
  int peer_ = -1;
  Routes& routes_;
  Frames frames_;
  std::optional<TimePoint> since_;
  uint64_t connections_ = 0;
  std::string last_error_;
  uint16_t port_ = 0;
};

}  // namespace kanmon::fpm
