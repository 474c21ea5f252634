// IKE_AUTH as initiator with pre-shared keys (RFC 7296 sections 1.2, 2.15, 2.21.2).
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/offers.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::auth {
namespace {

constexpr uint32_t kAuthId = 1;
constexpr std::chrono::seconds kBetterAnswer{3};

bool reserve_child_spi(Core& core, IkeSa& sa) {
  Handshake& hs = *sa.handshake;
  if (hs.child_spi != 0) return true;
  const auto spi = core.host.reserve_spi(sa.tunnel->parameters.tunnel);
  if (!spi.ok()) return false;
  hs.child_spi = spi.value();
  hs.child_offered = make_esp_proposals(sa.tunnel->parameters.esp, hs.child_spi, false);
  return true;
}

// INITIAL_CONTACT says that we know of no other IKE SA with this peer (2.4).
bool is_first_contact(const IkeSa& sa) {
  return tunnel::established_ike(*sa.tunnel) == nullptr;
}

Result<Datagrams> build(Core& core, IkeSa& sa, Candidate& candidate) {
  const TunnelParameters& p = sa.tunnel->parameters;
  const Handshake& hs = *sa.handshake;
  const Octets idi = id_body(p.local_id);
  const auto auth = psk_auth_of(*sa.tunnel, candidate.agreed.suite.prf, hs.init_request,
                                candidate.nonce_r, candidate.agreed.sk_pi, idi);
  if (!auth.ok()) return auth.error();
  Header header = core.header_of(sa, ExchangeType::kIkeAuth, false, kAuthId);
  header.spi_responder = candidate.agreed.spi_responder;
  MessageBuilder message(header);
  message.id(PayloadType::kIdi, p.local_id);
  if (is_first_contact(sa)) message.notify(NotifyType::kInitialContact);
  message.id(PayloadType::kIdr, p.remote_id).auth(AuthMethod::kSharedKey, auth->bytes());
  child::write_notifies(message, p);
  message.sa(hs.child_offered).ts(PayloadType::kTsi, p.local_ts).ts(PayloadType::kTsr, p.remote_ts);
  Datagrams sealed = core.seal(candidate.agreed, message);
  if (sealed.empty()) return Errc::kSystem;
  return sealed;
}

// We do not believe who answered: say so once, so that it does not keep its half (2.21.2).
void tell_refusal(Core& core, const IkeSa& sa, Candidate& candidate) {
  Header header = core.header_of(sa, ExchangeType::kInformational, false, kAuthId + 1);
  header.spi_responder = candidate.agreed.spi_responder;
  MessageBuilder message(header);
  message.notify(NotifyType::kAuthenticationFailed);
  core.transmit(candidate.local, candidate.remote, core.seal(candidate.agreed, message));
}

void refuse(Core& core, IkeSa& sa, Candidate& candidate, const std::string& why) {
  candidate.refused = true;
  candidate.request.clear();
  candidate.agreed = Agreement{};
  sa.tunnel->reason = sa.handshake->refusal = why;
  core.log(Host::Level::kWarning, "ike-auth-refused",
           fmt::format("{} remote={} why=\"{}\"", who(sa), sa.remote.to_string(), why));
  const bool any_left =
      std::ranges::any_of(sa.handshake->candidates, [](const Candidate& c) { return !c.refused; });
  if (any_left || core.timers.when(TimerKind::kGiveUp, sa.local_spi())) return;
  core.timers.arm(TimerKind::kGiveUp, sa.local_spi(), core.now + kBetterAnswer);
}

// Empty if the peer proved to be the one configured.
std::string verify(Core& core, const IkeSa& sa, const Candidate& candidate, const Chain& inside) {
  const TunnelParameters& p = sa.tunnel->parameters;
  const wire::Bytes body = inside.find(PayloadType::kIdr)->body;
  const auto id = parse_id(body);
  if (!id.ok()) return "AUTHENTICATION_FAILED: the peer's identity is of a type we cannot compare";
  if (id.value() != p.remote_id)
    return fmt::format(
        "AUTHENTICATION_FAILED: the peer calls itself {}, configured remote id is {}",
        id->to_string(), p.remote_id.to_string());
  const auto auth = parse_auth(inside.find(PayloadType::kAuth)->body);
  if (!auth.ok()) return "AUTHENTICATION_FAILED: malformed AUTH payload";
  if (auth->method != AuthMethod::kSharedKey)
    return fmt::format("AUTHENTICATION_FAILED: the peer authenticates by {}, we by pre-shared key",
                       to_string(auth->method));
  const auto expected = psk_auth_of(*sa.tunnel, candidate.agreed.suite.prf, candidate.init_response,
                                    sa.handshake->nonce_i, candidate.agreed.sk_pr, body);
  if (!expected.ok()) {
    core.count(Count::kCryptoFailed);
    return "AUTHENTICATION_FAILED: the cryptographic library refused";
  }
  if (!equal_in_constant_time(expected->bytes(), auth->data))
    return "AUTHENTICATION_FAILED: the peer's AUTH does not verify with our pre-shared key";
  return {};
}

void adopt(Core& core, IkeSa& sa, Candidate& candidate) {
  Handshake& hs = *sa.handshake;
  core.timers.cancel(TimerKind::kGiveUp, sa.local_spi());
  sa.agreed = std::move(candidate.agreed);
  sa.agreed.sk_pi = Secret();
  sa.agreed.sk_pr = Secret();
  sa.local = candidate.local;
  sa.remote = candidate.remote;
  hs.nonce_r = std::move(candidate.nonce_r);
  sa.tunnel->ike_group = sa.agreed.suite.group;
  sa.peer_id = sa.tunnel->parameters.remote_id;
  sa.exchange.answered();
  core.arm_retransmit(sa);
  sa.state = IkeState::kEstablished;
  liveness::evidence(core, sa);
}

// The child SA that came along, or why none did.
std::string take_child(Core& core, IkeSa& sa, Handshake& hs, const Chain& inside) {
  const auto release = [&] {
    core.host.release_spi(hs.child_spi);
    hs.child_spi = 0;
  };
  if (inside.find(PayloadType::kSa) == nullptr) {
    const auto error = find_error(inside);
    release();
    return fmt::format("the peer refused the child SA: {}; we offered {} for {} === {}",
                       error ? to_string(error->type) : "no reason given",
                       describe(hs.child_offered), to_string(sa.tunnel->parameters.local_ts),
                       to_string(sa.tunnel->parameters.remote_ts));
  }
  const auto offer = child::read_offer(inside);
  child::Taken taken;
  if (!offer.ok())
    taken.why = "malformed child SA payloads";
  else
    taken = child::take(core, sa, offer.value(), hs.child_offered, nullptr, hs.child_spi, false,
                        hs.nonce_i, hs.nonce_r);
  if (taken.child == nullptr) {
    // The peer holds a child SA we do not want: it is told by our SPI.
    sa.queue.push_back({Work::Kind::kDeleteChild, hs.child_spi});
    release();
    return taken.why;
  }
  hs.child_spi = 0;
  sad::install(core, *taken.child);
  return {};
}

void on_opened(Core& core, IkeSa& sa, const Header& header, Candidate& candidate,
               const Chain& inside) {
  const Shape shape = shape_of(header, inside);
  if (const Verdict bad = check_payloads(shape, inside)) {
    core.count(Count::kMalformedInside);
    return refuse(core, sa, candidate, to_string(*bad));
  }
  if (shape == Shape::kAuthRefused) {
    const auto error = find_error(inside);
    return refuse(core, sa, candidate,
                  fmt::format("the peer answered IKE_AUTH with {}: it does not accept our identity "
                              "{} or our pre-shared key",
                              error ? to_string(error->type) : "nothing",
                              sa.tunnel->parameters.local_id.to_string()));
  }
  const std::string bad = verify(core, sa, candidate, inside);
  if (!bad.empty()) {
    core.count(Count::kAuthenticationFailed);
    tell_refusal(core, sa, candidate);
    return refuse(core, sa, candidate, bad);
  }
  adopt(core, sa, candidate);
  const std::unique_ptr<Handshake> hs = std::move(sa.handshake);
  const std::string why = take_child(core, sa, *hs, inside);
  tunnel::established(core, sa, why);
}

// True if the message was meant for this candidate.
bool try_candidate(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside,
                   Candidate& candidate) {
  if (outside.encrypted()->type == PayloadType::kSkf) {
    if (!candidate.agreed.fragmentation) return false;
    Reassembler::Step step =
        candidate.fragments.add(core.now, in.bytes, in.header, outside, candidate.agreed.open);
    if (step.outcome == Reassembler::Outcome::kStored) core.count(Count::kFragmentStored);
    if (step.outcome == Reassembler::Outcome::kRefused) return false;
    if (step.outcome != Reassembler::Outcome::kComplete) return true;
    if (step.verdict) {
      refuse(core, sa, candidate, to_string(*step.verdict));
      return true;
    }
    on_opened(core, sa, in.header, candidate, step.opened.chain);
    return true;
  }
  Opened opened;
  if (const Verdict bad = open_message(in.bytes, outside, candidate.agreed.open, opened)) {
    if (bad->notify == NotifyType::kNone) return false;
    refuse(core, sa, candidate, to_string(*bad));
    return true;
  }
  on_opened(core, sa, in.header, candidate, opened.chain);
  return true;
}

}  // namespace

Octets id_body(const Identity& id) {
  Octets body(id.data.size() + 4);
  wire::Writer w(body);
  write_id(w, id);
  body.resize(w.size());
  return body;
}

Result<Secret> psk_auth_of(const Tunnel& tunnel, uint16_t prf, wire::Bytes message,
                           wire::Bytes peer_nonce, const Secret& sk_p, wire::Bytes id_body) {
  return psk_auth(prf, tunnel.parameters.psk, message, peer_nonce, sk_p, id_body);
}

bool send_request(Core& core, IkeSa& sa, Candidate& candidate) {
  if (!reserve_child_spi(core, sa)) {
    sa.tunnel->reason = "the data plane has no free inbound SPI";
    return false;
  }
  auto datagrams = build(core, sa, candidate);
  if (!datagrams.ok()) {
    core.count(Count::kCryptoFailed);
    return false;
  }
  candidate.request = std::move(datagrams).value();
  core.transmit(candidate.local, candidate.remote, candidate.request);
  core.count(Count::kSentRequest);
  sa.last_sent = core.now;
  if (sa.state == IkeState::kInitSent) {
    sa.state = IkeState::kAuthSent;
    sa.exchange.answered();
    sa.exchange.sent(core.now, {}, core.policy_for(sa));
    core.arm_retransmit(sa);
  }
  return true;
}

void on_response(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  if (!sa.exchange.answers(in.header.message_id) || sa.handshake == nullptr)
    return core.count(Count::kUnexpectedResponse);
  // By index: a candidate that is adopted takes the whole list with it.
  const std::size_t n = sa.handshake->candidates.size();
  for (std::size_t i = 0; i < n && sa.handshake != nullptr; ++i) {
    Candidate& candidate = sa.handshake->candidates[i];
    if (candidate.refused || candidate.agreed.spi_responder != in.header.spi_responder) continue;
    if (try_candidate(core, sa, in, outside, candidate)) return;
  }
  core.count(Count::kIntegrityFailed);
}

}  // namespace kanmon::ike::auth
