// Two IKE engines in one process: a fake clock, a fake wire that loses, doubles, delays and forges,
// and a fake data plane that acknowledges later and knows what a packet would meet on arrival.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "control/ike/engine.h"
#include "control/ike/wire/header.h"

namespace kanmon::test {

using ike::Duration;
using ike::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Octets = std::vector<uint8_t>;

// An IKE message on its way. Endpoints as the receiver will see them.
struct Message {
  uint64_t number = 0;  // in order of sending, from 0
  bool from_a = false;
  wire::Endpoint from, to;
  Octets bytes;
  ike::Header header;

  bool is(ike::ExchangeType exchange, bool response) const {
    return header.exchange == exchange && header.response == response;
  }
};

// What the wire does with a message: one delivery per entry; none loses it.
using Fate = std::vector<Duration>;

// One peer's Host: data plane and log.
class FakeHost : public ike::Host {
 public:
  struct Inbound {
    ike::ChildSa sa;  // its SPI and what was agreed on
    Octets key;
    bool acknowledged = false;
  };
  struct Outbound {
    uint32_t spi = 0;
    Octets key;
    uint32_t inbound_spi = 0;
    wire::Endpoint remote;
  };

  void send(const wire::Endpoint& local, const wire::Endpoint& remote, wire::Bytes bytes) override;
  void send_keepalive(const wire::Endpoint& local, const wire::Endpoint& remote) override;
  void random(wire::MutableBytes out) override;
  Result<uint32_t> reserve_spi(uint32_t tunnel) override;
  void release_spi(uint32_t spi) override;
  void install_inbound(const ike::ChildSa& child) override;
  void install_outbound(const ike::ChildSa& child) override;
  void remove_inbound(uint32_t spi) override;
  void remove_outbound(uint32_t tunnel, uint32_t outbound_spi) override;
  void move_endpoint(uint32_t tunnel, const wire::Endpoint& remote) override;
  void tunnel_gone(uint32_t tunnel) override { gone.push_back(tunnel); }
  void log(Level level, std::string_view event, std::string_view text) override;

  bool has_log(std::string_view event, std::string_view part = {}) const;

  std::map<uint32_t, Inbound> inbound;
  std::map<uint32_t, Outbound> outbound;  // by tunnel
  std::set<uint32_t> reserved;
  std::vector<std::string> lines;  // "event text"
  std::vector<Octets> keys_seen;   // every child key that went to the data plane
  std::vector<std::pair<uint32_t, wire::Endpoint>> moves;
  std::vector<uint32_t> gone;  // tunnels of which nothing is left
  uint64_t keepalives = 0;
  uint64_t outbound_installs = 0;
  bool spis_exhausted = false;
  std::mt19937_64 dice;
  uint32_t next_spi = 0x1000;

  std::function<void(const wire::Endpoint&, const wire::Endpoint&, wire::Bytes)> on_send;
  std::function<void(uint32_t)> on_install;
};

class TwoPeers {
 public:
  struct Side {
    FakeHost host;
    std::unique_ptr<ike::Engine> engine;
    uint64_t gaps = 0;    // packets that found no SA on arrival
    uint64_t unsent = 0;  // packets for which there was no outbound SA, after the first time up
    bool was_up = false;
  };

  explicit TwoPeers(uint64_t seed = 1, ike::EngineOptions options = {});

  // The tunnel "t" as each side is configured: pre-shared key, AES256-GCM-16, PRF-SHA2-384, X25519,
  // ECP-256, both starting on their own only if asked to.
  static ike::TunnelParameters parameters(bool for_a);
  // Adds "t" at both sides; `a` initiates.
  void add_both();
  // add_both() and run until both are up and know it; false if that does not happen within 10 s.
  // Packets lost before there was a child SA do not count.
  bool connect();

  TimePoint now() const { return now_; }
  // Does the next thing that is due: a delivery, an acknowledgement, a timer. False: nothing ever.
  bool step();
  void run_for(Duration d);
  // True as soon as `done` holds; false when `limit` has passed.
  bool run_until(const std::function<bool()>& done, Duration limit);

  ike::TunnelStatus status(bool of_a, std::string_view name = "t") const;
  bool up(bool a_side) const { return status(a_side).state == ike::TunnelState::kUp; }
  bool both_up() const { return up(true) && up(false); }
  uint64_t counter(bool of_a, std::string_view name) const;

  // Empty if what A holds mirrors what B holds, the data planes hold what the engines say and no
  // SPI stays reserved. Lingering SAs must have gone (run_for the linger time before).
  std::string mirror_problem() const;
  // Delivers `bytes` to one side now, as if it came from `from`.
  void inject(bool to_a, const wire::Endpoint& from, const wire::Endpoint& to, const Octets& bytes);
  // A packet in each direction at this instant, to be judged on arrival. With `tell`, engines hear
  // of it (traffic_seen), as from workers that report at once.
  void send_packets(bool tell);

  Side a, b;
  Side& side(bool is_a) { return is_a ? a : b; }
  const Side& side(bool is_a) const { return is_a ? a : b; }
  Duration wire_delay{milliseconds(5)};
  Duration install_delay{milliseconds(1)};
  // Asked for every message; default: {wire_delay}.
  std::function<Fate(const Message&)> fate;
  // Called at delivery, before the engine sees it.
  std::function<void(const Message&)> on_delivery;
  // A packet in each direction after every event and once every so often. Zero: none.
  Duration traffic_interval{};
  bool traffic_tells = true;
  // A NAT in front of A: what B sees instead of A's address. Ports are mapped to `nat_port` + port.
  std::optional<wire::IpAddress> nat_a;
  uint16_t nat_port = 20'000;
  // Nothing is recorded in `sent` when false (long runs).
  bool record = true;
  std::vector<Message> sent;

  static inline const wire::IpAddress kAddressA = wire::IpAddress::v4(0xc0000201);  // 192.0.2.1
  static inline const wire::IpAddress kAddressB = wire::IpAddress::v4(0xc0000202);

 private:
  void at(TimePoint when, std::function<void()> run);
  void wire_up(bool is_a);
  void on_send(bool from_a, const wire::Endpoint& local, const wire::Endpoint& remote,
               wire::Bytes bytes);
  void deliver(const Message& message);
  wire::Endpoint outside_of_a(const wire::Endpoint& inside) const;
  void send_packet(bool from_a, bool tell);
  void arrive(bool at_a, const FakeHost::Outbound& packet, wire::Endpoint from, bool tell);

  TimePoint now_{std::chrono::hours(1)};
  uint64_t order_ = 0;
  uint64_t numbers_ = 0;
  std::map<std::pair<TimePoint, uint64_t>, std::function<void()>> events_;
  TimePoint next_traffic_{};
  bool quiet_ = false;
};

}  // namespace kanmon::test
