// A BGP neighbour: at most one established session, and until it is there up to two connections,
// the one we make and the one the neighbour makes. RFC 4271 sections 6.8 and 8, RFC 4724 section 4,
// RFC 6286 section 2.3, RFC 8538, RFC 9687.
//
// Pure: the clock comes with each call, connections and randomness from the host. All calls on one
// thread. Calls of the host come from within calls of the session; of the session it may then use
// only send(), what is const, and the destruction of what it was given.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "control/bgp/fsm.h"
#include "control/bgp/negotiate.h"
#include "control/bgp/pump.h"
#include "control/bgp/wire/refresh.h"
#include "control/bgp/wire/update.h"

namespace kanmon::bgp {

// Who made a connection.
enum class Way : uint8_t { kOurs, kTheirs };

// Why a session that was established is no more.
struct Down {
  Event why = Event::kStop;
  std::optional<Notification> sent;
  std::optional<Notification> received;
  // The neighbour's routes may be kept as stale: it can restart gracefully, and what happened
  // counts as that (RFC 4724 section 4.2, RFC 8538 section 4).
  bool may_restart = false;
};

class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // Begins a connection to the neighbour; connected() or connect_failed() answers.
  virtual void connect() = 0;
  virtual void cancel_connect() = 0;
  virtual uint32_t random() = 0;

  virtual void up(const Negotiated& session) = 0;
  virtual void down(const Down& down) = 0;
  // `update` may be changed; it is good for the call. Its withdrawals come first.
  virtual void update(Update& update) = 0;
  virtual void refresh(const Refresh& refresh) = 0;
  // There is room again after send() had returned false.
  virtual void writable() = 0;
  // A NOTIFICATION was sent or came; also for connections that never were established.
  virtual void notified(const Notification& n, bool was_sent) = 0;
};

// Since the session was made; [type - 1] by MessageType.
struct SessionCounters {
  std::array<uint64_t, 5> in{}, out{};
  uint64_t in_bytes = 0, out_bytes = 0;
  uint64_t connects = 0, accepts = 0, established = 0;
  uint64_t withdrawn_updates = 0, discarded_attributes = 0, martian_prefixes = 0;  // RFC 7606
};

class Session {
 public:
  // Queued octets from which on send() asks to pause.
  static constexpr std::size_t kQueueLimit = 256 * 1024;

  Session(const SessionSettings& settings, SessionHost& host);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Enabled: connects, or waits for the neighbour, until stop(). After a failure it waits before it
  // connects again: a second, twice as long each time, a minute at most; a session that lived for a
  // minute begins anew.
  void start(TimePoint now);
  // Ends with this Cease, and with `text` for the operator there (RFC 9003). A neighbour with the
  // N-bit gets it as a hard reset where our routes are not to be kept.
  void stop(TimePoint now, Cease why, std::string_view text = {});
  // Ends what is established as stop() does, and starts again within a second.
  void reset(TimePoint now, Cease why, std::string_view text = {});
  bool is_enabled() const { return is_enabled_; }
  // The next OPEN does not say any more that this speaker comes back from a restart (RFC 4724
  // section 4.1).
  void forget_restart() {
    if (settings_.restart) settings_.restart->restarted = false;
  }

  // --- from the transport ---
  void connected(TimePoint now, std::unique_ptr<Stream> stream);
  void connect_failed(TimePoint now);
  // The neighbour connected. False: not wanted, the stream is closed with 6/5.
  bool accept(TimePoint now, std::unique_ptr<Stream> stream);
  void received(TimePoint now, Way way, wire::Bytes octets);
  void closed(TimePoint now, Way way);
  void writable(TimePoint now, Way way);

  // --- time ---
  void tick(TimePoint now);
  // When tick() has something to do; TimePoint::max() for never.
  TimePoint next_deadline() const;

  // --- for who exports ---
  // Sends a whole UPDATE or ROUTE-REFRESH. REQUIRES: established, and message.size() is at most
  // negotiated().longest_sent. False: it is queued, but wait for writable() with the next.
  bool send(TimePoint now, wire::Bytes message);
  std::size_t queued() const;

  // --- what it is like ---
  State state() const;  // the further one of both connections
  const Negotiated& negotiated() const { return negotiated_; }  // REQUIRES: established
  std::optional<wire::Endpoint> local() const;                  // of the further one
  std::optional<wire::Endpoint> remote() const;
  TimePoint since() const { return since_; }  // of the last change to or from Established
  const SessionCounters& counters() const { return counters_; }
  const std::optional<Down>& last_down() const { return last_down_; }
  const std::optional<Notification>& last_sent() const { return last_sent_; }
  const std::optional<Notification>& last_received() const { return last_received_; }
  const SessionSettings& settings() const { return settings_; }

 private:
  struct Connection {
    Way way;
    State state = State::kIdle;
    std::unique_ptr<Pump> pump;
    Negotiated agreed;
    TimePoint hold = TimePoint::max();
    TimePoint keepalive = TimePoint::max();
    TimePoint connect_retry = TimePoint::max();
    bool is_established() const { return state == State::kEstablished; }
  };
  // What came with an event.
  struct Context {
    std::optional<Notification> sent;      // for kSendNotification
    std::optional<Notification> received;  // with kNotification
    Update* update = nullptr;
    const Refresh* refresh = nullptr;
  };

  Connection& of(Way way) { return way == Way::kOurs ? ours_ : theirs_; }
  Connection& other(Connection& c) { return &c == &ours_ ? theirs_ : ours_; }
  const Connection& further() const;
  Connection* established();

  void handle(TimePoint now, Connection& c, Event event) { handle(now, c, event, Context()); }
  void handle(TimePoint now, Connection& c, Event event, Context context);
  void send_for(TimePoint now, Connection& c, State from, Todo todo, Context& context);
  void set_timers(TimePoint now, Connection& c, Todo todo);
  void enter_established(TimePoint now, Connection& c);
  void leave_established(TimePoint now, Event why, const Context& context);
  void drop(Connection& c);
  void wait_to_start(TimePoint now);

  void read_messages(TimePoint now, Connection& c);
  void read_message(TimePoint now, Connection& c, const Frame& frame);
  void read_open(TimePoint now, Connection& c, wire::Bytes body);
  void read_update(TimePoint now, Connection& c, wire::Bytes body);
  void read_notification(TimePoint now, Connection& c, wire::Bytes body);
  void read_refresh(TimePoint now, Connection& c, wire::Bytes body);
  // Of two connections one goes on (section 6.8). False: it is not `c`.
  bool survives_collision(TimePoint now, Connection& c);
  bool may_restart(Event why, const Context& context) const;
  UpdateContext update_context(const Connection& c) const;

  void write(TimePoint now, Connection& c, MessageType type, wire::Bytes message);
  void notify(TimePoint now, Connection& c, const Notification& n);
  Notification ceasing(Cease why, std::string_view text);
  TimePoint jittered(TimePoint now, Duration d);
  void tick(TimePoint now, Connection& c);
  TimePoint deadline_of(const Connection& c) const;

  SessionSettings settings_;
  SessionHost& host_;
  Connection ours_{Way::kOurs};
  Connection theirs_{Way::kTheirs};
  Negotiated negotiated_;
  UpdateContext update_context_;
  Update update_;
  SessionCounters counters_;
  bool is_enabled_ = false;
  bool is_paused_ = false;  // send() said false
  TimePoint start_at_ = TimePoint::max();
  Duration idle_hold_;
  TimePoint since_{};
  std::optional<Down> last_down_;
  std::optional<Notification> last_sent_, last_received_;
};

}  // namespace kanmon::bgp
