// CREATE_CHILD_SA for child SAs as initiator: new ones and rekeying (RFC 7296
// sections 1.3.1, 1.3.3, 2.8, 2.25.1).
//
// The attempt lasts until the inbound half of what it made is installed; no other request goes out
// before, so that our next request tells the peer that we can receive.
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/offers.h"
#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::child {
namespace {

// TEMPORARY_FAILURE: the peer is busy with what will be over in a round trip or a few.
constexpr std::chrono::milliseconds kBusyRetry{2000};

Child* alive(const Core& core, uint32_t spi) {
  Child* child = spi == 0 ? nullptr : core.child_by_spi(spi);
  return child == nullptr || child->state == ChildState::kLingering ? nullptr : child;
}

uint16_t pfs_group(const EspTransforms& esp) {
  const auto it = std::ranges::find_if(esp.groups, dh_supported);
  return it == esp.groups.end() ? 0 : *it;
}

void send(Core& core, IkeSa& sa) {
  const ChildAttempt& attempt = *sa.child_attempt;
  const TunnelParameters& p = sa.tunnel->parameters;
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kCreateChildSa, false, sa.exchange.next_id()));
  if (attempt.old_spi != 0) message.notify_esp(NotifyType::kRekeySa, attempt.old_spi);
  write_notifies(message, p);
  message.sa(attempt.offered).nonce(attempt.nonce_i);
  if (attempt.dh) message.ke(attempt.dh->group(), attempt.dh->public_value());
  message.ts(PayloadType::kTsi, p.local_ts).ts(PayloadType::kTsr, p.remote_ts);
  core.request(sa, message);
}

// Fills in what an attempt offers. The text says why it cannot.
std::string prepare(Core& core, const Tunnel& tunnel, ChildAttempt& attempt, uint16_t group) {
  if (group != 0) {
    auto dh = Dh::make(group);
    if (!dh.ok()) {
      core.count(Count::kCryptoFailed);
      return "the cryptographic library refused";
    }
    attempt.dh.emplace(std::move(dh).value());
    attempt.groups_tried.push_back(group);
  }
  const auto spi = core.host.reserve_spi(tunnel.parameters.tunnel);
  if (!spi.ok()) return "the data plane has no free inbound SPI";
  attempt.new_spi = spi.value();
  attempt.nonce_i = core.random_octets(kNonceBytes);
  attempt.offered = make_esp_proposals(tunnel.parameters.esp, attempt.new_spi, true);
  if (!attempt.offered.empty()) return {};
  core.host.release_spi(attempt.new_spi);
  return "the configured ESP proposals hold no transform this build has";
}

void failed(Core& core, IkeSa& sa, uint32_t old_spi, const std::string& why) {
  Child* old = alive(core, old_spi);
  if (old == nullptr) return tunnel::child_failed(core, *sa.tunnel, why);
  if (old->superseded()) return;  // the peer's own rekeying did it
  ++old->rekey_failures;
  sa.tunnel->reason = why;
  core.log(Host::Level::kWarning, "child-rekey-failed",
           fmt::format("{} in={} why=\"{}\"", who(sa), spi_text(old_spi), why));
  rekey_later(core, *old, retry_delay(old->rekey_failures, core.dice()));
}

bool begin(Core& core, IkeSa& sa, uint32_t old_spi, uint16_t group,
           std::vector<uint16_t> groups_tried) {
  ChildAttempt attempt;
  attempt.old_spi = old_spi;
  attempt.started = core.now;
  attempt.groups_tried = std::move(groups_tried);
  const std::string bad = prepare(core, *sa.tunnel, attempt, group);
  if (!bad.empty()) {
    failed(core, sa, old_spi, bad);
    return false;
  }
  sa.child_attempt.emplace(std::move(attempt));
  send(core, sa);
  return true;
}

void on_not_found(Core& core, IkeSa& sa, const ChildAttempt& attempt) {
  // 2.25.1: the peer has lost it, or has rekeyed and closed it already.
  Child* old = alive(core, attempt.old_spi);
  if (old == nullptr) return;
  Tunnel& tunnel = *sa.tunnel;
  const std::string why =
      fmt::format("the peer does not know child SA {} any more (CHILD_SA_NOT_FOUND)",
                  spi_text(old->sa.outbound_spi));
  sad::retire(core, *old, true);
  tunnel::child_gone(core, tunnel, why);
}

void on_no_additional(Core& core, IkeSa& sa, const ChildAttempt& attempt) {
  // 1.3: the peer rekeys only by a new IKE SA. The old pair carries on meanwhile.
  sa.worn_out = true;
  failed(core, sa, attempt.old_spi,
         "NO_ADDITIONAL_SAS: the peer makes child SAs only in IKE_AUTH; starting a new IKE SA");
  tunnel::start(core, *sa.tunnel);
}

