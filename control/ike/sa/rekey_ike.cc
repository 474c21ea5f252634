// CREATE_CHILD_SA that rekeys the IKE SA, either side, and both at once (RFC 7296 sections 1.3.2,
// 2.8, 2.8.2, 2.18, 2.25.2).
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "control/ike/sa/offers.h"
#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::rekey {
namespace {

constexpr std::chrono::milliseconds kBusyRetry{2000};

bool begin(Core& core, IkeSa& sa, uint16_t group, std::vector<uint16_t> groups_tried) {
  RekeyAttempt attempt;
  attempt.started = core.now;
  attempt.new_spi = core.fresh_ike_spi();
  attempt.nonce_i = core.random_octets(kNonceBytes);
  attempt.offered = make_ike_proposals(sa.tunnel->parameters.ike, attempt.new_spi);
  if (!offers_group(attempt.offered, group)) group = first_group(attempt.offered);
  auto dh = Dh::make(group);
  if (!dh.ok()) {
    core.count(Count::kCryptoFailed);
    return false;
  }
  attempt.dh.emplace(std::move(dh).value());
  attempt.groups_tried = std::move(groups_tried);
  attempt.groups_tried.push_back(group);
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kCreateChildSa, false, sa.exchange.next_id()));
  message.sa(attempt.offered).nonce(attempt.nonce_i);
  message.ke(attempt.dh->group(), attempt.dh->public_value());
  sa.rekey_attempt.emplace(std::move(attempt));
  sa.state = IkeState::kRekeying;
  core.request(sa, message);
  return true;
}

// What both roles know when the exchange is over.
struct Agreed {
  IkeSuite suite;
  bool we_began;
  uint64_t spi_initiator;
  uint64_t spi_responder;
  wire::Bytes ni, nr;
};

bool take_keys(IkeSa& sa, IkeKeys keys) {
  const IkeSuite& s = sa.agreed.suite;
  const bool i = sa.initiator;
  auto seal = SkCipher::make(s.encryption, s.key_bits, s.integrity,
                             std::move(i ? keys.ei : keys.er), std::move(i ? keys.ai : keys.ar));
  auto open = SkCipher::make(s.encryption, s.key_bits, s.integrity,
                             std::move(i ? keys.er : keys.ei), std::move(i ? keys.ar : keys.ai));
  if (!seal.ok() || !open.ok()) return false;
  sa.agreed.seal = std::move(seal).value();
  sa.agreed.open = std::move(open).value();
  sa.agreed.sk_d = std::move(keys.d);
  return true;
}

void copy_surroundings(const IkeSa& old, IkeSa& sa) {
  sa.local = old.local;
  sa.remote = old.remote;
  sa.peer_id = old.peer_id;
  sa.agreed.nat_supported = old.agreed.nat_supported;
  sa.agreed.nat_local = old.agreed.nat_local;
  sa.agreed.nat_remote = old.agreed.nat_remote;
  sa.agreed.fragmentation = old.agreed.fragmentation;
}

// The new IKE SA, with nothing moved to it yet. Null: OpenSSL refused.
IkeSa* make_successor(Core& core, const IkeSa& old, const Agreed& in, const Secret& shared) {
  auto seed = skeyseed_of_rekey(old.agreed.suite.prf, old.agreed.sk_d, shared, in.ni, in.nr);
  if (!seed.ok()) return nullptr;
  auto keys =
      derive_ike_keys(in.suite, seed.value(), in.ni, in.nr, in.spi_initiator, in.spi_responder);
  if (!keys.ok()) return nullptr;
  IkeSa& sa =
      core.make_ike(in.we_began, in.we_began ? in.spi_initiator : in.spi_responder, old.tunnel);
  sa.spi_initiator = in.spi_initiator;
  sa.agreed.spi_responder = in.spi_responder;
  sa.agreed.suite = in.suite;
  copy_surroundings(old, sa);
  if (!take_keys(sa, std::move(keys).value())) {
    core.bury(sa);
    return nullptr;
  }
  const wire::Bytes lowest = std::ranges::lexicographical_compare(in.ni, in.nr) ? in.ni : in.nr;
  sa.lowest_nonce.assign(lowest.begin(), lowest.end());
  sa.state = IkeState::kEstablished;
  arm_lifetimes(core, sa);
  liveness::start(core, sa);
  return &sa;
}

// The one end has lost interest in it; the other will delete it.
void leave_to_peer(Core& core, IkeSa& sa) {
  sa.state = IkeState::kReplaced;
  for (const TimerKind kind :
       {TimerKind::kIkeRekey, TimerKind::kIkeExpire, TimerKind::kLiveness, TimerKind::kKeepalive})
    core.timers.cancel(kind, sa.local_spi());
  core.timers.arm(TimerKind::kGiveUp, sa.local_spi(), core.now + kOverdue);
}

