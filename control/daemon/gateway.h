// The gateway: the running configuration, the data plane, neighbours, routes and IKE, wired to each
// other. One object, one thread; the daemon turns it, the API reads it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/daemon/bgp.h"
#include "control/daemon/fpm_feed.h"
#include "control/daemon/index.h"
#include "control/daemon/key_book.h"
#include "control/daemon/path_checks.h"
#include "control/host/devices.h"
#include "control/ike/engine.h"
#include "control/neighbor/table.h"
#include "control/publish/data_plane.h"
#include "control/publish/group_store.h"
#include "control/publish/sa_store.h"
#include "control/routing/compiler.h"
#include "control/routing/plan.h"
#include "control/routing/table.h"
#include "control/watch/capturer.h"
#include "control/watch/tracer.h"
#include "dataplane/worker/dataplane.h"

namespace kanmon::daemon {

// A port of the configuration that is open.
struct OpenPort {
  config::Port config;
  PortInfo info;
};

// A route table or underlay that the workers have.
struct LiveTable {
  uint16_t number = 0;
  bool underlay = false;
  std::unique_ptr<routing::Table> overlay_routes;           // if !underlay
  std::unique_ptr<routing::UnderlayTable> underlay_routes;  // if underlay
  std::vector<routing::Wanted> installed;                   // what the configuration asked for

  const routing::Table& routes() const {
    return underlay ? underlay_routes->table() : *overlay_routes;
  }
};

// What became of a new configuration.
struct ReloadResult {
  bool ok = false;
  std::vector<config::Problem> problems;  // why not, or warnings
};

class Gateway final : private neighbor::Host, private ike::Host, private routing::Forwarding {
 public:
  // Starts the data plane, opens the ports and installs everything `config` says. Null: `problems`
  // has the reason, everything is closed again. `file`: where it came from, for show version.
  // `stepped`: no threads, whoever holds data_plane() turns the workers.
  static std::unique_ptr<Gateway> start(config::Config config, std::string file,
                                        std::vector<config::Problem>& problems,
                                        bool stepped = false);
  ~Gateway() override;

  // Works off punted packets, events and acknowledgements. True: there was something to do, call
  // again at once; else within about a millisecond.
  bool poll(TimePoint now);
  // Timers of neighbours and IKE, liveness, memory to be freed. Call about every 10 ms.
  void tick(TimePoint now);

  // All or nothing: on a failure the gateway runs on as before (INV-10).
  ReloadResult reload(TimePoint now, config::Config next);

  // Sends deletes to all peers; go on turning until quiet() or a deadline, then destroy.
  void shut_down(TimePoint now);
  bool quiet() const { return !farewell_due_ && ike_.idle(); }

  // Where SAs come in: the door IKE uses, for those who bring keys from elsewhere.
  ike::Host& sa_door() { return *this; }

  // For the API.
  const config::Config& config() const { return config_; }
  const std::string& config_file() const { return config_file_; }
  DataPlane& data_plane() { return *plane_; }
  const DataPlane& data_plane() const { return *plane_; }
  const std::map<std::string, OpenPort>& ports() const { return ports_; }
  const std::map<std::string, LiveTable>& tables() const { return tables_; }
  const routing::Compiler& compiler() const { return compiler_; }
  routing::Compiler& compiler() { return compiler_; }
  // Where a route learned in `table` with this next hop leads: into the tunnel inside whose subnet
  // it lies, to a station of a port, or into `tunnel`, in which it was learned. None: nowhere.
  std::optional<fib::NextHop> learned_next_hop(TimePoint now, const std::string& table,
                                               const std::string& tunnel,
                                               const wire::IpAddress& next_hop);
  void pin_adjacency(TimePoint now, uint32_t adjacency);
  // Of host devices in a table; null: the daemon's own.
  std::shared_ptr<const host::Namespace> host_namespace(const config::Config& config,
                                                        const std::string& table);
  Bgp& bgp() { return *bgp_; }
  const Bgp& bgp() const { return *bgp_; }
  // Seconds on the clock by which the compiler tells the age of routes.
  uint32_t route_clock_s(TimePoint now) const;
  const neighbor::Table& neighbors() const { return neighbors_; }
  const publish::SaStore& sas() const { return sas_; }
  const publish::GroupStore& groups() const { return groups_; }
  const PathChecks& paths() const { return paths_; }
  // Whether a tunnel can carry packets, by the same truth the workers have; and why not.
  bool is_tunnel_live(uint32_t tunnel) const;
  std::string why_tunnel_is_down(uint32_t tunnel) const;
  ike::Engine& ike() { return ike_; }
  const ike::Engine& ike() const { return ike_; }
  const host::Devices& host_devices() const { return host_devices_; }
  // By the name of their table.
  const std::map<std::string, std::unique_ptr<FpmFeed>>& fpm() const { return fpm_; }
  const std::string& tunnel_name(uint32_t number) const { return tunnel_numbers_.name(number); }
  std::optional<uint32_t> tunnel_number(const std::string& name) const {
    return tunnel_numbers_.find(name);
  }
  // The tunnel whose packets leave with this SPI, or kNoTunnel.
  uint32_t tunnel_sending(uint32_t spi) const;
  watch::Tracer& tracer() { return tracer_; }
  watch::Capturer& capturer() { return capturer_; }
  KeyBook& key_book() { return key_book_; }
  // Has the key book look at the IKE SAs there are.
  void see_ike_keys();
  // Child SAs whose keys it has not: they are older than the permission.
  uint32_t sas_without_keys(std::optional<uint32_t> tunnel) const;
  const std::string& port_name(uint16_t id) const;
  const std::string& table_name(uint16_t number) const { return table_numbers_.name(number); }
  // Address of the neighbour an adjacency leads to; null if there is none.
  const wire::IpAddress* adjacency_address(uint32_t adjacency) const;
  uint16_t adjacency_port(uint32_t adjacency) const;
  TimePoint started() const { return started_; }
  // Share of its time a worker was busy over the last second, 0 … 1.
  double load(uint16_t worker) const { return load_[worker].share; }
  // Packets a second the worker took in, from ports and from other workers, over the same second.
  double packet_rate(uint16_t worker) const { return load_[worker].packets_per_second; }
  // Refused before they reached IKE: no UDP, bad lengths or checksums.
  uint64_t bad_datagrams() const { return bad_datagrams_; }
  // ICMP from outside about the size of ESP packets, by what became of it.
  struct MtuMessages {
    uint64_t believed = 0;
    uint64_t ignored = 0;
  };
  const MtuMessages& mtu_messages() const { return mtu_messages_; }

