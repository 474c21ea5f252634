// Checks between sections, a row each: what is changed in a good file, and what must be said.
// failure-modes B3 (address roles), B5 (recursion), B10 (nobody starts); INV-1, INV-2, INV-3.
#include <gtest/gtest.h>

#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using test::all;
using test::good;
using test::has;
using test::Sections;

struct Case {
  const char* what;
  std::vector<std::array<const char*, 3>> changes;  // section, key, value; nullptr: take it away
  const char* key;                                  // of the problem; nullptr: there is none
  const char* part;
  bool warning = false;
};

Sections changed(const Case& c) {
  Sections sections = good();
  for (const auto& [section, key, value] : c.changes) {
    if (value == nullptr) {
      sections[section].erase(key);
    } else {
      sections[section][key] = value;
    }
  }
  return sections;
}

constexpr const char* kPsk = "\"0123456789abcdef\"";

const Case kCases[] = {
    {"good", {}, nullptr, ""},

    // Names and references.
    {"unknown underlay of a port",
     {{"ports.wan", "underlay", "intrnet"}},
     "ports.wan.underlay",
     "did you mean internet?"},
    {"unknown table of a port",
     {{"ports.lan", "table", "nain"}},
     "ports.lan.table",
     "did you mean main?"},
    {"unknown table of a tunnel",
     {{"tunnels.branch", "table", "zzz"}},
     "tunnels.branch.table",
     "section route-tables"},
    {"unknown underlay of a tunnel",
     {{"tunnels.branch", "underlay", "main"}},
     "tunnels.branch.underlay",
     "section underlays"},
    {"unknown tunnel of a route",
     {{"route-tables.main", "routes", "[{prefix: 10.2.0.0/24, tunnel: brunch}]"}},
     "route-tables.main.routes[0].tunnel",
     "did you mean branch?"},
    {"a name with a blank", {{"ports.a b", "device", "\"null:\""}}, "ports.a b", "1 to 63 letters"},

    // Ports.
    {"in both",
     {{"ports.wan", "table", "main"}},
     "ports.wan",
     "both an underlay and a route table"},
    {"in neither", {{"ports.lan", "table", nullptr}}, "ports.lan", "no table"},
    {"same device",
     {{"ports.lan", "device", "af_packet:gw-wan"}},
     "ports.wan.device",
     "device of port lan"},
    {"same device, other options",
     {{"ports.lan", "device", "\"af_packet:gw-wan,x=1\""}},
     "ports.wan.device",
     "device of port lan"},
    {"null devices may repeat",
     {{"ports.lan", "device", "\"null:\""}, {"ports.wan", "device", "\"null:\""}},
     nullptr,
     ""},
    {"same address",
     {{"ports.b", "device", "tap:b"},
      {"ports.b", "addresses", "[10.1.0.1/16]"},
      {"ports.b", "table", "main"}},
     "ports.lan.addresses[0]",
     "port b has already"},
    {"overlapping subnets",
     {{"ports.b", "device", "tap:b"},
      {"ports.b", "addresses", "[10.1.1.1/16]"},
      {"ports.b", "table", "main"}},
     "ports.lan.addresses[0]",
     "overlaps 10.1.1.1/16"},
    {"overlap in another table is isolated (INV-3)",
     {{"ports.b", "device", "tap:b"},
      {"ports.b", "addresses", "[10.1.0.1/24]"},
      {"ports.b", "table", "other"},
      {"route-tables.other", "routes", "[]"}},
     nullptr,
     ""},
    {"address is the subnet's number",
     {{"ports.lan", "addresses", "[10.1.0.0/24]"}},
     "ports.lan.addresses[0]",
     "own number"},
    {"address is the broadcast",
     {{"ports.lan", "addresses", "[10.1.0.255/24]"}},
     "ports.lan.addresses[0]",
     "broadcast"},
    {"a /31 has no such addresses (RFC 3021)",
     {{"ports.lan", "addresses", "[10.1.0.0/31]"}},
     nullptr,
     ""},
    {"multicast address",
     {{"ports.lan", "addresses", "[\"ff02::1/64\"]"}},
     "ports.lan.addresses[0]",
     "multicast"},
    {"address without a length",
     {{"ports.lan", "addresses", "[10.1.0.1]"}},
     "ports.lan.addresses[0]",
     "length of its subnet"},
    {"IPv6 needs 1280", {{"ports.wan", "mtu", "1279"}}, "ports.wan.mtu", "at least 1280"},
    {"IPv6 has 1280", {{"ports.wan", "mtu", "1280"}}, nullptr, ""},
    {"IPv4 alone may be less", {{"ports.lan", "mtu", "576"}}, nullptr, ""},
    {"no addresses", {{"ports.lan", "addresses", nullptr}}, "ports.lan", "no addresses", true},
    {"multicast MAC", {{"ports.wan", "mac", "\"01:00:5e:00:00:01\""}}, "ports.wan.mac", "unicast"},
    {"MAC with dashes", {{"ports.wan", "mac", "02-00-00-00-00-01"}}, "ports.wan.mac", "unicast"},

    // Routes.
    {"recursion (INV-1)",
     {{"underlays.internet", "routes", "[{prefix: 0.0.0.0/0, tunnel: branch}]"}},
     "underlays.internet.routes[0].tunnel",
     "send a tunnel through itself"},
    {"via is not connected",
     {{"underlays.internet", "routes", "[{prefix: 0.0.0.0/0, via: 198.51.100.1}]"}},
     "underlays.internet.routes[0].via",
     "192.0.2.0/24"},
    {"via is connected in another table only",
     {{"route-tables.main", "routes", "[{prefix: 10.3.0.0/16, via: 192.0.2.254}]"}},
     "route-tables.main.routes[0].via",
     "10.1.0.0/24"},
    {"via is ours",
     {{"underlays.internet", "routes", "[{prefix: 0.0.0.0/0, via: 192.0.2.1}]"}},
     "underlays.internet.routes[0].via",
     "own address of port wan"},
    {"via of the other family",
     {{"underlays.internet", "routes", "[{prefix: \"::/0\", via: 192.0.2.254}]"}},
     "underlays.internet.routes[0].via",
     "family of the prefix"},
    {"prefix twice",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch}, {prefix: 10.2.0.0/24, blackhole: true}]"}},
     "route-tables.main.routes[1].prefix",
     "a second time"},
    {"prefix of a connected subnet",
     {{"route-tables.main", "routes", "[{prefix: 10.1.0.0/24, tunnel: branch}]"}},
     "route-tables.main.routes[0].prefix",
     "connected subnet of port lan"},
    {"bits beyond the length",
     {{"route-tables.main", "routes", "[{prefix: 10.2.0.1/24, tunnel: branch}]"}},
     "route-tables.main.routes[0].prefix",
     "would be 10.2.0.0/24"},
    {"leads nowhere",
     {{"route-tables.main", "routes", "[{prefix: 10.2.0.0/24}]"}},
     "route-tables.main.routes[0]",
     "nowhere"},
    {"leads to several places",
     {{"route-tables.main", "routes", "[{prefix: 10.2.0.0/24, tunnel: branch, blackhole: true}]"}},
     "route-tables.main.routes[0]",
     "several places"},
    {"index counts what is in the file",
     {{"route-tables.main", "routes",
       "[{prefix: bad, tunnel: branch}, {prefix: 10.3.0.0/16, tunnel: nobody}]"}},
     "route-tables.main.routes[1].tunnel",
     "nobody"},
    {"outside of the selectors",
     {{"tunnels.branch", "traffic-selectors", "{local: [10.1.0.0/24], remote: [10.2.0.0/25]}"}},
     "route-tables.main.routes[0].prefix",
     "traffic selectors of tunnel branch",
     true},
    {"inside of two selectors together",
     {{"tunnels.branch", "traffic-selectors",
       "{local: [10.1.0.0/24], remote: [10.2.0.128/25, 10.2.0.0/25]}"}},
     nullptr,
     ""},

    {"a gap between two selectors",
     {{"tunnels.branch", "traffic-selectors",
       "{local: [10.1.0.0/24], remote: [10.2.0.0/26, 10.2.0.128/25]}"}},
     "route-tables.main.routes[0].prefix",
     "traffic selectors of tunnel branch",
     true},

    // Tunnels: addresses.
    {"local address is not ours",
     {{"tunnels.branch", "local-address", "192.0.2.7"}},
     "tunnels.branch.local-address",
     "192.0.2.1, 2001:db8:1::1"},
    {"local address is of the LAN",
     {{"tunnels.branch", "local-address", "10.1.0.1"}},
     "tunnels.branch.local-address",
     "underlay internet"},
    {"remote address is ours",
     {{"tunnels.branch", "remote-address", "192.0.2.1"}},
     "tunnels.branch.remote-address",
     "own address of port wan"},
    {"families differ",
     {{"tunnels.branch", "remote-address", "\"2001:db8:1::2\""}},
     "tunnels.branch.remote-address",
     "family of local-address"},
    {"no route to the peer",
     {{"tunnels.branch", "remote-address", "203.0.113.5"}, {"underlays.internet", "routes", "[]"}},
     "tunnels.branch.remote-address",
     "no route",
     true},
    {"the peer is in a blackhole",
     {{"tunnels.branch", "remote-address", "203.0.113.5"},
      {"underlays.internet", "routes", "[{prefix: 203.0.113.0/24, blackhole: true}]"}},
     "tunnels.branch.remote-address",
     "swallows",
     true},
    {"multicast peer",
     {{"tunnels.branch", "remote-address", "224.0.0.1"}},
     "tunnels.branch.remote-address",
     "a host's"},
    {"any peer needs an identity",
     {{"tunnels.branch", "remote-address", "any"}},
     "tunnels.branch",
     "expected remote-id"},
    {"any peer cannot be started",
     {{"tunnels.branch", "remote-address", "any"},
      {"tunnels.branch", "remote-id", "b.example"},
      {"tunnels.branch", "startup-action", "start"}},
     "tunnels.branch.startup-action",
     "nobody to start with"},

    // Tunnels: keys, lifetimes, proposals.
    {"no key",
     {{"tunnels.branch", "pre-shared-key", nullptr}},
     "tunnels.branch",
     "no pre-shared key"},
    {"two keys",
     {{"tunnels.branch", "pre-shared-key-file", "/dev/null"}},
     "tunnels.branch",
     "two pre-shared keys"},
    {"key of 7",
     {{"tunnels.branch", "pre-shared-key", "\"1234567\""}},
     "tunnels.branch.pre-shared-key",
     "7 octets, expected 8"},
    {"key of 15 is weak",
     {{"tunnels.branch", "pre-shared-key", "\"123456789012345\""}},
     "tunnels.branch.pre-shared-key",
     "guess",
     true},
    {"key of 16", {{"tunnels.branch", "pre-shared-key", "\"1234567890123456\""}}, nullptr, ""},
    {"phase 2 is phase 1",
     {{"tunnels.branch", "phase1-lifetime-seconds", "3600"}},
     "tunnels.branch.phase2-lifetime-seconds",
     "less than phase1-lifetime-seconds"},
    {"margin above half of phase 2",
     {{"tunnels.branch", "rekey-margin-time-seconds", "1801"}},
     "tunnels.branch.rekey-margin-time-seconds",
     "at most half"},
    {"margin with fuzz fills phase 2",
     {{"tunnels.branch", "rekey-margin-time-seconds", "1800"}},
     "tunnels.branch.rekey-margin-time-seconds",
     "right after the last",
     true},
    {"margin at half without fuzz",
     {{"tunnels.branch", "rekey-margin-time-seconds", "1800"},
      {"tunnels.branch", "rekey-fuzz-percentage", "0"}},
     nullptr,
     ""},
    {"phase 1 outside of AWS's range",
     {{"tunnels.branch", "phase1-lifetime-seconds", "28801"}},
     "tunnels.branch.phase1-lifetime-seconds",
     "900 to 28800",
     true},
    {"phase 2 outside of AWS's range",
     {{"tunnels.branch", "phase2-lifetime-seconds", "899"}},
     "tunnels.branch.phase2-lifetime-seconds",
     "900 to 3600",
     true},
    {"short DPD",
     {{"tunnels.branch", "dpd-timeout-seconds", "9"}},
     "tunnels.branch.dpd-timeout-seconds",
     "below 10",
     true},
    {"CBC without integrity",
     {{"tunnels.branch", "phase1-encryption-algorithms", "[AES256]"},
      {"tunnels.branch", "phase1-integrity-algorithms", "[]"}},
     "tunnels.branch.phase1-integrity-algorithms",
     "CBC"},
    {"GCM without integrity",
     {{"tunnels.branch", "phase1-encryption-algorithms", "[AES256-GCM-16]"},
      {"tunnels.branch", "phase1-integrity-algorithms", "[]"}},
     nullptr,
     ""},
    {"no PFS by word", {{"tunnels.branch", "phase2-dh-group-numbers", "none"}}, nullptr, ""},
    {"no PFS by empty list", {{"tunnels.branch", "phase2-dh-group-numbers", "[]"}}, nullptr, ""},
    {"DSCP of 64", {{"tunnels.branch", "dscp", "64"}}, "tunnels.branch.dscp", "0 to 63"},

    // Traffic selectors.
    {"ports without a protocol",
     {{"tunnels.branch", "traffic-selectors",
       "{local: [{prefix: 10.1.0.0/24, ports: 80}], remote: [10.2.0.0/24]}"}},
     "tunnels.branch.traffic-selectors.local[0]",
     "protocol tcp"},
    {"range backwards",
     {{"tunnels.branch", "traffic-selectors",
       "{local: [{range: 10.1.0.9-10.1.0.1}], remote: [10.2.0.0/24]}"}},
     "tunnels.branch.traffic-selectors.local[0].range",
     "a range"},
    {"prefix and range",
     {{"tunnels.branch", "traffic-selectors",
       "{local: [{prefix: 10.1.0.0/24, range: 10.1.0.1-10.1.0.9}], remote: [10.2.0.0/24]}"}},
     "tunnels.branch.traffic-selectors.local[0]",
     "exactly one"},
    {"no family on both sides",
     {{"tunnels.branch", "traffic-selectors", "{local: [10.1.0.0/24], remote: [\"fd00::/8\"]}"}},
     "tunnels.branch.traffic-selectors",
     "no packet matches"},
    {"inner MTU for IPv6",
     {{"tunnels.branch", "traffic-selectors", "{local: [\"fd01::/16\"], remote: [\"fd02::/16\"]}"},
      {"tunnels.branch", "mtu", "1279"}},
     "tunnels.branch.mtu",
     "at least 1280"},

    {"no route into the tunnel",
     {{"route-tables.main", "routes", "[]"}},
     "tunnels.branch",
     "nothing will be sent",
     true},

    // AWS's table of MTU by algorithm: GCM 1446, with NAT traversal 1438.
    {"inner MTU that just fits", {{"tunnels.branch", "mtu", "1446"}}, nullptr, ""},
    {"inner MTU one too large",
     {{"tunnels.branch", "mtu", "1447"}},
     "tunnels.branch.mtu",
     "more than the 1446 that fit",
     true},
    {"inner MTU that just fits with UDP",
     {{"tunnels.branch", "mtu", "1438"}, {"tunnels.branch", "force-udp-encapsulation", "true"}},
     nullptr,
     ""},
    {"inner MTU one too large with UDP",
     {{"tunnels.branch", "mtu", "1439"}, {"tunnels.branch", "force-udp-encapsulation", "true"}},
     "tunnels.branch.mtu",
     "more than the 1438 that fit",
     true},

    // Ambiguity.
    {"same peers, same identities",
     {{"tunnels.zbranch", "table", "main"},
      {"tunnels.zbranch", "underlay", "internet"},
      {"tunnels.zbranch", "local-address", "192.0.2.1"},
      {"tunnels.zbranch", "remote-address", "192.0.2.2"},
      {"tunnels.zbranch", "pre-shared-key", kPsk}},
     "tunnels.zbranch",
     "tunnel branch"},
    {"same peers, other identity",
     {{"tunnels.zbranch", "table", "main"},
      {"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch}, {prefix: 10.3.0.0/24, tunnel: zbranch}]"},
      {"tunnels.zbranch", "underlay", "internet"},
      {"tunnels.zbranch", "local-address", "192.0.2.1"},
      {"tunnels.zbranch", "remote-id", "second.example"},
      {"tunnels.zbranch", "remote-address", "192.0.2.2"},
      {"tunnels.zbranch", "pre-shared-key", kPsk}},
     nullptr,
     ""},

    // System.
    {"fewer cores than workers",
     {{"system", "workers", "2"}, {"system", "worker-cores", "[0]"}},
     "system.worker-cores",
     "one for each of 2"},
    {"a core that is not there",
     {{"system", "worker-cores", "[1023]"}},
     "system.worker-cores[0]",
     "may run on"},
    {"group that exists", {{"system", "api-group", "root"}}, nullptr, ""},
    {"group that does not",
     {{"system", "api-group", "no-such-group"}},
     "system.api-group",
     "a group of this machine"},
    {"relative socket", {{"system", "api-socket", "api.sock"}}, "system.api-socket", "absolute"},
};