// 2.18: the new IKE SA inherits all child SAs.
void inherit(Core& core, IkeSa& old, IkeSa& heir) {
  for (Child* child : old.tunnel->children)
    if (child->ike == &old) child->ike = &heir;
  for (const Work& work : old.queue)
    if (work.spi != 0 || work.kind == Work::Kind::kCreateChild) core.enqueue(heir, work);
  old.queue.clear();
  ++old.tunnel->ike_rekeys;
  core.log(Host::Level::kInfo, "ike-rekeyed",
           fmt::format("{} old={} new={} by={}", who(old), spi_text(old.local_spi()),
                       spi_text(heir.local_spi()), heir.initiator ? "us" : "peer"));
  leave_to_peer(core, old);
  pump(core, heir);
}

void delete_it(Core& core, IkeSa& sa, const char* why) {
  sa.end_reason = why;
  sa.queue.clear();
  core.enqueue(sa, {Work::Kind::kDeleteIke});
  pump(core, sa);
}

// 2.8.2: of the four nonces the lowest tells which of the two new IKE SAs its creator deletes.
void settle(Core& core, IkeSa& old, IkeSa& ours, IkeSa& peers) {
  const bool keep_peers = ours.lowest_nonce < peers.lowest_nonce;
  core.log(Host::Level::kInfo, "ike-rekey-collision",
           fmt::format("{} ours={} peers={} keep={}", who(old), spi_text(ours.local_spi()),
                       spi_text(peers.local_spi()), keep_peers ? "peers" : "ours"));
  if (keep_peers) {
    inherit(core, old, peers);
    return delete_it(core, ours, "redundant after both ends rekeyed at once");
  }
  inherit(core, old, ours);
  leave_to_peer(core, peers);
  delete_it(core, old, "rekeyed");
}

void failed(Core& core, IkeSa& sa, const std::string& why, Duration delay) {
  core.log(Host::Level::kWarning, "ike-rekey-failed", fmt::format("{} why=\"{}\"", who(sa), why));
  attempt_over(core, sa);
  if (sa.state != IkeState::kEstablished) return;
  sa.rekey_at = core.now + delay;
  core.timers.arm(TimerKind::kIkeRekey, sa.local_spi(), sa.rekey_at);
  pump(core, sa);
}

void on_refused(Core& core, IkeSa& sa, const RekeyAttempt& attempt, const NotifyView& error) {
  if (error.type == NotifyType::kInvalidKePayload) {
    const auto group = parse_invalid_ke(error);
    const bool fair =
        group.ok() && may_try_group(attempt.offered, attempt.groups_tried, group.value());
    if (fair && sa.successor_by_peer == 0) {
      sa.under_way = Work{Work::Kind::kRekeyIke};
      if (begin(core, sa, group.value(), attempt.groups_tried)) return;
      sa.under_way.reset();
    }
  }
  const bool busy = error.type == NotifyType::kTemporaryFailure;
  if (!busy) ++sa.rekey_failures;
  failed(core, sa,
         fmt::format("the peer refused to rekey the IKE SA: {}; we offered {}",
                     to_string(error.type), describe(attempt.offered)),
         busy ? Duration(kBusyRetry) : retry_delay(sa.rekey_failures, core.dice()));
}

// The peer's answer, or null and why it is of no use.
IkeSa* take(Core& core, const IkeSa& sa, const RekeyAttempt& attempt, const Chain& inside,
            std::string& why) {
  why = "malformed answer";
  const Payload* payload_sa = inside.find(PayloadType::kSa);
  const Payload* payload_ke = inside.find(PayloadType::kKe);
  const Payload* payload_nonce = inside.find(PayloadType::kNonce);
  if (payload_sa == nullptr || payload_ke == nullptr || payload_nonce == nullptr) return nullptr;
  const auto proposals = parse_sa(payload_sa->body);
  const auto ke = parse_ke(payload_ke->body);
  const auto nonce = parse_nonce(payload_nonce->body);
  if (!proposals.ok() || !ke.ok() || !nonce.ok()) return nullptr;
  const auto choice = accept_ike(attempt.offered, proposals.value());
  if (!choice.ok() || choice->peer_spi == 0) {
    why = fmt::format("the peer chose what was not offered: {}",
                      explain_mismatch(attempt.offered, proposals.value()));
    return nullptr;
  }
  why = "unusable KE value";
  if (choice->suite.group != attempt.dh->group() || ke->group != choice->suite.group)
    return nullptr;
  const auto shared = attempt.dh->shared(ke->data);
  if (!shared.ok()) return nullptr;
  why = "the cryptographic library refused";
  return make_successor(
      core, sa,
      {choice->suite, true, attempt.new_spi, choice->peer_spi, attempt.nonce_i, nonce.value()},
      shared.value());
}

void refuse(Core& core, IkeSa& sa, const Arrived& in, NotifyType error, wire::Bytes data = {}) {
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kCreateChildSa, true, in.header.message_id));
  message.notify(error, data);
  core.respond(sa, in, message);
}

