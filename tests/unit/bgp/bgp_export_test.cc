// What peers are told: rules of who hears what and how it looks (BGP-07,
// BGP-10), one peer's view under churn against a slow truth, and peers at their
// own pace (BGP-22). Aggregates and conditions.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "control/bgp/export/adj_rib_out.h"
#include "control/bgp/rib/aggregates.h"
#include "control/bgp/rib/conditions.h"

namespace kanmon::bgp {
namespace {

constexpr auto kV4 = wire::Family::kV4;
constexpr auto kV6 = wire::Family::kV6;

wire::Prefix prefix(const char* text) {
  return *wire::Prefix::parse(text);
}
wire::IpAddress address(const char* text) {
  return *wire::IpAddress::parse(text);
}
std::shared_ptr<const RouteMap> map(RouteMapEntry entry = {}) {
  return std::make_shared<RouteMap>("m", std::vector{std::move(entry)});
}

// What a peer would hold if it did what it is told.
struct Peer : UpdateSink {
  std::map<wire::Prefix, Attributes> routes;
  uint64_t announced = 0, withdrawn = 0, messages = 0, ends = 0, refreshes = 0;
  bool announced_in_pull = false;

  void withdraw(wire::Family family, std::span<const Nlri> prefixes) override {
    EXPECT_FALSE(announced_in_pull) << "withdrawals go first";
    for (const Nlri& n : prefixes) {
      EXPECT_EQ(n.prefix.address.family, family);
      EXPECT_EQ(routes.erase(n.prefix), 1u) << "nothing is withdrawn that was not told";
      ++withdrawn;
    }
  }
  void announce(const AttributeSet& set, wire::Family family,
                std::span<const Nlri> prefixes) override {
    announced_in_pull = true;
    ++messages;
    for (const Nlri& n : prefixes) {
      EXPECT_EQ(n.prefix.address.family, family);
      routes[n.prefix].assign(set);
      ++announced;
    }
  }
  void end_of_rib(wire::Family) override { ++ends; }
  void end_of_refresh(wire::Family) override { ++refreshes; }

  void drain(AdjRibOut& out, size_t limit = SIZE_MAX) {
    do {
      announced_in_pull = false;
    } while (out.pull(limit, *this));
  }
};

struct Bed {
  AttributeTable table;
  Rib rib;
  SourceId own = rib.add_source({.kind = Source::Kind::kLocal});
  SourceId external =
      rib.add_source({.asn = 65001, .router_id = 1, .address = address("169.254.1.2")});
  SourceId internal = rib.add_source({.kind = Source::Kind::kInternal,
                                      .asn = 65000,
                                      .router_id = 2,
                                      .address = address("10.9.9.2")});
  ExportOptions options;

