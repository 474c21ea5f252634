// The BGP speaker of one route table: its neighbours, what they sent, which routes are best, and
// what each neighbour is told. RFC 4271.
//
// Who forwards reads the selected paths by take_changes(); who has routes of its own gives them by
// originate(). All work is bounded: poll() does a part and says whether there is more, so that a
// full table never holds up what else its thread has to do. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control/bgp/speaker/peer.h"
#include "control/bgp/speaker/settings.h"

namespace kanmon::bgp {

enum class Severity : uint8_t { kDebug, kInfo, kWarning, kError };
using Saying = std::pair<const char*, std::string>;  // a field of a log line

class SpeakerHost {
 public:
  virtual ~SpeakerHost() = default;
  virtual uint32_t random() = 0;
  // Something an operator wants to know of. `peer`: its name; fields whose text is empty say
  // nothing.
  virtual void say(Severity severity, const Peer& peer, const char* event,
                   std::span<const Saying> fields) = 0;
  // An UPDATE came, before it is applied.
  virtual void received(const Peer& peer, const Update& update) = 0;
};

class Speaker {
 public:
  // Prefixes that are looked at between two looks at the clock: some 100 us.
  static constexpr size_t kChunk = 256;

  // `transport`, `attributes` and `host` outlive it. `seed`: any random number.
  Speaker(Transport& transport, AttributeTable& attributes, SpeakerHost& host, uint64_t seed);
  ~Speaker();
  Speaker(const Speaker&) = delete;
  Speaker& operator=(const Speaker&) = delete;

  // Makes what `next` says of what runs: neighbours that do not differ are not touched, those whose
  // policies alone differ have their routes judged again (the routes as received are kept, so
  // nobody is asked for them), others start anew.
  void apply(TimePoint now, SpeakerSettings next);

  // The time of what the transport is about to tell.
  void at(TimePoint now) { now_ = now; }
  // Conditions, summaries and what neighbours are to be told, up to about `until`. True: there is
  // more to do.
  bool poll(TimePoint now, TimePoint until);
  void tick(TimePoint now);

  // The gateway's own routes, all of them.
  void originate(TimePoint now, const std::set<wire::Prefix>& prefixes);

  // -- who forwards
  // One path of a selected prefix. `peer` is null for a route of the gateway's own.
  struct Selected {
    const Path* path = nullptr;
    Peer* peer = nullptr;
    bool is_standby = false;  // the next best: to be used when the others are dead
  };
  // `paths`: the best first, then those beside it, then one standby; empty: there is none.
  using Take =
      std::function<void(NodeId node, const wire::Prefix& prefix, std::span<const Selected> paths)>;
  // Calls `take` for up to `limit` changes. How many there were.
  size_t take_changes(size_t limit, const Take& take);
  bool has_changes() const { return rib_.has_changes(forwarding_); }
  // All prefixes once more.
  void replay() { rib_.replay(forwarding_); }

  // -- operator; false: no such neighbour. A range's name means all who connected from it.
  enum class Clear : uint8_t { kHard, kSoftIn, kSoftOut };
  bool clear(TimePoint now, std::string_view peer, Clear how, std::string_view text);
  bool shut_down(TimePoint now, std::string_view peer, std::string_view text);
  // RFC 8326: routes go out with GRACEFUL_SHUTDOWN, and those of the neighbour are used last.
  bool drain(std::string_view peer, bool draining);
  // BFD says that the path to the neighbour is dead (RFC 5882, RFC 9384).
  bool bfd_down(TimePoint now, std::string_view peer);

  const SpeakerSettings& settings() const { return settings_; }
  const std::vector<std::unique_ptr<Peer>>& peers() const { return peers_; }
  Peer* find(std::string_view name) const;
  Peer* peer_of(SourceId source) const {
    return source < by_source_.size() ? by_source_[source] : nullptr;
  }
  const Rib& rib() const { return rib_; }

  // -- for its peers
  Rib& rib() { return rib_; }
  AttributeTable& attributes() { return attributes_; }
  Transport& transport() { return transport_; }
  TimePoint now() const { return now_; }
  uint32_t random() { return host_.random(); }
  uint64_t next_serial() { return ++serials_; }
  void say(Severity severity, const Peer& peer, const char* event,
           std::initializer_list<Saying> fields);
  void received(const Peer& peer, const Update& update) { host_.received(peer, update); }

 private:
  void apply_rules(const SpeakerSettings& next);
  void apply_peers(TimePoint now, const std::vector<PeerSettings>& wanted);
  void add_peer(TimePoint now, PeerSettings settings, const wire::IpAddress& remote, bool dynamic);
  void remove_peer(Peer& peer);
  void add_range(const PeerSettings& settings);
  TcpPeer* admit(const std::string& range, const wire::IpAddress& remote);
  bool awaits_routes(TimePoint now) const;
  bool suppresses(const wire::Prefix& prefix) const;
  void judge_exports_again();
  const Path* next_best(NodeId node);
  template <class F>
  bool for_named(std::string_view name, F f);

  Transport& transport_;
  AttributeTable& attributes_;
  SpeakerHost& host_;
  SpeakerSettings settings_;
  Rib rib_;
  Decision decision_;
  SourceId own_;
  AttributeRef own_attributes_;
  std::set<wire::Prefix> originated_;
  ConsumerId forwarding_;
  std::unique_ptr<Aggregates> aggregates_;
  std::unique_ptr<Conditions> conditions_;
  std::map<std::string, PeerSettings> ranges_;  // by name
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> by_source_;
  std::vector<Selected> selected_;  // of the prefix at hand
  uint64_t serials_ = 0;
  size_t turn_ = 0;  // the peer that is served first
  TimePoint now_{};
};

}  // namespace kanmon::bgp
