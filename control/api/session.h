// One client of the API: reads a line, answers it, and again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <asio/buffer.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>

#include "control/api/server.h"

namespace kanmon::api {

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Socket = asio::local::stream_protocol::socket;

  // `closed` is called once, when the client is gone.
  Session(Socket socket, Caller caller, const Dispatcher& dispatcher,
          std::chrono::milliseconds idle_timeout, ServerCounters& counters,
          std::function<void()> closed);

  void start() { read(); }
  // Says why, then closes.
  void refuse(Refusal refusal, const std::string& message);
  void close();

 private:
  void read();
  void received(std::size_t size);
  void write();
  void arm();

  Socket socket_;
  const Caller caller_;
  asio::steady_timer timer_;
  const Dispatcher& dispatcher_;
  std::chrono::milliseconds idle_timeout_;
  ServerCounters& counters_;
  std::function<void()> closed_;
  std::string in_;
  std::string out_;
  bool last_ = false;  // close after `out_` is written
};

}  // namespace kanmon::api