  Bed() {
    options.source = UINT16_MAX;
    options.own_as = 65000;
    options.peer_as = 65009;
    options.peer = address("169.254.9.2");
    options.local4 = address("169.254.9.1");
    options.local6 = address("fd00::1");
    options.router_id = 99;
    options.policy = map();
  }
  static Attributes route() {
    Attributes a;
    a.origin = Origin::kIgp;
    a.as_path = {65001, 64512};
    a.next_hop = address("169.254.1.2");
    a.med = 50;
    a.local_pref = 300;
    a.weight = 3;
    a.communities = {65001u << 16 | 5};
    return a;
  }
  void announce(SourceId source, const char* p, Attributes a) {
    const AttributeRef set = table.intern(a);
    rib.announce(source, {prefix(p)}, set, set, 0);
  }
  Export::Verdict judge(SourceId source, Attributes a, const char* p = "10.0.0.0/8") {
    announce(source, p, std::move(a));
    const Path* best = rib.best(rib.find(prefix(p)));
    Export rules(table, options);
    const auto verdict = rules.judge(prefix(p), *best, rib.source(best->source));
    rib.withdraw(source, {prefix(p)});
    return verdict;
  }
};

TEST(BgpExport, ToAnExternalPeer) {
  Bed bed;
  const auto sent = bed.judge(bed.external, Bed::route()).attributes;
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->as_path().to_string(), "65000 65001 64512");
  EXPECT_EQ(sent->next_hop(), *bed.options.local4);
  EXPECT_FALSE(sent->med()) << "RFC 4271 section 5.1.4";
  EXPECT_FALSE(sent->local_pref());
  EXPECT_EQ(sent->weight(), 0u);
  EXPECT_TRUE(sent->has_community(65001u << 16 | 5));
  EXPECT_EQ(bed.judge(bed.own, Bed::route()).attributes->med(), 50u) << "our own MED is meant";
}

TEST(BgpExport, WhoHearsWhat) {
  Bed bed;
  const auto withheld = [&](SourceId source, Attributes a = Bed::route(),
                            const char* p = "10.0.0.0/8") {
    return bed.judge(source, std::move(a), p).withheld;
  };
  const auto with = [](uint32_t community) {
    Attributes a = Bed::route();
    a.communities.push_back(community);
    return a;
  };
  EXPECT_EQ(withheld(bed.external, with(community::kNoExport)), Withheld::kNoExport);
  EXPECT_EQ(withheld(bed.external, with(community::kNoExportSubconfed)), Withheld::kNoExport);
  EXPECT_EQ(withheld(bed.external, with(community::kNoAdvertise)), Withheld::kNoAdvertise);
  bed.options.source = bed.external;
  EXPECT_EQ(withheld(bed.external), Withheld::kFromPeer);
  EXPECT_EQ(withheld(bed.internal), Withheld::kTold);
  bed.options.local6.reset();
  EXPECT_EQ(withheld(bed.internal, Bed::route(), "2001:db8::/32"), Withheld::kNoNextHop);
  bed.options.suppressed = [](const wire::Prefix& p) { return p == prefix("10.0.0.0/8"); };
  EXPECT_EQ(withheld(bed.internal), Withheld::kSuppressed);
  bed.options.suppressed = nullptr;
  bed.options.policy = map({.match = {.med = 51}});
  EXPECT_EQ(withheld(bed.internal), Withheld::kDenied);
  bed.options.policy = nullptr;
  EXPECT_EQ(withheld(bed.internal), Withheld::kNoPolicy) << "BGP-10";

  bed.options.kind = Source::Kind::kInternal;
  bed.options.source = UINT16_MAX;
  EXPECT_EQ(withheld(bed.internal), Withheld::kInternal);
  EXPECT_EQ(withheld(bed.external), Withheld::kTold);
  EXPECT_EQ(withheld(bed.external, with(community::kNoExport)), Withheld::kTold);
  EXPECT_EQ(withheld(bed.external, with(community::kNoAdvertise)), Withheld::kNoAdvertise);
  bed.options.peer = address("169.254.1.2");
  EXPECT_EQ(withheld(bed.external), Withheld::kPeerNextHop) << "RFC 4271 section 5.1.3";
  bed.options.next_hop_self = true;
  EXPECT_EQ(withheld(bed.external), Withheld::kTold);
}

TEST(BgpExport, ReflectionNotesWhereARouteCameFrom) {
  Bed bed;
  bed.options.kind = Source::Kind::kInternal;
  bed.options.reflector_client = true;
  auto sent = bed.judge(bed.internal, Bed::route()).attributes;
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->originator_id(), 2u);
  EXPECT_EQ(sent->cluster_list()[0], 99u);
  EXPECT_EQ(sent->next_hop(), address("169.254.1.2")) << "unchanged";
  EXPECT_EQ(sent->as_path().to_string(), "65001 64512");
  EXPECT_EQ(sent->local_pref(), 300u);
  Attributes again = Bed::route();
  again.originator_id = 7;
  again.cluster_list = {55};
  again.local_pref.reset();
  bed.options.cluster_id = 44;
  sent = bed.judge(bed.internal, again).attributes;
  EXPECT_EQ(sent->originator_id(), 7u);
  EXPECT_EQ(std::vector<uint32_t>(sent->cluster_list().begin(), sent->cluster_list().end()),
            (std::vector<uint32_t>{44, 55}));
  EXPECT_EQ(sent->local_pref(), 100u);
  bed.options.kind = Source::Kind::kExternal;
  sent = bed.judge(bed.internal, again).attributes;
  EXPECT_FALSE(sent->originator_id());
  EXPECT_TRUE(sent->cluster_list().empty());
}

