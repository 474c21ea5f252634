// The RIB against a slow truth under random churn (BGP-15), stale marks and their sweep (BGP-17,
// BGP-18), consumers at their own pace (BGP-22), and that nothing is left behind.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "control/bgp/rib/rib.h"
#include "tests/unit/bgp/rib_oracle.h"

namespace kanmon::bgp {
namespace {

constexpr auto kV4 = wire::Family::kV4;
constexpr auto kV6 = wire::Family::kV6;

wire::Prefix prefix(const char* text) {
  return *wire::Prefix::parse(text);
}

// A mirror of what a consumer was told: what the forwarding table would hold.
struct Mirror {
  Rib& rib;
  ConsumerId id = rib.add_consumer();
  std::map<wire::Prefix, AttributeRef> best = {};

  size_t take(size_t limit = SIZE_MAX) {
    return rib.take_changes(id, limit, [&](NodeId node) {
      if (const Path* path = rib.best(node)) {
        best[rib.prefix(node)] = path->accepted;
      } else {
        best.erase(rib.prefix(node));
      }
    });
  }
};

struct Bed {
  AttributeTable table;
  Rib rib;
  SourceId a = rib.add_source({.router_id = 1, .address = wire::IpAddress::v4(1)});
  SourceId b = rib.add_source({.router_id = 2, .address = wire::IpAddress::v4(2)});

