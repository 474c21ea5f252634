// IKE_SA_INIT as responder: strangers (RFC 7296 sections 2.6, 2.7, 2.21.1, 2.23).
//
// Every request gets at most one reply, and no more octets than it brought unless a cookie has
// proved that its sender can be reached. Above a threshold of half-open SAs, of all or of one
// source, nothing is computed or kept before that proof.
#include <algorithm>

#include <fmt/format.h>

#include "control/ike/nat.h"
#include "control/ike/sa/tasks.h"

namespace kanmon::ike::door {
namespace {

constexpr uint32_t kHalfOpenPerSource = 32;
// Of these without a cookie. Who only pretends to be at an address cannot take the rest from the
// peer that lives there.
constexpr uint32_t kUnprovenPerSource = 16;

struct Request {
  std::vector<Proposal> proposals;
  KeView ke;
  wire::Bytes nonce;
  bool proven = false;
};

void reply(Core& core, const Arrived& in, const MessageBuilder& message) {
  const auto datagram = message.plain();
  if (!datagram.ok()) return core.count(Count::kCryptoFailed);
  if (datagram->size() > in.bytes.size()) return core.count(Count::kReplyWithheld);
  core.host.send(in.local, in.remote, datagram.value());
  core.count(Count::kSentResponse);
}

Header reply_header(const Arrived& in, uint64_t spi_responder) {
  Header header;
  header.spi_initiator = in.header.spi_initiator;
  header.spi_responder = spi_responder;
  header.exchange = ExchangeType::kIkeSaInit;
  header.response = true;
  return header;
}

// One notify in clear, responder SPI zero: nothing is remembered.
void reply_notify(Core& core, const Arrived& in, NotifyType type, wire::Bytes data = {}) {
  MessageBuilder message(reply_header(in, 0));
  message.notify(type, data);
  reply(core, in, message);
}

// Tunnels whose outside addresses fit, those that name the peer's address first.
std::vector<Tunnel*> tunnels_for(const Core& core, const Arrived& in) {
  std::vector<Tunnel*> named, any;
  for (const auto& [serial, tunnel] : core.tunnels) {
    const TunnelParameters& p = tunnel->parameters;
    if (tunnel->barred || tunnel->removed || p.local_address != in.local.address) continue;
    if (!p.remote_address)
      any.push_back(tunnel.get());
    else if (*p.remote_address == in.remote.address)
      named.push_back(tunnel.get());
  }
  named.insert(named.end(), any.begin(), any.end());
  return named;
}

// The sender has proved that it can be reached at its address.
bool is_proven(Core& core, const Arrived& in, const Chain& chain, wire::Bytes ni) {
  const auto cookie = find_notify(chain, NotifyType::kCookie);
  if (!cookie) return false;
  if (core.cookies.verify(core.now, cookie->data, ni, in.remote.address, in.header.spi_initiator))
    return true;
  core.count(Count::kCookieWrong);
  return false;
}

void demand_cookie(Core& core, const Arrived& in, wire::Bytes ni) {
  const auto fresh = core.cookies.make(core.now, ni, in.remote.address, in.header.spi_initiator);
  if (!fresh.ok()) return core.count(Count::kCryptoFailed);
  core.count(Count::kCookieSent);
  reply_notify(core, in, NotifyType::kCookie, fresh.value());
}

uint32_t half_open_from(const Core& core, const wire::IpAddress& source) {
  const auto it = core.half_open_by_source.find(source);
  return it == core.half_open_by_source.end() ? 0 : it->second;
}

bool must_prove(const Core& core, const Arrived& in) {
  return core.half_open.size() >= core.options.cookie_threshold_half_open ||
         half_open_from(core, in.remote.address) >= kUnprovenPerSource;
}

bool within_limits(Core& core, const Arrived& in) {
  if (core.half_open.size() >= core.options.half_open_limit) {
    core.count(Count::kHalfOpenLimit);
    return false;
  }
  if (half_open_from(core, in.remote.address) >= kHalfOpenPerSource) {
    core.count(Count::kHalfOpenPerSource);
    return false;
  }
  return true;
}

void refuse_proposals(Core& core, const Arrived& in, Tunnel& tunnel, const Request& request) {
  core.count(Count::kInitNoProposal);
  const std::string both =
      explain_mismatch(make_ike_proposals(tunnel.parameters.ike, 0), request.proposals);
  core.log_stranger(Host::Level::kWarning, "init-refused",
                    fmt::format("peer={} tunnel={} why=\"NO_PROPOSAL_CHOSEN: {}\"",
                                in.remote.to_string(), tunnel.parameters.name, both));
  // For the operator of a tunnel that is not there; what works is not talked down by a stranger.
  if (tunnel.ike_sas.empty())
    tunnel.reason = fmt::format("refused IKE_SA_INIT of {}: NO_PROPOSAL_CHOSEN: {}",
                                in.remote.to_string(), both);
  reply_notify(core, in, NotifyType::kNoProposalChosen);
}

// The first tunnel with which a suite can be agreed decides it; one that takes the KE payload as it
// is goes before one that does not.
struct Decision {
  IkeChoice choice;
  bool found = false;
};
Decision decide(const std::vector<Tunnel*>& tunnels, const Request& request) {
  Decision decision;
  for (const Tunnel* tunnel : tunnels) {
    auto choice = choose_ike(tunnel->parameters.ike, request.proposals, request.ke.group, false);
    if (!choice.ok()) continue;
    const bool fits = choice->suite.group == request.ke.group;
    if (decision.found && !fits) continue;
    decision.choice = std::move(choice).value();
    decision.found = true;
    if (fits) break;
  }
  return decision;
}

Result<IkeKeys> agree(IkeSa& sa, const Request& request, const Dh& dh) {
  const Handshake& hs = *sa.handshake;
  auto shared = dh.shared(request.ke.data);
  if (!shared.ok()) return shared.error();
  auto seed = skeyseed(sa.agreed.suite.prf, request.nonce, hs.nonce_r, shared.value());
  if (!seed.ok()) return seed.error();
  return derive_ike_keys(sa.agreed.suite, seed.value(), request.nonce, hs.nonce_r, sa.spi_initiator,
                         sa.agreed.spi_responder);
}

bool take_keys(IkeSa& sa, IkeKeys keys) {
  const IkeSuite& s = sa.agreed.suite;
  auto seal =
      SkCipher::make(s.encryption, s.key_bits, s.integrity, std::move(keys.er), std::move(keys.ar));
  auto open =
      SkCipher::make(s.encryption, s.key_bits, s.integrity, std::move(keys.ei), std::move(keys.ai));
  if (!seal.ok() || !open.ok()) return false;
  sa.agreed.seal = std::move(seal).value();
  sa.agreed.open = std::move(open).value();
  sa.agreed.sk_d = std::move(keys.d);
  sa.agreed.sk_pi = std::move(keys.pi);
  sa.agreed.sk_pr = std::move(keys.pr);
  return true;
}

// 2.23. A tunnel that forces encapsulation pretends to be behind a NAT.
void note_nat(IkeSa& sa, const Arrived& in, const Chain& chain) {
  const NatFinding nat = detect_nat(chain, sa.spi_initiator, 0, in.local, in.remote);
  sa.agreed.nat_supported = nat.supported;
  sa.agreed.nat_local = nat.local;
  sa.agreed.nat_remote = nat.remote;
  sa.agreed.fragmentation =
      find_notify(chain, NotifyType::kIkev2FragmentationSupported).has_value();
}

void add_notifies(MessageBuilder& message, const IkeSa& sa, const Arrived& in) {
  if (sa.agreed.nat_supported) {
    const bool forced = std::ranges::any_of(sa.handshake->tunnels, [](const Tunnel* tunnel) {
      return tunnel->parameters.force_udp_encapsulation;
    });
    const auto source = nat_hash(sa.spi_initiator, sa.agreed.spi_responder, in.local);
    const auto destination = nat_hash(sa.spi_initiator, sa.agreed.spi_responder, in.remote);
    if (source.ok() && destination.ok()) {
      const NatHash shown = forced ? nat_hash_of_nothing(sa.spi_initiator) : source.value();
      message.notify(NotifyType::kNatDetectionSourceIp, shown)
          .notify(NotifyType::kNatDetectionDestinationIp, destination.value());
    }
  }
  if (sa.agreed.fragmentation) message.notify(NotifyType::kIkev2FragmentationSupported);
}

void remember(Core& core, IkeSa& sa, const Arrived& in, Octets response) {
  Handshake& hs = *sa.handshake;
  hs.init_request.assign(in.bytes.begin(), in.bytes.end());
  hs.init_response = response;
  sa.exchange.accept(in.bytes);
  Datagrams datagrams;
  datagrams.push_back(std::move(response));
  sa.exchange.set_response(std::move(datagrams));
  core.half_open.emplace(Core::HalfOpenKey{sa.spi_initiator, in.remote}, &sa);
  ++core.half_open_by_source[in.remote.address];
  core.timers.arm(TimerKind::kGiveUp, sa.local_spi(), core.now + core.options.half_open_timeout);
}

void answer(Core& core, const Arrived& in, const Chain& chain, std::vector<Tunnel*> tunnels,
            const Request& request, IkeChoice choice) {
  const auto dh = Dh::make(choice.suite.group);
  if (!dh.ok()) return core.count(Count::kCryptoFailed);
  IkeSa& sa = core.make_ike(false, core.fresh_ike_spi(), nullptr);
  sa.state = IkeState::kHalfOpen;
  sa.spi_initiator = in.header.spi_initiator;
  sa.local = in.local;
  sa.remote = in.remote;
  sa.agreed.suite = choice.suite;
  sa.handshake = std::make_unique<Handshake>();
  sa.handshake->tunnels = std::move(tunnels);
  sa.handshake->chosen = std::move(choice.answer);
  sa.handshake->nonce_i.assign(request.nonce.begin(), request.nonce.end());
  sa.handshake->nonce_r = core.random_octets(kNonceBytes);
  auto keys = agree(sa, request, dh.value());
  if (!keys.ok() || !take_keys(sa, std::move(keys).value())) {
    core.count(Count::kInitBadKe);
    return core.bury(sa);
  }
  note_nat(sa, in, chain);
  MessageBuilder message(reply_header(in, sa.agreed.spi_responder));
  message.sa({&sa.handshake->chosen, 1}).ke(dh->group(), dh->public_value());
  message.nonce(sa.handshake->nonce_r);
  add_notifies(message, sa, in);
  auto response = message.plain();
  if (!response.ok()) {
    core.count(Count::kCryptoFailed);
    return core.bury(sa);
  }
  // Our nonce may be the longer one.
  if (!request.proven && response->size() > in.bytes.size()) {
    core.bury(sa);
    return demand_cookie(core, in, request.nonce);
  }
  remember(core, sa, in, std::move(response).value());
  core.transmit(in.local, in.remote, sa.exchange.response());
  core.count(Count::kSentResponse);
}

// A repetition is answered from memory, whatever the load.
bool is_repetition(Core& core, const Arrived& in) {
  const auto it = core.half_open.find({in.header.spi_initiator, in.remote});
  if (it == core.half_open.end()) return false;
  const IkeSa& sa = *it->second;
  if (sa.exchange.classify(0, in.bytes) == Exchange::Arrival::kRepeat) {
    core.count(Count::kRepeatAnswered);
    core.transmit(in.local, in.remote, sa.exchange.response());
  } else {
    core.count(Count::kInitSpiReused);
  }
  return true;
}

}  // namespace

void on_request(Core& core, const Arrived& in, const Chain& chain) {
  if (in.header.message_id != 0 || in.header.spi_responder != 0 || core.shutting_down)
    return core.count(Count::kWrongState);
  if (is_repetition(core, in)) return;
  if (check_payloads(Shape::kInitRequest, chain)) return core.count(Count::kInitMalformed);
  const auto nonce = parse_nonce(chain.find(PayloadType::kNonce)->body);
  if (!nonce.ok()) return core.count(Count::kInitMalformed);
  if (!within_limits(core, in)) return;
  const bool proven = is_proven(core, in, chain, nonce.value());
  if (!proven && must_prove(core, in)) return demand_cookie(core, in, nonce.value());

  auto proposals = parse_sa(chain.find(PayloadType::kSa)->body);
  const auto ke = parse_ke(chain.find(PayloadType::kKe)->body);
  if (!proposals.ok() || !ke.ok()) return core.count(Count::kInitMalformed);
  const Request request{std::move(proposals).value(), ke.value(), nonce.value(), proven};
  std::vector<Tunnel*> tunnels = tunnels_for(core, in);
  if (tunnels.empty()) {
    core.count(Count::kInitNoTunnel);
    core.log_stranger(Host::Level::kInfo, "init-no-tunnel",
                      fmt::format("peer={} local={} why=\"no tunnel is configured for these "
                                  "addresses\"",
                                  in.remote.to_string(), in.local.to_string()));
    return reply_notify(core, in, NotifyType::kNoProposalChosen);
  }
  Decision decision = decide(tunnels, request);
  if (!decision.found) return refuse_proposals(core, in, *tunnels.front(), request);
  if (decision.choice.suite.group != request.ke.group) {
    core.count(Count::kInitInvalidKe);
    std::array<uint8_t, 2> group{};
    store_be(group.data(), decision.choice.suite.group);
    return reply_notify(core, in, NotifyType::kInvalidKePayload, group);
  }
  answer(core, in, chain, std::move(tunnels), request, std::move(decision.choice));
}

void on_other_version(Core& core, const Arrived& in) {
  const bool v1 = in.header.major == 1;
  core.count(v1 ? Count::kIkeV1 : Count::kOtherMajorVersion);
  core.log_stranger(
      Host::Level::kWarning, "ike-version",
      fmt::format("peer={} major={} why=\"{}\"", in.remote.to_string(), in.header.major,
                  v1 ? "the peer speaks IKEv1, we only IKEv2" : "we speak IKEv2 only"));
  // RFC 9395: IKEv1 is dropped. A later version's first message is told the one we speak (2.5).
  const bool looks_like_init = !in.header.response && in.header.initiator &&
                               in.header.spi_responder == 0 && in.header.message_id == 0 &&
                               in.header.exchange == ExchangeType::kIkeSaInit;
  if (in.header.major <= 2 || !looks_like_init) return;
  core.count(Count::kInitVersionAnswered);
  reply_notify(core, in, NotifyType::kInvalidMajorVersion);
}

void passed(Core& core, IkeSa& sa) {
  if (sa.initiator) return;
  for (auto it = core.half_open.lower_bound({sa.spi_initiator, wire::Endpoint{}});
       it != core.half_open.end() && it->first.first == sa.spi_initiator; ++it) {
    if (it->second != &sa) continue;
    auto source = core.half_open_by_source.find(it->first.second.address);
    if (source != core.half_open_by_source.end() && --source->second == 0)
      core.half_open_by_source.erase(source);
    core.half_open.erase(it);
    core.timers.cancel(TimerKind::kGiveUp, sa.local_spi());
    return;
  }
}

}  // namespace kanmon::ike::door
