#include "control/bgp/speaker/peer.h"

#include "control/bgp/speaker/speaker.h"
#include "control/bgp/wire/refresh.h"

namespace kanmon::bgp {
namespace {

using namespace std::chrono_literals;

constexpr Duration kListenAgain = 1s;

const char* family_text(wire::Family family) {
  return family == wire::Family::kV4 ? "ipv4" : "ipv6";
}

}  // namespace

Peer::Peer(Speaker& speaker, PeerSettings settings, const wire::IpAddress& remote, bool is_dynamic)
    : speaker_(speaker),
      settings_(std::move(settings)),
      remote_(remote),
      is_dynamic_(is_dynamic),
      serial_(speaker.next_serial()) {
  settings_.peering.source.address = remote;
  settings_.session.passive |= is_dynamic;
  peering_ = std::make_unique<Peering>(speaker.rib(), speaker.attributes(), settings_.peering);
  SessionHost& host = *this;
  SessionSettings session = settings_.session;
  if (settings_.restarting && session.restart && !is_dynamic_) {
    session.restart->restarted = true;
    awaits_until_ = speaker.now() + std::chrono::seconds(session.restart->time);
  }
  session_ = std::make_unique<Session>(session, host);
}

Peer::~Peer() {
  session_->stop(speaker_.now(), Cease::kDeconfigured);
  if (is_listening_) speaker_.transport().remove(*this);
  session_.reset();
}

void Peer::start(TimePoint now) {
  is_shut_down_ = settings_.shutdown;
  if (!listen()) next_listen_ = now + kListenAgain;
  if (!is_shut_down_ && (is_listening_ || is_dynamic_)) session_->start(now);
}

bool Peer::listen() {
  if (is_dynamic_ || is_listening_) return true;
  std::string why;
  is_listening_ = speaker_.transport().add(*this, remote_, settings_.tcp, why);
  if (!is_listening_ && why != trouble_)
    speaker_.say(Severity::kWarning, *this, "no-socket", {{"why", why}});
  trouble_ = why;
  return is_listening_;
}

void Peer::change(const PeerSettings& settings) {
  const bool draining = is_draining();
  const bool same = same_rules(settings.peering, settings_.peering);
  settings_.description = settings.description;
  if (same) return;
  settings_.peering.import = settings.peering.import;
  settings_.peering.exports = settings.peering.exports;
  settings_.peering.import.draining = settings_.peering.exports.draining = draining;
  peering_->set_policies(settings_.peering.import, settings_.peering.exports);
}

bool Peer::send_some(TimePoint now, size_t limit) {
  if (!has_room_ || !peering_->is_up() || !peering_->has_to_send()) return false;
  return peering_->send_some(limit, [&](wire::Bytes message) {
    has_room_ = session_->send(now, message) && has_room_;
    return has_room_;
  });
}

void Peer::tick(TimePoint now) {
  close_if_beyond_limit(now);
  if (!is_listening_ && !is_dynamic_ && now >= next_listen_) start(now);
  if (restart_at_ && now >= *restart_at_) {
    restart_at_.reset();
    session_->start(now);
  }
  if (session_->next_deadline() <= now) session_->tick(now);
  if (peering_->next_deadline() <= now) peering_->tick(now);
}

// Not from within update(): of a session that calls its host only little may be used.
void Peer::close_if_beyond_limit(TimePoint now) {
  if (!beyond_) return;
  const auto& limit = settings_.peering.max_prefix[*beyond_];
  beyond_.reset();
  session_->stop(now, Cease::kMaxPrefixes);
  if (limit.restart_after_s != 0) restart_at_ = now + std::chrono::seconds(limit.restart_after_s);
}

bool Peer::is_over() const {
  if (session_->state() != State::kIdle && session_->state() != State::kActive) return false;
  return speaker_.rib().counts(peering_->source(), wire::Family::kV4).received == 0 &&
         speaker_.rib().counts(peering_->source(), wire::Family::kV6).received == 0;
}

// ---- operator

void Peer::shut_down(TimePoint now, std::string_view text) {
  is_shut_down_ = true;
  restart_at_.reset();
  session_->stop(now, Cease::kShutdown, text);
}

void Peer::clear_hard(TimePoint now, std::string_view text) {
  restart_at_.reset();
  is_shut_down_ = settings_.shutdown;
  if (is_shut_down_) return;
  if (session_->is_enabled()) {
    session_->reset(now, Cease::kReset, text);
  } else {
    session_->start(now);
  }
}

bool Peer::refresh_in(TimePoint now) {
  if (!peering_->is_up() || !session_->negotiated().refresh) return false;
  for (const auto f : kFamilies)
    if (session_->negotiated().family[f])
      (void)session_->send(now, encode(Refresh{Refresh::Kind::kRequest, f}));
  return true;
}

void Peer::refresh_out() {
  for (const auto f : kFamilies)
    if (peering_->is_up() && session_->negotiated().family[f])
      peering_->refresh(speaker_.now(), Refresh{Refresh::Kind::kRequest, f});
}

void Peer::set_draining(bool draining) {
  if (is_draining() == draining) return;
  settings_.peering.import.draining = settings_.peering.exports.draining = draining;
  peering_->set_policies(settings_.peering.import, settings_.peering.exports);
  speaker_.say(Severity::kInfo, *this, draining ? "draining" : "drained-no-more", {});
}

void Peer::bfd_down(TimePoint now) {
  if (session_->state() == State::kEstablished) session_->reset(now, Cease::kBfdDown);
}

// ---- from the session

void Peer::connect() {
  if (is_listening_) speaker_.transport().connect(*this);
}

void Peer::cancel_connect() {
  if (is_listening_) speaker_.transport().cancel_connect(*this);
}

uint32_t Peer::random() {
  return speaker_.random();
}

void Peer::up(const Negotiated& session) {
  trouble_.clear();
  has_room_ = true;
  has_ended_ = {};
  up_since_ = speaker_.now();
  session_->forget_restart();
  speaker_.say(Severity::kInfo, *this, "session-up",
               {{"as", std::to_string(session.peer_as)},
                {"hold_s", std::to_string(session.hold_time.count())},
                {"ipv4", session.family[wire::Family::kV4] ? "true" : "false"},
                {"ipv6", session.family[wire::Family::kV6] ? "true" : "false"}});
  peering_->up(speaker_.now(), session, remote_);
}

void Peer::down(const Down& down) {
  ++flaps_;
  beyond_.reset();
  uint64_t routes = 0;
  for (const auto f : kFamilies) routes += speaker_.rib().counts(peering_->source(), f).received;
  std::string why = to_string(down.why);
  if (down.sent) why = "sent " + to_string(*down.sent);
  if (down.received) why = "received " + to_string(*down.received);
  const std::string text = down.received ? shutdown_text(*down.received) : std::string();
  trouble_ = text.empty() ? why : why + ": " + text;
  // `since` is that of the change to Idle by now.
  speaker_.say(Severity::kWarning, *this, "session-down",
               {{"why", why},
                {"text", text},
                {"routes", std::to_string(routes)},
                {"kept", down.may_restart ? "stale" : "none"}});
  watch_for_loop(down);
  peering_->down(speaker_.now(), down);
}

// While the session is still there.
bool Peer::was_told_default() const {
  const AdjRibOut* out = peering_->out();
  if (out == nullptr) return false;
  for (const auto f : kFamilies) {
    if (settings_.peering.default_originate[f]) return true;
    const NodeId node = speaker_.rib().find({wire::IpAddress{.family = f}, 0});
    if (node != kNoId && out->sent(node)) return true;
  }
  return false;
}

void Peer::watch_for_loop(const Down& down) {
  const bool in_silence = down.why == Event::kHoldExpired && !down.received;
  const bool is_new = loop_.ended(speaker_.now(), {.in_silence = in_silence,
                                                   .had_default = was_told_default(),
                                                   .lived = speaker_.now() - up_since_,
                                                   .hold_time = session_->negotiated().hold_time});
  if (!is_new) return;
  speaker_.say(Severity::kWarning, *this, "default-route-loop",
               {{"cycles", std::to_string(loop_.cycles())},
                {"what",
                 "the session ends in silence each time it was told a default route: its outer "
                 "packets seem to follow that into the tunnel"},
                {"cure",
                 "an export policy without the default route, or a host route to this gateway's "
                 "outside address at the neighbour"}});
}

void Peer::update(Update& update) {
  speaker_.received(*this, update);
  if (update.end_of_rib) note_end(*update.end_of_rib);
  const auto limit = peering_->update(speaker_.now(), update);
  if (limit.event == MaxPrefix::Event::kQuiet) return;
  const bool exceeded = limit.event == MaxPrefix::Event::kExceeded;
  speaker_.say(
      exceeded ? Severity::kError : Severity::kWarning, *this,
      exceeded ? "max-prefixes-exceeded" : "max-prefixes-near",
      {{"family", family_text(limit.family)},
       {"limit", std::to_string(settings_.peering.max_prefix[limit.family].limit)},
       {"received",
        std::to_string(speaker_.rib().counts(peering_->source(), limit.family).received)}});
  if (limit.closes) beyond_ = limit.family;
}

void Peer::note_end(wire::Family family) {
  has_ended_[family] = true;
  for (const auto f : kFamilies)
    if (session_->negotiated().family[f] && !has_ended_[f]) return;
  awaits_until_ = {};
}

void Peer::refresh(const Refresh& refresh) {
  peering_->refresh(speaker_.now(), refresh);
}

void Peer::notified(const Notification& n, bool was_sent) {
  const std::string text = was_sent ? std::string() : shutdown_text(unwrapped(n));
  trouble_ = std::string(was_sent ? "sent " : "received ") + to_string(n) +
             (text.empty() ? "" : ": " + text);
  speaker_.say(Severity::kInfo, *this, was_sent ? "notification-sent" : "notification-received",
               {{"what", to_string(n)}, {"text", text}});
}

// ---- from the transport

void Peer::connected(std::unique_ptr<Stream> stream) {
  session_->connected(speaker_.now(), std::move(stream));
}
void Peer::connect_failed(const std::string& why) {
  if (trouble_ != why) {
    trouble_ = why;
    speaker_.say(Severity::kInfo, *this, "connect-failed", {{"why", why}});
  }
  session_->connect_failed(speaker_.now());
}
void Peer::accepted(std::unique_ptr<Stream> stream) {
  (void)session_->accept(speaker_.now(), std::move(stream));
}
void Peer::received(Way way, wire::Bytes octets) {
  session_->received(speaker_.now(), way, octets);
  close_if_beyond_limit(speaker_.now());
}
void Peer::closed(Way way) {
  session_->closed(speaker_.now(), way);
}
void Peer::writable(Way way) {
  session_->writable(speaker_.now(), way);
}

}  // namespace kanmon::bgp
