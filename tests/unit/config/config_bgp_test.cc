// BGP in the configuration: every key is read, what follows is derived, and every mistake is named
// at its line. BGP-10 (RFC 8212), BGP-11 (MD5, GTSM are configured), BGP-12 (limits).
#include <gtest/gtest.h>

#include "control/config/changes.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using test::all;
using test::good;
using test::has;

// The good file with a tunnel that has inside addresses, a port that is shared, and `bgp`.
std::string with_bgp(const std::string& bgp) {
  auto s = good();
  s["tunnels.branch"]["inside-addresses"] = "[169.254.21.1/30, \"fd00:21::1/126\"]";
  s["ports.wan"]["host-device"] = "kn-wan";
  return test::text_of(s) + bgp;
}

Loaded load(const std::string& bgp) {
  return load_text(with_bgp(bgp), "gw.yaml");
}

constexpr const char* kFull = R"(bgp:
  prefix-lists:
    sites: [{prefix: 10.0.0.0/8, ge: 16, le: 24}, {action: deny, prefix: 0.0.0.0/0, le: 32}]
    hops: [{prefix: 169.254.0.0/16, le: 32}]
  community-lists:
    ours: [{communities: [65001:100, "65001:1:2"]}, {action: deny, communities: [no-export]}]
  as-path-lists:
    cloud: [{path: "64512 *"}]
  route-maps:
    in:
      - {match-prefix-list: sites, match-next-hop-list: hops, match-community-list: ours,
         match-as-path-list: cloud, match-origin: igp, match-med: 5, match-local-pref: 7,
         match-learned: external, set-local-pref: 200, set-med: 10, set-weight: 3,
         set-origin: incomplete, set-next-hop: 169.254.21.2, prepend: [65001, 65001],
         remove-all-communities: true, remove-communities: ["65001:*"],
         add-communities: [65001:7, "rt:65001:9"]}
      - {action: deny}
  speakers:
    main:
      as: 65001
      cluster-id: 192.0.2.77
      hold-time-seconds: 30
      connect-retry-seconds: 5
      multipath: 4
      multipath-any-as-path: true
      compare-med-always: true
      missing-med-is-worst: true
      originate: [connected, static, propagated, vpn-static]
      networks: [10.1.0.0/24]
      aggregates: [{prefix: 10.0.0.0/8, summary-only: true}]
      conditions: [{advertise: sites, watch: hops, while: absent}]
      peers:
        cloud:
          neighbor: 169.254.21.2
          remote-as: 64512
          description: "the cloud's end"
          families: [ipv4, ipv6]
          md5-password: "a secret of ours"
          ttl-security: true
          passive: true
          hold-time-seconds: 180
          connect-retry-seconds: 7
          send-hold-time-seconds: 60
          local-as: 65010
          local-as-replace: true
          local-as-hide: true
          allow-own-as: 2
          as-override: true
          remove-private-as: true
          enforce-first-as: false
          extended-messages: false
          add-path-receive: true
          weight: 9
          share: 30
          default-originate: [ipv4]
          max-prefixes: {ipv4: 100, ipv6: 50, warning-percent: 80, action: warn,
                         restart-after-seconds: 60}
          graceful-restart: restarter
          restart-time-seconds: 90
          stale-time-seconds: 120
          graceful-shutdown: false
          import-policy: in
          export-policy: all
        inner: {neighbor: "fd00:21::2", remote-as: 65001, next-hop-self: true, reflector-client: true}
    internet:
      as: 65001
      router-id: 192.0.2.99
      peers:
        line: {neighbor: 192.0.2.0/24, remote-as: any, dynamic-limit: 5, shutdown: true,
               import-policy: all, export-policy: all}
)";

