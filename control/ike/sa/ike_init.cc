// IKE_SA_INIT as initiator (RFC 7296 sections 1.2, 2.6, 2.7, 2.23).
//
// Nothing here is authenticated. Whatever an answer says, the attempt goes on until IKE_AUTH has
// proved one answer true, or until nothing better has come for a while.
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/nat.h"
#include "control/ike/sa/offers.h"
#include "control/ike/sa/schedule.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::init {
namespace {

constexpr uint16_t kIkePort = 500;
constexpr uint16_t kNatPort = 4500;
// After a refusal nobody signed, the true answer has that long to arrive.
constexpr std::chrono::seconds kBetterAnswer{3};
constexpr uint32_t kMaxCookies = 3;

void add_nat_hashes(MessageBuilder& message, const IkeSa& sa) {
  const bool forced = sa.tunnel->parameters.force_udp_encapsulation;
  const auto source = nat_hash(sa.spi_initiator, 0, sa.local);
  const auto destination = nat_hash(sa.spi_initiator, 0, sa.remote);
  if (!source.ok() || !destination.ok()) return;
  const NatHash shown = forced ? nat_hash_of_nothing(sa.spi_initiator) : source.value();
  message.notify(NotifyType::kNatDetectionSourceIp, shown)
      .notify(NotifyType::kNatDetectionDestinationIp, destination.value());
}

Result<Octets> build(Core& core, IkeSa& sa) {
  const Handshake& hs = *sa.handshake;
  MessageBuilder message(core.header_of(sa, ExchangeType::kIkeSaInit, false, 0));
  if (!hs.cookie.empty()) message.notify(NotifyType::kCookie, hs.cookie);
  message.sa(hs.offered).ke(hs.dh->group(), hs.dh->public_value()).nonce(hs.nonce_i);
  add_nat_hashes(message, sa);
  message.notify(NotifyType::kIkev2FragmentationSupported);
  return message.plain();
}

// Sends the first message, again or for the first time, as Message ID 0.
bool send(Core& core, IkeSa& sa) {
  auto message = build(core, sa);
  if (!message.ok()) return false;
  sa.handshake->init_request = message.value();
  Datagrams datagrams;
  datagrams.push_back(std::move(message).value());
  core.transmit(sa.local, sa.remote, datagrams);
  core.count(Count::kSentRequest);
  sa.last_sent = core.now;
  if (sa.exchange.busy())
    sa.exchange.resent(core.now, std::move(datagrams));
  else
    sa.exchange.sent(core.now, std::move(datagrams), core.policy_for(sa));
  core.arm_retransmit(sa);
  return true;
}

bool use_group(Core& core, IkeSa& sa, uint16_t group) {
  auto dh = Dh::make(group);
  if (!dh.ok()) {
    core.count(Count::kCryptoFailed);
    return false;
  }
  sa.handshake->groups_tried.push_back(group);
  sa.handshake->dh.emplace(std::move(dh).value());
  return true;
}

void ignore(Core& core, IkeSa& sa, const std::string& why) {
  core.count(Count::kInitResponseIgnored);
  core.log(Host::Level::kDebug, "init-response-ignored",
           fmt::format("{} why=\"{}\"", who(sa), why));
}

void on_cookie(Core& core, IkeSa& sa, const NotifyView& notify) {
  Handshake& hs = *sa.handshake;
  if (notify.data.empty() || notify.data.size() > 64) return ignore(core, sa, "bad cookie size");
  if (hs.cookies_taken >= kMaxCookies) return ignore(core, sa, "too many cookies");
  ++hs.cookies_taken;
  hs.cookie.assign(notify.data.begin(), notify.data.end());
  send(core, sa);
}

void on_invalid_ke(Core& core, IkeSa& sa, const NotifyView& notify) {
  Handshake& hs = *sa.handshake;
  const auto group = parse_invalid_ke(notify);
  if (!group.ok()) return ignore(core, sa, "malformed INVALID_KE_PAYLOAD");
  if (!offers_group(hs.offered, group.value()))
    return ignore(
        core, sa,
        fmt::format("INVALID_KE_PAYLOAD asks for group {} that was not offered", group.value()));
  if (std::ranges::find(hs.groups_tried, group.value()) != hs.groups_tried.end())
    return ignore(core, sa, "INVALID_KE_PAYLOAD asks for a group tried before");
  if (!use_group(core, sa, group.value())) return;
  core.log(Host::Level::kDebug, "init-group",
           fmt::format("{} group={}", who(sa), transform_name(TransformType::kDh, group.value())));
  send(core, sa);
}

void on_refusal(Core& core, IkeSa& sa, const NotifyView& notify) {
  core.count(Count::kInitRefusalSeen);
  std::string text =
      fmt::format("{} answered IKE_SA_INIT with {}", sa.remote.to_string(), to_string(notify.type));
  if (notify.type == NotifyType::kNoProposalChosen)
    text += fmt::format("; we offered {}", describe(sa.handshake->offered));
  sa.tunnel->reason = sa.handshake->refusal = std::move(text);
  if (!core.timers.when(TimerKind::kGiveUp, sa.local_spi()))
    core.timers.arm(TimerKind::kGiveUp, sa.local_spi(), core.now + kBetterAnswer);
}

void on_refused(Core& core, IkeSa& sa, const Chain& chain) {
  if (sa.state != IkeState::kInitSent) return ignore(core, sa, "refusal after a good answer");
  if (const auto cookie = find_notify(chain, NotifyType::kCookie))
    return on_cookie(core, sa, *cookie);
  const auto error = find_error(chain);
  if (!error) return ignore(core, sa, "neither an SA nor an error");
  if (error->type == NotifyType::kInvalidKePayload) return on_invalid_ke(core, sa, *error);
  on_refusal(core, sa, *error);
}

// Keys of the answer, or why it is of no use.
Result<IkeKeys> agree(const IkeSa& sa, const IkeSuite& suite, const KeView& ke, wire::Bytes nonce_r,
                      uint64_t spi_responder) {
  const Handshake& hs = *sa.handshake;
  auto shared = hs.dh->shared(ke.data);
  if (!shared.ok()) return shared.error();
  auto seed = skeyseed(suite.prf, hs.nonce_i, nonce_r, shared.value());
  if (!seed.ok()) return seed.error();
  return derive_ike_keys(suite, seed.value(), hs.nonce_i, nonce_r, sa.spi_initiator, spi_responder);
}

bool fill(Candidate& candidate, IkeKeys keys, const IkeSuite& suite) {
  auto seal = SkCipher::make(suite.encryption, suite.key_bits, suite.integrity, std::move(keys.ei),
                             std::move(keys.ai));
  auto open = SkCipher::make(suite.encryption, suite.key_bits, suite.integrity, std::move(keys.er),
                             std::move(keys.ar));
  if (!seal.ok() || !open.ok()) return false;
  candidate.agreed.suite = suite;
  candidate.agreed.seal = std::move(seal).value();
  candidate.agreed.open = std::move(open).value();
  candidate.agreed.sk_d = std::move(keys.d);
  candidate.agreed.sk_pi = std::move(keys.pi);
  candidate.agreed.sk_pr = std::move(keys.pr);
  return true;
}

void note_nat(Candidate& candidate, const IkeSa& sa, const Arrived& in, const Chain& chain) {
  const NatFinding nat =
      detect_nat(chain, sa.spi_initiator, in.header.spi_responder, in.local, in.remote);
  candidate.agreed.nat_supported = nat.supported;
  candidate.agreed.nat_local = nat.local;
  candidate.agreed.nat_remote = nat.remote;
  candidate.agreed.fragmentation =
      find_notify(chain, NotifyType::kIkev2FragmentationSupported).has_value();
}

// 2.23: with a NAT in between, or one pretended, all goes on over port 4500.
void float_ports(const IkeSa& sa, Candidate& candidate) {
  candidate.local = sa.local;
  candidate.remote = sa.remote;
  if (!encapsulates(candidate.agreed, sa.tunnel->parameters)) return;
  candidate.local.port = kNatPort;
  if (candidate.remote.port == kIkePort) candidate.remote.port = kNatPort;
}

// The parts of an answer, as views into it.
struct Parts {
  IkeChoice choice;
  KeView ke;
  wire::Bytes nonce;
};

// What is wrong with the answer, or empty.
std::string read(const IkeSa& sa, const Chain& chain, Parts& out) {
  if (const Verdict bad = check_payloads(Shape::kInitResponse, chain)) return to_string(*bad);
  const auto proposals = parse_sa(chain.find(PayloadType::kSa)->body);
  const auto ke = parse_ke(chain.find(PayloadType::kKe)->body);
  const auto nonce = parse_nonce(chain.find(PayloadType::kNonce)->body);
  if (!proposals.ok() || !ke.ok() || !nonce.ok()) return "malformed payload";
  auto choice = accept_ike(sa.handshake->offered, proposals.value());
  if (!choice.ok()) return "chosen proposal was not offered";
  if (choice->suite.group != sa.handshake->dh->group() || ke->group != choice->suite.group)
    return "group differs from the one sent";
  out.choice = std::move(choice).value();
  out.ke = ke.value();
  out.nonce = nonce.value();
  return {};
}

bool seen_before(const Handshake& hs, wire::Bytes answer) {
  return std::ranges::any_of(hs.candidates, [answer](const Candidate& candidate) {
    return std::ranges::equal(candidate.init_response, answer);
  });
}

void on_answer(Core& core, IkeSa& sa, const Arrived& in, const Chain& chain) {
  Handshake& hs = *sa.handshake;
  if (seen_before(hs, in.bytes)) return core.count(Count::kUnexpectedResponse);
  if (hs.candidates.size() >= kMaxCandidates) return ignore(core, sa, "too many answers");
  Parts parts;
  const std::string bad = read(sa, chain, parts);
  if (!bad.empty()) return ignore(core, sa, bad);
  auto keys = agree(sa, parts.choice.suite, parts.ke, parts.nonce, in.header.spi_responder);
  if (!keys.ok()) {
    core.count(Count::kInitBadKe);
    return ignore(core, sa, "unusable KE value");
  }
  Candidate candidate;
  if (!fill(candidate, std::move(keys).value(), parts.choice.suite))
    return core.count(Count::kCryptoFailed);
  candidate.agreed.spi_responder = in.header.spi_responder;
  candidate.init_response.assign(in.bytes.begin(), in.bytes.end());
  candidate.nonce_r.assign(parts.nonce.begin(), parts.nonce.end());
  note_nat(candidate, sa, in, chain);
  float_ports(sa, candidate);
  hs.candidates.push_back(std::move(candidate));
  if (!auth::send_request(core, sa, hs.candidates.back())) hs.candidates.pop_back();
}

}  // namespace

