// Policy: prefix lists, AS path patterns and communities against slow truths;
// route maps; what the protocol refuses on the way in (BGP-06, BGP-07, BGP-10);
// limits of prefixes (BGP-12).
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "control/bgp/policy/import.h"
#include "control/bgp/policy/max_prefix.h"

namespace kanmon::bgp {
namespace {

wire::Prefix prefix(const char* text) {
  return *wire::Prefix::parse(text);
}

TEST(BgpPrefixList, GeAndLe) {
  struct Row {
    uint8_t ge, le;
    const char* prefix;
    bool matches;
  };
  const Row rows[] = {{0, 0, "10.0.0.0/8", true},     {0, 0, "10.0.0.0/9", false},
                      {0, 24, "10.0.0.0/8", true},    {0, 24, "10.1.2.0/24", true},
                      {0, 24, "10.1.2.0/25", false},  {16, 0, "10.0.0.0/8", false},
                      {16, 0, "10.1.0.0/16", true},   {16, 0, "10.1.2.3/32", true},
                      {16, 20, "10.1.0.0/21", false}, {16, 20, "11.1.0.0/16", false}};
  for (const Row& row : rows) {
    const PrefixList list({*PrefixRule::make(true, prefix("10.0.0.0/8"), row.ge, row.le)});
    EXPECT_EQ(list.permits(prefix(row.prefix)), row.matches)
        << row.prefix << " ge " << int{row.ge} << " le " << int{row.le};
  }
  EXPECT_FALSE(PrefixRule::make(true, prefix("10.0.0.0/8"), 7, 0).ok());
  EXPECT_FALSE(PrefixRule::make(true, prefix("10.0.0.0/8"), 0, 7).ok());
  EXPECT_FALSE(PrefixRule::make(true, prefix("10.0.0.0/8"), 24, 20).ok());
  EXPECT_FALSE(PrefixRule::make(true, prefix("10.0.0.0/8"), 0, 33).ok());
  EXPECT_TRUE(PrefixRule::make(true, prefix("2001:db8::/32"), 0, 128).ok());
}

TEST(BgpPrefixList, EveryV4OrV6RouteIsOneRule) {
  const PrefixList all({*PrefixRule::make(true, prefix("0.0.0.0/0"), 0, 32)});
  EXPECT_TRUE(all.permits(prefix("0.0.0.0/0")));
  EXPECT_TRUE(all.permits(prefix("10.1.2.3/32")));
  EXPECT_FALSE(all.permits(prefix("::/0"))) << "families are apart";
  EXPECT_FALSE(PrefixList().permits(prefix("0.0.0.0/0")));
}

// The first rule that matches, as one would do it by hand.
TEST(BgpPrefixList, AgreesWithGoingThroughTheRules) {
  std::mt19937_64 rng(32);
  const auto random = [&] {
    return wire::Prefix::make(
        wire::IpAddress::v4(static_cast<uint32_t>(0x0a000000 | (rng() & 0x30303))),
        static_cast<uint8_t>(6 + rng() % 27));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<PrefixRule> rules;
    for (uint64_t i = rng() % 20; i > 0; --i) {
      const wire::Prefix p = random();
      const auto ge = static_cast<uint8_t>(p.length + rng() % (33 - p.length));
      rules.push_back({rng() % 2 == 0, p, ge, static_cast<uint8_t>(ge + rng() % (33 - ge))});
    }
    const PrefixList list(rules);
    for (int i = 0; i < 100; ++i) {
      const wire::Prefix p = random();
      bool expected = false;
      for (const PrefixRule& r : rules) {
        if (!r.matches(p)) continue;
        expected = r.permit;
        break;
      }
      ASSERT_EQ(list.permits(p), expected);
    }
  }
}

TEST(BgpAsPattern, Words) {
  struct Row {
    const char* pattern;
    AsPath path;
    bool matches;
  };
  const Row rows[] = {
      {"", {}, true},
      {"", {1}, false},
      {"*", {}, true},
      {"*", {1, 2}, true},
      {"65001 *", {65001}, true},
      {"65001 *", {65001, 2}, true},
      {"65001 *", {2, 65001}, false},
      {"* 7", {1, 7}, true},
      {"* 7", {7, 1}, false},
      {"* 7 *", {1, 7, 2}, true},
      {"? ?", {1, 2}, true},
      {"? ?", {1}, false},
      {"? *", {}, false},
      {"64512-65534", {65000}, true},
      {"64512-65534", {64511}, false},
      {"7  7", {7, 7}, true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(AsPattern::parse(row.pattern)->matches(row.path), row.matches)
        << '"' << row.pattern << "\" and " << row.path.view().to_string();
  }
  AsPath with_set = {1};
  with_set.append(SegmentType::kSet, std::array<uint32_t, 2>{5, 6});
  EXPECT_TRUE(AsPattern::parse("1 6")->matches(with_set));
  EXPECT_FALSE(AsPattern::parse("1 5 6")->matches(with_set)) << "a set is one AS";
}

TEST(BgpAsPattern, MistakesAreNamedByPlace) {
  for (const char* bad : {"1 x", "1 2-", "1 9-8", "1 4294967296", "1 -", "1 **", "1 1.5"}) {
    const auto parsed = AsPattern::parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().at, 2u) << bad;
  }
  std::string long_one;
  for (int i = 0; i < 63; ++i) long_one += "* ";
  EXPECT_TRUE(AsPattern::parse(long_one)->matches(AsPath({1})));
  EXPECT_EQ(AsPattern::parse(long_one + "1").error().code, Errc::kNoSpace);
}

// Against a matcher that tries everything; and no pattern makes it slow on a
// long path (BGP-06).
TEST(BgpAsPattern, AgreesWithTryingEverything) {
  using Words = std::vector<int>;  // -1: any number, -2: any one
  const std::function<bool(const Words&, size_t, const Words&, size_t)> slow =
      [&](const Words& t, size_t i, const Words& p, size_t k) {
        if (i == t.size()) return k == p.size();
        if (t[i] == -1) return slow(t, i + 1, p, k) || (k < p.size() && slow(t, i, p, k + 1));
        return k < p.size() && (t[i] == -2 || t[i] == p[k]) && slow(t, i + 1, p, k + 1);
      };
  std::mt19937_64 rng(7);
  for (int round = 0; round < 4000; ++round) {
    Words tokens, members;
    std::string text;
    for (uint64_t i = rng() % 6; i > 0; --i) {
      tokens.push_back(static_cast<int>(rng() % 5) - 2);
      text += (tokens.back() == -1   ? "*"
               : tokens.back() == -2 ? "?"
                                     : std::to_string(tokens.back())) +
              " ";
    }
    AsPath path;
    for (uint64_t i = rng() % 7; i > 0; --i) {
      members.push_back(static_cast<int>(rng() % 3));
      path.append(SegmentType::kSequence,
                  std::array<uint32_t, 1>{static_cast<uint32_t>(members.back())});
    }
    ASSERT_EQ(AsPattern::parse(text)->matches(path), slow(tokens, 0, members, 0))
        << '"' << text << "\" and " << path.view().to_string();
  }
  AsPath endless;
  endless.append(SegmentType::kSequence, std::vector<uint32_t>(16000, 1));
  EXPECT_FALSE(AsPattern::parse("* 1 * 1 * 1 * 1 * 1 * 1 * 1 * 1 * 2")->matches(endless));
}

TEST(BgpCommunity, TextBothWays) {
  for (const char* text :
       {"65001:100", "no-export", "no-advertise", "graceful-shutdown", "blackhole"}) {
    EXPECT_EQ(community_text(CommunityPattern::parse(text)->value[0]), text);
  }
  const auto rt = *CommunityPattern::parse("rt:65001:7");
  EXPECT_EQ(rt.kind, CommunityKind::kExtended);
  EXPECT_EQ(uint64_t{rt.value[0]} << 32 | rt.value[1],
            0x0002fde900000007u);  // RFC 4360 section 4
  EXPECT_EQ(extended_text(0x0002fde900000007), "rt:65001:7");
  EXPECT_EQ(extended_text(0x0203fffe00000009), "soo:4294836224:9");
  EXPECT_EQ(extended_text(0x4004000000000001), "0x4004000000000001");
  EXPECT_EQ(*CommunityPattern::parse("0x4004000000000001")->value.data(), 0x40040000u);
  EXPECT_EQ(community_text(LargeCommunity{1, 2, 3}), "1:2:3");
  for (const char* bad : {"", "1", "65536:1", "1:65536", "1:2:3:4", "a:b", "1:-1", "rt:1:*", ":",
                          "rt:70000:65536", "0x1", "no-such", "1:2:4294967296"}) {
    EXPECT_FALSE(CommunityPattern::parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(CommunityPattern::parse("65001:*")->is_exact());
  EXPECT_TRUE(CommunityPattern::parse("1:2:3")->is_exact());
}

TEST(BgpCommunity, ListsAndRemoval) {
  AttributeTable table;
  Attributes a;
  a.communities = {65001u << 16 | 1, 65001u << 16 | 2, 65002u << 16 | 1};
  a.large = {{1, 2, 3}};
  const AttributeRef set = table.intern(a);
  const auto p = [](const char* text) { return *CommunityPattern::parse(text); };
  EXPECT_TRUE(CommunityList({{true, {p("65001:*"), p("1:*:3")}}}).permits(*set));
  EXPECT_FALSE(CommunityList({{true, {p("65001:*"), p("1:*:4")}}}).permits(*set)) << "all of them";
  EXPECT_FALSE(CommunityList({{false, {p("*:2")}}, {true, {}}}).permits(*set)) << "first match";
  EXPECT_FALSE(CommunityList().permits(*set));
  p("65001:*").remove_from(a);
  p("*:*:*").remove_from(a);
  EXPECT_EQ(a.communities, (std::vector<uint32_t>{65002u << 16 | 1}));
  EXPECT_TRUE(a.large.empty());
}

struct ImportBed {
  AttributeTable table;
  ImportOptions options{.own_as = 65000, .router_id = 77};
  Attributes route;

  ImportBed() {
    route.as_path = {65001};
    route.next_hop = wire::IpAddress::v4(0xa9fe1502);
    options.local4 = wire::IpAddress::v4(0xa9fe1501);
    options.policy = all();
  }
  static std::shared_ptr<const RouteMap> map(RouteMapEntry entry) {
    return std::make_shared<RouteMap>("m", std::vector{std::move(entry)});
  }
  static std::shared_ptr<const RouteMap> all() { return map({}); }
  Import::Verdict judge() {
    return Import(table, options).judge(prefix("10.0.0.0/8"), table.intern(route));
  }
};

// BGP-10.
TEST(BgpImport, AnExternalPeerWithoutPolicyBringsNothing) {
  ImportBed bed;
  bed.options.policy = nullptr;
  EXPECT_EQ(bed.judge().refusal, Refusal::kNoPolicy);
  bed.options.kind = Source::Kind::kInternal;
  EXPECT_TRUE(bed.judge().accepted);
}

// BGP-06: our number anywhere, in a set too, as often as allowed.
TEST(BgpImport, OwnAsNumber) {
  ImportBed bed;
  bed.route.as_path = {65001, 65000, 3};
  EXPECT_EQ(bed.judge().refusal, Refusal::kOwnAs);
  bed.options.allow_own_as = 1;
  EXPECT_TRUE(bed.judge().accepted);
  bed.route.as_path.append(SegmentType::kSet, std::array<uint32_t, 2>{9, 65000});
  EXPECT_EQ(bed.judge().refusal, Refusal::kOwnAs);
  bed.options = {.own_as = 1, .local_as = 65000, .policy = ImportBed::all()};
  EXPECT_EQ(bed.judge().refusal, Refusal::kOwnAs) << "also the number shown to this peer";
}

TEST(BgpImport, LoopsOfReflectionAndNextHop) {
  ImportBed bed;
  bed.route.next_hop = *bed.options.local4;
  EXPECT_EQ(bed.judge().refusal, Refusal::kOwnNextHop);
  bed.route.next_hop = wire::IpAddress::v4(1);
  bed.route.originator_id = 77;
  EXPECT_TRUE(bed.judge().accepted) << "means nothing from an external peer";
  bed.options.kind = Source::Kind::kInternal;
  EXPECT_EQ(bed.judge().refusal, Refusal::kOwnRouterId);
  bed.route.originator_id = 5;
  bed.route.cluster_list = {1, 77};
  EXPECT_EQ(bed.judge().refusal, Refusal::kOwnCluster);
  bed.options.cluster_id = 8;
  EXPECT_TRUE(bed.judge().accepted);
}

TEST(BgpImport, PreferenceIsOursToSet) {
  ImportBed bed;
  bed.route.local_pref = 900;
  EXPECT_FALSE(bed.judge().accepted->local_pref()) << "RFC 4271 section 5.1.5";
  bed.options.policy = ImportBed::map({.change = {.local_pref = 300, .med = 4, .weight = 9}});
  const auto got = bed.judge().accepted;
  EXPECT_EQ(got->local_pref(), 300u);
  EXPECT_EQ(got->med(), 4u);
  EXPECT_EQ(got->weight(), 9u);
  // RFC 8326: last of all, whatever the policy says.
  bed.route.communities = {community::kGracefulShutdown};
  EXPECT_EQ(bed.judge().accepted->local_pref(), 0u);
  bed.options.graceful_shutdown = false;
  EXPECT_EQ(bed.judge().accepted->local_pref(), 300u);
}

TEST(BgpImport, LocalAsStandsInThePath) {
  ImportBed bed;
  bed.options.local_as = 64999;
  EXPECT_EQ(bed.judge().accepted->as_path().to_string(), "64999 65001");
  bed.options.hide_local_as = true;
  EXPECT_EQ(bed.judge().accepted->as_path().to_string(), "65001");
}

TEST(BgpImport, TheSameSetForManyPrefixesIsJudgedByPrefix) {
  ImportBed bed;
  auto list = std::make_shared<PrefixList>(
      std::vector{*PrefixRule::make(true, prefix("10.0.0.0/8"), 0, 24)});
  bed.options.policy = std::make_shared<RouteMap>(
      "m", std::vector<RouteMapEntry>{{.match = {.prefixes = list}, .change = {.local_pref = 1}},
                                      {.match = {.med = 5}, .change = {.local_pref = 2}}});
  Import import(bed.table, bed.options);
  const AttributeRef set = bed.table.intern(bed.route);
  EXPECT_EQ(import.judge(prefix("10.1.0.0/16"), set).accepted->local_pref(), 1u);
  EXPECT_EQ(import.judge(prefix("11.0.0.0/8"), set).refusal, Refusal::kDenied);
  EXPECT_EQ(import.judge(prefix("10.2.0.0/16"), set).accepted->local_pref(), 1u);
  bed.route.med = 5;
  const AttributeRef with_med = bed.table.intern(bed.route);
  EXPECT_EQ(import.judge(prefix("11.0.0.0/8"), with_med).accepted->local_pref(), 2u);
  EXPECT_EQ(import.judge(prefix("10.2.0.0/16"), with_med).accepted->local_pref(), 1u);
}

TEST(BgpRouteMap, EachConditionCounts) {
  AttributeTable table;
  Attributes a;
  a.origin = Origin::kEgp;
  a.as_path = {1, 2};
  a.med = 7;
  a.next_hop = wire::IpAddress::v4(0x0a000001);
  a.communities = {65001u << 16 | 1};
  const AttributeRef set = table.intern(a);
  const auto list = [](const char* p) {
    return std::make_shared<PrefixList>(std::vector{PrefixRule::exactly(prefix(p))});
  };
  const auto path = [](const char* p) {
    return std::make_shared<AsPathList>(std::vector<AsPathRule>{{true, *AsPattern::parse(p)}});
  };
  const auto with = [](const char* c) {
    return std::make_shared<CommunityList>(
        std::vector<CommunityRule>{{true, {*CommunityPattern::parse(c)}}});
  };
  const auto holds = [&](MatchConditions m) {
    return m.hold(prefix("10.0.0.0/8"), *set, Source::Kind::kExternal);
  };
  EXPECT_TRUE(holds({}));
  EXPECT_TRUE(holds({list("10.0.0.0/8"), list("10.0.0.1/32"), with("65001:1"), path("1 2"),
                     Origin::kEgp, 7, 100, Source::Kind::kExternal}));
  EXPECT_FALSE(holds({.prefixes = list("10.0.0.0/9")}));
  EXPECT_FALSE(holds({.next_hops = list("10.0.0.2/32")}));
  EXPECT_FALSE(holds({.communities = with("65001:2")}));
  EXPECT_FALSE(holds({.as_path = path("2 1")}));
  EXPECT_FALSE(holds({.origin = Origin::kIgp}));
  EXPECT_FALSE(holds({.med = 8}));
  EXPECT_FALSE(holds({.local_pref = 101}));
  EXPECT_FALSE(holds({.learned = Source::Kind::kLocal}));
}

TEST(BgpRouteMap, EachChangeIsMade) {
  Attributes a;
  a.as_path = {1};
  a.communities = {5, 6};
  a.med = 3;
  a.next_hop = wire::IpAddress::v4(1);
  RouteChanges c;
  EXPECT_TRUE(c.none());
  c.origin = Origin::kIgp;
  c.remove_med = true;
  c.next_hop = wire::IpAddress::v4(2);
  c.prepend = {8, 9};
  c.remove_communities = {*CommunityPattern::parse("0:5")};
  c.add_communities = {*CommunityPattern::parse("0:7"), *CommunityPattern::parse("rt:1:1"),
                       *CommunityPattern::parse("1:1:1")};
  EXPECT_FALSE(c.none());
  c.apply(a);
  EXPECT_EQ(a.origin, Origin::kIgp);
  EXPECT_FALSE(a.med);
  EXPECT_EQ(a.next_hop, wire::IpAddress::v4(2));
  EXPECT_EQ(a.as_path.view().to_string(), "8 9 1");
  EXPECT_EQ(a.communities, (std::vector<uint32_t>{6, 7}));
  EXPECT_EQ(a.extended.size(), 1u);
  EXPECT_EQ(a.large.size(), 1u);
  c.next_hop = *wire::IpAddress::parse("2001:db8::1");
  c.remove_all_communities = true;
  c.apply(a);
  EXPECT_EQ(a.next_hop, wire::IpAddress::v4(2)) << "of another family";
  EXPECT_EQ(a.communities, (std::vector<uint32_t>{7}));
}

// BGP-12: the threshold is right over the whole range of 64 bits, by 128-bit
// arithmetic.
TEST(BgpMaxPrefix, TheThresholdNeverOverflows) {
  std::mt19937_64 rng(12);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t limit = rng() >> rng() % 64;
    const auto percent = static_cast<uint8_t>(rng() % 101);
    const MaxPrefix guard({.limit = limit, .warn_at_percent = percent});
    const auto exact = (static_cast<unsigned __int128>(limit) * percent + 99) / 100;
    ASSERT_EQ(guard.warn_from(), static_cast<uint64_t>(exact)) << limit << " at " << int{percent};
  }
}

TEST(BgpMaxPrefix, EachEventIsSaidOnce) {
  using enum MaxPrefix::Event;
  MaxPrefix guard({.limit = 100, .warn_at_percent = 75});
  EXPECT_EQ(guard.update(74), kQuiet);
  EXPECT_EQ(guard.update(75), kWarn);
  EXPECT_EQ(guard.update(76), kQuiet);
  EXPECT_EQ(guard.update(100), kQuiet);
  EXPECT_EQ(guard.update(101), kExceeded);
  EXPECT_EQ(guard.update(102), kQuiet);
  EXPECT_EQ(guard.update(70), kQuiet);
  EXPECT_EQ(guard.update(80), kWarn);
  EXPECT_TRUE(guard.closes(kExceeded));
  EXPECT_FALSE(guard.closes(kWarn));
  EXPECT_EQ(MaxPrefix({.limit = 0}).update(UINT64_MAX), kQuiet);
  EXPECT_FALSE(MaxPrefix({.limit = 1, .warn_only = true}).closes(kExceeded));
}

}  // namespace
}  // namespace kanmon::bgp
