// The exchange tasks: one file each. All work on Core and may change any of its tables.
#pragma once

#include <optional>
#include <string>

#include "control/ike/sa/core.h"
#include "control/ike/ts.h"

namespace kanmon::ike {

// --- dispatch.cc: from a datagram to a task ---
void receive(Core& core, const Arrived& in);
// Starts the next request of ours if the window is free.
void pump(Core& core, IkeSa& sa);
// The state of the table: kEstablished becomes kChildBusy while an exchange about a child runs.
IkeState table_state(const IkeSa& sa);

// --- ike_init.cc: IKE_SA_INIT as initiator ---
namespace init {
void start(Core& core, Tunnel& tunnel);
void on_response(Core& core, IkeSa& sa, const Arrived& in, const Chain& chain);
// The attempt is over without success; `reason` for the tunnel.
void fail(Core& core, IkeSa& sa, const std::string& reason);
}  // namespace init

// --- door.cc: IKE_SA_INIT as responder ---
namespace door {
void on_request(Core& core, const Arrived& in, const Chain& chain);
void on_other_version(Core& core, const Arrived& in);
// The half-open SA is half-open no more.
void passed(Core& core, IkeSa& sa);
}  // namespace door

// --- ike_auth_initiator.cc, ike_auth_responder.cc ---
namespace auth {
// Sends IKE_AUTH for the candidate just added. False: nothing could be sent.
bool send_request(Core& core, IkeSa& sa, Candidate& candidate);
// AUTH by pre-shared key of the end whose identity, SK_p and first message these are.
Result<Secret> psk_auth_of(const Tunnel& tunnel, uint16_t prf, wire::Bytes message,
                           wire::Bytes peer_nonce, const Secret& sk_p, wire::Bytes id_body);
Octets id_body(const Identity& id);
void on_response(Core& core, IkeSa& sa, const Arrived& in, const Chain& outside);
void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside);
}  // namespace auth

// --- create_child.cc: what IKE_AUTH and CREATE_CHILD_SA share about child SAs ---
namespace child {
struct Offer {
  std::vector<Proposal> proposals;
  Selectors tsi, tsr;  // as the initiator sent them
  std::optional<KeView> ke;
  bool refuses_tfc = false;     // N(ESP_TFC_PADDING_NOT_SUPPORTED)
  bool fragments_also = false;  // N(NON_FIRST_FRAGMENTS_ALSO)
};
// SA, TSi, TSr, KE and what notifies say of the SA, of a request or response. kBadValue: malformed,
// answer INVALID_SYNTAX.
Result<Offer> read_offer(const Chain& inside);

// As responder. On refusal `error` is what to answer with `error_data`.
struct Answer {
  NotifyType error = NotifyType::kNone;
  Octets error_data;
  Child* child = nullptr;  // installing; the response waits for it
  Proposal proposal;       // with our SPI
  std::optional<Dh> dh;    // PFS: our KE payload
  std::string why;         // both sides' values
};
Answer answer(Core& core, IkeSa& sa, const Offer& offer, bool pfs, wire::Bytes ni, wire::Bytes nr);
// What is said of a child SA in front of its SA payload (RFC 7296 appendix C).
void write_notifies(MessageBuilder& message, const TunnelParameters& parameters);
// [N,] SA, [Nr, KE,] TSi, TSr.
void write_answer(MessageBuilder& message, const Answer& answer, wire::Bytes nr);

// As initiator: makes the child SA of a positive response. On failure the text says why.
struct Taken {
  Child* child = nullptr;
  std::string why;
};
Taken take(Core& core, IkeSa& sa, const Offer& response, const std::vector<Proposal>& offered,
           const Dh* dh, uint32_t our_spi, bool pfs, wire::Bytes ni, wire::Bytes nr);

// --- child_initiator.cc ---
// False: nothing was sent.
bool start_create(Core& core, IkeSa& sa);
bool start_rekey(Core& core, IkeSa& sa, Child& old);
void on_response(Core& core, IkeSa& sa, const Chain& inside);
// The inbound half of what the attempt made is installed.
void attempt_installed(Core& core, IkeSa& sa, Child& made);
// The rekeying of `old` is over without result: again later, or not if the peer has done it.
void rekey_later(Core& core, Child& old, Duration delay);

// --- child_responder.cc ---
void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside, MessageKind kind);
}  // namespace child

