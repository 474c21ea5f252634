// TCP for BGP sessions: connections made and taken, without ever waiting. An epoll set of its own,
// so that any loop can turn it: poll() when descriptor() is readable, or now and then.
//
// A connection is taken from configured neighbours only; anybody else's is closed at once, before
// an octet of it is read. Control's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/bgp/pump.h"
#include "control/bgp/session.h"
#include "control/bgp/transport/socket.h"

namespace kanmon::bgp {

// Who hears what happens to the connections of a neighbour. Called from poll() only; may destroy
// the streams it was given, and itself if it left the transport first.
class TcpPeer {
 public:
  virtual ~TcpPeer() = default;
  virtual void connected(std::unique_ptr<Stream> stream) = 0;
  virtual void connect_failed(const std::string& why) = 0;
  virtual void accepted(std::unique_ptr<Stream> stream) = 0;
  virtual void received(Way way, wire::Bytes octets) = 0;
  virtual void closed(Way way) = 0;
  virtual void writable(Way way) = 0;
};

class Transport {
 public:
  Transport();
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // A neighbour at `remote` may connect, and connect() works. False: the address cannot be listened
  // at, `why` says what the kernel refused; it can be added again later.
  bool add(TcpPeer& peer, const wire::IpAddress& remote, const TcpOptions& options,
           std::string& why);
  // Neighbours anywhere in `remote` may connect. `admit` gives the one that is at an address,
  // already added or not, or null to refuse. Of several prefixes the longest counts.
  using Admit = std::function<TcpPeer*(const wire::IpAddress& remote)>;
  bool add_range(const wire::Prefix& remote, const TcpOptions& options, Admit admit,
                 std::string& why);
  // Of neighbours that a range admitted: their connections are told to `peer`.
  void remove(TcpPeer& peer);
  void remove_range(const wire::Prefix& remote);

  // Begins a connection, instead of one that is on its way. REQUIRES: `peer` was added.
  void connect(TcpPeer& peer);
  void cancel_connect(TcpPeer& peer);

  // Does what there is to do, at most `max` events. Returns how many there were.
  unsigned poll(TimePoint now, unsigned max = 64);
  int descriptor() const { return epoll_.fd(); }

  // Nothing that was sent last waits for the neighbour to close.
  bool is_quiet() const { return closing_.empty(); }

  uint64_t refused() const { return refused_; }  // connections of strangers

 private:
  struct Watched;
  struct Listener;
  struct Connecting;
  class Tcp;
  struct Closing;
  struct Neighbour {
    wire::IpAddress remote;
    TcpOptions options;
    std::shared_ptr<Listener> listener;
    std::unique_ptr<Connecting> connecting;
  };
  struct Range {
    wire::Prefix remote;
    TcpOptions options;
    Admit admit;
    std::shared_ptr<Listener> listener;
  };

  std::shared_ptr<Listener> listener_for(wire::Family family, const TcpOptions& options,
                                         std::string& why);
  void set_listener_ttls(Listener& listener);
  void watch(Watched& watched, const Socket& socket, uint32_t events, bool is_new);
  void accept_all(Listener& listener);
  void accept_one(Listener& listener, Socket socket, const wire::IpAddress& remote);
  void finish_connect(TcpPeer& peer);
  void linger(Socket socket);
  void end_lingering(TimePoint now);
  void report_failures();

  Socket epoll_;
  std::map<uint64_t, Watched*> watched_;  // before all that is in it
  std::map<TcpPeer*, Neighbour> neighbours_;
  std::vector<Range> ranges_;
  std::vector<std::weak_ptr<Listener>> listeners_;
  std::map<TcpPeer*, std::string> failures_;  // to be told from poll()
  std::vector<std::unique_ptr<Closing>> closing_;
  uint64_t next_id_ = 1;
  uint64_t refused_ = 0;
  TimePoint now_{};
};

}  // namespace kanmon::bgp