void on_refused(Core& core, IkeSa& sa, ChildAttempt& attempt, const NotifyView& error) {
  core.host.release_spi(attempt.new_spi);
  switch (error.type) {
    case NotifyType::kTemporaryFailure:
      if (Child* old = alive(core, attempt.old_spi)) return rekey_later(core, *old, kBusyRetry);
      return tunnel::child_failed(core, *sa.tunnel, "TEMPORARY_FAILURE: the peer is busy");
    case NotifyType::kChildSaNotFound:
      return on_not_found(core, sa, attempt);
    case NotifyType::kNoAdditionalSas:
      return on_no_additional(core, sa, attempt);
    case NotifyType::kInvalidKePayload: {
      const auto group = parse_invalid_ke(error);
      const bool fair =
          group.ok() && may_try_group(attempt.offered, attempt.groups_tried, group.value());
      if (!fair) break;
      if (attempt.old_spi != 0 && alive(core, attempt.old_spi) == nullptr) return;
      sa.under_way = Work{attempt.old_spi == 0 ? Work::Kind::kCreateChild : Work::Kind::kRekeyChild,
                          attempt.old_spi};
      if (!begin(core, sa, attempt.old_spi, group.value(), attempt.groups_tried))
        sa.under_way.reset();
      return;
    }
    default:
      break;
  }
  const TunnelParameters& p = sa.tunnel->parameters;
  failed(core, sa, attempt.old_spi,
         fmt::format("the peer refused the child SA: {}; we offered {} for {} === {}",
                     to_string(error.type), describe(attempt.offered), to_string(p.local_ts),
                     to_string(p.remote_ts)));
}

// Both ends rekeyed the same child SA (2.8.1): of the four nonces the lowest tells which of the two
// is deleted, by the end that began it; the other end deletes the old one.
void settle(Core& core, IkeSa& sa, Child* old, Child& ours, Child& rival) {
  core.log(Host::Level::kInfo, "child-rekey-collision",
           fmt::format("{} ours={} peers={} keep={}", who(sa), spi_text(ours.spi()),
                       spi_text(rival.spi()),
                       ours.lowest_nonce < rival.lowest_nonce ? "peers" : "ours"));
  if (ours.lowest_nonce < rival.lowest_nonce) {
    ours.redundant = true;
    sad::begin_delete(core, ours);
    if (old != nullptr) core.timers.arm(TimerKind::kChildOverdue, old->spi(), core.now + kOverdue);
    return;
  }
  rival.redundant = true;
  core.timers.arm(TimerKind::kChildOverdue, rival.spi(), core.now + kOverdue);
  sad::update_outbound(core, *ours.tunnel);
  if (old != nullptr) sad::begin_delete(core, *old);
}

}  // namespace

bool start_create(Core& core, IkeSa& sa) {
  if (tunnel::has_live_child(*sa.tunnel)) return false;
  return begin(core, sa, 0, pfs_group(sa.tunnel->parameters.esp), {});
}

bool start_rekey(Core& core, IkeSa& sa, Child& old) {
  if (old.state != ChildState::kLive || old.redundant || old.superseded()) return false;
  const uint16_t used = old.suite.group;
  const EspTransforms& esp = sa.tunnel->parameters.esp;
  const bool still = std::ranges::find(esp.groups, used) != esp.groups.end();
  return begin(core, sa, old.spi(), used != 0 && still ? used : pfs_group(esp), {});
}

void on_response(Core& core, IkeSa& sa, const Chain& inside) {
  ChildAttempt attempt = std::move(*sa.child_attempt);
  sa.child_attempt.reset();
  if (inside.find(PayloadType::kSa) == nullptr) {
    if (const auto error = find_error(inside)) return on_refused(core, sa, attempt, *error);
  }
  const auto offer = read_offer(inside);
  const Payload* nonce = inside.find(PayloadType::kNonce);
  Taken taken;
  if (!offer.ok() || nonce == nullptr || !parse_nonce(nonce->body).ok())
    taken.why = "malformed answer to CREATE_CHILD_SA";
  else
    taken = take(core, sa, offer.value(), attempt.offered, attempt.dh ? &*attempt.dh : nullptr,
                 attempt.new_spi, true, attempt.nonce_i, nonce->body);
  if (taken.child == nullptr) {
    // The peer holds a child SA we do not want: it is told by our SPI.
    core.enqueue(sa, {Work::Kind::kDeleteChild, attempt.new_spi});
    core.host.release_spi(attempt.new_spi);
    return failed(core, sa, attempt.old_spi, taken.why);
  }
  attempt.new_spi = 0;
  attempt.dh.reset();
  attempt.installing = taken.child->spi();
  if (Child* old = alive(core, attempt.old_spi)) old->rekeyed_by_us = taken.child->spi();
  sa.child_attempt.emplace(std::move(attempt));
  sad::install(core, *taken.child);
}

void attempt_installed(Core& core, IkeSa& sa, Child& made) {
  const ChildAttempt attempt = std::move(*sa.child_attempt);
  sa.child_attempt.reset();
  Child* old = alive(core, attempt.old_spi);
  if (attempt.old_spi != 0) {
    ++sa.tunnel->child_rekeys;
    core.log(
        Host::Level::kInfo, "child-rekeyed",
        fmt::format("{} old_in={} new_in={} new_out={} took_ms={}", who(sa),
                    spi_text(attempt.old_spi), spi_text(made.spi()), spi_text(made.sa.outbound_spi),
                    milliseconds_since(attempt.started, core.now)));
  }
  Child* rival = alive(core, attempt.rival);
  if (rival != nullptr && rival->state != ChildState::kDeleting)
    return settle(core, sa, old, made, *rival);
  sad::update_outbound(core, *sa.tunnel);
  if (old != nullptr) sad::begin_delete(core, *old);
}

void rekey_later(Core& core, Child& old, Duration delay) {
  if (old.state != ChildState::kLive || old.superseded()) return;
  old.rekey_at = core.now + delay;
  core.timers.arm(TimerKind::kChildRekey, old.spi(), old.rekey_at);
}

}  // namespace kanmon::ike::child
