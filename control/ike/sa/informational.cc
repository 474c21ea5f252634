// INFORMATIONAL: deletes and liveness checks (RFC 7296 sections 1.4, 1.4.1, 2.4, 2.25).
#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike::info {
namespace {

MessageBuilder request(Core& core, IkeSa& sa) {
  return MessageBuilder(
      core.header_of(sa, ExchangeType::kInformational, false, sa.exchange.next_id()));
}

// Our inbound SPI if the response must name it: not if we are deleting it ourselves (1.4.1).
uint32_t on_delete_child(Core& core, IkeSa& sa, uint32_t peer_spi) {
  Child* child = core.child_by_peer_spi(*sa.tunnel, peer_spi);
  if (child == nullptr) return 0;
  const bool crossing = child->state == ChildState::kDeleting;
  const uint32_t ours = child->spi();
  core.log(Host::Level::kInfo, "child-deleted-by-peer",
           fmt::format("{} in={} out={}", who(sa), spi_text(ours), spi_text(peer_spi)));
  sad::retire(core, *child, true);
  return crossing ? 0 : ours;
}

void on_delete_ike(Core& core, IkeSa& sa) {
  const std::string why = "the peer deleted the IKE SA";
  if (sa.state == IkeState::kRekeying) rekey::attempt_over(core, sa);
  switch (sa.state) {
    case IkeState::kReplaced:
      return core.close(sa);
    case IkeState::kDeleting: {
      Tunnel& tunnel = *sa.tunnel;
      const std::string reason = sa.end_reason;
      const bool restart = sa.restart;
      core.close(sa);
      return tunnel::lost(core, tunnel, reason, restart);
    }
    default:
      return tunnel::end(core, sa, tunnel::End::kSilent, why);
  }
}

struct Deletes {
  bool ike = false;
  std::vector<uint32_t> esp;  // the peer's inbound SPIs
};
Deletes read_deletes(const Chain& inside) {
  Deletes deletes;
  for (const Payload& payload : inside.payloads()) {
    if (payload.type != PayloadType::kDelete) continue;
    const auto view = parse_delete(payload.body);
    if (!view.ok()) continue;
    if (view->protocol == ProtocolId::kIke) deletes.ike = true;
    if (view->protocol != ProtocolId::kEsp) continue;
    for (uint16_t i = 0; i < view->count; ++i) deletes.esp.push_back(view->spi(i));
  }
  return deletes;
}

}  // namespace

bool start_delete_ike(Core& core, IkeSa& sa) {
  sa.state = IkeState::kDeleting;
  MessageBuilder message = request(core, sa);
  message.delete_ike();
  core.request(sa, message);
  return true;
}

bool start_delete_child(Core& core, IkeSa& sa, uint32_t spi) {
  const Child* child = core.child_by_spi(spi);
  if (child != nullptr && child->state != ChildState::kDeleting) return false;
  MessageBuilder message = request(core, sa);
  message.delete_esp({&spi, 1});
  core.request(sa, message);
  return true;
}

bool start_probe(Core& core, IkeSa& sa) {
  core.request(sa, request(core, sa));
  return true;
}

void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside) {
  const Deletes deletes = read_deletes(inside);
  const auto error = find_error(inside);
  const bool distrusted = error && error->type == NotifyType::kAuthenticationFailed;
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kInformational, true, in.header.message_id));
  std::vector<uint32_t> ours;
  if (!deletes.ike) {
    for (const uint32_t spi : deletes.esp)
      if (const uint32_t own = on_delete_child(core, sa, spi)) ours.push_back(own);
    if (!ours.empty()) message.delete_esp(ours);
  }
  core.respond(sa, in, message);
  if (deletes.ike) return on_delete_ike(core, sa);
  // 2.21.2: the initiator does not believe that we are who we say.
  if (distrusted)
    return tunnel::end(core, sa, tunnel::End::kSilent,
                       "AUTHENTICATION_FAILED: the peer says our AUTH does not verify with its "
                       "pre-shared key or identity");
  if (!deletes.esp.empty()) tunnel::child_gone(core, *sa.tunnel, "the peer deleted the child SA");
}

void on_response(Core& core, IkeSa& sa, const Work& work) {
  if (work.kind == Work::Kind::kDeleteIke) {
    Tunnel& tunnel = *sa.tunnel;
    const std::string why = sa.end_reason;
    const bool restart = sa.restart;
    core.close(sa);
    return tunnel::lost(core, tunnel, why, restart);
  }
  if (work.kind != Work::Kind::kDeleteChild) return;
  Child* child = core.child_by_spi(work.spi);
  if (child != nullptr && child->state == ChildState::kDeleting) sad::retire(core, *child, true);
}

}  // namespace kanmon::ike::info