void start(Core& core, Tunnel& tunnel) {
  std::vector<Proposal> offered = make_ike_proposals(tunnel.parameters.ike, 0);
  if (offered.empty()) {
    tunnel.reason = "the configured IKE proposals hold no transform this build has";
    return;
  }
  IkeSa& sa = core.make_ike(true, core.fresh_ike_spi(), &tunnel);
  sa.state = IkeState::kInitSent;
  sa.local = {tunnel.parameters.local_address, kIkePort};
  sa.remote = {*tunnel.parameters.remote_address, kIkePort};
  sa.handshake = std::make_unique<Handshake>();
  sa.handshake->offered = std::move(offered);
  sa.handshake->nonce_i = core.random_octets(kNonceBytes);
  uint16_t group = first_group(sa.handshake->offered);
  if (tunnel.ike_group != 0 && offers_group(sa.handshake->offered, tunnel.ike_group))
    group = tunnel.ike_group;
  core.log(Host::Level::kInfo, "ike-connecting",
           fmt::format("tunnel={} remote={} spi={} attempt={}", tunnel.parameters.name,
                       sa.remote.to_string(), spi_text(sa.spi_initiator), tunnel.failures + 1));
  if (!use_group(core, sa, group) || !send(core, sa))
    fail(core, sa, "IKE_SA_INIT could not be built: the cryptographic library refused");
}

void on_response(Core& core, IkeSa& sa, const Arrived& in, const Chain& chain) {
  if (in.header.message_id != 0 || sa.handshake == nullptr || !sa.handshake->dh)
    return core.count(Count::kUnexpectedResponse);
  if (shape_of(in.header, chain) == Shape::kInitRefused) return on_refused(core, sa, chain);
  if (in.header.spi_responder == 0) return ignore(core, sa, "responder SPI is zero");
  on_answer(core, sa, in, chain);
}

void fail(Core& core, IkeSa& sa, const std::string& reason) {
  Tunnel& tunnel = *sa.tunnel;
  core.log(Host::Level::kWarning, "ike-failed",
           fmt::format("tunnel={} remote={} why=\"{}\"", tunnel.parameters.name,
                       sa.remote.to_string(), reason));
  core.bury(sa);
  ++tunnel.failures;
  tunnel::lost(core, tunnel, reason, false);
}

}  // namespace kanmon::ike::init
