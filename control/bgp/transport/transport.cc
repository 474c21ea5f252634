#include "control/bgp/transport/transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace kanmon::bgp {
namespace {

using namespace std::chrono_literals;

// What is read at once: small enough that one neighbour delays nobody.
constexpr std::size_t kReadBytes = 64 * 1024;
// A NOTIFICATION must not be lost to a reset, which is what closing with unread octets makes.
constexpr Duration kLinger = 2s;
constexpr std::size_t kMostLingering = 256;

bool is_transient(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

// Whatever epoll can name, by a number that is never used twice.
struct Transport::Watched {
  Watched(Transport& t) : transport(t), id(t.next_id_++) { t.watched_[id] = this; }
  virtual ~Watched() { transport.watched_.erase(id); }
  virtual void happened(uint32_t events) = 0;
  Transport& transport;
  const uint64_t id;
};

struct Transport::Listener : Watched {
  Listener(Transport& t, wire::Family f, TcpOptions o, Socket s)
      : Watched(t), family(f), options(std::move(o)), socket(std::move(s)) {}
  void happened(uint32_t) override { transport.accept_all(*this); }
  bool serves(wire::Family f, const TcpOptions& o) const {
    return family == f && options.where == o.where && options.device == o.device &&
           options.local == o.local && options.port == o.port;
  }
  wire::Family family;
  TcpOptions options;
  Socket socket;
};

struct Transport::Connecting : Watched {
  Connecting(Transport& t, TcpPeer& p, Socket s) : Watched(t), peer(p), socket(std::move(s)) {}
  void happened(uint32_t) override { transport.finish_connect(peer); }
  TcpPeer& peer;
  Socket socket;
};

struct Transport::Closing : Watched {
  Closing(Transport& t, Socket s, TimePoint e) : Watched(t), socket(std::move(s)), end(e) {}
  void happened(uint32_t) override {
    uint8_t thrown_away[4096];
    const ssize_t n = recv(socket.fd(), thrown_away, sizeof thrown_away, 0);
    if (n == 0 || (n < 0 && !is_transient(errno))) end = TimePoint::min();
  }
  Socket socket;
  TimePoint end;
};

class Transport::Tcp : public Stream, public Watched {
 public:
  Tcp(Transport& t, TcpPeer& peer, Way way, Socket socket)
      : Watched(t), peer_(peer), way_(way), socket_(std::move(socket)) {
    transport.watch(*this, socket_, EPOLLIN, true);
    local_ = local_of(socket_);
    remote_ = remote_of(socket_);
  }
  ~Tcp() override { transport.linger(std::move(socket_)); }

  std::size_t write(wire::Bytes octets) override {
    std::size_t sent = 0;
    while (sent < octets.size()) {
      const wire::Bytes left = octets.subspan(sent);
      const ssize_t n = ::send(socket_.fd(), left.data(), left.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      // Of a broken connection reading tells; until then it swallows everything.
      if (n < 0) return is_transient(errno) ? wait_for_room(sent) : octets.size();
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }
  wire::Endpoint local() const override { return local_; }
  wire::Endpoint remote() const override { return remote_; }

  void happened(uint32_t events) override {
    Transport& t = transport;
    const uint64_t me = id;
    if ((events & EPOLLOUT) != 0) {
      t.watch(*this, socket_, EPOLLIN, false);
      peer_.writable(way_);
      if (!t.watched_.contains(me)) return;  // the peer has destroyed it
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
  }

 private:
  std::size_t wait_for_room(std::size_t sent) {
    transport.watch(*this, socket_, EPOLLIN | EPOLLOUT, false);
    return sent;
  }
  void read() {
    uint8_t buffer[kReadBytes];
    const ssize_t n = recv(socket_.fd(), buffer, sizeof buffer, 0);
    if (n > 0) return peer_.received(way_, {buffer, static_cast<std::size_t>(n)});
    if (n == 0 || !is_transient(errno)) peer_.closed(way_);
  }

  TcpPeer& peer_;
  Way way_;
  Socket socket_;
  wire::Endpoint local_, remote_;
};

Transport::Transport() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Transport::~Transport() = default;

void Transport::watch(Watched& watched, const Socket& socket, uint32_t events, bool is_new) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = watched.id;
  (void)epoll_ctl(epoll_.fd(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket.fd(), &event);
}

// --- who may connect ---

std::shared_ptr<Transport::Listener> Transport::listener_for(wire::Family family,
                                                             const TcpOptions& options,
                                                             std::string& why) {
  std::erase_if(listeners_, [](const auto& l) { return l.expired(); });
  for (const auto& known : listeners_)
    if (auto l = known.lock(); l->serves(family, options)) return l;
  Socket socket = listen_at(family, options, why);
  if (!socket) return nullptr;
  auto made = std::make_shared<Listener>(*this, family, options, std::move(socket));
  watch(*made, made->socket, EPOLLIN, true);
  listeners_.push_back(made);
  return made;
}

// A handshake meets the listener's options: those that suit all of its neighbours. Each connection
// gets its own when it is accepted.
void Transport::set_listener_ttls(Listener& listener) {
  uint8_t most = 1, least = 255;
  const auto include = [&](const std::shared_ptr<Listener>& l, const TcpOptions& options) {
    if (l.get() != &listener) return;
    most = std::max(most, options.ttl());
    least = std::min(least, options.least_ttl());
  };
  for (const auto& [peer, n] : neighbours_) include(n.listener, n.options);
  for (const Range& r : ranges_) include(r.listener, r.options);
  (void)set_ttls(listener.socket, listener.family, most, least);
}

bool Transport::add(TcpPeer& peer, const wire::IpAddress& remote, const TcpOptions& options,
                    std::string& why) {
  if (!options.listens) {
    neighbours_[&peer] = Neighbour{remote, options, nullptr, nullptr};
    return true;
  }
  auto listener = listener_for(remote.family, options, why);
  if (!listener) return false;
  const auto prefix = wire::Prefix::host(remote);
  if (!set_md5(listener->socket, prefix, options.md5.get(), why)) return false;
  neighbours_[&peer] = Neighbour{remote, options, listener, nullptr};
  set_listener_ttls(*listener);
  return true;
}

bool Transport::add_range(const wire::Prefix& remote, const TcpOptions& options, Admit admit,
                          std::string& why) {
  auto listener = listener_for(remote.address.family, options, why);
  if (!listener || !set_md5(listener->socket, remote, options.md5.get(), why)) return false;
  ranges_.push_back({remote, options, std::move(admit), listener});
  std::stable_sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
    return a.remote.length > b.remote.length;
  });
  set_listener_ttls(*listener);
  return true;
}

void Transport::remove(TcpPeer& peer) {
  failures_.erase(&peer);
  const auto it = neighbours_.find(&peer);
  if (it == neighbours_.end()) return;
  std::string ignored;
  if (const auto& listener = it->second.listener)
    (void)set_md5(listener->socket, wire::Prefix::host(it->second.remote), nullptr, ignored);
  neighbours_.erase(it);
}

void Transport::remove_range(const wire::Prefix& remote) {
  std::string ignored;
  for (const Range& r : ranges_)
    if (r.remote == remote) (void)set_md5(r.listener->socket, remote, nullptr, ignored);
  std::erase_if(ranges_, [&](const Range& r) { return r.remote == remote; });
}

void Transport::accept_all(Listener& listener) {
  for (unsigned i = 0; i < 16; ++i) {
    wire::Endpoint remote;
    Socket socket = accept_from(listener.socket, remote);
    if (!socket) return;
    accept_one(listener, std::move(socket), remote.address);
  }
}

void Transport::accept_one(Listener& listener, Socket socket, const wire::IpAddress& remote) {
  TcpPeer* peer = nullptr;
  const TcpOptions* options = nullptr;
  for (auto& [p, n] : neighbours_)
    if (n.listener.get() == &listener && n.remote == remote) {
      peer = p;
      options = &n.options;
    }
  for (const Range& r : ranges_) {
    if (peer != nullptr) break;
    if (r.listener.get() != &listener || !r.remote.contains(remote)) continue;
    peer = r.admit(remote);
    options = &r.options;
    break;
  }
  std::string why;
  if (peer == nullptr || !set_session_options(socket, remote.family, *options, why)) {
    ++refused_;
    return;
  }
  peer->accepted(std::make_unique<Tcp>(*this, *peer, Way::kTheirs, std::move(socket)));
}

// --- our own connections ---

void Transport::connect(TcpPeer& peer) {
  Neighbour& n = neighbours_.at(&peer);
  n.connecting.reset();
  failures_.erase(&peer);
  std::string why;
  Socket socket = begin_connect(n.remote, n.options, why);
  if (!socket) {
    failures_[&peer] = why;
    return;
  }
  n.connecting = std::make_unique<Connecting>(*this, peer, std::move(socket));
  watch(*n.connecting, n.connecting->socket, EPOLLOUT, true);
}

void Transport::cancel_connect(TcpPeer& peer) {
  failures_.erase(&peer);
  const auto it = neighbours_.find(&peer);
  if (it != neighbours_.end()) it->second.connecting.reset();
}

void Transport::finish_connect(TcpPeer& peer) {
  Neighbour& n = neighbours_.at(&peer);
  const std::unique_ptr<Connecting> done = std::move(n.connecting);
  if (const int error = socket_error(done->socket); error != 0)
    return peer.connect_failed(std::strerror(error));
  // It goes on under another number.
  (void)epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, done->socket.fd(), nullptr);
  peer.connected(std::make_unique<Tcp>(*this, peer, Way::kOurs, std::move(done->socket)));
}

void Transport::report_failures() {
  while (!failures_.empty()) {
    const auto [peer, why] = *failures_.begin();
    failures_.erase(failures_.begin());
    peer->connect_failed(why);
  }
}

// --- the end of a connection ---

void Transport::linger(Socket socket) {
  (void)epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, socket.fd(), nullptr);
  if (shutdown(socket.fd(), SHUT_WR) != 0 || closing_.size() >= kMostLingering) return;
  auto closing = std::make_unique<Closing>(*this, std::move(socket), now_ + kLinger);
  watch(*closing, closing->socket, EPOLLIN, true);
  closing_.push_back(std::move(closing));
}

void Transport::end_lingering(TimePoint now) {
  std::erase_if(closing_, [now](const auto& c) { return now >= c->end; });
}

unsigned Transport::poll(TimePoint now, unsigned max) {
  now_ = now;
  report_failures();
  epoll_event events[64];
  const int n = epoll_wait(epoll_.fd(), events, static_cast<int>(std::min(max, 64u)), 0);
  for (int i = 0; i < n; ++i) {
    const uint64_t key = events[i].data.u64;  // a copy: epoll_event is packed
    const auto it = watched_.find(key);
    if (it != watched_.end()) it->second->happened(events[i].events);
  }
  end_lingering(now);
  return n > 0 ? static_cast<unsigned>(n) : 0;
}

}  // namespace kanmon::bgp