TEST(ConfigCheck, EveryContradictionIsNamed) {
  for (const Case& c : kCases) {
    const Loaded loaded = test::load(changed(c));
    if (c.key == nullptr) {
      EXPECT_TRUE(loaded.config) << c.what << "\n" << all(loaded);
      EXPECT_EQ(all(loaded), "") << c.what;
      continue;
    }
    EXPECT_TRUE(has(loaded, c.key, c.part, c.warning)) << c.what << "\n" << all(loaded);
    EXPECT_EQ(loaded.config.has_value(), c.warning) << c.what << "\n" << all(loaded);
    for (const Problem& p : loaded.problems) EXPECT_GT(p.line, 0u) << p.to_string();
  }
}

// One mistake, one problem: what follows from it is not reported on top.
TEST(ConfigCheck, NoAvalanche) {
  const Case rows[] = {
      {"unknown underlay of the port", {{"ports.wan", "underlay", "intrnet"}}, "", ""},
      {"bad address of the port", {{"ports.wan", "addresses", "[192.0.2.300/24]"}}, "", ""},
      {"bad remote address", {{"tunnels.branch", "remote-address", "192.0.2"}}, "", ""},
      {"bad local address", {{"tunnels.branch", "local-address", "192.0.2"}}, "", ""},
      {"bad key", {{"tunnels.branch", "pre-shared-key", "\"x\""}}, "", ""},
      {"bad route",
       {{"route-tables.main", "routes", "[{prefix: 10.2.0.0, tunnel: 5.5, via: x}]"}},
       "",
       ""},
  };
  for (std::size_t i = 0; i < 5; ++i) {
    const Loaded loaded = test::load(changed(rows[i]));
    EXPECT_EQ(loaded.problems.size(), 1u) << rows[i].what << "\n" << all(loaded);
  }
}

}  // namespace
}  // namespace kanmon::config