 private:
  struct HeldPacket {
    uint16_t table;
    std::vector<uint8_t> bytes;
  };
  struct AdjacencyOwner {
    uint16_t port;
    wire::IpAddress address;
    bool is_up = false;  // it answers
  };

  Gateway(config::Config config, std::unique_ptr<DataPlane> plane);

  // neighbor::Host
  void send_frame(uint16_t port, const neighbor::Frame& frame) override;
  void resolved(uint16_t port, const wire::IpAddress& address, uint32_t adjacency,
                const wire::MacAddress& mac) override;
  void lost(uint16_t port, const wire::IpAddress& address, uint32_t adjacency,
            bool forgotten) override;
  void release(neighbor::Held packet) override;
  void discard(neighbor::Held packet) override;

  // ike::Host
  void send(const wire::Endpoint& local, const wire::Endpoint& remote,
            wire::Bytes message) override;
  void send_keepalive(const wire::Endpoint& local, const wire::Endpoint& remote) override;
  void random(wire::MutableBytes out) override;
  Result<uint32_t> reserve_spi(uint32_t tunnel) override;
  void release_spi(uint32_t spi) override;
  void install_inbound(const ike::ChildSa& child) override;
  void install_outbound(const ike::ChildSa& child) override;
  void remove_inbound(uint32_t spi) override;
  void remove_outbound(uint32_t tunnel, uint32_t outbound_spi) override;
  void move_endpoint(uint32_t tunnel, const wire::Endpoint& remote) override;
  void tunnel_gone(uint32_t tunnel) override;
  void log(Level level, std::string_view event, std::string_view text) override;

  // routing::Forwarding, in routes.cc
  Status set(routing::TableId table, const wire::Prefix& prefix, fib::NextHop hop) override;
  void unset(routing::TableId table, const wire::Prefix& prefix) override;
  void set_group(uint32_t group, std::span<const routing::Member> members) override;

  // Packets from the workers.
  void punted(TimePoint now, const Punted& packet);
  void path_shrank(TimePoint now, wire::Bytes packet);
  void happened(TimePoint now, rings::Event event);
  void send_local(const wire::IpAddress& from, const std::vector<uint8_t>& packet);
  const LiveTable* table_with_address(const wire::IpAddress& address) const;
  void watch_traffic(TimePoint now);
  void measure_load(TimePoint now);
  void follow_key_export();
  void forget_gone_tunnels();
  void end_tunnels(TimePoint now);

  // The machine's own stack, in host_devices.cc.
  std::vector<host::DeviceSpec> device_specs(const config::Config& config, std::string& why);
  bool prepare_host_devices(const config::Config& next, std::vector<config::Problem>& problems);
  Status send_from_host(const host::DeviceSpec& device, wire::Bytes packet);
  void apply_host_devices();

  // Routes of another routing daemon, in fpm.cc.
  std::optional<fib::NextHop> hop_by_device(const std::string& table, const std::string& device,
                                            const std::optional<wire::IpAddress>& gateway);
  std::unique_ptr<FpmFeed> make_fpm_feed(const config::RouteTable& table);
  void apply_fpm();
  void forget_fpm(const std::string& table);  // the table is dropped
  void listen_fpm(const std::string& table, FpmFeed& feed);
  bool poll_fpm(TimePoint now);
  void tick_fpm(TimePoint now);

