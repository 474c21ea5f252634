// Every SA of the data plane: made here, shown to the workers by commands, freed when no worker can
// see it any more. The only writer of SA commands.
//
// Order of events that INV-5 rests on: an inbound SA counts as installed when every worker has
// acknowledged it; an outbound SA replaces its predecessor in one command per worker; what was
// replaced is wiped and freed after the acknowledgement of the command that took it away.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "control/ike/types.h"
#include "control/publish/plane.h"
#include "control/publish/spi_slots.h"
#include "control/publish/too_big.h"
#include "dataplane/sa/encap.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/sa/params.h"

namespace kanmon::publish {

using TimePoint = std::chrono::steady_clock::time_point;

inline constexpr uint32_t kNoAdjacency = 0xffffffff;

// What the configuration says about the packets of a tunnel.
struct TunnelSettings {
  uint16_t table = 0;  // decrypted packets are looked up here
  uint32_t replay_window = 4096;
  sa::Limits limits{};               // of each SA; expires_tsc is not read, but made of …
  std::chrono::seconds lifetime{0};  // … this; 0: no limit of time
  sa::DscpMode dscp = sa::DscpMode::kCopy;
  uint8_t dscp_value = 0;
  sa::DscpMap dscp_map{};
  sa::DfMode df = sa::DfMode::kSet;
  sa::FragmentMode fragmentation = sa::FragmentMode::kBefore;
  bool mss_clamp = true;
  uint16_t configured_mtu = 0;  // 0: computed
  bool tfc_to_mtu = false;      // if the peer takes it

  friend bool operator==(const TunnelSettings&, const TunnelSettings&) = default;
};

// The way of the outer packets.
struct Path {
  uint32_t adjacency = kNoAdjacency;
  uint16_t mtu = 1500;

  friend bool operator==(const Path&, const Path&) = default;
};

class SaStore {
 public:
  // `workers`: how many share the outbound SAs; inbound SAs are owned by one of them each.
  SaStore(Plane& plane, SpiSlots::Random random, uint16_t workers);
  // Wipes and frees all SAs. REQUIRES: the workers have stopped.
  ~SaStore();
  SaStore(const SaStore&) = delete;
  SaStore& operator=(const SaStore&) = delete;

  Result<uint32_t> reserve_spi() { return spis_.reserve(); }
  void release_spi(uint32_t spi) { spis_.release(spi); }

  // Settings apply to SAs made afterwards, except for those of the outer header, which apply at
  // once.
  void set_tunnel(uint32_t tunnel, const TunnelSettings& settings);
  // Would these settings need inbound SAs other than those the tunnel has?
  bool needs_new_sas(uint32_t tunnel, const TunnelSettings& settings) const;
  // Ends them, and what is counted of the tunnel. Its SAs are freed as if they had been removed.
  void forget_tunnel(uint32_t tunnel);
  std::size_t tunnels() const { return tunnels_.size(); }
  // Nothing for a tunnel without settings.
  void set_path(uint32_t tunnel, const Path& path);

  // An ICMP message says that a packet of ours did not fit. Believed if it quotes a packet that the
  // tunnel's live outbound SA has sent to its peer, and for ten minutes (ESP-31). kNotFound: it
  // does not; kUnsupported: it does, but says nothing new.
  Status learn_mtu(TimePoint now, const TooBig& message);
  // Forgets what was learned long ago: paths grow too.
  void forget_old_mtus(TimePoint now);
  // What the path of a tunnel's outer packets takes; 0 without an outbound SA.
  uint16_t path_mtu(uint32_t tunnel) const;

  // kNotFound: the tunnel has no settings; kNoSpace: memory. Keys are copied.
  Status install_inbound(const ike::ChildSa& child);
  Status install_outbound(const ike::ChildSa& child);
  void remove_inbound(uint32_t spi);
  void remove_outbound(uint32_t tunnel, uint32_t spi);
  void move_endpoint(uint32_t tunnel, const wire::Endpoint& remote);

  // Frees what was acknowledged, and returns the inbound SPIs that have become installed.
  std::vector<uint32_t> sweep();
  size_t waiting_to_be_freed() const { return graves_.size(); }

  struct Inbound {
    sa::InboundSa* sa = nullptr;
    uint32_t tunnel = 0;
    uint64_t sequence = 0;  // of the command that installed it
    bool installed = false;
  };
  struct Outbound {
    sa::OutboundSa* sa = nullptr;
    uint32_t spi = 0;
    uint32_t inbound_spi = 0;  // the other half of the pair
  };
  const std::map<uint32_t, Inbound>& inbound() const { return inbound_; }
  // Null: the tunnel has no outbound SA.
  const Outbound* outbound(uint32_t tunnel) const;
  // What went through the tunnel on all its SAs, those gone included.
  struct Traffic {
    uint64_t packets_in = 0;
    uint64_t bytes_in = 0;
    uint64_t packets_out = 0;
    uint64_t bytes_out = 0;
  };
  Traffic traffic(uint32_t tunnel) const;
  // Where its outer packets are sent to; no value without an outbound SA.
  std::optional<wire::Endpoint> remote(uint32_t tunnel) const;
  // The record the workers have, or null; for MTU and MSS.
  const sa::Encap* encap(uint32_t tunnel) const;

 private:
  struct Tunnel {
    TunnelSettings settings;
    Path path;
    bool udp_encapsulation = false;
    bool peer_refuses_tfc = false;
    wire::Endpoint local, remote;
    Outbound outbound;
    sa::Encap encap{};
    std::shared_ptr<const sa::DscpMap> dscp_map;  // the one `encap` names
    uint16_t learned_mtu = 0;                     // below path.mtu; 0: nothing was learned
    TimePoint learned_until{};

    uint16_t outer_mtu() const { return learned_mtu != 0 ? learned_mtu : path.mtu; }
    Traffic past;  // of SAs that are gone
  };
  struct Grave {
    uint64_t sequence;
    std::function<void()> bury;
  };

  sa::Limits limits_of(const TunnelSettings& settings) const;
  void show(uint32_t number, Tunnel& tunnel);
  Tunnel* tunnel_that_sent(const TooBig& message, uint32_t& number);
  void forget_outbound_spi(uint32_t spi, uint32_t tunnel);
  void retire_inbound(uint32_t tunnel, sa::InboundSa* sa);
  void retire_outbound(uint32_t tunnel, sa::OutboundSa* sa);
  // Graves are in the order of their sequence numbers.
  void bury_after(uint64_t sequence, std::function<void()> bury);

  Plane& plane_;
  SpiSlots spis_;
  uint16_t workers_;
  uint64_t last_ = 0;  // sequence of the newest SetTunnel
  std::map<uint32_t, Inbound> inbound_;
  std::map<uint32_t, Tunnel> tunnels_;
  std::multimap<uint32_t, uint32_t> senders_;  // outbound SPI → tunnel; peers choose alike
  std::set<uint32_t> shrunk_;                  // tunnels with a learned MTU
  std::deque<Grave> graves_;
  std::vector<uint32_t> awaiting_;  // inbound SPIs not yet acknowledged
};

}  // namespace kanmon::publish
