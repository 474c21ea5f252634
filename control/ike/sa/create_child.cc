// What IKE_AUTH and CREATE_CHILD_SA share about child SAs: choosing, narrowing, keys (RFC 7296
// sections 1.3, 2.9, 2.17).
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::child {
namespace {

// Of one tunnel at a time; a peer that wants more is told NO_ADDITIONAL_SAS.
constexpr std::size_t kMaxChildren = 16;
constexpr uint32_t kReservedSpis = 255;  // RFC 4303 section 2.1

// Everything a new child SA is made of, whoever began.
struct Ingredients {
  EspSuite suite;
  uint32_t our_spi;
  uint32_t peer_spi;
  Selectors local_ts, remote_ts;
  bool we_began;
  bool peer_refuses_tfc;
  bool fragments_also;
};

// kDuplicate: the peer uses that SPI with us already, so the two could not be told apart.
Result<Child*> make(Core& core, IkeSa& sa, Ingredients in, const Secret& shared, wire::Bytes ni,
                    wire::Bytes nr) {
  if (in.peer_spi <= kReservedSpis) return Errc::kBadValue;
  if (core.child_by_peer_spi(*sa.tunnel, in.peer_spi) != nullptr) return Errc::kDuplicate;
  auto keys = derive_child_keys(sa.agreed.suite.prf, sa.agreed.sk_d, shared, ni, nr,
                                esp::info(in.suite.algorithm).keymat_bytes());
  if (!keys.ok()) {
    core.count(Count::kCryptoFailed);
    return keys.error();
  }
  const TunnelParameters& p = sa.tunnel->parameters;
  auto child = std::make_unique<Child>();
  ChildSa& c = child->sa;
  c.tunnel = p.tunnel;
  c.inbound_spi = in.our_spi;
  c.outbound_spi = in.peer_spi;
  c.algorithm = in.suite.algorithm;
  c.esn = in.suite.esn;
  c.udp_encapsulation = encapsulates(sa.agreed, p);
  c.peer_behind_nat = sa.agreed.nat_remote;
  c.peer_refuses_tfc = in.peer_refuses_tfc;
  c.fragments_also = in.fragments_also;
  c.local = sa.local;
  c.remote = sa.remote;
  c.local_ts = std::move(in.local_ts);
  c.remote_ts = std::move(in.remote_ts);
  c.outbound_key = std::move(in.we_began ? keys->initiator : keys->responder);
  c.inbound_key = std::move(in.we_began ? keys->responder : keys->initiator);
  child->tunnel = sa.tunnel;
  child->ike = &sa;
  child->suite = in.suite;
  child->initiator = child->peer_ready = in.we_began;
  const wire::Bytes lowest = std::ranges::lexicographical_compare(ni, nr) ? ni : nr;
  child->lowest_nonce.assign(lowest.begin(), lowest.end());
  child->created = core.now;
  child->rekey_at =
      core.now + rekey_age(p.child_lifetime, p.rekey_margin, p.rekey_fuzz_percent, core.dice());
  child->expires_at = core.now + p.child_lifetime;
  return &core.make_child(std::move(child));
}

std::size_t live_children(const Tunnel& tunnel) {
  return static_cast<std::size_t>(std::ranges::count_if(
      tunnel.children, [](const Child* child) { return child->state != ChildState::kLingering; }));
}

Answer refused(Core& core, NotifyType error, Count counter, std::string why) {
  core.count(counter);
  Answer answer;
  answer.error = error;
  answer.why = fmt::format("{}: {}", to_string(error), why);
  return answer;
}

Answer wrong_group(Core& core, uint16_t group) {
  Answer answer = refused(core, NotifyType::kInvalidKePayload, Count::kInvalidKe,
                          fmt::format("we take {}", transform_name(TransformType::kDh, group)));
  answer.error_data.resize(2);
  store_be(answer.error_data.data(), group);
  return answer;
}

std::string ts_mismatch(const TunnelParameters& p, const Offer& offer) {
  return fmt::format("the peer wants {} === {}, configured {} === {}", to_string(offer.tsi),
                     to_string(offer.tsr), to_string(p.remote_ts), to_string(p.local_ts));
}

bool names_ports(std::span<const sa::Selector> selectors) {
  return std::ranges::any_of(selectors,
                             [](const auto& s) { return !s.any_port() && !s.opaque_port(); });
}

// RFC 4301 section 7.3: who will not take later fragments on an SA whose selectors name ports must
// refuse one that is to carry them. Without ports there is nothing to refuse: all fragments fit.
bool refuses_fragments(const TunnelParameters& p, const Offer& offer, const Ingredients& in) {
  return offer.fragments_also && !p.fragments_also &&
         (names_ports(in.local_ts) || names_ports(in.remote_ts));
}

// Our half of the Diffie-Hellman exchange and its result; empty without PFS.
struct Pfs {
  std::optional<Dh> dh;
  Secret shared;
};
Result<Pfs> respond_pfs(const EspSuite& suite, const Offer& offer) {
  Pfs pfs;
  if (suite.group == 0) return pfs;
  auto dh = Dh::make(suite.group);
  if (!dh.ok()) return dh.error();
  auto shared = dh->shared(offer.ke->data);
  if (!shared.ok()) return shared.error();
  pfs.dh.emplace(std::move(dh).value());
  pfs.shared = std::move(shared).value();
  return pfs;
}

// What is wrong with the peer's answer, or empty.
std::string judge(const IkeSa& sa, const Offer& response, const EspSuite& suite, const Dh* dh) {
  const TunnelParameters& p = sa.tunnel->parameters;
  if (suite.group != 0 && (dh == nullptr || !response.ke || response.ke->group != suite.group ||
                           dh->group() != suite.group))
    return "the answer's DH group is not the one sent";
  if (response.tsi.empty() || response.tsr.empty() || !is_subset(response.tsi, p.local_ts) ||
      !is_subset(response.tsr, p.remote_ts))
    return fmt::format("the peer answered {} === {}, which is not within ours {} === {}",
                       to_string(response.tsi), to_string(response.tsr), to_string(p.local_ts),
                       to_string(p.remote_ts));
  return {};
}

}  // namespace

Result<Offer> read_offer(const Chain& inside) {
  const Payload* sa = inside.find(PayloadType::kSa);
  const Payload* tsi = inside.find(PayloadType::kTsi);
  const Payload* tsr = inside.find(PayloadType::kTsr);
  if (sa == nullptr || tsi == nullptr || tsr == nullptr) return Errc::kBadValue;
  Offer offer;
  auto proposals = parse_sa(sa->body);
  if (!proposals.ok()) return proposals.error();
  offer.proposals = std::move(proposals).value();
  auto i = parse_ts(tsi->body);
  if (!i.ok()) return i.error();
  offer.tsi = std::move(i).value();
  auto r = parse_ts(tsr->body);
  if (!r.ok()) return r.error();
  offer.tsr = std::move(r).value();
  if (const Payload* ke = inside.find(PayloadType::kKe)) {
    const auto view = parse_ke(ke->body);
    if (!view.ok()) return view.error();
    offer.ke = view.value();
  }
  offer.refuses_tfc = find_notify(inside, NotifyType::kEspTfcPaddingNotSupported).has_value();
  offer.fragments_also = find_notify(inside, NotifyType::kNonFirstFragmentsAlso).has_value();
  return offer;
}

Answer answer(Core& core, IkeSa& sa, const Offer& offer, bool pfs, wire::Bytes ni, wire::Bytes nr) {
  Tunnel& tunnel = *sa.tunnel;
  const TunnelParameters& p = tunnel.parameters;
  const uint16_t ke_group = offer.ke ? offer.ke->group : 0;
  auto choice = choose_esp(p.esp, offer.proposals, ke_group, pfs);
  if (!choice.ok())
    return refused(core, NotifyType::kNoProposalChosen, Count::kNoProposalChosen,
                   explain_mismatch(make_esp_proposals(p.esp, 1, pfs), offer.proposals));
  if (choice->suite.group != 0 && choice->suite.group != ke_group)
    return wrong_group(core, choice->suite.group);
  Ingredients in{choice->suite,
                 0,
                 choice->peer_spi,
                 narrow(offer.tsr, p.local_ts),
                 narrow(offer.tsi, p.remote_ts),
                 false,
                 offer.refuses_tfc,
                 offer.fragments_also && p.fragments_also};
  if (in.local_ts.empty() || in.remote_ts.empty())
    return refused(core, NotifyType::kTsUnacceptable, Count::kTsUnacceptable,
                   ts_mismatch(p, offer));
  if (refuses_fragments(p, offer, in))
    return refused(core, NotifyType::kNoProposalChosen, Count::kNoProposalChosen,
                   "the peer wants later fragments to pass selectors with ports "
                   "(NON_FIRST_FRAGMENTS_ALSO), configured is non-first-fragments: drop");
  if (live_children(tunnel) >= kMaxChildren)
    return refused(core, NotifyType::kNoAdditionalSas, Count::kNoAdditionalSas,
                   "the peer has enough child SAs");
  auto own = respond_pfs(choice->suite, offer);
  if (!own.ok())
    return refused(core, NotifyType::kInvalidSyntax, Count::kInitBadKe, "unusable KE value");
  const auto spi = core.host.reserve_spi(p.tunnel);
  if (!spi.ok())
    return refused(core, NotifyType::kNoAdditionalSas, Count::kNoAdditionalSas,
                   "the data plane has no free inbound SPI");
  in.our_spi = spi.value();
  const auto made = make(core, sa, std::move(in), own->shared, ni, nr);
  if (!made.ok()) {
    core.host.release_spi(spi.value());
    return refused(core, NotifyType::kNoProposalChosen, Count::kNoProposalChosen,
                   "the peer's SPI cannot be used");
  }
  Answer answer;
  answer.child = made.value();
  answer.proposal = std::move(choice->answer);
  answer.proposal.set_esp_spi(spi.value());
  answer.dh = std::move(own->dh);
  return answer;
}

void write_notifies(MessageBuilder& message, const TunnelParameters& p) {
  if (!p.accepts_tfc) message.notify(NotifyType::kEspTfcPaddingNotSupported);
  if (p.fragments_also) message.notify(NotifyType::kNonFirstFragmentsAlso);
}

void write_answer(MessageBuilder& message, const Answer& answer, wire::Bytes nr) {
  const ChildSa& c = answer.child->sa;
  const TunnelParameters& p = answer.child->tunnel->parameters;
  if (!p.accepts_tfc) message.notify(NotifyType::kEspTfcPaddingNotSupported);
  if (c.fragments_also) message.notify(NotifyType::kNonFirstFragmentsAlso);
  message.sa({&answer.proposal, 1});
  if (!nr.empty()) message.nonce(nr);
  if (answer.dh) message.ke(answer.dh->group(), answer.dh->public_value());
  message.ts(PayloadType::kTsi, c.remote_ts).ts(PayloadType::kTsr, c.local_ts);
}

Taken take(Core& core, IkeSa& sa, const Offer& response, const std::vector<Proposal>& offered,
           const Dh* dh, uint32_t our_spi, bool pfs, wire::Bytes ni, wire::Bytes nr) {
  Taken taken;
  const auto choice = accept_esp(offered, response.proposals);
  if (!choice.ok()) {
    taken.why = fmt::format("the peer chose what was not offered: {}",
                            explain_mismatch(offered, response.proposals));
    return taken;
  }
  taken.why = judge(sa, response, choice->suite, dh);
  if (!taken.why.empty()) return taken;
  Secret shared;
  if (pfs && choice->suite.group != 0) {
    auto secret = dh->shared(response.ke->data);
    if (!secret.ok()) {
      taken.why = "the peer's KE value cannot be used";
      return taken;
    }
    shared = std::move(secret).value();
  }
  const bool fragments_also = response.fragments_also && sa.tunnel->parameters.fragments_also;
  Ingredients in{choice->suite, our_spi, choice->peer_spi,     response.tsi,
                 response.tsr,  true,    response.refuses_tfc, fragments_also};
  const auto made = make(core, sa, std::move(in), shared, ni, nr);
  if (made.ok())
    taken.child = made.value();
  else
    taken.why = "the peer's SPI cannot be used";
  return taken;
}

}  // namespace kanmon::ike::child
