// One IKE SA: what is known of it, without behaviour. Owned by Core.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/fragment.h"
#include "control/ike/kdf.h"
#include "control/ike/proposal.h"
#include "control/ike/sa/child_sa.h"
#include "control/ike/sa/exchange.h"
#include "control/ike/sa/states.h"
#include "control/ike/types.h"

namespace kanmon::ike {

// Keys and what was agreed on with them: of a whole IKE SA, or of one answer to our IKE_SA_INIT.
struct Agreement {
  uint64_t spi_responder = 0;
  IkeSuite suite;
  Secret sk_d, sk_pi, sk_pr;
  SkCipher seal, open;
  bool nat_supported = false;
  bool nat_local = false;
  bool nat_remote = false;
  bool fragmentation = false;
};

// An answer to our IKE_SA_INIT. Nothing tells a forged one from the true one before IKE_AUTH is
// answered, so a few are kept side by side (RFC 7296 section 2.4).
struct Candidate {
  Agreement agreed;
  wire::Endpoint local, remote;  // where its IKE_AUTH goes: port 4500 if it tells of a NAT
  Octets init_response;
  Octets nonce_r;
  Datagrams request;  // our IKE_AUTH
  Reassembler fragments;
  bool refused = false;  // proved useless; kept so that a copy of it is not tried again
};
inline constexpr std::size_t kMaxCandidates = 4;  // refused ones included

// What only IKE_SA_INIT and IKE_AUTH need; gone with its secrets when they are over.
struct Handshake {
  Octets nonce_i, nonce_r;
  Octets init_request, init_response;
  // Initiator.
  std::optional<Dh> dh;
  std::vector<Proposal> offered;
  std::vector<uint16_t> groups_tried;
  Octets cookie;
  uint32_t cookies_taken = 0;
  std::string refusal;  // what an unauthenticated answer said, if nothing better comes
  std::vector<Candidate> candidates;
  uint32_t child_spi = 0;  // reserved for the child SA offered in IKE_AUTH
  std::vector<Proposal> child_offered;
  // Responder.
  std::vector<Tunnel*> tunnels;  // whose addresses fit; the identities decide
  Proposal chosen;
};

// A request of ours that waits for the window.
struct Work {
  enum class Kind : uint8_t {
    kDeleteIke,
    kDeleteChild,
    kCreateChild,
    kRekeyChild,
    kRekeyIke,
    kProbe
  };
  Kind kind;
  uint32_t spi = 0;  // inbound SPI of the child SA concerned
  friend bool operator==(const Work&, const Work&) = default;
};

// CREATE_CHILD_SA of ours for a child SA, from the request until its inbound half is installed.
struct ChildAttempt {
  uint32_t old_spi = 0;     // of the child SA to replace; 0: a new one
  uint32_t new_spi = 0;     // reserved, ours; 0 once it belongs to a child SA
  uint32_t installing = 0;  // inbound SPI of the child SA made, while it is being installed
  uint32_t rival = 0;       // what the peer made of the same old child SA meanwhile; 0: nothing
  Octets nonce_i;
  std::optional<Dh> dh;
  std::vector<Proposal> offered;
  std::vector<uint16_t> groups_tried;
  TimePoint started{};
};

// CREATE_CHILD_SA of ours for the IKE SA itself.
struct RekeyAttempt {
  uint64_t new_spi = 0;
  Octets nonce_i;
  std::optional<Dh> dh;
  std::vector<Proposal> offered;
  std::vector<uint16_t> groups_tried;
  TimePoint started{};
};

struct IkeSa {
  // Our own SPI; the key of Core's table.
  uint64_t local_spi() const { return initiator ? spi_initiator : agreed.spi_responder; }

  uint64_t spi_initiator = 0;
  bool initiator = false;  // original initiator of this IKE SA
  IkeState state = IkeState::kInitSent;
  Tunnel* tunnel = nullptr;  // null: responder, the peer has not said who it is
  wire::Endpoint local;
  wire::Endpoint remote;
  Identity peer_id;
  Agreement agreed;
  Exchange exchange;
  Reassembler requests;   // fragments of the peer's request
  Reassembler responses;  // fragments of the response to ours
  std::unique_ptr<Handshake> handshake;

  // The response that waits for its child SA's inbound half, and where it goes.
  struct Held {
    uint32_t child_spi = 0;
    Datagrams response;
    wire::Endpoint local, remote;
  };
  std::optional<Held> held;

  std::deque<Work> queue;
  std::optional<Work> under_way;  // what the request in flight is about; none in the handshake
  std::optional<ChildAttempt> child_attempt;
  std::optional<RekeyAttempt> rekey_attempt;
  uint64_t successor_by_peer = 0;  // local SPI of what the peer's rekeying of this SA made
  Octets lowest_nonce;             // of the exchange that made this SA, if it was a rekeying
  uint32_t rekey_failures = 0;

  TimePoint created{};
  TimePoint rekey_at{};
  TimePoint expires_at{};
  TimePoint last_sent{};  // by IKE or a child SA; for NAT keepalives
  // Since when the peer owes us a sign of life: the first thing sent after its last one.
  std::optional<TimePoint> unanswered_since;
  // Why it is being deleted; the tunnel's reason once it is gone.
  std::string end_reason;
  // After the end: try again even without startup `start`.
  bool restart = false;
  // The peer lets it make no more child SAs: it goes as soon as another one is up.
  bool worn_out = false;
};

}  // namespace kanmon::ike
