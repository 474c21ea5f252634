#include "control/ike/sa/core.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include <fmt/format.h>

#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike {
namespace {

constexpr TimerKind kIkeTimers[] = {
    TimerKind::kRetransmit, TimerKind::kGiveUp,    TimerKind::kIkeRekey, TimerKind::kIkeExpire,
    TimerKind::kLiveness,   TimerKind::kKeepalive, TimerKind::kFragments};
constexpr TimerKind kChildTimers[] = {TimerKind::kChildRekey, TimerKind::kChildExpire,
                                      TimerKind::kChildReady, TimerKind::kChildLinger,
                                      TimerKind::kChildOverdue};

// Reserved SPIs of a request that will never be answered go back to the data plane.
void release_reserved(Core& core, IkeSa& sa) {
  if (sa.handshake && sa.handshake->child_spi != 0) core.host.release_spi(sa.handshake->child_spi);
  if (sa.handshake) sa.handshake->child_spi = 0;
  core.drop_attempts(sa);
}

}  // namespace

Core::Core(Host& h, EngineOptions o)
    : host(h),
      options(o),
      random([&h](wire::MutableBytes out) { h.random(out); }),
      cookies(random, o.cookie_secret_lifetime) {}

Tunnel* Core::tunnel_by_name(std::string_view name) const {
  const auto it = tunnels_by_name.find(std::string(name));
  return it == tunnels_by_name.end() ? nullptr : it->second;
}

Tunnel* Core::tunnel_by_serial(uint64_t serial) const {
  const auto it = tunnels.find(serial);
  return it == tunnels.end() ? nullptr : it->second.get();
}

IkeSa* Core::ike_by_spi(uint64_t local_spi) const {
  const auto it = ikes.find(local_spi);
  return it == ikes.end() ? nullptr : it->second.get();
}

Child* Core::child_by_spi(uint32_t inbound_spi) const {
  const auto it = children.find(inbound_spi);
  return it == children.end() ? nullptr : it->second.get();
}

Child* Core::child_by_peer_spi(const Tunnel& tunnel, uint32_t peer_spi) const {
  for (Child* child : tunnel.children)
    if (child->state != ChildState::kLingering && child->sa.outbound_spi == peer_spi) return child;
  return nullptr;
}

uint64_t Core::fresh_ike_spi() {
  std::array<uint8_t, 8> octets{};
  uint64_t spi = 0;
  do {
    host.random(octets);
    spi = load_be<uint64_t>(octets.data());
  } while (spi == 0 || ikes.contains(spi));
  return spi;
}

IkeSa& Core::make_ike(bool initiator, uint64_t local_spi, Tunnel* tunnel) {
  auto owned = std::make_unique<IkeSa>();
  IkeSa& sa = *owned;
  sa.initiator = initiator;
  (initiator ? sa.spi_initiator : sa.agreed.spi_responder) = local_spi;
  sa.tunnel = tunnel;
  sa.created = sa.last_sent = now;
  if (tunnel != nullptr) tunnel->ike_sas.push_back(&sa);
  ikes.emplace(local_spi, std::move(owned));
  return sa;
}

Child& Core::make_child(std::unique_ptr<Child> child) {
  Child& c = *child;
  c.serial = serial();
  c.tunnel->children.push_back(&c);
  children.emplace(c.spi(), std::move(child));
  return c;
}

void Core::bury(IkeSa& sa) {
  const uint64_t spi = sa.local_spi();
  for (const TimerKind kind : kIkeTimers) timers.cancel(kind, spi);
  release_reserved(*this, sa);
  door::passed(*this, sa);
  if (sa.tunnel != nullptr) std::erase(sa.tunnel->ike_sas, &sa);
  sa.state = IkeState::kClosed;
  const auto it = ikes.find(spi);
  if (it == ikes.end()) return;
  buried_ikes_.push_back(std::move(it->second));
  ikes.erase(it);
}

void Core::close(IkeSa& sa) {
  if (sa.exchange.response().empty()) return bury(sa);
  const uint64_t spi = sa.local_spi();
  for (const TimerKind kind : kIkeTimers) timers.cancel(kind, spi);
  release_reserved(*this, sa);
  door::passed(*this, sa);
  if (sa.tunnel != nullptr) std::erase(sa.tunnel->ike_sas, &sa);
  sa.tunnel = nullptr;  // which may go before the closed SA does
  sa.exchange.answered();
  sa.state = IkeState::kClosed;
  sa.handshake.reset();
  sa.held.reset();
  sa.queue.clear();
  sa.under_way.reset();
  const uint64_t spi_responder = sa.agreed.spi_responder;
  sa.agreed = Agreement{};
  sa.agreed.spi_responder = spi_responder;
  timers.arm(TimerKind::kGiveUp, spi, now + kClosedLingers);
}

void Core::drop_attempts(IkeSa& sa) {
  if (sa.child_attempt && sa.child_attempt->new_spi != 0)
    host.release_spi(sa.child_attempt->new_spi);
  sa.child_attempt.reset();
  sa.rekey_attempt.reset();
}

void Core::bury(Child& child) {
  for (const TimerKind kind : kChildTimers) timers.cancel(kind, child.spi());
  std::erase(child.tunnel->children, &child);
  if (child.tunnel->outbound_spi == child.spi()) child.tunnel->outbound_spi = 0;
  const auto it = children.find(child.spi());
  if (it == children.end()) return;
  buried_children_.push_back(std::move(it->second));
  children.erase(it);
}

