// The routes of one route table, IPv4 and IPv6: what each peer sent (Adj-RIB-In, before and after
// the import policy), the decision among them (Loc-RIB), and the stream of changes for those who
// act on it: the forwarding table and one Adj-RIB-Out per peer. RFC 4271 sections 3.2 and 9.
//
// A change of one route costs O(candidates of its prefix). Consumers read changes when they like: a
// prefix waits at most once however often it changes, so a slow consumer costs no memory, and never
// holds up another one (BGP-22).
//
// Pure: no clock (seconds are passed in), no sockets. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "control/bgp/attributes.h"
#include "control/bgp/rib/change_queue.h"
#include "control/bgp/rib/decision.h"
#include "control/bgp/rib/nodes.h"
#include "control/bgp/rib/slab.h"

namespace kanmon::bgp {

using SourceId = uint16_t;

// One candidate: 40 octets. Owned by the Rib.
struct Path {
  AttributeRef received;  // as the peer sent it
  AttributeRef accepted;  // after the import policy; empty if that refused it
  uint32_t path_id = 0;
  uint32_t since_s = 0;   // when it came, or changed last
  uint32_t next = kNoId;  // the node's next path; the last names the node
  uint32_t source_previous = kNoId, source_next = kNoId;  // of the same source and family
  SourceId source = 0;
  bool stale = false;
  Standing standing = Standing::kRefused;
};
static_assert(sizeof(Path) == 40);

// Of one source and family.
struct SourceCounts {
  uint64_t received = 0;  // paths, accepted or not
  uint64_t accepted = 0;
  uint64_t stale = 0;
};

class Rib {
 public:
  // `attributes` outlives the Rib. `seed`: any random number.
  explicit Rib(DecisionOptions options = {}, uint64_t seed = 0);
  ~Rib();
  Rib(const Rib&) = delete;
  Rib& operator=(const Rib&) = delete;

  // -- whom routes come from ----------------------------------------------------------------
  SourceId add_source(const Source& source);
  // Changes what is known of it (a router id, a share); its routes are decided anew.
  void set_source(SourceId id, const Source& source);
  // Withdraws all it sent and forgets it; the number may be given out again.
  void remove_source(SourceId id);
  const Source& source(SourceId id) const { return sources_[id].source; }
  const SourceCounts& counts(SourceId id, wire::Family family) const;

  // -- Adj-RIB-In ---------------------------------------------------------------------------
  // Adds or replaces a path, which is not stale any more. `accepted` is empty if it is not to be
  // used. Both sets are of one AttributeTable. REQUIRES: `received` is not empty.
  void announce(SourceId id, const Nlri& nlri, AttributeRef received, AttributeRef accepted,
                uint32_t now_s);
  // False if there was none.
  bool withdraw(SourceId id, const Nlri& nlri);
  // The session is gone: everything it sent goes.
  void withdraw_all(SourceId id, wire::Family family);
  // The session is gone but forwarding goes on (RFC 4724 section 4.2), or the peer begins to send
  // everything again (BoRR, RFC 7313): what is not announced again until sweep_stale() goes then.
  void mark_stale(SourceId id, wire::Family family);
  // Withdraws what is still stale: at End-of-RIB, EoRR, or when the timer ran out. How many.
  uint64_t sweep_stale(SourceId id, wire::Family family);
  // The import policy changed: `judge` says for each path what is accepted now.
  using Judge = std::function<AttributeRef(const wire::Prefix&, const Path&)>;
  void judge_again(SourceId id, wire::Family family, const Judge& judge);

