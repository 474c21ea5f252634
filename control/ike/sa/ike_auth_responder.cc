// IKE_AUTH as responder with pre-shared keys (RFC 7296 sections 1.2, 2.15, 2.21.2, 2.4).
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike::auth {
namespace {

// Who the peer says it is, and the tunnel that is configured for it.
struct Claim {
  Tunnel* tunnel = nullptr;
  Identity peer;
  wire::Bytes idi_body;
  std::string why;  // if there is no tunnel
};

// The suite was chosen before the identities were known; the tunnel must allow it too.
bool allows_suite(const Tunnel& tunnel, const IkeSa& sa) {
  return choose_ike(tunnel.parameters.ike, {&sa.handshake->chosen, 1}, sa.agreed.suite.group, false)
      .ok();
}

Claim read_claim(const IkeSa& sa, const Chain& inside) {
  Claim claim;
  claim.idi_body = inside.find(PayloadType::kIdi)->body;
  const auto idi = parse_id(claim.idi_body);
  if (!idi.ok()) {
    claim.why = "the peer's identity is of a type we cannot compare";
    return claim;
  }
  claim.peer = idi.value();
  std::optional<Identity> wanted;
  if (const Payload* idr = inside.find(PayloadType::kIdr)) {
    const auto parsed = parse_id(idr->body);
    if (parsed.ok()) wanted = parsed.value();
  }
  for (Tunnel* tunnel : sa.handshake->tunnels) {
    if (tunnel->barred || tunnel->parameters.remote_id != claim.peer) continue;
    if (wanted && tunnel->parameters.local_id != *wanted) continue;
    if (!allows_suite(*tunnel, sa)) continue;
    claim.tunnel = tunnel;
    return claim;
  }
  claim.why = fmt::format("the peer calls itself {} and wants {}; configured for its address: ",
                          claim.peer.to_string(), wanted ? wanted->to_string() : "anybody");
  for (std::size_t i = 0; i < sa.handshake->tunnels.size() && i < 4; ++i) {
    const TunnelParameters& p = sa.handshake->tunnels[i]->parameters;
    claim.why += fmt::format("{}{} (us {}, tunnel {})", i == 0 ? "" : ", ", p.remote_id.to_string(),
                             p.local_id.to_string(), p.name);
  }
  return claim;
}

// Empty if AUTH proves that the peer has the tunnel's key.
std::string verify(Core& core, const IkeSa& sa, const Claim& claim, const Chain& inside) {
  const auto auth = parse_auth(inside.find(PayloadType::kAuth)->body);
  if (!auth.ok()) return "malformed AUTH payload";
  if (auth->method != AuthMethod::kSharedKey)
    return fmt::format("the peer authenticates by {}, we by pre-shared key",
                       to_string(auth->method));
  const auto expected = psk_auth_of(*claim.tunnel, sa.agreed.suite.prf, sa.handshake->init_request,
                                    sa.handshake->nonce_r, sa.agreed.sk_pi, claim.idi_body);
  if (!expected.ok()) {
    core.count(Count::kCryptoFailed);
    return "the cryptographic library refused";
  }
  if (!equal_in_constant_time(expected->bytes(), auth->data))
    return "the peer's AUTH does not verify with our pre-shared key";
  return {};
}

// All failures look alike to the peer; the log has the difference.
void refuse(Core& core, IkeSa& sa, const Arrived& in, Tunnel* tunnel, const std::string& why) {
  core.count(Count::kAuthenticationFailed);
  core.log_stranger(Host::Level::kWarning, "ike-auth-refused",
                    fmt::format("peer={}{}{} why=\"AUTHENTICATION_FAILED: {}\"",
                                sa.remote.to_string(), tunnel != nullptr ? " tunnel=" : "",
                                tunnel != nullptr ? tunnel->parameters.name : "", why));
  if (tunnel != nullptr && tunnel::established_ike(*tunnel) == nullptr)
    tunnel->reason = fmt::format("AUTHENTICATION_FAILED: {}", why);
  MessageBuilder message(core.header_of(sa, ExchangeType::kIkeAuth, true, in.header.message_id));
  message.notify(NotifyType::kAuthenticationFailed);
  core.respond(sa, in, message);
  core.close(sa);
}

// The peer has forgotten all before: its other IKE SAs are dead (2.4).
void on_initial_contact(Core& core, IkeSa& sa) {
  const std::vector<IkeSa*> others = sa.tunnel->ike_sas;
  for (IkeSa* other : others)
    if (other != &sa && is_authenticated(other->state))
      tunnel::end(core, *other, tunnel::End::kSilent, "the peer started anew (INITIAL_CONTACT)");
}

// An attempt of ours that has not got as far as IKE_AUTH is not needed any more.
void drop_own_attempts(Core& core, IkeSa& sa) {
  const std::vector<IkeSa*> others = sa.tunnel->ike_sas;
  for (IkeSa* other : others)
    if (other->state == IkeState::kInitSent) core.bury(*other);
}

void write_child(Core& core, MessageBuilder& message, const child::Answer& answer) {
  if (answer.child != nullptr) return child::write_answer(message, answer, {});
  core.log(Host::Level::kDebug, "child-refused", answer.why);
  message.notify(answer.error, answer.error_data);
}

void accept(Core& core, IkeSa& sa, const Arrived& in, const Claim& claim, const Chain& inside) {
  sa.tunnel = claim.tunnel;
  sa.tunnel->ike_sas.push_back(&sa);
  sa.peer_id = claim.peer;
  sa.remote = in.remote;
  sa.local = in.local;
  door::passed(core, sa);
  if (find_notify(inside, NotifyType::kInitialContact)) on_initial_contact(core, sa);
  drop_own_attempts(core, sa);
  const std::unique_ptr<Handshake> hs = std::move(sa.handshake);
  const TunnelParameters& p = sa.tunnel->parameters;
  const Octets idr = id_body(p.local_id);
  const auto auth = psk_auth_of(*sa.tunnel, sa.agreed.suite.prf, hs->init_response, hs->nonce_i,
                                sa.agreed.sk_pr, idr);
  if (!auth.ok()) {
    core.count(Count::kCryptoFailed);
    return core.bury(sa);
  }
  sa.agreed.sk_pi = Secret();
  sa.agreed.sk_pr = Secret();
  sa.state = IkeState::kEstablished;
  liveness::evidence(core, sa);
  MessageBuilder message(core.header_of(sa, ExchangeType::kIkeAuth, true, in.header.message_id));
  message.id(PayloadType::kIdr, p.local_id).auth(AuthMethod::kSharedKey, auth->bytes());
  const auto offer = child::read_offer(inside);
  child::Answer answer;
  if (offer.ok()) {
    answer = child::answer(core, sa, offer.value(), false, hs->nonce_i, hs->nonce_r);
  } else {
    answer.error = NotifyType::kTsUnacceptable;
    answer.why = "malformed child SA payloads";
  }
  write_child(core, message, answer);
  if (answer.child == nullptr)
    core.respond(sa, in, message);
  else
    core.hold_response(sa, in, message, answer.child->spi());
  tunnel::established(core, sa, answer.why);
  if (answer.child != nullptr) sad::install(core, *answer.child);
}

}  // namespace

void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside) {
  const Claim claim = read_claim(sa, inside);
  if (claim.tunnel == nullptr) return refuse(core, sa, in, nullptr, claim.why);
  const std::string bad = verify(core, sa, claim, inside);
  if (!bad.empty()) return refuse(core, sa, in, claim.tunnel, bad);
  accept(core, sa, in, claim, inside);
}

}  // namespace kanmon::ike::auth
