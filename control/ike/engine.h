// The IKEv2 engine (RFC 7296): all tunnels' state machines behind one door, without any I/O.
//
// Pure: time comes in as an argument, randomness, the wire and the data plane through Host, so
// that two engines can face each other in one process under a fake clock and a lossy fake wire.
// One thread. No call of Host may call back into the Engine before it has returned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/types.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// The world as the engine needs it; the daemon and the tests each implement it.
class Host {
 public:
  virtual ~Host() = default;

  // Sends an IKE message (no non-ESP marker: the host adds it if local.port is 4500).
  virtual void send(const wire::Endpoint& local, const wire::Endpoint& remote,
                    wire::Bytes message) = 0;
  // Sends a NAT keepalive: one octet 0xff (RFC 3948 section 2.3).
  virtual void send_keepalive(const wire::Endpoint& local, const wire::Endpoint& remote) = 0;
  // Cryptographically strong octets; never fails (the host ends the process rather).
  virtual void random(wire::MutableBytes out) = 0;

  // A free inbound SPI for `tunnel`; kNoSpace if the table is full. Owned by the engine until
  // release_spi() or, once installed, until remove_inbound().
  virtual Result<uint32_t> reserve_spi(uint32_t tunnel) = 0;
  virtual void release_spi(uint32_t spi) = 0;

  // Installs the inbound half in every worker; answered later by Engine::inbound_installed() with
  // the same SPI, once each worker has acknowledged (INV-5). Keys are copied.
  virtual void install_inbound(const ChildSa& child) = 0;
  // Makes `child` the SA that carries the tunnel's outbound traffic, replacing the one before. Only
  // its outbound key is there by then. May come again for a child SA that carried it before, when a
  // rekeying is taken back.
  virtual void install_outbound(const ChildSa& child) = 0;
  // The old inbound half goes; packets that still arrive with it are dropped as unknown SPI.
  virtual void remove_inbound(uint32_t spi) = 0;
  // The tunnel has no outbound SA any more unless another was installed after this one (INV-2:
  // its packets are dropped by name, never sent in clear).
  virtual void remove_outbound(uint32_t tunnel, uint32_t outbound_spi) = 0;
  // The peer's outside endpoint moved (NAT rebinding seen on an authenticated packet).
  virtual void move_endpoint(uint32_t tunnel, const wire::Endpoint& remote) = 0;
  // Nothing is left of a tunnel that was removed: no SA, lingering ones included, no SPI. Comes
  // once, perhaps within Engine::remove(); not at all if a tunnel with its index was added since.
  virtual void tunnel_gone(uint32_t tunnel) = 0;

  // One event for the log and the tunnel's history. `text` is key=value pairs, never a key.
  enum class Level : uint8_t { kDebug, kInfo, kWarning, kError };
  virtual void log(Level level, std::string_view event, std::string_view text) = 0;
};

enum class TunnelState : uint8_t {
  kIdle,         // nothing under way (startup add, or taken down)
  kWaiting,      // will be tried again at `retry_at`
  kConnecting,   // IKE_SA_INIT or IKE_AUTH under way
  kEstablished,  // IKE SA up, no child SA
  kUp,           // IKE SA and child SA up
  kDeleting,
};
const char* to_string(TunnelState state);

// What `kanmon show tunnels|sas` prints; a copy without keys.
struct TunnelStatus {
  std::string name;
  uint32_t tunnel = 0;
  TunnelState state = TunnelState::kIdle;
  std::string reason;  // why it is not up, or the last thing that went wrong; both sides' values
  wire::Endpoint local;
  wire::Endpoint remote;
  std::string peer_id;
  uint64_t ike_spi_initiator = 0;
  uint64_t ike_spi_responder = 0;
  bool initiator = false;
  bool nat_local = false;
  bool nat_remote = false;
  bool udp_encapsulation = false;
  std::string ike_algorithms;  // "AES256-GCM-16/PRF-SHA2-384/ECP-384"
  Duration ike_age{};
  Duration ike_rekey_in{};
  uint64_t ike_rekeys = 0;
  uint64_t child_rekeys = 0;
  uint64_t retransmits = 0;
  struct Child {
    uint32_t inbound_spi = 0;
    uint32_t outbound_spi = 0;
    std::string algorithm;
    std::string pfs_group;  // empty: none
    bool esn = false;
    bool carries_outbound = false;  // false while superseded or not yet confirmed
    Duration age{};
    Duration rekey_in{};
    Duration expires_in{};
    std::vector<sa::Selector> local_ts;
    std::vector<sa::Selector> remote_ts;
  };
  std::vector<Child> children;
};