TEST(BgpExport, PathsOnTheirWayOut) {
  Bed bed;
  const auto path = [&](AsPath in) {
    Attributes a = Bed::route();
    a.as_path = std::move(in);
    return bed.judge(bed.external, a).attributes->as_path().to_string();
  };
  bed.options.remove_private = true;
  EXPECT_EQ(path({3356, 64512, 65535, 4200000000, 7}), "65000 3356 7");
  bed.options.remove_private = false;
  bed.options.as_override = true;
  EXPECT_EQ(path({65009, 1, 65009}), "65000 65000 1 65000");
  bed.options.local_as = 64999;
  EXPECT_EQ(path({65009}), "64999 65000 64999");
  bed.options.replace_as = true;
  bed.options.as_override = false;
  EXPECT_EQ(path({1}), "64999 1");
  bed.options.policy = map({.change = {.prepend = {5, 5}}});
  EXPECT_EQ(path({1}), "64999 5 5 1") << "our number stays in front";
}

// RFC 8326: a drained session marks all it sends.
TEST(BgpExport, Draining) {
  Bed bed;
  bed.options.draining = true;
  auto sent = bed.judge(bed.external, Bed::route()).attributes;
  EXPECT_TRUE(sent->has_community(community::kGracefulShutdown));
  EXPECT_FALSE(sent->local_pref());
  bed.options.kind = Source::Kind::kInternal;
  sent = bed.judge(bed.external, Bed::route()).attributes;
  EXPECT_EQ(sent->local_pref(), 0u);
}

TEST(BgpAdjRibOut, FirstTheTableThenTheEndThenChanges) {
  Bed bed;
  bed.announce(bed.external, "10.0.0.0/8", Bed::route());
  bed.announce(bed.external, "11.0.0.0/8", Bed::route());
  bed.announce(bed.external, "2001:db8::/32", Bed::route());
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true});
  Peer peer;
  EXPECT_TRUE(out.pull(1, peer));
  EXPECT_EQ(peer.ends, 0u);
  peer.drain(out);
  EXPECT_EQ(peer.ends, 1u) << "one family was agreed";
  EXPECT_EQ(peer.routes.size(), 2u);
  EXPECT_EQ(out.advertised(kV4), 2u);
  EXPECT_EQ(out.advertised(kV6), 0u);
  bed.rib.withdraw(bed.external, {prefix("10.0.0.0/8")});
  bed.announce(bed.external, "11.0.0.0/8", Bed::route());
  peer.drain(out);
  EXPECT_EQ(peer.withdrawn, 1u);
  EXPECT_EQ(peer.announced, 2u) << "what is the same is not said again";
  EXPECT_EQ(peer.ends, 1u);
  EXPECT_FALSE(out.waits());
}

TEST(BgpAdjRibOut, SameAttributesGoTogether) {
  Bed bed;
  for (int i = 0; i < 100; ++i) {
    Attributes a = Bed::route();
    a.communities = {static_cast<uint32_t>(i % 4)};
    bed.announce(bed.external, ("10." + std::to_string(i) + ".0.0/16").c_str(), a);
  }
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true});
  Peer peer;
  peer.drain(out);
  EXPECT_EQ(peer.messages, 4u);
  EXPECT_EQ(peer.announced, 100u);
}

TEST(BgpAdjRibOut, ARefreshSaysEverythingOnceMore) {
  Bed bed;
  bed.announce(bed.external, "10.0.0.0/8", Bed::route());
  bed.announce(bed.external, "2001:db8::/32", Bed::route());
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true, .ip6 = true});
  Peer peer;
  peer.drain(out);
  EXPECT_EQ(peer.ends, 2u);
  out.refresh(kV6);
  EXPECT_TRUE(out.waits());
  peer.drain(out);
  EXPECT_EQ(peer.announced, 3u);
  EXPECT_EQ(peer.refreshes, 1u);
  EXPECT_EQ(peer.ends, 2u);
}

TEST(BgpAdjRibOut, OtherRulesSendOnlyWhatDiffers) {
  Bed bed;
  bed.announce(bed.external, "10.0.0.0/8", Bed::route());
  bed.announce(bed.external, "11.0.0.0/8", Bed::route());
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true});
  Peer peer;
  peer.drain(out);
  bed.options.policy = map({.match = {.prefixes = std::make_shared<PrefixList>(std::vector{
                                          PrefixRule::exactly(prefix("10.0.0.0/8"))})}});
  out.set_rules(Export(bed.table, bed.options));
  peer.drain(out);
  EXPECT_EQ(peer.withdrawn, 1u);
  EXPECT_EQ(peer.announced, 2u);
  EXPECT_EQ(out.judge(bed.rib.find(prefix("11.0.0.0/8"))).withheld, Withheld::kDenied);
}

