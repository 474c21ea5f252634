// What is configured to be checked: the keys' rules, the addresses that follow, and the worst case
// of an outage by the timers (failure-modes B13; BFD-02).
#include <gtest/gtest.h>

#include "control/config/paths.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using test::all;
using test::good;
using test::has;
using test::Sections;

// A good tunnel with inside addresses and these sections.
Sections with(const std::string& bfd, const std::string& health, const char* inside = nullptr) {
  Sections s = good();
  s["tunnels.branch"]["inside-addresses"] =
      inside != nullptr ? inside : "[169.254.21.1/30, \"fd00:21::1/126\"]";
  if (!bfd.empty()) s["tunnels.branch"]["bfd"] = bfd;
  if (!health.empty()) s["tunnels.branch"]["health-check"] = health;
  return s;
}

struct Mistake {
  const char* bfd;
  const char* health;
  const char* key;
  const char* part;
  const char* inside = nullptr;
};

TEST(ConfigPaths, NamesEachMistake) {
  const Mistake kMistakes[] = {
      {"{interval-milliseconds: 9}", "", "tunnels.branch.bfd.interval-milliseconds", "10"},
      {"{multiplier: 0}", "", "tunnels.branch.bfd.multiplier", "1"},
      {"{multiplyer: 3}", "", "tunnels.branch.bfd.multiplyer", "multiplier"},
      {"{authentication: keyed-sha1}", "", "tunnels.branch.bfd", "expected a key"},
      {"{pre-shared-key: \"0123456789\"}", "", "tunnels.branch.bfd", "expected authentication"},
      {"{authentication: keyed-sha1, pre-shared-key: \"0123456789012345678901\"}", "",
       "tunnels.branch.bfd", "22 octets"},
      {"{authentication: md5}", "", "tunnels.branch.bfd.authentication", "meticulous-keyed-sha1"},
      {"{}", "", "tunnels.branch.bfd", "no addresses", "[169.254.21.1/28]"},
      {"{}", "", "tunnels.branch.bfd", "no addresses", "[]"},
      {"{remote-address: 10.9.9.9, local-address: 10.9.9.8}", "", "tunnels.branch.bfd",
       "would come from 10.9.9.8"},
      {"{remote-address: 10.1.0.1}", "", "tunnels.branch.bfd", "the gateway itself"},
      {"{remote-address: 10.9.9.9, local-address: \"fd00:21::1\"}", "", "tunnels.branch.bfd",
       "two families"},
      {"{damping-reuse: 3000}", "", "tunnels.branch.bfd", "less than damping-suppress"},
      {"", "{fall: 3}", "tunnels.branch.health-check", "\"target\" is missing"},
      {"", "{target: 10.2.0.1, timeout-milliseconds: 600}", "tunnels.branch.health-check",
       "at most interval-milliseconds"},
      {"", "{target: 10.2.0.1, source: 10.1.0.7}", "tunnels.branch.health-check",
       "would come from 10.1.0.7"},
      {"", "{target: 10.2.0.1, source: \"fd00:21::1\"}", "tunnels.branch.health-check",
       "two families"},
      {"", "{target: 10.1.0.1}", "tunnels.branch.health-check", "the gateway itself"},
  };
  for (const Mistake& m : kMistakes) {
    const Loaded loaded = test::load(with(m.bfd, m.health, m.inside));
    EXPECT_FALSE(loaded.config.has_value()) << m.bfd << m.health;
    EXPECT_TRUE(has(loaded, m.key, m.part)) << m.bfd << m.health << "\n" << all(loaded);
  }
}

