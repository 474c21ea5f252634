// The route compiler: candidates for prefixes with their provenance in, changes of forwarding
// tables and next-hop groups out. Pure: the time and what it drives are passed in.
//
// Selection for one prefix: the best origin (origin.h), then the source whose name sorts first. A
// candidate takes part while one of its next hops is alive, or if its on-down mode keeps it
// (offer.h). Between prefixes the longest wins, as always; a withdrawn route leaves the field to a
// shorter one.
//
// Cost: adding or withdrawing a route looks at the candidates of its prefix. A next hop that dies
// or comes back costs the offers that use it, and only where that changes what an offer installs,
// the routes of that offer. An offer of several next hops is a group, which does not change while
// one of them is alive. Nothing is ever computed over a whole table.
//
// INV-1: an underlay table takes no tunnel. Such a candidate is kept, rejected, and can be shown.
//
// One control thread. Ids are small and reused: who asked for an offer releases it once, unless its
// table was dropped meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/routing/candidate_store.h"
#include "control/routing/offer.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"

namespace kanmon::routing {

// What the compiler drives: the forwarding tables and groups of the data plane.
class Forwarding {
 public:
  virtual ~Forwarding() = default;
  // Adds or replaces. An error: nothing changed; the compiler tries again with the next change of
  // the prefix and shows the route as not installed.
  virtual Status set(TableId table, const wire::Prefix& prefix, fib::NextHop hop) = 0;
  virtual void unset(TableId table, const wire::Prefix& prefix) = 0;
  // All members, alive or not: who carries is for the workers to see, packet by packet. None: the
  // group goes. A group exists before the first route leads to it, and goes after the last.
  virtual void set_group(uint32_t group, std::span<const Member> members) = 0;
};

// What an offer comes to, with the liveness of now.
enum class Outcome : uint8_t {
  kForwards,
  kHeld,        // on-down hold: installed, although it leads nowhere
  kBlackholed,  // installed as a blackhole, because nothing else is alive
  kWithdrawn,   // takes no part
  kRejected,    // would recurse
};

struct Source {
  Origin origin = Origin::kStatic;
  std::string name;  // of the port, attachment, peer …; empty: of the table itself

  friend auto operator<=>(const Source&, const Source&) = default;
};

class Compiler {
 public:
  // `groups`: how many next-hop groups the data plane has; without one an offer uses the first of
  // its heaviest members alive. So it does in an underlay, where control looks up one way for each
  // tunnel and not a worker one for each packet.
  Compiler(Forwarding& forwarding, uint32_t groups);
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // REQUIRES: the number is not in use.
  void add_table(TableId table, bool underlay);
  // With all candidates, without a word to Forwarding: the table is gone there.
  void drop_table(TableId table);

  // The id of a provenance, made at need. It lives with its offers; ask for it anew when none do.
  SourceId source(const Source& source);

  // The id of an offer, the same for equal ones of one table, held once more for the caller.
  // REQUIRES: the table exists, a member at least, no member twice.
  OfferId offer(TableId table, const OfferSpec& spec);
  void release(OfferId offer);

  // Adds the candidate, or replaces the one of the same source. `now_s`: of any clock that only
  // rises; shown as age.
  void add(OfferId offer, const wire::Prefix& prefix, uint32_t now_s);
  // False: there was none.
  bool withdraw(TableId table, SourceId source, const wire::Prefix& prefix);

  // A next hop died or came back. All are alive until said otherwise.
  void set_live(fib::NextHop hop, bool live);
  bool is_live(fib::NextHop hop) const;

  // ---- reading

  // What the offers and chains of a table hold, for show. `best`: the one that is installed.
  struct Candidate {
    wire::Prefix prefix;
    const Source* source = nullptr;
    const OfferSpec* offer = nullptr;
    Outcome outcome = Outcome::kForwards;
    std::vector<fib::NextHop> carrying{};  // what its traffic is sent to, if it is best
    bool best = false;
    bool not_installed = false;
    uint32_t since_s = 0;
    const Source* winner = nullptr;  // of the best candidate; null: none takes part
  };
  // The candidates of exactly this prefix, best first.
  std::vector<Candidate> at(TableId table, const wire::Prefix& prefix) const;
  // The longest prefix with an installed route that covers `address`.
  std::optional<wire::Prefix> match(TableId table, const wire::IpAddress& address) const;
  // The first `most` prefixes within `within` (absent: all), in order, from behind `after`.
  struct Query {
    std::optional<wire::Prefix> within{};
    std::optional<wire::Prefix> after{};
    size_t most = 1000;
  };
  std::vector<wire::Prefix> prefixes(TableId table, const Query& query) const;
  // What the next-hop groups are for, by number.
  struct GroupUse {
    TableId table = 0;
    const Source* source = nullptr;
    uint32_t routes = 0;  // that lead to it, or would if they were best
  };
  std::map<uint32_t, GroupUse> groups() const;
  size_t size(TableId table) const;  // prefixes with a candidate
  size_t candidates(TableId table) const;
  size_t memory_bytes() const;

