#include "control/bgp/session.h"

#include <algorithm>
#include <cassert>

namespace kanmon::bgp {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNever = TimePoint::max();
// Until the OPENs have met (RFC 4271 section 8.2.2).
constexpr Duration kLargeHold = 4min;
constexpr Duration kFirstIdleHold = 1s;
constexpr Duration kLongestIdleHold = 1min;

FsmError fsm_error_in(State state) {
  switch (state) {
    case State::kOpenSent:
      return FsmError::kOpenSent;
    case State::kOpenConfirm:
      return FsmError::kOpenConfirm;
    case State::kEstablished:
      return FsmError::kEstablished;
    default:
      return FsmError::kUnspecific;
  }
}

bool has_restart_families(const Negotiated& n) {
  return n.peer_restart && std::any_of(kFamilies.begin(), kFamilies.end(), [&](wire::Family f) {
           return n.peer_restart->family[f].listed;
         });
}

}  // namespace

Session::Session(const SessionSettings& settings, SessionHost& host)
    : settings_(settings), host_(host), idle_hold_(kFirstIdleHold) {}

Session::~Session() = default;

void Session::start(TimePoint now) {
  is_enabled_ = true;
  if (established() != nullptr) return;
  start_at_ = kNever;
  handle(now, ours_, settings_.passive ? Event::kStartPassive : Event::kStart);
}

Notification Session::ceasing(Cease why, std::string_view text) {
  Notification n = Notification::cease(why, text);
  const bool is_final =
      why == Cease::kShutdown || why == Cease::kDeconfigured || why == Cease::kMaxPrefixes;
  if (established() == nullptr || !negotiated_.restarts_on_notification || !is_final) return n;
  return Notification::hard_reset(n);
}

void Session::stop(TimePoint now, Cease why, std::string_view text) {
  is_enabled_ = false;
  start_at_ = kNever;
  const Notification n = ceasing(why, text);
  for (Connection* c : {&ours_, &theirs_}) handle(now, *c, Event::kStop, {n, {}});
}

void Session::reset(TimePoint now, Cease why, std::string_view text) {
  if (!is_enabled_) return;
  stop(now, why, text);
  // Not at once: a new connection that overtakes the NOTIFICATION would meet the old session.
  is_enabled_ = true;
  idle_hold_ = kFirstIdleHold;
  wait_to_start(now);
}

void Session::connected(TimePoint now, std::unique_ptr<Stream> stream) {
  if (ours_.state != State::kConnect) return;
  ++counters_.connects;
  ours_.pump = std::make_unique<Pump>(std::move(stream));
  handle(now, ours_, Event::kTcpUp);
}

void Session::connect_failed(TimePoint now) {
  if (ours_.state == State::kConnect) handle(now, ours_, Event::kTcpDown);
}

bool Session::accept(TimePoint now, std::unique_ptr<Stream> stream) {
  Connection* up = established();
  // A neighbour that connects anew has restarted, if it can do so gracefully (RFC 4724
  // section 4.2); one that has not will be told of the collision when its OPEN comes.
  const bool is_restart = up != nullptr && has_restart_families(negotiated_);
  const bool is_wanted = is_enabled_ && (is_restart || up != &theirs_);
  if (!is_wanted) {
    Pump refused(std::move(stream));
    const Notification n = Notification::make(Cease::kRejected);
    refused.send(now, encode(n));
    host_.notified(n, true);
    return false;
  }
  if (is_restart) handle(now, *up, Event::kTcpDown);
  if (theirs_.state != State::kIdle) handle(now, theirs_, Event::kTcpDown);
  ++counters_.accepts;
  theirs_.pump = std::make_unique<Pump>(std::move(stream));
  theirs_.state = State::kActive;
  handle(now, theirs_, Event::kTcpUp);
  return true;
}

void Session::closed(TimePoint now, Way way) {
  if (of(way).pump) handle(now, of(way), Event::kTcpDown);
}

void Session::writable(TimePoint now, Way way) {
  Connection& c = of(way);
  if (!c.pump) return;
  c.pump->flush(now);
  if (!c.is_established() || !is_paused_ || c.pump->queued() >= kQueueLimit / 2) return;
  is_paused_ = false;
  host_.writable();
}