// --- rekey_ike.cc ---
namespace rekey {
bool start(Core& core, IkeSa& sa);
void on_response(Core& core, IkeSa& sa, const Chain& inside);
void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside);
// Our attempt is over (answered with an error, timed out, forgotten). Children go to the SA the
// peer made meanwhile, if it made one.
void attempt_over(Core& core, IkeSa& old);
}  // namespace rekey

// --- informational.cc ---
namespace info {
bool start_delete_ike(Core& core, IkeSa& sa);
// `spi` is our inbound one.
bool start_delete_child(Core& core, IkeSa& sa, uint32_t spi);
bool start_probe(Core& core, IkeSa& sa);
void on_request(Core& core, IkeSa& sa, const Arrived& in, const Chain& inside);
// `work` is what the request was about.
void on_response(Core& core, IkeSa& sa, const Work& work);
}  // namespace info

// --- children.cc: the data plane's view ---
namespace sad {
// Makes the child SA known to the data plane, inbound half first.
void install(Core& core, Child& child);
void installed(Core& core, Child& child);
// Chooses the best child SA for the tunnel's outbound traffic and switches if it changed.
void update_outbound(Core& core, Tunnel& tunnel);
// The child SA is deleted at both ends. `linger`: packets may still be on the way.
void retire(Core& core, Child& child, bool linger);
// The peer proved that it can receive on every child SA whose response it has.
void peer_has_response(Core& core, IkeSa& sa);
// The peer repeats a request: it has not got our response yet.
void peer_lacks_response(Core& core, IkeSa& sa);
// Our delete for it is to be sent.
void begin_delete(Core& core, Child& child);
void on_traffic(Core& core, Child& child, uint64_t in, uint64_t out, const wire::Endpoint& remote);
void on_path_lost(Core& core, Child& child);
void on_limit(Core& core, Child& child, bool hard);
void on_timer(Core& core, TimerKind kind, Child& child);
}  // namespace sad

// --- liveness.cc ---
namespace liveness {
// The peer sent something authentic.
void evidence(Core& core, IkeSa& sa);
// We sent something that a live peer would answer.
void sent(Core& core, IkeSa& sa);
void on_timer(Core& core, IkeSa& sa);
void on_keepalive(Core& core, IkeSa& sa);
// Authentic packets come from elsewhere (2.23).
void seen_from(Core& core, IkeSa& sa, const wire::Endpoint& remote);
void start(Core& core, IkeSa& sa);
}  // namespace liveness

// --- supervisor.cc: tunnels ---
namespace tunnel {
// Brings the tunnel up if it is wanted and nothing is under way.
void start(Core& core, Tunnel& tunnel);
// The IKE SA authenticated itself; `why_no_child` is empty if a child SA came with it.
void established(Core& core, IkeSa& sa, const std::string& why_no_child);
void child_up(Core& core, Child& child);
void child_failed(Core& core, Tunnel& tunnel, const std::string& why);
// A child SA went; asks for another if the tunnel is left without.
void child_gone(Core& core, Tunnel& tunnel, const std::string& why);
enum class End : uint8_t {
  kSilent,  // gone for the peer too: nothing is sent
  kDelete,  // tell the peer
};
// Ends the IKE SA and its child SAs.
void end(Core& core, IkeSa& sa, End how, const std::string& why);
// The IKE SA is gone from the tables: what now?
void lost(Core& core, Tunnel& tunnel, const std::string& why, bool restart);
void peer_dead(Core& core, IkeSa& sa, const std::string& why);
void take_down(Core& core, Tunnel& tunnel, const std::string& why);
void on_timer(Core& core, TimerKind kind, Tunnel& tunnel);
bool has_live_child(const Tunnel& tunnel);
IkeSa* established_ike(const Tunnel& tunnel);
}  // namespace tunnel

// --- ike_sa.cc: life of an IKE SA as such ---
// Whether ESP and IKE go inside UDP from port 4500 (2.23).
bool encapsulates(const Agreement& agreed, const TunnelParameters& parameters);
// Sends the request under way once more.
void repeat_request(Core& core, IkeSa& sa);
void repeat_response(Core& core, IkeSa& sa, const Arrived& in);
void arm_lifetimes(Core& core, IkeSa& sa);
void on_ike_timer(Core& core, TimerKind kind, IkeSa& sa);

// --- status.cc ---
std::vector<TunnelStatus> status(const Core& core, TimePoint now);
TunnelState state_of(const Core& core, const Tunnel& tunnel);

}  // namespace kanmon::ike
