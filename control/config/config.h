// The configuration as the program uses it: own types with units, defaults, and no YAML.
//
// A file becomes a Config in two steps, both reporting every problem at once: reading (text to
// structs) and checking (structs against each other). docs/config.schema.json says the same in
// JSON Schema. Field names of tunnels follow AWS's tunnel options where those exist.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/common/secret.h"
#include "control/config/bgp.h"
#include "control/ike/types.h"
#include "dataplane/bfd/packet.h"
#include "dataplane/crypto/backend.h"
#include "dataplane/wire/address.h"

namespace kanmon::config {

enum class Power : uint8_t { kPerformance, kBalanced };
enum class LogFormat : uint8_t { kKeyValue, kJson };
// Whose XDP program an af_xdp port gets.
enum class XdpProgram : uint8_t { kOwn, kLibrary };
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

struct System {
  std::string name = "kanmon";
  std::string api_socket = "/run/kanmon/api.sock";
  std::string api_group;  // its members may use the API; empty: nobody but root and the own user
  uint16_t workers = 1;
  std::vector<uint16_t> worker_cores;  // empty: chosen by the program, spread over allowed cores
  Power power = Power::kBalanced;
  LogFormat log_format = LogFormat::kKeyValue;
  LogLevel log_level = LogLevel::kInfo;
  uint32_t packet_buffers = 16'384;  // mbufs per NUMA node
  crypto::Isa crypto_isa = crypto::Isa::kAuto;
  crypto::Backend crypto_backend = crypto::Backend::kAuto;
  bool allow_key_export = false;  // `kanmon capture --export-keys` (INV-9)
  std::string eal_args;           // escape hatch, appended to what Kanmon composes
};

// What of the machine's own stack may be reached at an address it shares with the gateway.
struct HostService {
  static constexpr uint8_t kAny = 255;  // every protocol
  uint8_t protocol = kAny;              // kAny, 1 (ICMP of either family), 6 or 17
  uint16_t port = 0;                    // TCP and UDP: host order; either end's port counts

  friend bool operator==(const HostService&, const HostService&) = default;
};
inline constexpr HostService kHostIcmp{1, 0}, kHostBgp{6, 179};

// A port: a NIC queue pair per worker, its addresses, and the table its packets are looked up in.
// A BFD session with a neighbour of a port, in clear: routes via it are down while it is.
struct NeighborBfd {
  wire::IpAddress remote;
  std::chrono::milliseconds interval{300};
  uint8_t multiplier = 3;
};

struct Port {
  std::string name;
  std::string device;  // "pci:0000:3b:00.0", "af_packet:eth1", "tap:kan0", "ring:x", …
  uint16_t mtu = 1500;
  std::vector<wire::InterfaceAddress> addresses;
  // Exactly one of the two: an underlay carries outer packets, a route table inner ones (INV-1).
  std::string underlay;
  std::string table;
  std::optional<wire::MacAddress> mac;  // absent: the device's own
  XdpProgram xdp = XdpProgram::kOwn;    // of an af_xdp port
  bool share_out = true;  // what it receives is shared out over the workers, by whatever means
  // The kernel's on the same interface; their packets are left to it. Only on af_xdp ports.
  std::vector<wire::IpAddress> kernel_addresses;
  // Network device by which the machine's own stack has the addresses too; empty: it has not.
  std::string host_device;
  std::vector<HostService> host_services = {kHostIcmp, kHostBgp};
  std::vector<NeighborBfd> bfd;

  // Its table of either kind; underlays and route tables share one name space.
  const std::string& domain() const { return underlay.empty() ? table : underlay; }
};

// What becomes of a route whose next hops are all down.
enum class OnDown : uint8_t { kHold, kWithdraw, kBlackhole, kFallback };

// Where a route leads. In an underlay `tunnel` and `attachment` are refused by the reader (INV-1).
// Routes with one prefix share its traffic by weight; 0 stands by.
struct Route {
  static constexpr uint8_t kFullWeight = 100;
  wire::Prefix prefix;
  enum class Kind : uint8_t { kVia, kTunnel, kBlackhole, kAttachment } kind = Kind::kBlackhole;
  wire::IpAddress via;     // kVia: a neighbour in a connected subnet of the table
  std::string tunnel;      // kTunnel
  std::string attachment;  // kAttachment
  uint8_t weight = kFullWeight;
  OnDown on_down = OnDown::kHold;
  std::string fallback;  // kFallback: a tunnel that takes over

  friend bool operator==(const Route&, const Route&) = default;
};

// An underlay route table: where outer packets are routed. Has no route to a tunnel, by type.
struct Underlay {
  std::string name;
  std::string host_namespace;  // of its ports' host devices: empty: private; "self"; or a name
  std::vector<Route> routes;
};

// Another routing daemon of the machine as a source of a table's routes: FRR's zebra over FPM.
struct Fpm {
  bool is_on = false;                                         // the section is there
  wire::IpAddress address = wire::IpAddress::v4(0x7f000001);  // in the table's host namespace
  uint16_t port = 2620;
  uint32_t stale_time_s = 120;  // how long routes outlive their connection