TEST(ConfigPaths, WhatTheSelectorsDoNotLetThroughIsRefused) {
  Sections s = with("{}", "{target: 10.2.0.1}");
  s["tunnels.branch"]["traffic-selectors"] = "{local: [10.1.0.0/24], remote: [10.2.0.0/24]}";
  const Loaded loaded = test::load(s);
  EXPECT_TRUE(has(loaded, "tunnels.branch.bfd", "traffic-selectors do not let through"));
  EXPECT_TRUE(has(loaded, "tunnels.branch.health-check", "from 169.254.21.1"));
  s["tunnels.branch"]["health-check"] = "{target: 10.2.0.1, source: 10.1.0.1}";
  s["tunnels.branch"].erase("bfd");
  EXPECT_TRUE(test::load(s).config.has_value()) << all(test::load(s));
}

// Scenario S5: the shared server as a target of both tunnels.
TEST(ConfigPaths, OneTargetOfTwoTunnelsIsWarnedOf) {
  Sections s = with("", "{target: 10.2.0.1}");
  s["tunnels.second"] = s["tunnels.branch"];
  s["tunnels.second"]["remote-address"] = "192.0.2.3";
  s["tunnels.second"]["inside-addresses"] = "[169.254.21.5/30]";
  const Loaded loaded = test::load(s);
  EXPECT_TRUE(loaded.config.has_value()) << all(loaded);
  EXPECT_TRUE(has(loaded, "tunnels.second.health-check.target", "branch", true)) << all(loaded);
}

TEST(ConfigPaths, AddressesFollowFromTheInside) {
  struct Row {
    const char* inside;
    const char* bfd;
    const char* local;
    const char* remote;
  };
  const Row kRows[] = {
      {"[169.254.21.1/30]", "{}", "169.254.21.1", "169.254.21.2"},
      {"[169.254.21.6/30]", "{}", "169.254.21.6", "169.254.21.5"},
      {"[10.255.0.0/31]", "{}", "10.255.0.0", "10.255.0.1"},
      {"[\"fd00:21::2/126\"]", "{}", "fd00:21::2", "fd00:21::1"},
      {"[\"fd00:21::2/127\"]", "{}", "fd00:21::2", "fd00:21::3"},
      {"[169.254.21.1/30, \"fd00:21::1/126\"]", "{remote-address: \"fd00:21::9\"}", "fd00:21::1",
       "fd00:21::9"},
      {"[169.254.21.1/30]", "{local-address: 10.1.0.1, remote-address: 10.2.0.1}", "10.1.0.1",
       "10.2.0.1"},
  };
  for (const Row& r : kRows) {
    const Loaded loaded = test::load(with(r.bfd, "", r.inside));
    ASSERT_TRUE(loaded.config.has_value()) << all(loaded);
    const auto ends = bfd_ends(loaded.config->tunnels[0]);
    ASSERT_TRUE(ends.has_value());
    EXPECT_EQ(ends->local.to_string(), r.local);
    EXPECT_EQ(ends->remote.to_string(), r.remote);
  }
}

TEST(ConfigPaths, ProbesComeFromInsideOrFromAPort) {
  const auto from = [](const Sections& s) {
    const Loaded loaded = test::load(s);
    EXPECT_TRUE(loaded.config.has_value()) << all(loaded);
    return probe_ends(*loaded.config, loaded.config->tunnels[0])->local.to_string();
  };
  EXPECT_EQ(from(with("", "{target: 10.2.0.1}")), "169.254.21.1");
  EXPECT_EQ(from(with("", "{target: 10.2.0.1, source: 10.1.0.1}")), "10.1.0.1");
  EXPECT_EQ(from(with("", "{target: 10.2.0.1}", "[\"fd00:21::1/126\"]")), "10.1.0.1");
}

