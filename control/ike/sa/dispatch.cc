// From a datagram to a task: version, SPI, state, Message ID, integrity, payload rules, in this
// order; what fails is counted and dropped before it costs more (RFC 7296 sections 2.1
// to 2.6, 2.21).
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike {
namespace {

// What came out of SK or SKF.
struct Inside {
  enum class Outcome : uint8_t {
    kDropped,     // counted
    kIncomplete,  // an authentic fragment, more are missing
    kOpened,
  };
  Outcome outcome = Outcome::kDropped;
  Opened opened;
  Verdict verdict;  // authentic, but malformed
};

Inside open_whole(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  Inside inside;
  const Verdict bad = open_message(in.bytes, outside, sa.agreed.open, inside.opened);
  if (bad && bad->notify == NotifyType::kNone) {
    core.count(Count::kIntegrityFailed);
    return inside;
  }
  inside.outcome = Inside::Outcome::kOpened;
  inside.verdict = bad;
  return inside;
}

Inside open_fragment(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  Inside inside;
  if (!sa.agreed.fragmentation) {
    core.count(Count::kFragmentNotNegotiated);
    return inside;
  }
  Reassembler& parts = in.header.response ? sa.responses : sa.requests;
  Reassembler::Step step = parts.add(core.now, in.bytes, in.header, outside, sa.agreed.open);
  core.timers.arm(TimerKind::kFragments, sa.local_spi(), parts.deadline());
  switch (step.outcome) {
    case Reassembler::Outcome::kStored:
      core.count(Count::kFragmentStored);
      inside.outcome = Inside::Outcome::kIncomplete;
      return inside;
    case Reassembler::Outcome::kComplete:
      inside.outcome = Inside::Outcome::kOpened;
      inside.opened = std::move(step.opened);
      inside.verdict = step.verdict;
      return inside;
    case Reassembler::Outcome::kDuplicate:
    case Reassembler::Outcome::kStale:
      core.count(Count::kFragmentDropped);
      return inside;
    case Reassembler::Outcome::kRefused:
      core.count(Count::kIntegrityFailed);
      return inside;
  }
  return inside;
}

// The number of the fragment, 0 for an unfragmented message.
uint16_t fragment_number(const Chain& outside) {
  const Payload* payload = outside.encrypted();
  if (payload->type != PayloadType::kSkf) return 0;
  const auto header = parse_fragment_header(payload->body);
  return header.ok() ? header->number : 0;
}

Inside open(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  return outside.encrypted()->type == PayloadType::kSkf ? open_fragment(core, sa, in, outside)
                                                        : open_whole(core, sa, in, outside);
}

// An authentic message we cannot accept (2.21): INVALID_SYNTAX ends the IKE SA at both ends, an
// unknown critical payload only before there is one.
void answer_malformed(Core& core, IkeSa& sa, const Arrived& in, const Refusal& refusal) {
  core.count(refusal.notify == NotifyType::kUnsupportedCriticalPayload ? Count::kCriticalRefused
                                                                       : Count::kMalformedInside);
  core.log(Host::Level::kWarning, "message-refused",
           fmt::format("{} exchange={} why=\"{}\"", who(sa), to_string(in.header.exchange),
                       to_string(refusal)));
  MessageBuilder message(core.header_of(sa, in.header.exchange, true, in.header.message_id));
  if (refusal.notify == NotifyType::kUnsupportedCriticalPayload) {
    const uint8_t type = static_cast<uint8_t>(refusal.payload);
    message.notify(refusal.notify, {&type, 1});
  } else {
    message.notify(NotifyType::kInvalidSyntax);
  }
  core.respond(sa, in, message);
  const bool fatal =
      refusal.notify != NotifyType::kUnsupportedCriticalPayload || !is_authenticated(sa.state);
  if (fatal) tunnel::end(core, sa, tunnel::End::kSilent, "the peer sent a malformed message");
}

void answer_busy(Core& core, IkeSa& sa, const Arrived& in) {
  core.count(Count::kTemporaryFailure);
  MessageBuilder message(core.header_of(sa, in.header.exchange, true, in.header.message_id));
  message.notify(NotifyType::kTemporaryFailure);
  core.respond(sa, in, message);
}

void route_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside) {
  MessageKind kind = kind_of(in.header);
  const Shape shape = shape_of(in.header, inside);
  if (const Verdict bad = check_payloads(shape, inside))
    return answer_malformed(core, sa, in, *bad);
  if (in.header.exchange == ExchangeType::kCreateChildSa)
    kind = kind_of_create_child(shape, inside);
  switch (action_for(table_state(sa), kind)) {
    case Action::kDrop:
      return core.count(Count::kWrongState);
    case Action::kBusy:
      return answer_busy(core, sa, in);
    case Action::kProcess:
      break;
  }
  switch (kind) {
    case MessageKind::kAuthRequest:
      return auth::on_request(core, sa, in, inside);
    case MessageKind::kNewChildRequest:
    case MessageKind::kRekeyChildRequest:
      return child::on_request(core, sa, in, inside, kind);
    case MessageKind::kRekeyIkeRequest:
      return rekey::on_request(core, sa, in, inside);
    case MessageKind::kInformationalRequest:
      return info::on_request(core, sa, in, inside);
    default:
      return core.count(Count::kWrongState);
  }
}

void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  switch (sa.exchange.classify(in.header.message_id, in.bytes)) {
    case Exchange::Arrival::kRepeat:
      return repeat_response(core, sa, in);
    case Exchange::Arrival::kWaiting:
    case Exchange::Arrival::kOutside:
      return core.count(Count::kOutOfWindow);
    case Exchange::Arrival::kNew:
      break;
  }
  // Which CREATE_CHILD_SA it is shows inside; no state drops one kind and takes another.
  if (action_for(table_state(sa), kind_of(in.header)) == Action::kDrop)
    return core.count(Count::kWrongState);
  Inside inside = open(core, sa, in, outside);
  if (inside.outcome == Inside::Outcome::kDropped) return;
  const uint16_t number = fragment_number(outside);
  if (inside.outcome == Inside::Outcome::kIncomplete) {
    if (number == 1) sa.exchange.remember_fragment(in.bytes);
    return;
  }
  const Octets first = number > 1 ? Octets(sa.exchange.remembered_fragment().begin(),
                                           sa.exchange.remembered_fragment().end())
                                  : Octets(in.bytes.begin(), in.bytes.end());
  sa.exchange.accept(first);
  if (is_authenticated(sa.state)) {
    liveness::evidence(core, sa);
    liveness::seen_from(core, sa, in.remote);
    sad::peer_has_response(core, sa);
  }
  if (inside.verdict) return answer_malformed(core, sa, in, *inside.verdict);
  route_request(core, sa, in, inside.opened.chain);
  if (sa.state != IkeState::kClosed) pump(core, sa);
}

