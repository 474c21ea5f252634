// CREATE_CHILD_SA for child SAs as responder (RFC 7296 sections 1.3.1, 1.3.3, 2.25.1).
#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike::child {
namespace {

void refuse(Core& core, IkeSa& sa, const Arrived& in, NotifyType error, wire::Bytes data,
            uint32_t esp_spi) {
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kCreateChildSa, true, in.header.message_id));
  if (esp_spi != 0)
    message.notify_esp(error, esp_spi, data);
  else
    message.notify(error, data);
  core.respond(sa, in, message);
}

// What the peer wants to rekey: named by the SPI it receives with, which is our outbound one.
struct Target {
  Child* old = nullptr;
  NotifyType error = NotifyType::kNone;
};
Target target_of(Core& core, const IkeSa& sa, uint32_t peer_spi) {
  Target target;
  target.old = core.child_by_peer_spi(*sa.tunnel, peer_spi);
  if (target.old == nullptr) {
    core.count(Count::kChildSaNotFound);
    target.error = NotifyType::kChildSaNotFound;
  } else if (target.old->state == ChildState::kDeleting || target.old->rekeyed_by_peer != 0) {
    core.count(Count::kTemporaryFailure);
    target.error = NotifyType::kTemporaryFailure;
  }
  return target;
}

void note_successor(Core& core, IkeSa& sa, Child& old, const Child& made) {
  old.rekeyed_by_peer = made.spi();
  core.timers.cancel(TimerKind::kChildRekey, old.spi());
  core.timers.arm(TimerKind::kChildOverdue, old.spi(), core.now + kOverdue);
  if (sa.child_attempt && sa.child_attempt->old_spi == old.spi())
    sa.child_attempt->rival = made.spi();
  ++sa.tunnel->child_rekeys;
  core.log(Host::Level::kInfo, "child-rekeyed-by-peer",
           fmt::format("{} old_in={} new_in={} new_out={}", who(sa), spi_text(old.spi()),
                       spi_text(made.spi()), spi_text(made.sa.outbound_spi)));
}

}  // namespace

void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside, MessageKind kind) {
  Target target;
  if (kind == MessageKind::kRekeyChildRequest) {
    const uint32_t peer_spi = find_notify(inside, NotifyType::kRekeySa)->esp_spi();
    target = target_of(core, sa, peer_spi);
    if (target.error != NotifyType::kNone)
      return refuse(core, sa, in, target.error, {},
                    target.error == NotifyType::kChildSaNotFound ? peer_spi : 0);
  }
  const auto offer = read_offer(inside);
  const auto nonce_i = parse_nonce(inside.find(PayloadType::kNonce)->body);
  if (!offer.ok() || !nonce_i.ok()) {
    core.count(Count::kInvalidSyntax);
    refuse(core, sa, in, NotifyType::kInvalidSyntax, {}, 0);
    return tunnel::end(core, sa, tunnel::End::kSilent, "the peer sent a malformed CREATE_CHILD_SA");
  }
  const Octets nonce_r = core.random_octets(kNonceBytes);
  const Answer made = answer(core, sa, offer.value(), true, nonce_i.value(), nonce_r);
  if (made.child == nullptr) {
    core.log(Host::Level::kWarning, "child-refused",
             fmt::format("{} why=\"{}\"", who(sa), made.why));
    if (!tunnel::has_live_child(*sa.tunnel)) sa.tunnel->reason = made.why;
    return refuse(core, sa, in, made.error, made.error_data, 0);
  }
  if (target.old != nullptr) note_successor(core, sa, *target.old, *made.child);
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kCreateChildSa, true, in.header.message_id));
  write_answer(message, made, nonce_r);
  core.hold_response(sa, in, message, made.child->spi());
  sad::install(core, *made.child);
}

}  // namespace kanmon::ike::child