struct Offer {
  std::vector<Proposal> proposals;
  KeView ke;
  wire::Bytes nonce;
};
Result<Offer> read_offer(const Chain& inside) {
  auto proposals = parse_sa(inside.find(PayloadType::kSa)->body);
  const auto ke = parse_ke(inside.find(PayloadType::kKe)->body);
  const auto nonce = parse_nonce(inside.find(PayloadType::kNonce)->body);
  if (!proposals.ok() || !ke.ok() || !nonce.ok()) return Errc::kBadValue;
  return Offer{std::move(proposals).value(), ke.value(), nonce.value()};
}

// Answers the peer's request. Null: refused, the peer has been told.
IkeSa* answer(Core& core, IkeSa& sa, const Arrived& in, const Offer& offer) {
  const IkeTransforms& ours = sa.tunnel->parameters.ike;
  auto choice = choose_ike(ours, offer.proposals, offer.ke.group, true);
  if (!choice.ok() || choice->peer_spi == 0) {
    core.count(Count::kNoProposalChosen);
    core.log(Host::Level::kWarning, "ike-rekey-refused",
             fmt::format("{} why=\"NO_PROPOSAL_CHOSEN: {}\"", who(sa),
                         explain_mismatch(make_ike_proposals(ours, 1), offer.proposals)));
    refuse(core, sa, in, NotifyType::kNoProposalChosen);
    return nullptr;
  }
  if (choice->suite.group != offer.ke.group) {
    core.count(Count::kInvalidKe);
    std::array<uint8_t, 2> group{};
    store_be(group.data(), choice->suite.group);
    refuse(core, sa, in, NotifyType::kInvalidKePayload, group);
    return nullptr;
  }
  const auto dh = Dh::make(choice->suite.group);
  const auto shared = dh.ok() ? dh->shared(offer.ke.data) : Result<Secret>(dh.error());
  if (!shared.ok()) {
    core.count(Count::kInitBadKe);
    refuse(core, sa, in, NotifyType::kInvalidSyntax);
    tunnel::end(core, sa, tunnel::End::kSilent, "the peer sent an unusable KE value");
    return nullptr;
  }
  const Octets nonce_r = core.random_octets(kNonceBytes);
  const uint64_t spi = core.fresh_ike_spi();
  IkeSa* made =
      make_successor(core, sa, {choice->suite, false, choice->peer_spi, spi, offer.nonce, nonce_r},
                     shared.value());
  if (made == nullptr) {
    core.count(Count::kCryptoFailed);
    refuse(core, sa, in, NotifyType::kTemporaryFailure);
    return nullptr;
  }
  choice->answer.set_ike_spi(spi);
  MessageBuilder message(
      core.header_of(sa, ExchangeType::kCreateChildSa, true, in.header.message_id));
  message.sa({&choice->answer, 1}).nonce(nonce_r).ke(dh->group(), dh->public_value());
  core.respond(sa, in, message);
  return made;
}

}  // namespace

bool start(Core& core, IkeSa& sa) {
  if (sa.state != IkeState::kEstablished) return false;
  return begin(core, sa, sa.agreed.suite.group, {});
}

void on_response(Core& core, IkeSa& sa, const Chain& inside) {
  const RekeyAttempt attempt = std::move(*sa.rekey_attempt);
  sa.rekey_attempt.reset();
  if (inside.find(PayloadType::kSa) == nullptr)
    if (const auto error = find_error(inside)) return on_refused(core, sa, attempt, *error);
  std::string why;
  IkeSa* ours = take(core, sa, attempt, inside, why);
  if (ours == nullptr) {
    // The peer has a new IKE SA that we cannot use, and has moved the child SAs there.
    return tunnel::end(core, sa, tunnel::End::kDelete, "rekeying the IKE SA failed: " + why);
  }
  IkeSa* peers = sa.successor_by_peer == 0 ? nullptr : core.ike_by_spi(sa.successor_by_peer);
  if (peers != nullptr && peers->state == IkeState::kEstablished)
    return settle(core, sa, *ours, *peers);
  inherit(core, sa, *ours);
  delete_it(core, sa, "rekeyed");
}

void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside) {
  const auto offer = read_offer(inside);
  if (!offer.ok()) {
    core.count(Count::kInvalidSyntax);
    refuse(core, sa, in, NotifyType::kInvalidSyntax);
    return tunnel::end(core, sa, tunnel::End::kSilent, "the peer sent a malformed CREATE_CHILD_SA");
  }
  if (sa.successor_by_peer != 0) {
    core.count(Count::kTemporaryFailure);
    return refuse(core, sa, in, NotifyType::kTemporaryFailure);
  }
  IkeSa* made = answer(core, sa, in, offer.value());
  if (made == nullptr) return;
  sa.successor_by_peer = made->local_spi();
  // With a rekeying of our own under way its answer decides who inherits.
  if (sa.state == IkeState::kEstablished) inherit(core, sa, *made);
}

void attempt_over(Core& core, IkeSa& old) {
  old.rekey_attempt.reset();
  old.state = IkeState::kEstablished;
  IkeSa* peers = old.successor_by_peer == 0 ? nullptr : core.ike_by_spi(old.successor_by_peer);
  if (peers != nullptr && peers->state == IkeState::kEstablished) inherit(core, old, *peers);
}

}  // namespace kanmon::ike::rekey