ExchangeType exchange_of(const Work& work) {
  switch (work.kind) {
    case Work::Kind::kCreateChild:
    case Work::Kind::kRekeyChild:
    case Work::Kind::kRekeyIke:
      return ExchangeType::kCreateChildSa;
    case Work::Kind::kDeleteIke:
    case Work::Kind::kDeleteChild:
    case Work::Kind::kProbe:
      break;
  }
  return ExchangeType::kInformational;
}

// What is wrong with an authentic response, or empty.
std::string judge_response(const IkeSa& sa, const Arrived& in, const Work& work,
                           const Inside& inside) {
  if (inside.verdict) return to_string(*inside.verdict);
  const Chain& chain = inside.opened.chain;
  const Shape shape = shape_of(in.header, chain);
  if (const Verdict bad = check_payloads(shape, chain)) return to_string(*bad);
  if (sa.state == IkeState::kDeleting) return {};
  const bool about_ike = work.kind == Work::Kind::kRekeyIke;
  if ((shape == Shape::kRekeyIkeResponse && !about_ike) ||
      (shape == Shape::kChildResponse && about_ike))
    return "the response is about another kind of SA than the request";
  const auto error = find_error(chain);
  if (error && error->type == NotifyType::kInvalidSyntax) return "the peer says INVALID_SYNTAX";
  return {};
}

void route_response(Core& core, IkeSa& sa, const Work& work, const Chain& inside) {
  if (sa.state == IkeState::kDeleting && work.kind != Work::Kind::kDeleteIke)
    return core.drop_attempts(sa);
  switch (work.kind) {
    case Work::Kind::kCreateChild:
    case Work::Kind::kRekeyChild:
      return child::on_response(core, sa, inside);
    case Work::Kind::kRekeyIke:
      return rekey::on_response(core, sa, inside);
    case Work::Kind::kDeleteIke:
    case Work::Kind::kDeleteChild:
    case Work::Kind::kProbe:
      return info::on_response(core, sa, work);
  }
}

void on_response(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  if (!sa.exchange.answers(in.header.message_id) || !sa.under_way ||
      exchange_of(*sa.under_way) != in.header.exchange)
    return core.count(Count::kUnexpectedResponse);
  if (action_for(table_state(sa), kind_of(in.header)) != Action::kProcess)
    return core.count(Count::kWrongState);
  Inside inside = open(core, sa, in, outside);
  if (inside.outcome != Inside::Outcome::kOpened) return;
  sa.exchange.answered();
  core.arm_retransmit(sa);
  liveness::evidence(core, sa);
  liveness::seen_from(core, sa, in.remote);
  const Work work = *sa.under_way;
  sa.under_way.reset();
  const std::string bad = judge_response(sa, in, work, inside);
  if (!bad.empty() && work.kind != Work::Kind::kDeleteIke) {
    core.count(Count::kMalformedInside);
    return tunnel::end(core, sa, tunnel::End::kDelete, bad);
  }
  route_response(core, sa, work, inside.opened.chain);
  if (sa.state != IkeState::kClosed) pump(core, sa);
}