  friend bool operator==(const Fpm&, const Fpm&) = default;
};

struct RouteTable {
  std::string name;
  std::string host_namespace;  // likewise, of its ports and tunnels
  std::vector<Route> routes;
  std::vector<std::string> associations;  // attachments whose packets are looked up in it (INV-3)
  std::vector<std::string> propagations;  // attachments whose routes it has too
  Fpm fpm;
};

// What can be associated with a route table. A port with `table:` and a tunnel with `table:` that
// stand in no attachment are one by themselves, of their own name: see derive_attachments().
struct Attachment {
  std::string name;
  enum class Kind : uint8_t { kVpc, kVpn, kDirectConnect } kind = Kind::kVpc;
  std::string port;                  // kVpc: a LAN side; kDirectConnect: a line of an underlay
  std::vector<std::string> tunnels;  // kVpn: of one connection
  std::vector<wire::Prefix> static_routes;  // kVpn: what is behind it, for its propagations
  OnDown on_down = OnDown::kWithdraw;       // kVpn: of static_routes; never kFallback

  // Derived.
  std::string association;  // a route table; of kDirectConnect the underlay; empty: none
  bool is_implied = false;  // stands for a port or tunnel that says `table:` itself
};
const char* to_string(Attachment::Kind kind);

enum class DscpPolicy : uint8_t { kCopy, kSet, kMap };
enum class FragmentationPolicy : uint8_t { kBefore, kAfter };
enum class DfPolicy : uint8_t { kCopy, kSet, kClear };
enum class TfcPolicy : uint8_t { kNone, kToMtu };

// When a path that failed is used again; see liveness::Policy.
struct Steadiness {
  std::chrono::seconds hold_down{0};
  std::chrono::seconds switch_back{0};
  std::chrono::seconds half_life{0};  // of damping; 0: none
  uint32_t suppress = 3'000;
  uint32_t reuse = 1'000;
};

// A BFD session through a tunnel (RFC 5880). Addresses that are absent follow: config/paths.h.
struct Bfd {
  bool configured = false;
  std::optional<wire::IpAddress> local;
  std::optional<wire::IpAddress> remote;
  std::chrono::milliseconds interval{300};
  uint8_t multiplier = 3;
  bool multihop = false;
  bool passive = false;
  bfd::AuthType auth = bfd::AuthType::kNone;
  uint8_t key_id = 1;
  Secret key;
  Steadiness steadiness;
};

// ICMP echo through a tunnel to an address behind its far end. With these numbers a dead path is
// found in two seconds.
struct HealthCheck {
  bool configured = false;
  wire::IpAddress target;
  std::optional<wire::IpAddress> source;
  std::chrono::milliseconds interval{500};
  std::chrono::milliseconds timeout{500};
  uint8_t fall = 3;
  uint8_t rise = 3;
  Steadiness steadiness;
};

struct Tunnel {
  std::string name;
  std::string table;     // route table in which decrypted packets are looked up (association)
  std::string underlay;  // where the outer packets are routed
  // A power of two is not needed: any multiple of 64 (RFC 4303 section 3.4.3 asks for 32 at least).
  uint32_t replay_window = 4096;
  // What one SA of a pair may carry; 0: no limit. Its time is ike.child_lifetime.
  uint64_t lifetime_kilobytes = 0;
  uint64_t lifetime_packets = 0;
  DscpPolicy dscp = DscpPolicy::kCopy;
  uint8_t dscp_value = 0;
  std::array<uint8_t, 64> dscp_map{};  // kMap: outer by inner
  DfPolicy df = DfPolicy::kSet;
  FragmentationPolicy fragmentation = FragmentationPolicy::kBefore;
  TfcPolicy tfc_padding = TfcPolicy::kNone;
  bool mss_clamp = true;
  std::optional<uint16_t> mtu;          // absent: computed
  uint8_t weight = Route::kFullWeight;  // its share among the tunnels of its attachment; 0: standby
  // Own addresses inside the tunnel; their subnets lead into it. The machine's own stack has them
  // too, on the network device `host_device`.
  std::vector<wire::InterfaceAddress> inside_addresses;
  std::string host_device;  // empty without inside addresses
  std::vector<HostService> host_services = {kHostIcmp, kHostBgp};
  // What phase 2 may be; every pair of the two that makes an ESP algorithm is in
  // ike.esp.algorithms, in this order.
  std::vector<ike::IkeTransforms::Encryption> esp_encryption;
  std::vector<uint16_t> esp_integrity;
  bool allow_weak = false;             // SHA-1
  bool allow_null_encryption = false;  // no confidentiality at all
  Bfd bfd;
  HealthCheck health_check;
  ike::TunnelParameters ike;  // its `tunnel` index is assigned by the program
};

struct Config {
  uint32_t version = 1;  // of the format
  System system;
  // In the order of the file; names are unique within their list.
  std::vector<Port> ports;
  std::vector<Underlay> underlays;
  std::vector<RouteTable> tables;
  std::vector<Tunnel> tunnels;
  std::vector<Attachment> attachments;  // those of the file, then the implied ones
  Bgp bgp;
};

// One mistake: where, which key, what is there, what was expected.
struct Problem {
  std::string file;
  uint32_t line = 0;     // 1-based, 0 if the file as a whole is meant
  uint32_t column = 0;   // 1-based
  std::string key;       // "tunnels.branch.phase2-lifetime-seconds"
  std::string text;      // "7200 is not in 900 … 3600"
  bool warning = false;  // does not keep the configuration from being used

  // "gw.yaml:14:31: error: tunnels.branch.phase2-lifetime-seconds: 7200 is not in 900 … 3600"
  std::string to_string() const;
};

struct Loaded {
  std::optional<Config> config;   // absent if any problem is an error
  std::vector<Problem> problems;  // in the order of the file
};

// Reads and checks. Never throws; an unreadable file is a problem.
Loaded load_file(const std::string& path);
Loaded load_text(const std::string& text, const std::string& name);

}  // namespace kanmon::config