// Only where it is asked for (S2), and then whatever the table says.
TEST(BgpAdjRibOut, ADefaultRouteIsOriginatedByName) {
  Bed bed;
  AdjRibOut without(bed.rib, Export(bed.table, bed.options), {.ip4 = true});
  Peer peer;
  peer.drain(without);
  EXPECT_TRUE(peer.routes.empty());
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true, .default_originate4 = true});
  peer.drain(out);
  ASSERT_TRUE(peer.routes.contains(prefix("0.0.0.0/0")));
  EXPECT_EQ(peer.routes[prefix("0.0.0.0/0")].as_path, AsPath({65000}));
  EXPECT_EQ(peer.routes[prefix("0.0.0.0/0")].next_hop, *bed.options.local4);
  bed.announce(bed.external, "0.0.0.0/0", Bed::route());
  bed.rib.withdraw(bed.external, {prefix("0.0.0.0/0")});
  peer.drain(out);
  EXPECT_EQ(peer.announced, 1u);
  EXPECT_EQ(peer.withdrawn, 0u);
}

// BGP-22, BGP-15: fifteen peers that read and one that does not, under churn;
// then all hold the same as a table walked at the end.
TEST(BgpAdjRibOut, AStalledPeerDelaysNobodyAndCatchesUp) {
  Bed bed;
  std::vector<std::unique_ptr<AdjRibOut>> outs;
  std::vector<Peer> peers(16);
  for (int i = 0; i < 16; ++i) {
    outs.push_back(std::make_unique<AdjRibOut>(bed.rib, Export(bed.table, bed.options),
                                               AdjRibOut::Options{.ip4 = true}));
  }
  std::mt19937_64 rng(22);
  std::map<wire::Prefix, uint32_t> truth;
  for (int i = 0; i < 20000; ++i) {
    const wire::Prefix p = wire::Prefix::make(
        wire::IpAddress::v4(static_cast<uint32_t>(0x0a000000 + (rng() % 500 << 8))), 24);
    if (rng() % 3 == 0) {
      bed.rib.withdraw(bed.external, {p});
      truth.erase(p);
    } else {
      Attributes a = Bed::route();
      truth[p] = static_cast<uint32_t>(rng() % 50);
      a.communities = {truth[p]};
      const AttributeRef set = bed.table.intern(a);
      bed.rib.announce(bed.external, {p}, set, set, 0);
    }
    if (i % 10 == 0) {
      for (int k = 0; k < 15; ++k) {
        peers[k].announced_in_pull = false;
        outs[k]->pull(1 + rng() % 40, peers[k]);
      }
    }
    ASSERT_LE(bed.rib.prefixes(), 500u) << "what the stalled peer has not seen is bounded";
  }
  for (int k = 0; k < 16; ++k) peers[k].drain(*outs[k]);
  EXPECT_LE(peers[15].announced, 500u) << "a prefix that changed often is told once";
  for (const Peer& peer : peers) {
    ASSERT_EQ(peer.routes.size(), truth.size());
    for (const auto& [p, attributes] : peer.routes)
      EXPECT_EQ(attributes.communities[0], truth.at(p));
  }
  bed.rib.withdraw_all(bed.external, kV4);
  for (int k = 0; k < 16; ++k) {
    peers[k].drain(*outs[k]);
    EXPECT_TRUE(peers[k].routes.empty());
    EXPECT_EQ(outs[k]->advertised(kV4), 0u);
  }
  EXPECT_EQ(bed.rib.prefixes(), 0u);
}