  AttributeRef set(uint32_t med, std::optional<uint32_t> local_pref = {}) {
    Attributes attributes;
    attributes.as_path = {65001};
    attributes.med = med;
    attributes.local_pref = local_pref;
    return table.intern(attributes);
  }
  void announce(SourceId source, const char* p, AttributeRef set, uint32_t path_id = 0) {
    rib.announce(source, {prefix(p), path_id}, set, set, 0);
  }
};

TEST(BgpRib, TheBestOfTwoPeersAndItsWithdrawal) {
  Bed bed;
  Mirror mirror{bed.rib};
  bed.announce(bed.a, "10.0.0.0/8", bed.set(20));
  bed.announce(bed.b, "10.0.0.0/8", bed.set(10));
  EXPECT_EQ(mirror.take(), 1u) << "a prefix waits once";
  EXPECT_EQ(mirror.best.at(prefix("10.0.0.0/8")), bed.set(10));
  bed.rib.for_each_path(bed.rib.find(prefix("10.0.0.0/8")), [&](const Path& path) {
    EXPECT_EQ(path.standing, path.source == bed.b ? Standing::kBest : Standing::kMed);
  });
  EXPECT_TRUE(bed.rib.withdraw(bed.b, {prefix("10.0.0.0/8")}));
  EXPECT_FALSE(bed.rib.withdraw(bed.b, {prefix("10.0.0.0/8")}));
  EXPECT_FALSE(bed.rib.withdraw(bed.b, {prefix("11.0.0.0/8")}));
  mirror.take();
  EXPECT_EQ(mirror.best.at(prefix("10.0.0.0/8")), bed.set(20));
  bed.rib.withdraw(bed.a, {prefix("10.0.0.0/8")});
  mirror.take();
  EXPECT_TRUE(mirror.best.empty());
  EXPECT_EQ(bed.rib.prefixes(), 0u);
  EXPECT_EQ(bed.rib.find(prefix("10.0.0.0/8")), kNoId);
}

TEST(BgpRib, WhatChangesNothingTellsNobody) {
  Bed bed;
  Mirror mirror{bed.rib};
  bed.announce(bed.a, "10.0.0.0/8", bed.set(1));
  mirror.take();
  bed.announce(bed.a, "10.0.0.0/8", bed.set(1));
  bed.announce(bed.b, "10.0.0.0/8", bed.set(9));  // a loser
  bed.announce(bed.b, "10.0.0.0/8", bed.set(8));
  bed.rib.withdraw(bed.b, {prefix("10.0.0.0/8")});
  EXPECT_FALSE(bed.rib.has_changes(mirror.id));
  bed.announce(bed.a, "10.0.0.0/8", bed.set(2));
  EXPECT_TRUE(bed.rib.has_changes(mirror.id)) << "other attributes of the best are a change";
}

TEST(BgpRib, RefusedPathsAreKeptButNeverUsed) {
  Bed bed;
  Mirror mirror{bed.rib};
  bed.rib.announce(bed.a, {prefix("10.0.0.0/8")}, bed.set(1), {}, 7);
  mirror.take();
  EXPECT_TRUE(mirror.best.empty());
  EXPECT_EQ(bed.rib.counts(bed.a, kV4).received, 1u);
  EXPECT_EQ(bed.rib.counts(bed.a, kV4).accepted, 0u);
  bed.rib.judge_again(bed.a, kV4, [](const auto&, const Path& path) { return path.received; });
  mirror.take();
  EXPECT_EQ(mirror.best.size(), 1u);
  EXPECT_EQ(bed.rib.counts(bed.a, kV4).accepted, 1u);
  bed.rib.judge_again(bed.a, kV4, [](const auto&, const Path&) { return AttributeRef(); });
  mirror.take();
  EXPECT_TRUE(mirror.best.empty());
}

// BGP-17: what the peer announces again before the end stays without a change; the rest goes, once.
TEST(BgpRib, StaleRoutesStayUntilTheyAreSwept) {
  Bed bed;
  Mirror mirror{bed.rib};
  for (const char* p : {"10.0.0.0/8", "11.0.0.0/8", "2001:db8::/32"})
    bed.announce(bed.a, p, bed.set(1));
  mirror.take();
  bed.rib.mark_stale(bed.a, kV4);
  EXPECT_EQ(bed.rib.counts(bed.a, kV4).stale, 2u);
  EXPECT_EQ(bed.rib.counts(bed.a, kV6).stale, 0u);
  EXPECT_FALSE(bed.rib.has_changes(mirror.id)) << "forwarding goes on";
  bed.announce(bed.a, "10.0.0.0/8", bed.set(1));
  EXPECT_FALSE(bed.rib.has_changes(mirror.id));
  EXPECT_EQ(bed.rib.sweep_stale(bed.a, kV4), 1u);
  EXPECT_EQ(bed.rib.sweep_stale(bed.a, kV4), 0u) << "exactly once";
  mirror.take();
  EXPECT_TRUE(mirror.best.contains(prefix("10.0.0.0/8")));
  EXPECT_FALSE(mirror.best.contains(prefix("11.0.0.0/8")));
  EXPECT_TRUE(mirror.best.contains(prefix("2001:db8::/32")));
  EXPECT_EQ(bed.rib.counts(bed.a, kV4).stale, 0u);
}

TEST(BgpRib, PathIdsAreSeparatePaths) {
  Bed bed;
  Mirror mirror{bed.rib};
  bed.announce(bed.a, "10.0.0.0/8", bed.set(5), 1);
  bed.announce(bed.a, "10.0.0.0/8", bed.set(4), 2);
  mirror.take();
  EXPECT_EQ(mirror.best.begin()->second, bed.set(4));
  EXPECT_TRUE(bed.rib.withdraw(bed.a, {prefix("10.0.0.0/8"), 2}));
  EXPECT_FALSE(bed.rib.withdraw(bed.a, {prefix("10.0.0.0/8"), 3}));
  mirror.take();
  EXPECT_EQ(mirror.best.begin()->second, bed.set(5));
}

TEST(BgpRib, ALateConsumerGetsEverythingAndAReplayAgain) {
  Bed bed;
  bed.announce(bed.a, "10.0.0.0/8", bed.set(1));
  bed.announce(bed.a, "2001:db8::/32", bed.set(1));
  Mirror mirror{bed.rib};
  EXPECT_FALSE(bed.rib.walked(mirror.id));
  EXPECT_EQ(mirror.take(1), 1u);
  bed.rib.withdraw(bed.a, {prefix("10.0.0.0/8")});
  mirror.take();
  EXPECT_TRUE(bed.rib.walked(mirror.id));
  EXPECT_EQ(mirror.best.size(), 1u);
  mirror.best.clear();
  bed.rib.replay(mirror.id);
  mirror.take();
  EXPECT_EQ(mirror.best.size(), 1u);
}

// BGP-22: a consumer that never reads holds up nobody, and what it costs does not grow with the
// number of changes.
TEST(BgpRib, ASleepingConsumerCostsNothing) {
  Bed bed;
  Mirror sleeper{bed.rib}, awake{bed.rib};
  for (uint32_t i = 0; i < 20000; ++i) {
    bed.announce(bed.a, "10.0.0.0/8", bed.set(i));
    awake.take();
    if (i % 3 == 0) bed.rib.withdraw(bed.a, {prefix("10.0.0.0/8")});
  }
  EXPECT_EQ(bed.rib.prefixes(), 1u);
  EXPECT_EQ(sleeper.take(), 1u);
  EXPECT_EQ(sleeper.best, awake.best);
  bed.rib.withdraw(bed.a, {prefix("10.0.0.0/8")});
  awake.take();
  EXPECT_EQ(bed.rib.prefixes(), 1u) << "the sleeper has to learn of it";
  bed.rib.remove_consumer(sleeper.id);
  EXPECT_EQ(bed.rib.prefixes(), 0u);
}

TEST(BgpRib, ChangedSourcesAndOptionsAreDecidedAnew) {
  Bed bed;
  Mirror mirror{bed.rib};
  bed.announce(bed.a, "10.0.0.0/8", bed.set(1));
  bed.announce(bed.b, "10.0.0.0/8", bed.set(1));
  const auto best = [&] { return bed.rib.best(bed.rib.find(prefix("10.0.0.0/8")))->source; };
  EXPECT_EQ(best(), bed.a);
  Source other = bed.rib.source(bed.a);
  other.router_id = 9;
  bed.rib.set_source(bed.a, other);
  EXPECT_EQ(best(), bed.b);
  mirror.take();
  bed.rib.set_options({.multipath = 2});
  EXPECT_TRUE(bed.rib.has_changes(mirror.id)) << "one more path is selected";
  bed.rib.remove_source(bed.b);
  EXPECT_EQ(best(), bed.a);
}

// BGP-15: a million random events of eight peers over some thousand prefixes of both families,
// three consumers of different diligence; then everything equals what the oracle says of what is
// left.
class Churn {
 public:
  explicit Churn(uint64_t seed) : rng_(seed) {
    for (uint32_t i = 0; i < 8; ++i) sources_.push_back(rib_.add_source(random_source(rng_, i)));
    for (int i = 0; i < 64; ++i) {
      Attributes a = random_attributes(rng_);
      sets_.push_back(table_.intern(a));
    }
  }