  // Applying a configuration, in apply.cc; the order is in apply().
  bool open_ports(const config::Config& next, std::vector<std::string>& opened,
                  std::vector<config::Problem>& problems);
  void close_ports(const std::vector<std::string>& names);
  bool enough_tunnel_numbers(const config::Config& next) const;
  void apply(TimePoint now, config::Config next);
  void apply_ports(const config::Config& next);
  void apply_tunnels(TimePoint now, config::Config& next);

  // Routes, in routes.cc.
  using PortTables = std::map<std::string, std::vector<std::string>>;  // port -> tables
  void apply_tables(const std::map<std::string, routing::PlannedTable>& wanted);
  void apply_port_tables(PortTables next);
  bool has_port(const std::string& table, const std::string& port) const;
  void apply_routes(TimePoint now, LiveTable& table, const std::vector<routing::Wanted>& wanted);
  void install_route(TimePoint now, LiveTable& table, const routing::Wanted& route);
  std::optional<fib::NextHop> next_hop_of(TimePoint now, const routing::Target& target);
  // An adjacency for a route or path; kept and asked for as long as one needs it.
  std::optional<uint32_t> pin_neighbor(TimePoint now, uint16_t port,
                                       const wire::IpAddress& address);
  void forget_neighbors(const OpenPort& port);
  void set_neighbor_routes(uint16_t port, const wire::IpAddress& address, uint32_t adjacency);
  void unset_neighbor_routes(uint16_t port, const wire::IpAddress& address);
  // Tells the compiler whether a tunnel can carry packets.
  void judge_tunnel(uint32_t tunnel);
  // Whether routes may lead to a neighbour: it answers, and its BFD session does not say no.
  void judge_adjacency(uint32_t adjacency, const AdjacencyOwner& owner);
  void publish_table(const std::string& name, const LiveTable& table, const config::Config& next);
  void publish_adjacency(uint32_t adjacency, uint16_t port, const wire::MacAddress* mac);
  void resolve_paths(TimePoint now);
  bool resolve_path(TimePoint now, const config::Tunnel& tunnel);
  void resolve_path_of(uint32_t tunnel);
  const OpenPort* port_by_id(uint16_t id) const;

  config::Config config_;
  std::string config_file_;
  std::unique_ptr<DataPlane> plane_;
  fib::NodePool nodes_;
  publish::DataPlanePlane commands_;
  watch::SessionKeeper watched_;
  watch::Tracer tracer_;
  watch::Capturer capturer_;
  KeyBook key_book_;
  publish::SaStore sas_;
  publish::GroupStore groups_;
  PathChecks paths_;
  std::map<uint32_t, bool> live_tunnels_;  // as BGP was told
  neighbor::Table neighbors_;
  ike::Engine ike_;
  host::Namespaces namespaces_;
  host::Devices host_devices_;
  Index tunnel_numbers_;
  // Tunnels out of the configuration that IKE still deletes, by number.
  struct Leaving {
    std::string name;
    bool gone = false;  // IKE is done; the number is free from the next tick on
  };
  std::map<uint32_t, Leaving> leaving_;
  Index table_numbers_;
  std::map<std::string, OpenPort> ports_;
  std::map<std::string, LiveTable> tables_;
  std::map<uint16_t, LiveTable*> tables_by_number_;
  std::vector<std::pair<uint64_t, LiveTable>> old_tables_;  // until acknowledged
  PortTables port_tables_;                                  // that have the port's subnets
  routing::Compiler compiler_;
  std::map<std::string, std::unique_ptr<FpmFeed>> fpm_;  // by table
  bool is_underlay_changed_ = false;                     // since the ways of tunnels were looked up
  std::map<uint32_t, AdjacencyOwner> adjacencies_;
  // What was last reported to IKE, by inbound SPI.
  struct Seen {
    uint64_t packets_in = 0;
    uint64_t packets_out = 0;
  };
  std::map<uint32_t, Seen> seen_;
  struct Load {
    uint64_t busy = 0;     // cycles at the last measurement
    uint64_t total = 0;    // likewise
    uint64_t packets = 0;  // likewise
    double share = 0;
    double packets_per_second = 0;
  };
  std::vector<Load> load_;  // [worker]
  TimePoint last_load_{};
  TimePoint started_;
  TimePoint next_slow_tick_{};
  TimePoint now_{};  // of the call being served; Host's functions have no time of their own
  uint64_t bad_datagrams_ = 0;
  MtuMessages mtu_messages_;
  bool farewell_due_ = false;  // IKE deletes its SAs when BGP has taken leave through them
  std::unique_ptr<Bgp> bgp_;   // last: it looks at the rest
};

}  // namespace kanmon::daemon