void Core::sweep() {
  buried_children_.clear();
  buried_ikes_.clear();
  if (removed_tunnels == 0) return;
  std::vector<uint32_t> gone;
  removed_tunnels -= std::erase_if(tunnels, [&gone](const auto& entry) {
    const Tunnel& tunnel = *entry.second;
    const bool over = tunnel.removed && tunnel.ike_sas.empty() && tunnel.children.empty();
    if (over) gone.push_back(tunnel.parameters.tunnel);
    return over;
  });
  for (const uint32_t number : gone) {
    const bool again = std::ranges::any_of(
        tunnels, [number](const auto& entry) { return entry.second->parameters.tunnel == number; });
    if (!again) host.tunnel_gone(number);
  }
}

Header Core::header_of(const IkeSa& sa, ExchangeType exchange, bool response, uint32_t id) const {
  Header header;
  header.spi_initiator = sa.spi_initiator;
  header.spi_responder = sa.agreed.spi_responder;
  header.exchange = exchange;
  header.initiator = sa.initiator;
  header.response = response;
  header.message_id = id;
  return header;
}

Datagrams Core::seal(Agreement& agreed, const MessageBuilder& message) {
  if (agreed.fragmentation) {
    auto fragments = message.fragmented(agreed.seal, random, kMaxIkeDatagram);
    if (fragments.ok()) return std::move(fragments).value();
  } else {
    auto whole = message.sealed(agreed.seal, random);
    if (whole.ok()) {
      Datagrams one;
      one.push_back(std::move(whole).value());
      return one;
    }
  }
  count(Count::kCryptoFailed);
  return {};
}

void Core::transmit(const wire::Endpoint& local, const wire::Endpoint& remote,
                    const Datagrams& message) {
  for (const Octets& datagram : message) host.send(local, remote, datagram);
}

RetransmitPolicy Core::policy_for(const IkeSa& sa) const {
  RetransmitPolicy policy;
  policy.cap = kRetransmitCap;
  if (sa.tunnel != nullptr) {
    policy.first = sa.tunnel->parameters.retransmit_first;
    policy.tries = std::max<uint32_t>(sa.tunnel->parameters.retransmit_tries, 1);
  }
  if (sa.state == IkeState::kDeleting || sa.state == IkeState::kReplaced)
    policy.tries = std::min(policy.tries, kDeleteTries);
  return policy;
}

void Core::arm_retransmit(IkeSa& sa) {
  if (sa.exchange.busy())
    timers.arm(TimerKind::kRetransmit, sa.local_spi(), sa.exchange.deadline());
  else
    timers.cancel(TimerKind::kRetransmit, sa.local_spi());
}

void Core::request(IkeSa& sa, const MessageBuilder& message) {
  Datagrams sealed = seal(sa.agreed, message);
  transmit(sa.local, sa.remote, sealed);
  sa.exchange.sent(now, std::move(sealed), policy_for(sa));
  count(Count::kSentRequest);
  sa.responses.reset();
  liveness::sent(*this, sa);
  arm_retransmit(sa);
}

void Core::respond(IkeSa& sa, const Arrived& to, const MessageBuilder& message) {
  sa.exchange.set_response(seal(sa.agreed, message));
  transmit(to.local, to.remote, sa.exchange.response());
  count(Count::kSentResponse);
  sa.last_sent = now;
}

void Core::hold_response(IkeSa& sa, const Arrived& to, const MessageBuilder& message,
                         uint32_t child_spi) {
  sa.held = IkeSa::Held{child_spi, seal(sa.agreed, message), to.local, to.remote};
}

void Core::release_response(IkeSa& sa) {
  assert(sa.held);
  sa.exchange.set_response(std::move(sa.held->response));
  transmit(sa.held->local, sa.held->remote, sa.exchange.response());
  count(Count::kSentResponse);
  sa.last_sent = now;
  sa.held.reset();
}

void Core::log_stranger(Host::Level level, const char* event, const std::string& text) {
  Muted& muted = muted_[event];
  if (muted.last != TimePoint{} && now - muted.last < std::chrono::seconds(1)) {
    ++muted.left_out;
    return;
  }
  muted.last = now;
  const std::string more =
      muted.left_out == 0 ? std::string() : fmt::format(" left_out={}", muted.left_out);
  muted.left_out = 0;
  log(level, event, text + more);
}

uint32_t Core::dice() {
  std::array<uint8_t, 4> octets{};
  host.random(octets);
  return load_be<uint32_t>(octets.data());
}

Octets Core::random_octets(std::size_t n) {
  Octets octets(n);
  host.random(octets);
  return octets;
}

void Core::enqueue(IkeSa& sa, Work work) {
  if (sa.under_way == work) return;
  if (std::ranges::find(sa.queue, work) != sa.queue.end()) return;
  sa.queue.push_back(work);
}

std::string who(const IkeSa& sa) {
  if (sa.tunnel != nullptr) return fmt::format("tunnel={}", sa.tunnel->parameters.name);
  return fmt::format("peer={}", sa.remote.to_string());
}

std::string spi_text(uint64_t ike_spi) {
  return fmt::format("{:016x}", ike_spi);
}

std::string spi_text(uint32_t esp_spi) {
  return fmt::format("{:08x}", esp_spi);
}

int64_t milliseconds_since(TimePoint start, TimePoint now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - start).count();
}

}  // namespace kanmon::ike