  // What was done so far: for tests that hold the cost.
  struct Work {
    uint64_t chains = 0;    // prefixes whose candidates were looked at
    uint64_t offers = 0;    // evaluated
    uint64_t installs = 0;  // calls of Forwarding::set
    uint64_t removals = 0;  // … unset
    uint64_t groups = 0;    // … set_group
  };
  const Work& work() const { return work_; }

 private:
  struct Effect {
    Outcome outcome = Outcome::kWithdrawn;
    fib::NextHop hop;  // none: takes no part
    friend bool operator==(const Effect&, const Effect&) = default;
  };
  struct Offer {
    TableId table = 0;
    OfferSpec spec{};
    Effect effect{};
    uint32_t holds = 0;                                       // callers and candidates
    uint32_t first4 = Store4::kNone, first6 = Store6::kNone;  // an entry of each ring
    std::optional<uint32_t> group{};
    std::vector<Member> carrying{};  // of the group, with the liveness of now
  };
  struct Table {
    bool underlay = false;
    Store4 v4;
    Store6 v6;
    std::map<OfferSpec, OfferId> offers;
  };
  struct KnownSource {
    Source source;
    uint32_t offers = 0;
  };
  struct Hop {
    bool live = true;
    std::vector<OfferId> users;
  };

  template <class F>
  decltype(auto) with_store(Table& table, const wire::Prefix& prefix, F f);
  template <class F>
  decltype(auto) with_store(const Table& table, const wire::Prefix& prefix, F f) const;
  Table* find(TableId table);
  const Table* find(TableId table) const;

  bool comes_before(const Offer& a, const Offer& b) const;
  template <class Store>
  const typename Store::Entry* best(const Store& store, uint32_t head) const;
  template <class Store>
  fib::NextHop chosen(const Store& store, uint32_t head) const;
  // Tells Forwarding what became of a prefix. `before`: what it had.
  template <class Store>
  void publish(TableId table, Store& store, uint32_t head, const wire::Prefix& prefix,
               fib::NextHop before);
  template <class Store>
  void insert(Store& store, OfferId offer, const wire::Prefix& prefix, uint32_t now_s);
  // Takes the candidate of `source` out of the chain; answers the new head. `taken`: its index.
  template <class Store>
  uint32_t cut(Store& store, uint32_t head, SourceId source, uint32_t& taken);
  template <class Store>
  void attach(Store& store, Offer& offer, uint32_t entry);
  template <class Store>
  void detach(Store& store, uint32_t entry);
  template <class Store>
  void refresh(Store& store, Offer& offer, const Effect& old);
  template <class Store>
  static uint32_t& first(Offer& offer);
  template <class Store>
  std::vector<Candidate> list(const Store& store, uint32_t head, const wire::Prefix& prefix) const;

  bool recurses(const Offer& offer) const;
  std::vector<Member> carrying(const OfferSpec& spec) const;
  std::optional<uint32_t> take_group();
  void make_group(Offer& offer);
  Effect evaluate(Offer& offer);
  void reevaluate(OfferId id);
  void drop_offer(OfferId id);
  Offer& offer_at(OfferId id) { return offers_[id]; }
  const Offer& offer_at(OfferId id) const { return offers_[id]; }

  Forwarding& forwarding_;
  const uint32_t most_groups_;
  std::unordered_map<TableId, std::unique_ptr<Table>> tables_;
  std::vector<KnownSource> sources_;
  std::vector<SourceId> free_sources_;
  std::map<Source, SourceId> source_ids_;
  std::vector<Offer> offers_;
  std::vector<OfferId> free_offers_;
  std::unordered_map<uint32_t, Hop> hops_;  // by NextHop::raw; those that are used or not alive
  std::vector<uint32_t> free_groups_;
  uint32_t made_groups_ = 0;
  Work work_;
};

}  // namespace kanmon::routing
