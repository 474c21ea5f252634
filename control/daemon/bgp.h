// BGP of the gateway: a speaker for each table that has one, joined to TCP in the namespaces of
// host devices on one side and to the route compiler on the other. The gateway turns it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control/bgp/speaker/speaker.h"
#include "control/config/config.h"
#include "control/daemon/bgp_routes.h"
#include "control/daemon/bgp_settings.h"

namespace kanmon::daemon {

class Gateway;
using TimePoint = std::chrono::steady_clock::time_point;

class Bgp final : private bgp::SpeakerHost {
 public:
  // `gateway` owns it.
  explicit Bgp(Gateway& gateway);
  ~Bgp() override;

  // After the gateway has taken over `config`. `moved`: ports, tunnels or tables differ, so that
  // next hops are looked up anew.
  void apply(TimePoint now, const config::Config& config, bool moved);
  // The compiler is about to drop it.
  void table_gone(const std::string& name, routing::TableId table);

  // Reads, decides, installs and tells, for a few milliseconds at most. True: there is more.
  bool poll(TimePoint now);
  void tick(TimePoint now);
  // A tunnel came or went, so a table's own routes may have.
  void local_routes_changed() { own_routes_due_ = true; }
  void pin_again() const;
  // Takes leave of all neighbours.
  void shut_down(TimePoint now);
  // They have it; or two seconds have passed, as long as one that does not answer is waited for.
  bool quiet() const { return transport_.is_quiet(); }

  // -- for the API
  struct Table {
    Table(bgp::Transport& transport, bgp::AttributeTable& attributes, bgp::SpeakerHost& host,
          uint64_t seed, routing::Compiler& compiler, BgpRoutes::World world)
        : speaker(transport, attributes, host, seed), routes(compiler, std::move(world)) {}
    bgp::Speaker speaker;
    BgpRoutes routes;
    std::string cannot_run;  // why its sessions have nowhere to run; empty: they have
    // Routes of other speakers, which the attachment of their neighbour propagates into this table:
    // installed by those, told to neighbours by this one. By table of origin.
    std::map<std::string, bgp::SourceId> from_others;
  };
  const std::map<std::string, std::unique_ptr<Table>>& tables() const { return tables_; }
  std::map<std::string, std::unique_ptr<Table>>& tables() { return tables_; }
  const bgp::AttributeTable& attributes() const { return attributes_; }
  uint64_t refused_connections() const { return transport_.refused(); }
  // Neighbours that run in a tunnel; see Speaker::drain. False: there is none.
  bool drain_tunnel(const std::string& tunnel, bool draining);
  // BFD says that a tunnel, or a neighbour on a port's line, is dead: sessions over it end at once,
  // and their routes are not kept (RFC 5882 section 4.3, RFC 9384).
  void tunnel_died(TimePoint now, const std::string& tunnel);
  void neighbor_died(TimePoint now, const std::string& port, const wire::IpAddress& address);
  // The configuration of a peer or of the range it came from; null if it is gone.
  const config::BgpPeer* config_of(const std::string& table, const bgp::Peer& peer) const;

 private:
  // bgp::SpeakerHost
  uint32_t random() override;
  void say(bgp::Severity severity, const bgp::Peer& peer, const char* event,
           std::span<const bgp::Saying> fields) override;
  void received(const bgp::Peer&, const bgp::Update&) override {}

  void make_table(const config::BgpSpeaker& speaker);
  BgpRoutes::World world_of(const std::string& table);
  std::vector<routing::TableId> tables_for(const std::string& table, const bgp::Peer& peer) const;
  BgpPlace place_of(const config::Config& config, const config::BgpPeer& peer);
  std::set<wire::Prefix> own_routes(const std::string& table,
                                    const config::BgpSpeaker& speaker) const;
  void originate(TimePoint now);
  // The attachments in which the neighbour is; see Attachment.
  std::vector<const config::Attachment*> attachments_of(const std::string& table,
                                                        const bgp::Peer& peer) const;
  const std::vector<std::string>& propagates_to(const std::string& table, const bgp::Peer& peer);
  void propagate(const std::string& from, const wire::Prefix& prefix,
                 std::span<const bgp::Speaker::Selected> paths, uint32_t now_s);
  void end_propagation(const std::string& from);
  void path_died(TimePoint now,
                 const std::function<bool(const bgp::Peer&, const config::BgpPeer&)>& runs_there);

  Gateway& gateway_;
  bgp::Transport transport_;
  bgp::AttributeTable attributes_;
  config::Bgp known_;  // lists and maps that policies_ was made of
  std::shared_ptr<const BgpPolicies> policies_;
  std::map<std::string, std::unique_ptr<Table>> tables_;
  // Tables with a speaker that have the routes of a neighbour too; by its table and serial.
  std::map<std::pair<std::string, uint64_t>, std::vector<std::string>> propagations_;
  bool own_routes_due_ = false;
  TimePoint now_{};
};

}  // namespace kanmon::daemon