bool Session::send(TimePoint now, wire::Bytes message) {
  Connection* c = established();
  assert(c != nullptr && message.size() >= kHeaderBytes);
  write(now, *c, static_cast<MessageType>(message[kHeaderBytes - 1]), message);
  is_paused_ = c->pump->queued() >= kQueueLimit;
  return !is_paused_;
}

std::size_t Session::queued() const {
  const Connection& c = further();
  return c.pump ? c.pump->queued() : 0;
}

// --- the state machine ---

void Session::handle(TimePoint now, Connection& c, Event event, Context context) {
  const State from = c.state;
  const Move move = step(from, event);
  send_for(now, c, from, move.todo, context);
  c.state = move.to;
  if ((move.todo & kSessionDown) != 0) leave_established(now, event, context);
  if ((move.todo & kDropTcp) != 0) drop(c);
  if ((move.todo & kConnectTcp) != 0) host_.connect();
  set_timers(now, c, move.todo);
  if ((move.todo & kSessionUp) != 0) enter_established(now, c);
  if ((move.todo & kDeliver) != 0) {
    if (context.update != nullptr) host_.update(*context.update);
    if (context.refresh != nullptr) host_.refresh(*context.refresh);
  }
  // A connection of theirs does not come back by itself; ours waits before it tries again.
  if (&c == &theirs_ && c.state == State::kActive) c.state = State::kIdle;
  if (from != State::kIdle && c.state == State::kIdle) wait_to_start(now);
}

void Session::send_for(TimePoint now, Connection& c, State from, Todo todo, Context& context) {
  if ((todo & kSendOpen) != 0) {
    c.hold = now + kLargeHold;
    write(now, c, MessageType::kOpen, encode(open_of(settings_)));
  }
  if ((todo & kSendKeepalive) != 0) {
    const Duration third = c.agreed.hold_time / 3;
    c.keepalive = third.count() == 0 ? kNever : jittered(now, third);
    write(now, c, MessageType::kKeepalive, keepalive());
  }
  if ((todo & kSendFsmError) != 0) context.sent = Notification::make(fsm_error_in(from));
  const bool has_one = (todo & (kSendNotification | kSendFsmError)) != 0 && context.sent;
  if (has_one && c.pump) notify(now, c, *context.sent);
  if (!has_one) context.sent.reset();
}

void Session::set_timers(TimePoint now, Connection& c, Todo todo) {
  if ((todo & kStopConnectRetry) != 0) c.connect_retry = kNever;
  if ((todo & kStartConnectRetry) != 0 && &c == &ours_ && !settings_.passive)
    c.connect_retry = jittered(now, settings_.connect_retry);
  if ((todo & kRestartHold) != 0)
    c.hold = c.agreed.hold_time.count() == 0 ? kNever : now + c.agreed.hold_time;
}

void Session::enter_established(TimePoint now, Connection& c) {
  negotiated_ = c.agreed;
  update_context_ = update_context(c);
  since_ = now;
  is_paused_ = false;
  ++counters_.established;
  Connection& rest = other(c);
  if (rest.state != State::kIdle)
    handle(now, rest, Event::kStop, {Notification::make(Cease::kCollision), {}});
  start_at_ = kNever;
  host_.up(negotiated_);
}

void Session::leave_established(TimePoint now, Event why, const Context& context) {
  last_down_ = Down{why, context.sent, context.received, may_restart(why, context)};
  if (now - since_ >= kLongestIdleHold) idle_hold_ = kFirstIdleHold;
  since_ = now;
  host_.down(*last_down_);
}

bool Session::may_restart(Event why, const Context& context) const {
  if (!has_restart_families(negotiated_)) return false;
  if (why == Event::kTcpDown) return true;
  if (why == Event::kStop || !negotiated_.restarts_on_notification) return false;
  for (const auto& n : {context.sent, context.received})
    if (n && n->is(Cease::kHardReset)) return false;
  return true;
}