// The keys of an IKE SA whose peer has proved itself; views that are good during the call only.
struct IkeKeyView {
  uint32_t tunnel = 0;
  uint64_t spi_initiator = 0;
  uint64_t spi_responder = 0;
  uint16_t encryption_id = 0;  // IANA's, as below
  uint16_t key_bits = 0;
  uint16_t integrity_id = 0;
  SkKeys initiator;  // what the initiator seals with: SK_ei, SK_ai
  SkKeys responder;
};

// What became of an operator's wish for new keys.
enum class Rekeying : uint8_t {
  kStarted,  // the request is under way
  // Another exchange is; the request follows as soon as the window is free. A wish is kept once
  // for each tunnel and kind of SA, however often it is uttered; a rekeying that the peer begins
  // meanwhile fulfils it.
  kQueued,
};

// How much the engine holds; none of it may grow with time.
struct EngineSizes {
  std::size_t tunnels = 0;  // removed ones included, until their SAs are gone
  std::size_t ike_sas = 0;  // half-open and closed ones included
  std::size_t child_sas = 0;
  std::size_t timers = 0;
  std::size_t half_open = 0;
  std::size_t queued = 0;  // requests of ours that wait for the window
  friend bool operator==(const EngineSizes&, const EngineSizes&) = default;
};

struct EngineOptions {
  uint32_t cookie_threshold_half_open = 64;  // above this a cookie is demanded (2.6)
  uint32_t half_open_limit = 10'000;         // above this new IKE_SA_INITs are dropped
  std::chrono::seconds half_open_timeout{30};
  std::chrono::seconds cookie_secret_lifetime{60};
  std::chrono::seconds old_inbound_lingers{10};  // old inbound SA after a rekey's delete
};

class Engine {
 public:
  Engine(Host& host, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Configuration. Adding starts the tunnel if its startup action says so; replacing restarts only
  // a tunnel whose parameters differ; removing sends deletes.
  void add(TimePoint now, TunnelParameters parameters);
  void remove(TimePoint now, std::string_view name);

  // Operator's commands; kNotFound for an unknown name, kUnsupported if the state forbids it.
  Status up(TimePoint now, std::string_view name);
  Status down(TimePoint now, std::string_view name);
  // kUnsupported: there is no such SA to rekey.
  Result<Rekeying> rekey_child(TimePoint now, std::string_view name);
  Result<Rekeying> rekey_ike(TimePoint now, std::string_view name);
  // Sends a delete for every IKE SA; call before exit and keep serving until idle() or a deadline.
  void shut_down(TimePoint now);
  bool idle() const;

  // A UDP payload from port 500 or 4500, without the non-ESP marker. Never throws, never aborts.
  void receive(TimePoint now, const wire::Endpoint& local, const wire::Endpoint& remote,
               wire::Bytes message);
  // Answer to Host::install_inbound.
  void inbound_installed(TimePoint now, uint32_t inbound_spi);
  // The data plane authenticated packets on this inbound SPI since the last call, or sent some.
  // `remote` is where the latest of them came from (NAT rebinding).
  void traffic_seen(TimePoint now, uint32_t inbound_spi, uint64_t packets_in, uint64_t packets_out,
                    const wire::Endpoint& remote);
  // There is no way to the peer: what the SA has to send is not sent, and yet the peer's silence
  // counts from now on, or a tunnel without a way would stay up for ever.
  void path_lost(TimePoint now, uint32_t inbound_spi);
  // A worker saw an SA reach a limit (sequence number, bytes, packets): soft asks for a rekey,
  // hard means it carries nothing any more.
  void limit_reached(TimePoint now, uint32_t inbound_spi, bool hard);
  // Runs whatever is due. Call no later than next_deadline().
  void tick(TimePoint now);
  TimePoint next_deadline() const;

  std::vector<TunnelStatus> status(TimePoint now) const;
  // Of one tunnel, at no more cost than that; no value for an unknown name.
  std::optional<TunnelState> state(std::string_view name) const;
  EngineSizes sizes() const;
  // All keys of IKE SAs there are, for an export the operator has allowed; nothing else asks for
  // them (INV-9).
  void visit_keys(const std::function<void(const IkeKeyView&)>& visit) const;
  // Name and count of every kind of message refused or sent, stable order.
  std::vector<std::pair<std::string, uint64_t>> counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kanmon::ike