// The timers of each row by hand: interval times multiplier; fall intervals and the last timeout;
// dead peer detection.
TEST(ConfigPaths, WorstOutageIsTheFastestTimerOfEachDirection) {
  struct Row {
    const char* bfd;
    const char* health;
    const char* dpd;     // seconds
    const char* action;  // of it
    int64_t forward_ms;  // -1: never
    const char* by;
    int64_t back_ms;  // -1: the peer's timers
  };
  const Row kRows[] = {
      {"", "", "40", "restart", 40'000, "dpd", -1},
      {"", "", "40", "none", -1, "", -1},
      {"", "{target: 10.2.0.1}", "40", "restart", 2'000, "health-check", -1},
      {"", "{target: 10.2.0.1, interval-milliseconds: 3000, timeout-milliseconds: 1000, fall: 3}",
       "40", "restart", 10'000, "health-check", -1},
      {"", "{target: 10.2.0.1, interval-milliseconds: 30000, fall: 3}", "40", "restart", 40'000,
       "dpd", -1},
      {"{}", "", "40", "restart", 900, "bfd", 900},
      {"{interval-milliseconds: 50}", "{target: 10.2.0.1}", "40", "none", 150, "bfd", 150},
      {"{interval-milliseconds: 1000, multiplier: 5}", "{target: 10.2.0.1}", "40", "restart", 2'000,
       "health-check", 5'000},
  };
  for (const Row& r : kRows) {
    Sections s = with(r.bfd, r.health);
    s["tunnels.branch"]["dpd-timeout-seconds"] = r.dpd;
    s["tunnels.branch"]["dpd-timeout-action"] = r.action;
    const Loaded loaded = test::load(s);
    ASSERT_TRUE(loaded.config.has_value()) << all(loaded);
    const Outage o = worst_outage(*loaded.config, loaded.config->tunnels[0]);
    EXPECT_EQ(o.forward ? o.forward->worst.count() : -1, r.forward_ms) << r.bfd << r.health;
    EXPECT_STREQ(o.forward ? o.forward->by : "", r.by);
    EXPECT_EQ(o.back ? o.back->worst.count() : -1, r.back_ms) << r.bfd << r.health;
    const auto lines = outage_lines(*loaded.config);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("tunnel branch"), std::string::npos) << lines[0];
  }
}

// A session inside the tunnel finds a dead path after its hold time, at both ends.
TEST(ConfigPaths, WorstOutageCountsTheHoldTimeOfBgp) {
  struct Row {
    const char* bfd;
    const char* peer;  // keys besides neighbor and as
    int64_t forward_ms;
    const char* by;
    int64_t back_ms;
  };
  const Row kRows[] = {
      {"", "", 30'000, "bgp", 30'000},
      {"", ", hold-time-seconds: 180", 40'000, "dpd", 180'000},
      {"", ", hold-time-seconds: 0", 40'000, "dpd", -1},
      {"", ", shutdown: true", 40'000, "dpd", -1},
      {"{interval-milliseconds: 50}", "", 150, "bfd", 150},
      {"{interval-milliseconds: 60000, multiplier: 3}", "", 30'000, "bgp", 30'000},
  };
  for (const Row& r : kRows) {
    Sections s = with(r.bfd, "");
    s["tunnels.branch"]["dpd-timeout-seconds"] = "40";
    const std::string text = test::text_of(s) +
                             "bgp:\n  speakers:\n    main:\n      as: 65001\n"
                             "      hold-time-seconds: 30\n      peers:\n"
                             "        far: {neighbor: 169.254.21.2, remote-as: 65002" +
                             r.peer + "}\n";
    const Loaded loaded = load_text(text, "gw.yaml");
    ASSERT_TRUE(loaded.config.has_value()) << all(loaded);
    const Outage o = worst_outage(*loaded.config, loaded.config->tunnels[0]);
    EXPECT_EQ(o.forward ? o.forward->worst.count() : -1, r.forward_ms) << r.bfd << r.peer;
    EXPECT_STREQ(o.forward ? o.forward->by : "", r.by) << r.bfd << r.peer;
    EXPECT_EQ(o.back ? o.back->worst.count() : -1, r.back_ms) << r.bfd << r.peer;
  }
}

}  // namespace
}  // namespace kanmon::config