TEST(ConfigBgp, EveryKeyIsRead) {
  const auto loaded = load(kFull);
  ASSERT_TRUE(loaded.config) << all(loaded);
  const Bgp& b = loaded.config->bgp;
  ASSERT_EQ(b.speakers.size(), 2u);
  const BgpMapEntry& e = b.route_maps.at(0).rules.at(0);
  EXPECT_EQ(e.prefix_list, "sites");
  EXPECT_EQ(e.next_hop_list, "hops");
  EXPECT_EQ(e.community_list, "ours");
  EXPECT_EQ(e.as_path_list, "cloud");
  EXPECT_EQ(e.origin, bgp::Origin::kIgp);
  EXPECT_EQ(e.med, 5u);
  EXPECT_EQ(e.local_pref, 7u);
  EXPECT_EQ(e.learned, bgp::Source::Kind::kExternal);
  EXPECT_EQ(e.set_local_pref, 200u);
  EXPECT_EQ(e.set_med, 10u);
  EXPECT_EQ(e.set_weight, 3u);
  EXPECT_EQ(e.set_origin, bgp::Origin::kIncomplete);
  EXPECT_EQ(e.prepend, (std::vector<uint32_t>{65001, 65001}));
  EXPECT_TRUE(e.remove_all_communities);
  EXPECT_EQ(e.add_communities.size(), 2u);
  EXPECT_FALSE(b.route_maps.at(0).rules.at(1).permit);
  const BgpSpeaker& s = b.speakers.at(0);
  EXPECT_EQ(s.router_id.to_string(), "10.1.0.1") << "the table's first IPv4 address";
  EXPECT_EQ(s.cluster_id.to_string(), "192.0.2.77");
  EXPECT_EQ(s.multipath, 4);
  EXPECT_TRUE(s.multipath_any_as_path && s.compare_med_always && s.missing_med_is_worst);
  EXPECT_EQ(s.originate.size(), 4u);
  EXPECT_FALSE(s.conditions.at(0).while_there);
  EXPECT_TRUE(s.aggregates.at(0).summary_only);
  const BgpPeer& p = s.peers.at(0);
  EXPECT_EQ(p.tunnel, "branch") << "derived";
  EXPECT_EQ(p.local_address.to_string(), "169.254.21.1") << "derived";
  EXPECT_EQ(p.md5.size(), 16u);
  EXPECT_EQ(p.hold_time_s, 180);
  EXPECT_EQ(p.local_as, 65010u);
  EXPECT_TRUE(p.replace_as && p.hide_local_as && p.as_override && p.remove_private_as);
  EXPECT_FALSE(p.enforce_first_as || p.extended_messages || p.graceful_shutdown);
  EXPECT_EQ(p.allow_own_as, 2);
  EXPECT_TRUE(p.add_path_receive && p.ttl_security && p.passive);
  EXPECT_EQ(p.weight, 9u);
  EXPECT_EQ(p.share, 30);
  EXPECT_EQ(p.max_prefixes, (BgpMaxPrefixes{100, 50, 80, true, 60}));
  EXPECT_EQ(p.restart, BgpRestart::kRestarter);
  EXPECT_EQ(p.restart_time_s, 90);
  EXPECT_EQ(p.stale_time_s, 120u);
  EXPECT_EQ(s.peers.at(1).local_address.to_string(), "fd00:21::1");
  EXPECT_EQ(s.peers.at(1).families, std::vector{wire::Family::kV6}) << "the neighbour's";
  const BgpPeer& line = b.speakers.at(1).peers.at(0);
  EXPECT_TRUE(line.is_range());
  EXPECT_EQ(line.port, "wan");
  EXPECT_EQ(line.dynamic_limit, 5u);
  EXPECT_TRUE(line.shutdown);
}

// A minimal speaker with `peer` in its only peer and `more` beside peers.
std::string minimal(const std::string& peer, const std::string& more = "") {
  return "bgp:\n  speakers:\n    main:\n      as: 65001\n" + more + "      peers:\n        p: {" +
         peer + "}\n";
}
constexpr const char* kPeer = "neighbor: 169.254.21.2, remote-as: 64512";
constexpr const char* kPath = "bgp.speakers.main.peers.p";

TEST(ConfigBgp, AnExternalPeerWithoutPolicyIsWarnedOf) {  // RFC 8212
  const auto loaded = load(minimal(kPeer));
  ASSERT_TRUE(loaded.config) << all(loaded);
  EXPECT_TRUE(has(loaded, std::string(kPath) + ".import-policy", "RFC 8212", true)) << all(loaded);
  EXPECT_TRUE(has(loaded, std::string(kPath) + ".export-policy", "RFC 8212", true));
  EXPECT_EQ(all(load(minimal("neighbor: 169.254.21.2, remote-as: 65001"))), "") << "internal";
}

struct Case {
  std::string bgp;
  std::string key;
  const char* part;
};

std::string peer(const std::string& more) {
  return minimal(std::string(kPeer) + ", " + more);
}

