// The neighbours of every port: resolved by ARP and ND, kept fresh, forgotten when they are gone.
//
// Pure: time is an argument, frames and packets leave through Host. A neighbour owns an adjacency
// index from the moment somebody asks for it, resolved or not, so that routes and tunnels can refer
// to it at once; the workers' record of that adjacency changes when the answer comes.
//
// States (RFC 4861 section 7.3.2, for both families): incomplete, reachable, probe, failed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/neighbor/frames.h"
#include "dataplane/wire/address.h"

namespace kanmon::neighbor {

using TimePoint = std::chrono::steady_clock::time_point;

enum class State : uint8_t { kIncomplete, kReachable, kProbe, kFailed };
const char* to_string(State s);

// A packet that waits for its neighbour; the host knows what it is.
using Held = void*;

class Host {
 public:
  virtual ~Host() = default;
  virtual void send_frame(uint16_t port, const Frame& frame) = 0;
  // The neighbour's station is known (or changed): adjacency `index` leads there from now on.
  virtual void resolved(uint16_t port, const wire::IpAddress& address, uint32_t adjacency,
                        const wire::MacAddress& mac) = 0;
  // Nobody answers any more; `forgotten`: the adjacency index is given back.
  virtual void lost(uint16_t port, const wire::IpAddress& address, uint32_t adjacency,
                    bool forgotten) = 0;
  virtual void release(Held packet) = 0;  // send it, its neighbour is there
  virtual void discard(Held packet) = 0;  // free it, nobody answered
};

struct Timing {
  std::chrono::milliseconds retry{1000};
  unsigned tries = 3;
  std::chrono::seconds reachable{30};  // then it is asked again, by unicast, still in use
  std::chrono::seconds failed{20};     // a pinned neighbour is asked again after this
};

class Table {
 public:
  // At most this many neighbours in all; beyond it ask() for a new one is refused, so that a scan
  // of a connected subnet cannot take unbounded memory.
  static constexpr size_t kMaxNeighbors = 16'384;
  static constexpr size_t kMaxHeld = 8;  // packets that wait for one neighbour

  Table(Host& host, Timing timing = {});

  // A port's own addresses; the table answers questions for them and asks from them.
  void set_port(uint16_t port, const wire::MacAddress& mac,
                std::vector<wire::InterfaceAddress> addresses);
  // Forgets the port and its neighbours.
  void remove_port(uint16_t port);
  // Sends an announcement for each address of the port.
  void announce(uint16_t port);

  // The adjacency of a neighbour, which is asked for if it is not known yet. `pinned`: it is kept
  // and asked for again for ever (a gateway, a peer). No value: the table is full.
  std::optional<uint32_t> ask(TimePoint now, uint16_t port, const wire::IpAddress& address,
                              bool pinned);
  // Ends all pins; who still needs a neighbour asks again with `pinned` before the next tick().
  void unpin_all();
  // Keeps `packet` until its neighbour answers or fails; asks if need be. Takes the packet.
  void hold(TimePoint now, uint16_t port, const wire::IpAddress& address, Held packet);

  // A frame punted by a worker (ARP or ND). Answers it if it asks for one of ours. Learns only
  // what RFC 826 and RFC 4861 allow: from those that talk to us, inside the port's subnets.
  // False: the frame is malformed or none of these.
  bool receive(TimePoint now, uint16_t port, wire::Bytes frame);

  // Asks again, probes and forgets what is due; call it about every 100 ms.
  void tick(TimePoint now);

  struct Entry {
    uint16_t port = 0;
    wire::IpAddress address;
    State state = State::kIncomplete;
    std::optional<wire::MacAddress> mac;
    uint32_t adjacency = 0;
    bool pinned = false;
    TimePoint answered;  // when it was last heard; meaningless while `mac` is absent
    unsigned tries = 0;  // questions without an answer
  };
  std::vector<Entry> entries() const;

 private:
  struct Neighbor : Entry {
    TimePoint deadline;
    std::vector<Held> held;
  };
  struct Port {
    wire::MacAddress mac{};
    std::vector<wire::InterfaceAddress> addresses;
  };
  using Key = std::pair<uint16_t, wire::IpAddress>;

  Neighbor* find(uint16_t port, const wire::IpAddress& address);
  // Both null if the table is full.
  Neighbor* find_or_ask(TimePoint now, uint16_t port, const wire::IpAddress& address);
  Neighbor* add(TimePoint now, uint16_t port, const wire::IpAddress& address);
  const wire::InterfaceAddress* subnet_of(uint16_t port, const wire::IpAddress& address) const;
  bool is_ours(uint16_t port, const wire::IpAddress& address) const;
  void learn(TimePoint now, Neighbor& n, const wire::MacAddress& mac);
  void enter(TimePoint now, Neighbor& n, State state);
  void send_question(Neighbor& n);
  void due(TimePoint now, Neighbor& n);
  bool fail(TimePoint now, Neighbor& n);  // true: forget it
  void drop_held(Neighbor& n);

  Host& host_;
  Timing timing_;
  std::map<uint16_t, Port> ports_;
  std::map<Key, Neighbor> neighbors_;
  std::vector<uint32_t> free_adjacencies_;
  uint32_t next_adjacency_ = 0;
};

}  // namespace kanmon::neighbor