  // -- Loc-RIB ------------------------------------------------------------------------------
  // kNoId if no path is known, and no consumer still has to learn that there is none.
  NodeId find(const wire::Prefix& prefix) const { return nodes_.find(prefix); }
  wire::Prefix prefix(NodeId id) const { return nodes_.prefix(id); }
  // Null if no usable candidate is there.
  const Path* best(NodeId id) const;
  // All candidates of a prefix, in no order.
  template <class F>
  void for_each_path(NodeId id, F&& f) const {
    for (uint32_t p = nodes_[id].paths; p != kNoId && !names_node(p); p = paths_[p].next)
      f(paths_[p]);
  }
  // All prefixes with candidates, in no order.
  template <class F>
  void for_each(F&& f) const {
    for (NodeId id = 0; id < nodes_.end(); ++id) {
      if (nodes_.exists(id) && nodes_[id].paths != kNoId) f(id);
    }
  }
  // Whether a number below end() is that of a prefix with candidates.
  bool exists(NodeId id) const { return nodes_.exists(id) && nodes_[id].paths != kNoId; }
  uint32_t prefixes() const { return nodes_.size(); }
  uint32_t paths() const { return paths_.used(); }
  // Without the attribute sets, which tables share.
  size_t memory_bytes() const { return nodes_.memory_bytes() + paths_.memory_bytes(); }
  // Numbers of nodes are below; for those who keep something per node.
  NodeId end() const { return nodes_.end(); }

  // Other rules: everything is decided anew.
  void set_options(DecisionOptions options);
  const DecisionOptions& options() const { return decision_.options(); }

  // -- changes ------------------------------------------------------------------------------
  // A new consumer first gets every prefix there is, then changes.
  ConsumerId add_consumer();
  void remove_consumer(ConsumerId id);
  // Starts over: every prefix once more (a peer asked for a refresh, an export policy changed).
  void replay(ConsumerId id) { queue_.replay(id, nodes_); }
  // From now on changes of paths that lost are told too: for who keeps the next best at hand.
  void tell_of_losers() { tells_of_losers_ = true; }
  // Calls `f` for up to `limit` prefixes whose selected paths may have changed; best() is null if
  // the prefix is gone. The same prefix may come again without a change. `f` must not change the
  // Rib. How many there were: fewer than `limit` means that nothing waits.
  using Changed = std::function<void(NodeId)>;
  size_t take_changes(ConsumerId id, size_t limit, const Changed& f);
  bool has_changes(ConsumerId id) const { return queue_.waits(id); }
  // The first walk through everything has ended, or the one replay() began.
  bool walked(ConsumerId id) const { return queue_.walked(id); }

 private:
  struct PerFamily {
    uint32_t first = kNoId;  // of the source's paths
    SourceCounts counts;
  };
  struct SourceState {
    Source source;
    bool used = false;
    std::array<PerFamily, 2> families;
  };
  static constexpr uint32_t kNodeBit = 1u << 31;
  static bool names_node(uint32_t next) { return next & kNodeBit; }
  static size_t index(wire::Family f) { return f == wire::Family::kV4 ? 0 : 1; }

  PerFamily& per_family(const Path& path, NodeId node);
  NodeId node_of(uint32_t path) const;
  uint32_t find_path(NodeId node, SourceId source, uint32_t path_id) const;
  uint32_t add_path(NodeId node, SourceId source, uint32_t path_id);
  void remove_path(NodeId node, uint32_t path);
  void set_stale(Path& path, PerFamily& family, bool stale);
  void set_accepted(Path& path, PerFamily& family, AttributeRef accepted);
  bool matters(Standing s) const {
    return is_selected(s) || (tells_of_losers_ && s != Standing::kRefused);
  }
  // Decides `node` anew. `touched`: a selected path changed or went, so consumers must look.
  void decide(NodeId node, bool touched);
  void free_if_unused(NodeId node);
  template <class F>
  void for_each_of(SourceId id, wire::Family family, F&& f);

  bool tells_of_losers_ = false;
  Decision decision_;
  Nodes nodes_;
  Slab<Path> paths_;
  std::vector<SourceState> sources_;
  ChangeQueue queue_;
  std::vector<Contender> contenders_;  // scratch of decide()
  std::vector<Standing> standings_;
  std::vector<uint32_t> candidates_;
  std::vector<NodeId> dropped_;  // scratch of take_changes()
};

}  // namespace kanmon::bgp
