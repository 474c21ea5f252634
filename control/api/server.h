// The API's unix socket: newline-delimited requests and answers on the control thread's event loop.
//
// One request of a client is worked on at a time, the next is read when the answer is written: a
// client that does not read costs one answer of memory and is closed after the idle timeout.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <asio/io_context.hpp>
#include <sys/types.h>

#include "control/api/caller.h"
#include "control/api/dispatcher.h"

namespace kanmon::api {

struct ServerOptions {
  std::string path = "/run/kanmon/api.sock";
  // Members of this group may call, besides root and the program's own user; the socket is given
  // to it. Absent: nobody else.
  std::optional<gid_t> group;
  uint32_t clients = 32;
  std::chrono::milliseconds idle_timeout{30'000};
};

// The id of the group `name`; nullopt if there is none or `name` is empty.
std::optional<gid_t> group_named(const std::string& name);

struct ServerCounters {
  uint64_t accepted = 0;
  uint64_t forbidden = 0;
  uint64_t busy = 0;  // closed: too many clients
  uint64_t requests = 0;
  uint64_t timeouts = 0;
  uint64_t oversized = 0;  // closed: a request without an end
};

// Lives on the thread that runs `io`; handlers run there too.
class Server {
 public:
  // `io` and `dispatcher` outlive the server.
  Server(asio::io_context& io, const Dispatcher& dispatcher, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Makes the folder (0755) and the socket (0660) and listens. A socket file without a listener, as
  // a crash leaves it, is replaced; one with a listener, or a file that is no socket, is not.
  // Returns why it failed, empty on success.
  std::string start();
  // Closes all clients and removes the socket file, unless another program has replaced it.
  // Idempotent.
  void stop();

  const ServerCounters& counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kanmon::api