void Session::drop(Connection& c) {
  if (!c.pump && &c == &ours_) host_.cancel_connect();
  c.pump.reset();
  c.agreed = {};
  c.hold = c.keepalive = kNever;
}

void Session::wait_to_start(TimePoint now) {
  const bool is_other_alive = theirs_.state != State::kIdle || ours_.state != State::kIdle;
  if (!is_enabled_ || is_other_alive) return;
  start_at_ = jittered(now, idle_hold_);
  idle_hold_ = std::min(2 * idle_hold_, kLongestIdleHold);
}

// --- messages ---

void Session::write(TimePoint now, Connection& c, MessageType type, wire::Bytes message) {
  ++counters_.out[static_cast<std::size_t>(type) - 1];
  counters_.out_bytes += message.size();
  c.pump->send(now, message);
}

void Session::notify(TimePoint now, Connection& c, const Notification& n) {
  last_sent_ = n;
  write(now, c, MessageType::kNotification, encode(n, c.agreed.longest_sent));
  host_.notified(n, true);
}

void Session::received(TimePoint now, Way way, wire::Bytes octets) {
  Connection& c = of(way);
  if (!c.pump) return;
  counters_.in_bytes += octets.size();
  c.pump->feed(octets);
  read_messages(now, c);
}

void Session::read_messages(TimePoint now, Connection& c) {
  const std::size_t longest = settings_.extended_message ? kMaxExtendedMessage : kMaxMessage;
  const Pump* pump = c.pump.get();
  // A message may end the connection, or replace it.
  while (c.pump.get() == pump && pump != nullptr) {
    std::optional<Frame> frame;
    if (Verdict v = c.pump->next(longest, frame))
      return handle(now, c, Event::kHeaderError, {std::move(v), {}});
    if (!frame) return;
    ++counters_.in[static_cast<std::size_t>(frame->type) - 1];
    read_message(now, c, *frame);
  }
}

void Session::read_message(TimePoint now, Connection& c, const Frame& frame) {
  switch (frame.type) {
    case MessageType::kOpen:
      return read_open(now, c, frame.body);
    case MessageType::kUpdate:
      return read_update(now, c, frame.body);
    case MessageType::kNotification:
      return read_notification(now, c, frame.body);
    case MessageType::kKeepalive:
      return handle(now, c, Event::kKeepaliveReceived);
    case MessageType::kRouteRefresh:
      return read_refresh(now, c, frame.body);
  }
}

void Session::read_open(TimePoint now, Connection& c, wire::Bytes body) {
  if (c.state != State::kOpenSent) return handle(now, c, Event::kOpenReceived);
  Open open;
  Verdict v = parse_open(body, open);
  if (!v) v = negotiate(settings_, open, c.agreed);
  if (v) return handle(now, c, Event::kOpenError, {std::move(v), {}});
  if (survives_collision(now, c)) handle(now, c, Event::kOpenReceived);
}

bool Session::survives_collision(TimePoint now, Connection& c) {
  Connection& rest = other(c);
  if (rest.state != State::kOpenConfirm && rest.state != State::kEstablished) return true;
  const auto we_are = std::pair(settings_.router_id, settings_.local_as);
  const auto they_are = std::pair(c.agreed.peer_id, c.agreed.peer_as);
  const Way winner = we_are > they_are ? Way::kOurs : Way::kTheirs;
  const bool wins = !rest.is_established() && c.way == winner;
  handle(now, wins ? rest : c, Event::kCollision, {Notification::make(Cease::kCollision), {}});
  return wins;
}

void Session::read_update(TimePoint now, Connection& c, wire::Bytes body) {
  if (!c.is_established()) return handle(now, c, Event::kUpdateReceived);
  if (Verdict v = parse_update(body, update_context_, update_))
    return handle(now, c, Event::kUpdateError, {std::move(v), {}});
  counters_.withdrawn_updates += update_.action == Action::kWithdraw;
  counters_.discarded_attributes += static_cast<uint64_t>(
      std::count_if(update_.faults.begin(), update_.faults.end(),
                    [](const AttributeFault& f) { return f.action == Action::kDiscard; }));
  counters_.martian_prefixes += update_.martians;
  handle(now, c, Event::kUpdateReceived, {{}, {}, &update_});
}

