// One neighbour of a speaker: its session, its routes and its TCP connections, put together.
// Control's thread; made and owned by the Speaker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "control/bgp/peering.h"
#include "control/bgp/session.h"
#include "control/bgp/speaker/default_route_loop.h"
#include "control/bgp/speaker/settings.h"
#include "control/bgp/transport/transport.h"

namespace kanmon::bgp {

class Speaker;

class Peer final : private SessionHost, public TcpPeer {
 public:
  // `remote`: its address. `is_dynamic`: it was admitted by a range, and only connects to us.
  Peer(Speaker& speaker, PeerSettings settings, const wire::IpAddress& remote, bool is_dynamic);
  // What is established ends with Cease 6/3.
  ~Peer() override;

  // Listens and starts. What the kernel refuses is tried again by tick().
  void start(TimePoint now);
  // Other settings under which the session can go on (same_session).
  void change(const PeerSettings& settings);
  // Sends up to `limit` changed prefixes. True: there is more and room for it.
  bool send_some(TimePoint now, size_t limit);
  void tick(TimePoint now);

  // -- operator
  void shut_down(TimePoint now, std::string_view text);  // until clear()
  void clear_hard(TimePoint now, std::string_view text);
  // Asks the neighbour for everything once more; false if it cannot (RFC 2918).
  bool refresh_in(TimePoint now);
  // Tells the neighbour everything once more.
  void refresh_out();
  void set_draining(bool draining);
  // RFC 9384: the path is dead; the routes go at once.
  void bfd_down(TimePoint now);

  const std::string& name() const { return settings_.name; }
  const PeerSettings& settings() const { return settings_; }
  const wire::IpAddress& remote() const { return remote_; }
  const Session& session() const { return *session_; }
  Peering& peering() { return *peering_; }
  const Peering& peering() const { return *peering_; }
  bool is_dynamic() const { return is_dynamic_; }
  uint64_t serial() const { return serial_; }  // of the speaker's peers no other ever has it
  bool is_draining() const { return settings_.peering.exports.draining; }
  // Ended, and nothing of it is kept: a dynamic peer can go.
  bool is_over() const;
  bool is_shut_down() const { return is_shut_down_; }
  // Why there is no session: what the kernel or the neighbour said; empty: nothing known.
  const std::string& trouble() const { return trouble_; }
  uint64_t flaps() const { return flaps_; }
  // What the neighbour does with a default route of ours ends its session, again and again.
  bool is_default_route_loop() const { return loop_.is_recognised(); }
  // After a restart of our own: what the neighbour knows is still to come.
  bool awaits_routes(TimePoint now) const { return !is_shut_down_ && now < awaits_until_; }
  std::optional<TimePoint> restart_at() const { return restart_at_; }

 private:
  // SessionHost
  void connect() override;
  void cancel_connect() override;
  uint32_t random() override;
  void up(const Negotiated& session) override;
  void down(const Down& down) override;
  void update(Update& update) override;
  void refresh(const Refresh& refresh) override;
  void writable() override { has_room_ = true; }
  void notified(const Notification& n, bool was_sent) override;
  // TcpPeer
  void connected(std::unique_ptr<Stream> stream) override;
  void connect_failed(const std::string& why) override;
  void accepted(std::unique_ptr<Stream> stream) override;
  void received(Way way, wire::Bytes octets) override;
  void closed(Way way) override;
  void writable(Way way) override;

  bool listen();
  void note_end(wire::Family family);
  void close_if_beyond_limit(TimePoint now);
  bool was_told_default() const;
  void watch_for_loop(const Down& down);

  Speaker& speaker_;
  PeerSettings settings_;
  wire::IpAddress remote_;
  bool is_dynamic_;
  uint64_t serial_;
  std::unique_ptr<Peering> peering_;
  std::unique_ptr<Session> session_;
  bool is_listening_ = false;
  bool is_shut_down_ = false;
  bool has_room_ = false;
  std::optional<wire::Family> beyond_;   // the limit of this family was exceeded
  std::optional<TimePoint> restart_at_;  // after that
  TimePoint next_listen_{};
  std::string trouble_;
  uint64_t flaps_ = 0;
  TimePoint up_since_{};
  DefaultRouteLoop loop_;
  TimePoint awaits_until_{};   // of awaits_routes()
  PerFamily<bool> has_ended_;  // End-of-RIB came, in this session
};

}  // namespace kanmon::bgp