TEST(ConfigBgp, MistakesAreNamed) {
  const std::string p = kPath;
  const Case cases[] = {
      {minimal("neighbor: 169.254.21.2"), p, "\"remote-as\" is missing"},
      {minimal("neighbor: 10.77.0.1, remote-as: 1"), p + ".neighbor", "in no subnet"},
      {minimal("neighbor: 10.77.0.1, remote-as: 1, tunnel: branch"), p + ".neighbor", "multihop"},
      {minimal("neighbor: 169.254.21.1, remote-as: 1"), p + ".neighbor", "own address"},
      {minimal("neighbor: 10.1.0.9, remote-as: 1"), p + ".neighbor", "no host-device"},
      {minimal("neighbor: 192.0.2.9, remote-as: 1, port: wan"), p + ".port", "of table internet"},
      {minimal("neighbor: \"fe80::1\", remote-as: 1"), p + ".neighbor", "global IPv6"},
      {peer("import-policy: nope"), p + ".import-policy", "bgp.route-maps"},
      {peer("hold-time-seconds: 2"), p + ".hold-time-seconds", "RFC 4271"},
      {peer("local-as: 65001"), p + ".local-as", "speaker's own"},
      {peer("local-as-hide: true"), p + ".local-as-hide", "without local-as"},
      {peer("default-originate: [ipv6]"), p + ".default-originate", "not in families"},
      {peer("reflector-client: true"), p + ".reflector-client", "RFC 4456"},
      {peer("dynamic-limit: 4"), p + ".dynamic-limit", "prefix of neighbours"},
      {peer("md5-password: \"short\""), p + ".md5-password", "octets"},
      {peer("max-prefixes: {ipv4: -1}"), p + ".max-prefixes.ipv4", "integer"},
      {minimal("neighbor: 169.254.21.2, remote-as: 23456"), p + ".remote-as", "reserved"},
      {minimal("neighbor: 169.254.21.2, remote-as: 0"), p + ".remote-as", "AS number"},
      {minimal(kPeer, "      router-id: \"fd00::1\"\n"), "bgp.speakers.main.router-id", "IPv4"},
      {minimal(kPeer, "      conditions: [{advertise: a, watch: b}]\n"),
       "bgp.speakers.main.conditions[0].advertise", "bgp.prefix-lists"},
      {"bgp:\n  speakers:\n    nowhere: {as: 1, router-id: 1.1.1.1}\n", "bgp.speakers.nowhere",
       "route-tables"},
      {"bgp:\n  prefix-lists: {a: [{prefix: 10.0.0.0/16, ge: 8}]}\n", "bgp.prefix-lists.a[0]",
       "length of the prefix"},
      {"bgp:\n  prefix-lists: {a: [{prefix: 10.0.0.0/16, le: 8}]}\n", "bgp.prefix-lists.a[0]",
       "length of the prefix"},
      {"bgp:\n  prefix-lists: {a: [{prefix: 10.0.0.0/16, ge: 24, le: 20}]}\n",
       "bgp.prefix-lists.a[0]", "length of the prefix"},
      {"bgp:\n  route-maps: {m: [{match-as-path-list: none}]}\n",
       "bgp.route-maps.m[0].match-as-path-list", "bgp.as-path-lists"},
      {"bgp:\n  route-maps: {m: [{add-communities: [\"65001:*\"]}]}\n",
       "bgp.route-maps.m[0].add-communities[0]", "wildcard"},
      {"bgp:\n  route-maps: {m: [{set-med: 1, remove-med: true}]}\n",
       "bgp.route-maps.m[0].remove-med", "one of the two"},
      {"bgp:\n  route-maps: {all: []}\n", "bgp.route-maps.all", "lets all routes through"},
      {"bgp:\n  as-path-lists: {l: [{path: \"65001 x\"}]}\n", "bgp.as-path-lists.l[0].path",
       "pattern"},
  };
  for (const Case& c : cases) {
    const auto loaded = load(c.bgp);
    EXPECT_FALSE(loaded.config) << c.bgp;
    EXPECT_TRUE(has(loaded, c.key, c.part)) << c.bgp << all(loaded);
    for (const Problem& problem : loaded.problems) EXPECT_NE(problem.line, 0u) << problem.text;
  }
}

// INV-9: the key is in no problem and no list of changes.
TEST(ConfigBgp, TheMd5KeyStaysSecret) {
  auto before = load(
      peer("import-policy: all, export-policy: all, md5-password: \"the very first key of all\""));
  auto after = load(peer(
      "import-policy: all, export-policy: all, md5-password: \"the other key, a longer one\""));
  ASSERT_TRUE(before.config && after.config) << all(before);
  EXPECT_EQ(all(before), "");
  const auto changes = changes_between(*before.config, *after.config);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].to_string(), std::string(kPath) + ".md5-password: (secret) -> (secret)");
}

TEST(ConfigBgp, ChangesAreNamed) {
  auto before = load(kFull),
       after = load(std::string(kFull).replace(std::string(kFull).find("set-local-pref: 200"), 19,
                                               "set-local-pref: 201"));
  ASSERT_TRUE(before.config && after.config) << all(after);
  const auto changes = changes_between(*before.config, *after.config);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].key, "bgp.route-maps.in");
  EXPECT_FALSE(before.config->bgp.same_policies(after.config->bgp));
  EXPECT_TRUE(before.config->bgp.same_policies(before.config->bgp));
}

}  // namespace
}  // namespace kanmon::config