TEST(BgpAggregates, StandWhileSomethingIsBelow) {
  Bed bed;
  Aggregates aggregates(bed.rib, bed.table, {65000, 99},
                        {{prefix("10.0.0.0/8"), true}, {prefix("10.1.0.0/16"), false}});
  bed.options.suppressed = [&](const wire::Prefix& p) { return aggregates.suppresses(p); };
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true});
  Peer peer;
  const auto settle = [&] {
    for (Aggregates::Result r{.more = true}; r.more || r.summaries;) {
      r = aggregates.update(SIZE_MAX, 0);
      if (r.summaries) out.judge_again();
    }
    peer.drain(out);
  };
  bed.announce(bed.external, "10.0.0.0/8", Bed::route());
  settle();
  EXPECT_EQ(peer.routes.at(prefix("10.0.0.0/8")).as_path.view().length(), 3u) << "not below itself";
  bed.announce(bed.external, "10.1.2.0/24", Bed::route());
  settle();
  EXPECT_EQ(peer.routes.size(), 1u) << "the summary alone";
  EXPECT_EQ(peer.routes.at(prefix("10.0.0.0/8")).as_path, AsPath({65000}));
  EXPECT_TRUE(peer.routes.at(prefix("10.0.0.0/8")).atomic_aggregate);
  EXPECT_NE(bed.rib.best(bed.rib.find(prefix("10.1.0.0/16"))), nullptr) << "the inner one stands";
  EXPECT_EQ(out.judge(bed.rib.find(prefix("10.1.0.0/16"))).withheld, Withheld::kSuppressed);
  bed.rib.withdraw(bed.external, {prefix("10.1.2.0/24")});
  settle();
  EXPECT_EQ(bed.rib.find(prefix("10.1.0.0/16")), kNoId);
  EXPECT_EQ(peer.routes.at(prefix("10.0.0.0/8")).as_path.view().length(), 3u);
}

TEST(BgpConditions, ToldWhileAnotherRouteIsThereOrIsNot) {
  const auto list = [](const char* p) {
    return std::make_shared<PrefixList>(std::vector{PrefixRule::exactly(prefix(p))});
  };
  Bed bed;
  Conditions conditions(bed.rib, {{list("10.0.0.0/8"), list("99.0.0.0/8"), true},
                                  {list("11.0.0.0/8"), list("99.0.0.0/8"), false}});
  bed.options.suppressed = [&](const wire::Prefix& p) { return conditions.suppresses(p); };
  AdjRibOut out(bed.rib, Export(bed.table, bed.options), {.ip4 = true});
  Peer peer;
  const auto settle = [&] {
    for (Conditions::Result r{.more = true}; r.more;) {
      r = conditions.update(1);
      if (r.changed) out.judge_again();
    }
    peer.drain(out);
  };
  bed.announce(bed.external, "10.0.0.0/8", Bed::route());
  bed.announce(bed.external, "11.0.0.0/8", Bed::route());
  bed.announce(bed.external, "12.0.0.0/8", Bed::route());
  settle();
  EXPECT_FALSE(peer.routes.contains(prefix("10.0.0.0/8")));
  EXPECT_TRUE(peer.routes.contains(prefix("11.0.0.0/8")));
  EXPECT_TRUE(peer.routes.contains(prefix("12.0.0.0/8"))) << "nothing speaks of it";
  bed.announce(bed.internal, "99.0.0.0/8", Bed::route());
  settle();
  EXPECT_TRUE(peer.routes.contains(prefix("10.0.0.0/8")));
  EXPECT_FALSE(peer.routes.contains(prefix("11.0.0.0/8")));
  bed.rib.withdraw(bed.internal, {prefix("99.0.0.0/8")});
  settle();
  EXPECT_FALSE(peer.routes.contains(prefix("10.0.0.0/8")));
  EXPECT_TRUE(peer.routes.contains(prefix("11.0.0.0/8")));
}

TEST(BgpRouteWatch, CountsWhatIsThere) {
  Bed bed;
  bed.announce(bed.external, "10.0.0.0/8", Bed::route());
  RouteWatch watch(bed.rib, [](const wire::Prefix& p, const Path&) { return p.length == 8; });
  EXPECT_FALSE(watch.update(SIZE_MAX));
  EXPECT_EQ(watch.count(), 1u);
  bed.announce(bed.internal, "10.0.0.0/8", Bed::route());
  bed.announce(bed.internal, "11.0.0.0/8", Bed::route());
  bed.announce(bed.internal, "11.0.0.0/9", Bed::route());
  watch.update(SIZE_MAX);
  EXPECT_EQ(watch.count(), 2u);
  bed.rib.withdraw_all(bed.internal, kV4);
  watch.update(SIZE_MAX);
  EXPECT_EQ(watch.count(), 1u);
}

}  // namespace
}  // namespace kanmon::bgp