bool start_work(Core& core, IkeSa& sa, const Work& work) {
  switch (work.kind) {
    case Work::Kind::kDeleteIke:
      return info::start_delete_ike(core, sa);
    case Work::Kind::kDeleteChild:
      return info::start_delete_child(core, sa, work.spi);
    case Work::Kind::kCreateChild:
      return child::start_create(core, sa);
    case Work::Kind::kRekeyChild: {
      Child* old = core.child_by_spi(work.spi);
      return old != nullptr && child::start_rekey(core, sa, *old);
    }
    case Work::Kind::kRekeyIke:
      return rekey::start(core, sa);
    case Work::Kind::kProbe:
      return info::start_probe(core, sa);
  }
  return false;
}

void to_sa(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside) {
  // The flag says who began this IKE SA; a peer that claims our role is nobody we know.
  if (in.header.initiator == sa.initiator) return core.count(Count::kUnknownIkeSpi);
  if (!in.header.response) return on_request(core, sa, in, outside);
  if (in.header.exchange == ExchangeType::kIkeAuth) {
    if (action_for(sa.state, MessageKind::kAuthResponse) != Action::kProcess)
      return core.count(Count::kWrongState);
    return auth::on_response(core, sa, in, outside);
  }
  on_response(core, sa, in, outside);
}

// Null: no such IKE SA. The responder's SPI is not known before IKE_AUTH.
IkeSa* find(Core& core, const Header& header) {
  IkeSa* sa = core.ike_by_spi(header.initiator ? header.spi_responder : header.spi_initiator);
  if (sa == nullptr || sa->spi_initiator != header.spi_initiator) return nullptr;
  const bool handshake = sa->state == IkeState::kInitSent || sa->state == IkeState::kAuthSent;
  if (!handshake && sa->agreed.spi_responder != header.spi_responder) return nullptr;
  return sa;
}

void on_init(Core& core, const Arrived& in, const Chain& chain) {
  if (!in.header.response) {
    if (!in.header.initiator) return core.count(Count::kWrongState);
    return door::on_request(core, in, chain);
  }
  IkeSa* sa = find(core, in.header);
  if (sa == nullptr || in.header.initiator) return core.count(Count::kUnknownIkeSpi);
  if (action_for(sa->state, MessageKind::kInitResponse) != Action::kProcess)
    return core.count(Count::kWrongState);
  init::on_response(core, *sa, in, chain);
}

}  // namespace

IkeState table_state(const IkeSa& sa) {
  if (sa.state != IkeState::kEstablished) return sa.state;
  const bool about_child =
      sa.child_attempt || (sa.under_way && (sa.under_way->kind == Work::Kind::kDeleteChild ||
                                            sa.under_way->kind == Work::Kind::kCreateChild ||
                                            sa.under_way->kind == Work::Kind::kRekeyChild));
  return about_child ? IkeState::kChildBusy : IkeState::kEstablished;
}

void pump(Core& core, IkeSa& sa) {
  if (!is_authenticated(sa.state) || sa.held || sa.child_attempt) return;
  while (!sa.exchange.busy() && !sa.queue.empty()) {
    const Work work = sa.queue.front();
    sa.queue.pop_front();
    const bool goodbye = work.kind == Work::Kind::kDeleteIke;
    if ((sa.state == IkeState::kReplaced || sa.state == IkeState::kDeleting) && !goodbye) continue;
    if (start_work(core, sa, work) && sa.exchange.busy()) sa.under_way = work;
  }
}

void receive(Core& core, const Arrived& in) {
  if (in.header.major != 2) return door::on_other_version(core, in);
  Chain outside;
  if (const Verdict bad = parse_chain(in.bytes.subspan(kHeaderBytes), in.header.next, outside)) {
    core.count(Count::kMalformedOutside);
    if (in.header.exchange == ExchangeType::kIkeSaInit) core.count(Count::kInitMalformed);
    return;
  }
  if (kind_of(in.header) >= MessageKind::kUnknownRequest)
    return core.count(Count::kUnknownExchange);
  if (check_outside(in.header, outside)) return core.count(Count::kMalformedOutside);
  if (in.header.exchange == ExchangeType::kIkeSaInit) return on_init(core, in, outside);
  IkeSa* sa = find(core, in.header);
  if (sa == nullptr) return core.count(Count::kUnknownIkeSpi);
  to_sa(core, *sa, in, outside);
}

}  // namespace kanmon::ike
