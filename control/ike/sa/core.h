// The engine's inside: all tunnels, IKE SAs and child SAs, and what every task needs of them.
//
// Objects that go while a task runs are kept until the end of the engine's call (sweep()), so that
// pointers stay good through one call. `now` is the time of that call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/ike/cookie.h"
#include "control/ike/engine.h"
#include "control/ike/sa/counters.h"
#include "control/ike/sa/ike_sa.h"
#include "control/ike/sa/timers.h"
#include "control/ike/sa/tunnel.h"
#include "control/ike/wire/message.h"
#include "control/ike/wire/rules.h"

namespace kanmon::ike {

// A received message with its header.
struct Arrived {
  wire::Endpoint local;
  wire::Endpoint remote;
  wire::Bytes bytes;
  Header header;
};

// IKE messages longer than this are fragmented if the peer can take it (RFC 7383); with IP and UDP
// headers it stays below the 1,280 octets every IPv6 path carries.
inline constexpr std::size_t kMaxIkeDatagram = 1200;
inline constexpr std::size_t kNonceBytes = 32;
// A closed IKE SA answers repetitions for that long.
inline constexpr std::chrono::seconds kClosedLingers{30};
// What the other end should have deleted, we delete after so long.
inline constexpr std::chrono::seconds kOverdue{60};
// A delete is repeated no more often than that before the SA goes unacknowledged.
inline constexpr uint32_t kDeleteTries = 5;

class Core {
 public:
  Core(Host& h, EngineOptions o);

  // --- lookups ---
  Tunnel* tunnel_by_name(std::string_view name) const;
  Tunnel* tunnel_by_serial(uint64_t serial) const;
  IkeSa* ike_by_spi(uint64_t local_spi) const;
  // `inbound_spi` is ours. Lingering child SAs are found too.
  Child* child_by_spi(uint32_t inbound_spi) const;
  // The tunnel's child SA with which we send to `peer_spi`, unless it is lingering.
  Child* child_by_peer_spi(const Tunnel& tunnel, uint32_t peer_spi) const;

  // --- making and ending ---
  IkeSa& make_ike(bool initiator, uint64_t local_spi, Tunnel* tunnel);
  uint64_t fresh_ike_spi();
  Child& make_child(std::unique_ptr<Child> child);
  // Takes the IKE SA out of all tables at once, without a word to anybody.
  void bury(IkeSa& sa);
  // Keeps nothing of it but the last response, for a while.
  void close(IkeSa& sa);
  void bury(Child& child);
  // Forgets what our CREATE_CHILD_SA was about; the SPI it reserved goes back.
  void drop_attempts(IkeSa& sa);
  // Frees what was buried. Called at the end of each call of the engine.
  void sweep();

  // --- messages ---
  Header header_of(const IkeSa& sa, ExchangeType exchange, bool response, uint32_t id) const;
  // Seals with `sa`'s keys, in fragments if need be. Empty on failure, which is counted.
  Datagrams seal(Agreement& agreed, const MessageBuilder& message);
  void transmit(const wire::Endpoint& local, const wire::Endpoint& remote,
                const Datagrams& message);
  // Sends a request and starts its retransmission.
  void request(IkeSa& sa, const MessageBuilder& message);
  // Sends the response to the request accepted last and remembers it.
  void respond(IkeSa& sa, const Arrived& to, const MessageBuilder& message);
  // Remembers where the response goes and waits for the inbound half of `child_spi`.
  void hold_response(IkeSa& sa, const Arrived& to, const MessageBuilder& message,
                     uint32_t child_spi);
  void release_response(IkeSa& sa);
  void arm_retransmit(IkeSa& sa);
  RetransmitPolicy policy_for(const IkeSa& sa) const;

  // --- small things ---
  void count(Count c) { counters.add(c); }
  void log(Host::Level level, std::string_view event, const std::string& text) {
    host.log(level, event, text);
  }
  // For what strangers can cause at will: one line a second for each event, with the number of
  // those left out since the last one.
  void log_stranger(Host::Level level, const char* event, const std::string& text);
  uint32_t dice();
  Octets random_octets(std::size_t n);
  void enqueue(IkeSa& sa, Work work);

  Host& host;
  const EngineOptions options;
  RandomFn random;
  Timers timers;
  Counters counters;
  CookieJar cookies;
  TimePoint now{};
  bool shutting_down = false;

  // By serial, that is in the order of configuration; removed ones until their SAs are gone.
  std::map<uint64_t, std::unique_ptr<Tunnel>> tunnels;
  std::unordered_map<std::string, Tunnel*> tunnels_by_name;  // without removed ones
  std::size_t removed_tunnels = 0;
  std::unordered_map<uint64_t, std::unique_ptr<IkeSa>> ikes;
  std::unordered_map<uint32_t, std::unique_ptr<Child>> children;
  // Half-open SAs we answered: initiator's SPI and where it came from.
  using HalfOpenKey = std::pair<uint64_t, wire::Endpoint>;
  std::map<HalfOpenKey, IkeSa*> half_open;
  std::map<wire::IpAddress, uint32_t> half_open_by_source;

 private:
  struct Muted {
    TimePoint last{};
    uint64_t left_out = 0;
  };
  std::map<std::string_view, Muted> muted_;
  uint64_t next_serial_ = 1;
  std::vector<std::unique_ptr<IkeSa>> buried_ikes_;
  std::vector<std::unique_ptr<Child>> buried_children_;

 public:
  uint64_t serial() { return next_serial_++; }
};

// "tunnel=branch" or "peer=192.0.2.1:500" if the tunnel is not known yet.
std::string who(const IkeSa& sa);
// 16 hexadecimal digits.
std::string spi_text(uint64_t ike_spi);
std::string spi_text(uint32_t esp_spi);
int64_t milliseconds_since(TimePoint start, TimePoint now);

}  // namespace kanmon::ike
