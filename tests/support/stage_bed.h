// One worker's context with ports, tables and routes, for tests of single stages; and frames made
// by hand.
//
//   port 0  underlay, table 1: 192.0.2.1 and 2001:db8::1 are ours, .2 / ::2 a neighbour
//   port 1  overlay, table 2: 10.0.1.1 and 2001:db8:1::1 are ours, .9 / ::9 a neighbour
//   port 2  overlay, table 2: 10.0.2.1 and 2001:db8:2::1 are ours, 10.9/16 and 2001:db8:9::/48
//           behind a neighbour
//   table 2 also: 10.5/16, 2001:db8:5::/48 to tunnel 5; 10.66/16 blackhole; 10.0.1/24 connected
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/packet/packet.h"
#include "dataplane/rings/qsbr.h"
#include "dataplane/wire/address.h"
#include "dataplane/worker/context.h"

namespace kanmon::test {

using Octets = std::vector<uint8_t>;

inline constexpr wire::MacAddress kOurMac = {2, 0, 0, 0, 0, 1};
inline constexpr wire::MacAddress kTheirMac = {2, 0, 0, 0, 0, 9};
inline constexpr wire::MacAddress kBroadcast = {255, 255, 255, 255, 255, 255};

struct IpSpec {
  const char* source;       // the family follows from it
  const char* destination;  // same family
  uint8_t protocol = 17;
  uint8_t ttl = 64;
  uint16_t fragment = 0;  // IPv4: flags and offset
};
// A packet with correct lengths and header checksum around `payload`.
Octets ip(const IpSpec& spec, const Octets& payload);
// A datagram with a correct length and no checksum.
Octets udp(uint16_t source, uint16_t destination, const Octets& payload);
// Fills in the checksum of the UDP datagram in an IP packet without options.
void sum_udp(Octets& packet);
// An Ethernet frame; the EtherType follows the payload's version unless given.
Octets frame(const Octets& payload, wire::MacAddress destination = kOurMac, uint16_t type = 0);

Octets operator+(Octets left, const Octets& right);

// Route tables in plain words.
struct Routes {
  explicit Routes(fib::NodePool& pool) : v4(pool), v6(pool) {}
  void add(const char* prefix, fib::NextHop hop);
  fib::Lpm4 v4;
  fib::Lpm6 v6;
};

class StageBed {
 public:
  static constexpr uint16_t kUnderlayPort = 0, kLanPort = 1, kFarPort = 2;
  static constexpr uint16_t kUnderlay = 1, kOverlay = 2;
  static constexpr uint32_t kTunnel = 5;

  StageBed();
  ~StageBed();
  StageBed(const StageBed&) = delete;
  StageBed& operator=(const StageBed&) = delete;

  Context& context() { return context_; }
  Tables& tables() { return *tables_; }
  Lanes& lanes() { return *lanes_; }
  Routes& underlay() { return *underlay_; }
  Routes& overlay() { return *overlay_; }
  uint64_t dropped(Drop d) const { return counters_->drops[static_cast<std::size_t>(d)].get(); }
  uint64_t dropped_in_all() const;
  uint64_t generated() const { return counters_->generated.get(); }
  uint32_t packets_out() const;

  // A buffer with these octets; of an IP packet also with the meta classify would give it.
  Packet* packet(const Octets& octets);
  Packet* routed(const Octets& ip_packet, uint16_t port = kLanPort, uint16_t table = kOverlay);

 private:
  void add_own(uint16_t table, Routes& routes, const char* ours);
  void add_port(uint16_t id, TableRole role, uint16_t table, const char* v4, const char* v6);

  rings::Qsbr qsbr_;
  fib::NodePool nodes_;
  std::unique_ptr<Routes> underlay_;
  std::unique_ptr<Routes> overlay_;
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<WorkerCounters> counters_;
  EventQueue events_;
  Context context_;
};

// Takes the packets of a lane out as octets and frees them.
std::vector<Octets> take_out(PacketVector& lane);

}  // namespace kanmon::test
