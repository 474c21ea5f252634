#include "control/api/session.h"

#include <utility>

#include <asio/read_until.hpp>
#include <asio/write.hpp>

namespace kanmon::api {

Session::Session(Socket socket, Caller caller, const Dispatcher& dispatcher,
                 std::chrono::milliseconds idle_timeout, ServerCounters& counters,
                 std::function<void()> closed)
    : socket_(std::move(socket)),
      caller_(std::move(caller)),
      timer_(socket_.get_executor()),
      dispatcher_(dispatcher),
      idle_timeout_(idle_timeout),
      counters_(counters),
      closed_(std::move(closed)) {}

// The timer runs while we wait for the client, to speak or to listen.
void Session::arm() {
  timer_.expires_after(idle_timeout_);
  timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    const bool rearmed = self->timer_.expiry() > std::chrono::steady_clock::now();
    if (error || rearmed || !self->socket_.is_open()) return;
    ++self->counters_.timeouts;
    self->close();
  });
}

void Session::read() {
  arm();
  asio::async_read_until(
      socket_, asio::dynamic_buffer(in_, Dispatcher::kRequestBytes + 1), '\n',
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (!error) {
          self->received(size);
        } else if (error == asio::error::not_found) {
          ++self->counters_.oversized;
          self->refuse(Refusal::kBadRequest, "the request is larger than 1 MiB");
        } else {
          self->close();
        }
      });
}

void Session::received(std::size_t size) {
  ++counters_.requests;
  out_ = dispatcher_.answer(std::string_view(in_).substr(0, size - 1), caller_);
  out_ += '\n';
  in_.erase(0, size);
  write();
}

void Session::write() {
  arm();
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                      if (error || self->last_) {
                        self->close();
                      } else {
                        self->read();
                      }
                    });
}

void Session::refuse(Refusal refusal, const std::string& message) {
  out_ = Answer::refuse(refusal, message).to_line() + "\n";
  last_ = true;
  write();
}

void Session::close() {
  asio::error_code ignored;
  timer_.cancel();
  socket_.close(ignored);
  if (closed_) std::exchange(closed_, nullptr)();
}

}  // namespace kanmon::api