void Session::read_notification(TimePoint now, Connection& c, wire::Bytes body) {
  last_received_ = parse_notification(body).value();
  host_.notified(*last_received_, false);
  const bool is_version = last_received_->error() == ErrorCode::kOpen &&
                          last_received_->subcode == static_cast<uint8_t>(OpenError::kVersion);
  handle(now, c, is_version ? Event::kVersionRefused : Event::kNotification, {{}, last_received_});
}

void Session::read_refresh(TimePoint now, Connection& c, wire::Bytes body) {
  if (!c.is_established()) return handle(now, c, Event::kRefreshReceived);
  std::optional<Refresh> refresh;
  if (Verdict v = parse_refresh(body, c.agreed.enhanced_refresh, refresh))
    return handle(now, c, Event::kRefreshError, {std::move(v), {}});
  // One that was not agreed on is ignored (RFC 2918 section 4).
  const bool is_ours = refresh && c.agreed.family[refresh->family];
  handle(now, c, Event::kRefreshReceived, {{}, {}, nullptr, is_ours ? &*refresh : nullptr});
}

UpdateContext Session::update_context(const Connection& c) const {
  UpdateContext u;
  u.external = c.agreed.external;
  u.as4 = c.agreed.as4;
  u.family = c.agreed.family;
  u.path_ids = c.agreed.receives_path_ids;
  u.peer_as = c.agreed.peer_as;
  u.enforce_first_as = settings_.enforce_first_as;
  const wire::IpAddress local = c.pump->stream().local().address;
  u.local[local.family] = local;
  return u;
}

// --- time ---

TimePoint Session::jittered(TimePoint now, Duration d) {
  // Three quarters to all of it (RFC 4271 section 10).
  return now + d * 3 / 4 + d / 4 * (host_.random() % 1024) / 1023;
}

void Session::tick(TimePoint now) {
  if (now >= start_at_) start(now);
  for (Connection* c : {&ours_, &theirs_}) tick(now, *c);
}

void Session::tick(TimePoint now, Connection& c) {
  if (now >= c.connect_retry) {
    c.connect_retry = kNever;
    handle(now, c, Event::kConnectRetryExpired);
  }
  if (now >= c.hold) {
    c.hold = kNever;
    handle(now, c, Event::kHoldExpired, {Notification::hold_timer(), {}});
  }
  if (c.pump && c.agreed.send_hold_time.count() != 0 && c.pump->queued() != 0 &&
      now >= c.pump->last_progress() + c.agreed.send_hold_time)
    handle(now, c, Event::kSendHoldExpired, {Notification::send_hold_timer(), {}});
  if (now >= c.keepalive) handle(now, c, Event::kKeepaliveExpired);
}

TimePoint Session::deadline_of(const Connection& c) const {
  TimePoint at = std::min({c.connect_retry, c.hold, c.keepalive});
  if (c.pump && c.agreed.send_hold_time.count() != 0 && c.pump->queued() != 0)
    at = std::min(at, c.pump->last_progress() + c.agreed.send_hold_time);
  return at;
}

TimePoint Session::next_deadline() const {
  return std::min({start_at_, deadline_of(ours_), deadline_of(theirs_)});
}

// --- views ---

const Session::Connection& Session::further() const {
  return theirs_.state > ours_.state ? theirs_ : ours_;
}

Session::Connection* Session::established() {
  if (ours_.is_established()) return &ours_;
  return theirs_.is_established() ? &theirs_ : nullptr;
}

State Session::state() const {
  return further().state;
}

std::optional<wire::Endpoint> Session::local() const {
  const Connection& c = further();
  return c.pump ? std::optional(c.pump->stream().local()) : std::nullopt;
}

std::optional<wire::Endpoint> Session::remote() const {
  const Connection& c = further();
  return c.pump ? std::optional(c.pump->stream().remote()) : std::nullopt;
}

}  // namespace kanmon::bgp
