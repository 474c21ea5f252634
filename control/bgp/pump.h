// One TCP connection as messages: octets in until a message is whole, messages out as fast as the
// neighbour takes them. Pure: the stream is given.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "control/bgp/negotiate.h"
#include "control/bgp/wire/message.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::bgp {

// An open connection. Its destruction closes it, after what write() has taken was sent.
class Stream {
 public:
  virtual ~Stream() = default;
  // Takes as many octets as it will, without waiting. If not all: Session::writable() follows.
  virtual std::size_t write(wire::Bytes octets) = 0;
  virtual wire::Endpoint local() const = 0;
  virtual wire::Endpoint remote() const = 0;
};

class Pump {
 public:
  explicit Pump(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  const Stream& stream() const { return *stream_; }

  // Adds what the stream gave. At most `longest` octets are kept while a message is not whole.
  void feed(wire::Bytes octets);
  // The next whole message, good until the next call of feed() or next(). A verdict: its header is
  // refused. Neither: more octets are needed.
  Verdict next(std::size_t longest, std::optional<Frame>& out);

  // Sends or queues a whole message.
  void send(TimePoint now, wire::Bytes message);
  // The stream takes octets again.
  void flush(TimePoint now);
  // Octets that the neighbour has not taken.
  std::size_t queued() const { return out_.size() - out_at_; }
  // When it last took any, or when there began to be some; only while queued() != 0.
  TimePoint last_progress() const { return last_progress_; }

 private:
  std::unique_ptr<Stream> stream_;
  Octets in_;
  std::size_t in_at_ = 0;  // before it: messages that were given out
  Octets out_;
  std::size_t out_at_ = 0;  // before it: what the stream took
  TimePoint last_progress_{};
};

}  // namespace kanmon::bgp
