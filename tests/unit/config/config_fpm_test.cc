// The `fpm` section of a route table: defaults, and what would let strangers decide its routes.
#include <gtest/gtest.h>

#include "control/config/changes.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using test::all;
using test::good;
using test::has;
using test::load;
using test::Sections;

Sections fed(const std::string& fpm, const std::string& host_namespace = "frr") {
  Sections s = good();
  s["route-tables.main"]["fpm"] = fpm;
  if (!host_namespace.empty()) s["route-tables.main"]["host-namespace"] = host_namespace;
  return s;
}

TEST(Fpm, AnEmptySectionTurnsItOnWithItsDefaults) {
  const auto without = load(good());
  ASSERT_TRUE(without.config);
  EXPECT_FALSE(without.config->tables.at(0).fpm.is_on);
  const auto loaded = load(fed("{}"));
  ASSERT_TRUE(loaded.config) << all(loaded);
  const Fpm& fpm = loaded.config->tables.at(0).fpm;
  EXPECT_TRUE(fpm.is_on);
  EXPECT_EQ(fpm.address.to_string(), "127.0.0.1");
  EXPECT_EQ(fpm.port, 2620);
  EXPECT_EQ(fpm.stale_time_s, 120u);
}

TEST(Fpm, ListensAtALoopbackAddressOnly) {
  const auto six = load(fed("{address: \"::1\", port: 2621}"));
  EXPECT_TRUE(six.config) << all(six);
  const auto loaded = load(fed("{address: 10.1.0.1}"));
  EXPECT_FALSE(loaded.config);
  EXPECT_TRUE(has(loaded, "route-tables.main.fpm.address", "loopback")) << all(loaded);
}

TEST(Fpm, NeedsANamespaceTheOtherDaemonCanEnter) {
  const auto loaded = load(fed("{}", ""));
  EXPECT_FALSE(loaded.config);
  EXPECT_TRUE(has(loaded, "route-tables.main.fpm", "host-namespace")) << all(loaded);
}

TEST(Fpm, OfTwoTablesCannotListenAtOnePlace) {
  Sections s = fed("{}");
  s["route-tables.other"] = {{"host-namespace", "frr"}, {"fpm", "{}"}};
  const auto loaded = load(s);
  EXPECT_FALSE(loaded.config);
  EXPECT_TRUE(has(loaded, "route-tables.other.fpm", "route-tables.main.fpm")) << all(loaded);
  s["route-tables.other"]["fpm"] = "{port: 2621}";
  EXPECT_TRUE(load(s).config) << all(load(s));
  s["route-tables.other"] = {{"host-namespace", "second"}, {"fpm", "{}"}};
  EXPECT_TRUE(load(s).config) << all(load(s));
}

TEST(Fpm, RangesAreChecked) {
  EXPECT_TRUE(has(load(fed("{port: 0}")), "route-tables.main.fpm.port", "1"));
  EXPECT_TRUE(has(load(fed("{stale-time-seconds: 3601}")),
                  "route-tables.main.fpm.stale-time-seconds", "3600"));
  EXPECT_TRUE(has(load(fed("{prot: 1}")), "route-tables.main.fpm.prot", "port"));
}

TEST(Fpm, ChangesAreTold) {
  const auto before = load(good()), with = load(fed("{}")), other = load(fed("{port: 2621}"));
  ASSERT_TRUE(before.config && with.config && other.config);
  const auto find = [](const Changes& changes, const std::string& key) {
    for (const Change& c : changes)
      if (c.key == key) return c.to_string();
    return std::string();
  };
  EXPECT_EQ(find(changes_between(*before.config, *with.config), "route-tables.main.fpm"),
            "route-tables.main.fpm: added");
  EXPECT_EQ(find(changes_between(*with.config, *other.config), "route-tables.main.fpm.port"),
            "route-tables.main.fpm.port: 2620 -> 2621");
}

}  // namespace
}  // namespace kanmon::config