  void run(int events) {
    Mirror eager{rib_}, lazy{rib_};
    for (int i = 0; i < events; ++i) {
      event();
      if (i % 7 == 0) eager.take(below(20));
      if (i % 50021 == 0) lazy.take(below(4000));
      if (i % 100003 == 0) rib_.replay(lazy.id);
    }
    Mirror late{rib_};
    for (Mirror* m : {&eager, &lazy, &late}) m->take();
    check(eager);
    EXPECT_EQ(lazy.best, eager.best);
    EXPECT_EQ(late.best, eager.best);
    for (SourceId s : sources_) rib_.remove_source(s);
    for (Mirror* m : {&eager, &lazy, &late}) m->take();
    EXPECT_TRUE(eager.best.empty() && lazy.best.empty() && late.best.empty());
    EXPECT_EQ(rib_.prefixes(), 0u);
    EXPECT_EQ(rib_.paths(), 0u);
  }

 private:
  struct Kept {
    AttributeRef accepted;
    bool stale = false;
  };
  using Key = std::pair<SourceId, uint32_t>;

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(rng_() % n); }
  wire::Prefix random_prefix() {
    const uint32_t n = below(3000);
    if (n % 3 == 0) {
      uint8_t octets[16] = {
          0x20, 0x01, 0x0d, 0xb8, 0, 0, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
      return wire::Prefix::make(wire::IpAddress::v6(octets), static_cast<uint8_t>(60 + n % 5));
    }
    return wire::Prefix::make(wire::IpAddress::v4(0x0a000000 + (n << 8)),
                              static_cast<uint8_t>(20 + n % 5));
  }
  template <class F>
  void of(SourceId source, wire::Family family, F f) {
    for (auto p = kept_.begin(); p != kept_.end();) {
      for (auto k = p->second.begin(); k != p->second.end();) {
        const bool mine = k->first.first == source && p->first.address.family == family;
        k = mine && f(k->second) ? p->second.erase(k) : std::next(k);
      }
      p = p->second.empty() ? kept_.erase(p) : std::next(p);
    }
  }
  void event() {
    const SourceId source = sources_[below(8)];
    const Nlri nlri{random_prefix(), below(16) ? 0 : below(3)};
    const uint32_t kind = below(100000);
    if (kind < 20) {
      whole_peer(source, kind % 2 ? kV4 : kV6, kind / 2 % 3);
    } else if (kind < 35000) {
      auto& at = kept_[nlri.prefix];
      EXPECT_EQ(rib_.withdraw(source, nlri), at.erase({source, nlri.path_id}) == 1);
      if (at.empty()) kept_.erase(nlri.prefix);
    } else {
      const AttributeRef set = sets_[below(64)];
      const AttributeRef accepted = below(10) ? set : AttributeRef();
      rib_.announce(source, nlri, set, accepted, 0);
      kept_[nlri.prefix][{source, nlri.path_id}] = {accepted, false};
    }
  }
  void whole_peer(SourceId source, wire::Family family, uint32_t what) {
    if (what == 0) {
      rib_.withdraw_all(source, family);
      of(source, family, [](Kept&) { return true; });
    } else if (what == 1) {
      rib_.mark_stale(source, family);
      of(source, family, [](Kept& k) { return k.stale = true, false; });
    } else {
      uint64_t gone = 0;
      of(source, family, [&](Kept& k) { return gone += k.stale, k.stale; });
      EXPECT_EQ(rib_.sweep_stale(source, family), gone);
    }
  }
  void check(const Mirror& mirror) {
    std::map<wire::Prefix, AttributeRef> expected;
    for (const auto& [p, paths] : kept_) {
      std::vector<Contender> all;
      std::vector<AttributeRef> sets;
      for (const auto& [key, kept] : paths) {
        if (!kept.accepted) continue;
        all.push_back({kept.accepted.get(), &rib_.source(key.first), key.first, key.second});
        sets.push_back(kept.accepted);
      }
      if (!all.empty()) expected[p] = sets[oracle_best(all)];
    }
    EXPECT_GT(expected.size(), 2000u);
    EXPECT_EQ(mirror.best, expected);
    EXPECT_EQ(rib_.prefixes(), kept_.size());
  }

  std::mt19937_64 rng_;
  AttributeTable table_;
  Rib rib_;
  std::vector<SourceId> sources_;
  std::vector<AttributeRef> sets_;
  std::map<wire::Prefix, std::map<Key, Kept>> kept_;
};

TEST(BgpRib, AMillionRandomEventsEndAsTheOracleSays) {
  Churn(1).run(1'000'000);
}

}  // namespace
}  // namespace kanmon::bgp
