// The tables a worker looks things up in. Worker: rw (by applying commands), nobody else.
//
// Records are replaced whole. What they point to (SAs, LPMs) belongs to control, which frees it
// after every worker has acknowledged the command that took it away.
#pragma once

#include <cstdint>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/huge_array.h"
#include "dataplane/fib/group.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/fib/own_addresses.h"
#include "dataplane/packet/packet.h"
#include "dataplane/sa/encap.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/spi.h"
#include "dataplane/wire/address.h"
#include "dataplane/worker/liveness.h"

namespace kanmon {

// A resolved neighbour: the Ethernet header in front of everything sent to it.
struct Adjacency {
  uint16_t port = kNoPort;    // kNoPort: unresolved
  uint8_t ethernet[12] = {};  // destination, source; the EtherType follows the packet's version
  uint16_t mtu = 1500;
};
static_assert(sizeof(Adjacency) == 16);

enum class TableRole : uint8_t { kNone, kUnderlay, kOverlay };

// A route table as workers see it. Readers of lpm4/lpm6 need no lock (see fib/).
struct RouteTable {
  const fib::Lpm4* lpm4 = nullptr;
  const fib::Lpm6* lpm6 = nullptr;
  TableRole role = TableRole::kNone;
  // Source of ICMP errors for packets that came out of a tunnel; unspecified: none are sent.
  wire::IpAddress icmp_source4;
  wire::IpAddress icmp_source6;
  // Every address of ours in this table: nobody else may send from one.
  fib::OwnAddresses own{};

  bool is_own4(uint32_t host_order) const { return own.holds4(lpm4, host_order); }
  bool is_own6(const uint8_t* network_order) const { return own.holds6(lpm6, network_order); }
};

// What a worker knows of a port.
struct PortRecord {
  bool in_use = false;
  TableRole role = TableRole::kNone;
  uint16_t table = 0;
  uint16_t mtu = 1500;
  wire::MacAddress mac{};
  wire::IpAddress icmp_source4;  // the port's first address of each family, source of ICMP errors
  wire::IpAddress icmp_source6;
};

inline constexpr uint16_t kMaxTables = 4096;
inline constexpr uint16_t kMaxPorts = 64;

struct Tables {
  struct Capacity {
    uint32_t tunnels = 16'384;
    uint32_t adjacencies = 65'536;
    uint32_t groups = 4'096;
  };
  explicit Tables(Capacity capacity);
  ~Tables();
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  // The inbound SA with exactly this SPI (host order), or null. One load and a compare.
  inline sa::InboundSa* inbound(uint32_t spi) const;
  // Whether a member of a group can take packets now: a tunnel with an outbound SA that is not down
  // by its liveness check, a neighbour that is resolved, a blackhole.
  inline bool is_alive(fib::NextHop member) const;

  Capacity capacity;
  HugeArray<sa::InboundSa*> inbound_sas;  // [spi::kSlots], by sa::slot(spi)
  HugeArray<sa::Encap> tunnels;           // [capacity.tunnels]
  HugeArray<Adjacency> adjacencies;       // [capacity.adjacencies]
  HugeArray<fib::Group*> groups;          // [capacity.groups]
  const Liveness* liveness = nullptr;     // of tunnels; null: none is down by a check
  RouteTable tables[kMaxTables];
  PortRecord ports[kMaxPorts];
};

inline sa::InboundSa* Tables::inbound(uint32_t spi) const {
  sa::InboundSa* sa = inbound_sas[sa::slot(spi)];
  return sa != nullptr && sa->spi == spi ? sa : nullptr;
}

inline bool Tables::is_alive(fib::NextHop member) const {
  const uint32_t i = member.index();
  if (member.kind() == fib::NextHopKind::kTunnel)
    return i < capacity.tunnels && tunnels[i].sa != nullptr &&
           (liveness == nullptr || !liveness->is_down(i));
  if (member.kind() != fib::NextHopKind::kNeighbour) return true;
  return i < capacity.adjacencies && adjacencies[i].port != kNoPort;
}

}  // namespace kanmon
