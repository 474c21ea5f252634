// What another routing daemon has told over FPM: its routes, and the next-hop objects they lead to.
// Pure; the time is passed in, and what comes of it goes to a Sink.
//
// A frame takes effect as a whole: zebra replaces a route by a removal and an addition in one
// frame, and no packet is to fall between. FPM has no end of a full transfer: when a connection
// ends, its routes stay for the stale time; when the next one begins, what it does not tell again
// within that time goes.
//
// Cost: a route, a look-up; an object that changes, its routes. Bounded by Limits; what is beyond
// is refused and counted, and all that was there stays.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "control/fpm/netlink.h"

namespace kanmon::fpm {

using TimePoint = std::chrono::steady_clock::time_point;

struct Limits {
  size_t routes = 2'000'000;
  size_t objects = 65'536;
  std::chrono::seconds stale{120};
};

class Routes {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    // Adds or replaces. No ways: it drops what it covers.
    virtual void set(const wire::Prefix& prefix, std::span<const Way> ways) = 0;
    virtual void unset(const wire::Prefix& prefix) = 0;
  };
  struct Counters {
    uint64_t messages = 0;
    uint64_t refused = 0;  // beyond a limit
  };

  Routes(Sink& sink, const Limits& limits) : sink_(sink), limits_(limits) {}

  // A connection stands, or has ended.
  void connected(TimePoint now);
  void disconnected(TimePoint now);
  // The messages of a frame.
  void apply(std::span<const Message> messages);
  // Gives the sink all routes once more: it looks at ways with other eyes.
  void replay();
  // Forgets everything, and takes away from the sink what it has.
  void clear();
  // Takes away what is stale; call about once a second. When that is due next, for show.
  void tick(TimePoint now);
  std::optional<TimePoint> sweep_due() const { return due_; }

  size_t size() const { return routes_.size(); }
  size_t objects() const { return objects_.size(); }
  // Routes that lead to no way, as their object is not known: not given to the sink.
  size_t unresolved() const { return unresolved_; }
  size_t stale() const;
  const Counters& counters() const { return counters_; }

 private:
  struct Route {
    Destination to;
    uint32_t epoch = 0;
    bool given = false;       // the sink has it
    bool unresolved = false;  // counted as such
  };
  struct Object {
    NextHopMessage is;
    uint32_t epoch = 0;
    bool known = false;               // told, not only referred to
    std::set<wire::Prefix> routes{};  // that lead to it
    std::set<uint32_t> groups{};      // that contain it
  };
  using Touched = std::set<wire::Prefix>;

  void take(const RouteMessage& route, Touched& touched);
  void take(const NextHopMessage& hop, Touched& touched);
  void touch_users(uint32_t object, Touched& touched, unsigned depth);
  Object* refer(uint32_t object);
  void let_go(uint32_t object);
  void leave_group(uint32_t member, uint32_t group);
  void detach(const wire::Prefix& prefix, const Destination& to);
  void forget_object(Object& object, uint32_t id);
  // False: leads nowhere known.
  bool resolve(uint32_t object, std::vector<Way>& ways, bool& blackhole, unsigned depth) const;
  bool resolve(const Destination& to, std::vector<Way>& ways) const;
  void publish(const Touched& touched);
  void publish(const wire::Prefix& prefix, Route& route);
  void sweep();

  Sink& sink_;
  const Limits limits_;
  std::map<wire::Prefix, Route> routes_;
  std::unordered_map<uint32_t, Object> objects_;
  std::set<wire::Prefix> gone_;  // removed in this frame, and the sink has them
  size_t unresolved_ = 0;
  uint32_t epoch_ = 0;
  bool is_connected_ = false;
  std::optional<TimePoint> due_;
  Counters counters_;
};

}  // namespace kanmon::fpm
