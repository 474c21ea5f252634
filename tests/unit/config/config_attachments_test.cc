// Attachments: what is derived from them, that each has one table (INV-3), and what is refused.
#include <algorithm>

#include <gtest/gtest.h>

#include "control/config/attachments.h"
#include "control/config/changes.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using test::all;
using test::good;
using test::has;
using test::load;
using test::Sections;

// The good file, with the tables of its port and tunnel given by attachments instead.
Sections attached() {
  Sections s = good();
  s["ports.lan"].erase("table");
  s["tunnels.branch"].erase("table");
  s["attachments.office"] = {{"kind", "vpc"}, {"port", "lan"}};
  s["attachments.shops"] = {
      {"kind", "vpn"}, {"tunnels", "[branch]"}, {"static-routes", "[10.3.0.0/16]"}};
  s["route-tables.main"]["associations"] = "[office, shops]";
  s["route-tables.main"]["propagations"] = "[shops]";
  return s;
}

TEST(Attachments, GiveTheirMembersATable) {
  const auto loaded = load(attached());
  ASSERT_TRUE(loaded.config) << all(loaded);
  EXPECT_EQ(all(loaded), "");
  const Config& c = *loaded.config;
  EXPECT_EQ(c.tunnels.at(0).table, "main");
  for (const Port& p : c.ports) EXPECT_EQ(p.table, p.name == "lan" ? "main" : "");
  ASSERT_EQ(c.attachments.size(), 2u);
  for (const Attachment& a : c.attachments) {
    EXPECT_EQ(a.association, "main");
    EXPECT_FALSE(a.is_implied);
  }
}

TEST(Attachments, AreImpliedByPortsAndTunnelsWithATable) {
  const auto loaded = load(good());
  ASSERT_TRUE(loaded.config) << all(loaded);
  const Attachment* lan = find_attachment(*loaded.config, "lan");
  const Attachment* branch = find_attachment(*loaded.config, "branch");
  ASSERT_TRUE(lan != nullptr && branch != nullptr);
  EXPECT_EQ(lan->kind, Attachment::Kind::kVpc);
  EXPECT_EQ(branch->kind, Attachment::Kind::kVpn);
  EXPECT_EQ(branch->tunnels, std::vector<std::string>{"branch"});
  EXPECT_TRUE(lan->is_implied && branch->is_implied);
  EXPECT_EQ(loaded.config->attachments.size(), 2u) << "an underlay's port is none";
  auto sections = good();
  sections["route-tables.other"]["propagations"] = "[lan, branch]";
  EXPECT_TRUE(load(sections).config) << all(load(sections));
}

struct Case {
  const char* what;
  std::vector<std::array<const char*, 3>> changes;  // section, key, value; nullptr: take it away
  const char* key;
  const char* part;
};

const Case kCases[] = {
    {"a port in no table",
     {{"route-tables.main", "associations", "[shops]"}},
     "ports.lan",
     "is in no table"},
    {"a tunnel in no table",
     {{"route-tables.main", "associations", "[office]"}},
     "tunnels.branch",
     "an attachment with this tunnel"},
    {"two tables for one attachment",
     {{"route-tables.other", "associations", "[office]"}},
     "route-tables.other.associations[0]",
     "an attachment has one table"},
    {"another table than its port's",
     {{"ports.lan", "table", "other"}, {"route-tables.other", "routes", "[]"}},
     "attachments.office.port",
     "is associated with"},
    {"an unknown attachment",
     {{"route-tables.main", "propagations", "[shop]"}},
     "route-tables.main.propagations[0]",
     "did you mean shops?"},
    {"a port twice",
     {{"attachments.second", "kind", "vpc"}, {"attachments.second", "port", "lan"}},
     "attachments.second.port",
     "which attachment office has already"},
    {"a vpc without a port",
     {{"attachments.office", "port", nullptr}},
     "attachments.office",
     "port"},
    {"a vpc with tunnels",
     {{"attachments.office", "tunnels", "[branch]"}},
     "attachments.office.tunnels",
     "has no such key"},
    {"a vpc on an underlay",
     {{"attachments.office", "port", "wan"}},
     "attachments.office.port",
     "a port of an underlay"},
    {"a line on a route table",
     {{"attachments.office", "kind", "direct-connect"}},
     "attachments.office.port",
     "expected a port of an underlay"},
    {"a line associated",
     {{"attachments.line", "kind", "direct-connect"},
      {"attachments.line", "port", "wan"},
      {"route-tables.main", "propagations", "[line]"}},
     "route-tables.main.propagations[0]",
     "the underlay of its port"},
    {"a fallback of static routes",
     {{"attachments.shops", "on-down", "fallback"}},
     "attachments.shops.on-down",
     "weight 0"},
    {"a route to a line",
     {{"attachments.line", "kind", "direct-connect"},
      {"attachments.line", "port", "wan"},
      {"route-tables.main", "routes", "[{prefix: 10.2.0.0/24, attachment: line}]"}},
     "route-tables.main.routes[0].attachment",
     "outer packets only"},
    {"an underlay's route to an attachment",  // INV-1
     {{"underlays.internet", "routes", "[{prefix: 10.2.0.0/24, attachment: shops}]"}},
     "underlays.internet.routes[0].attachment",
     "through itself"},
    {"one prefix, two routes, a weight on one",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch, weight: 1}, {prefix: 10.2.0.0/24, via: 10.1.0.9}]"}},
     "route-tables.main.routes[1].prefix",
     "expected a weight on each"},
    {"one prefix, one place",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch, weight: 1}, {prefix: 10.2.0.0/24, tunnel: branch, "
       "weight: 2}]"}},
     "route-tables.main.routes[1].prefix",
     "to the same place"},
    {"one prefix, two minds",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch, weight: 1, on-down: withdraw}, {prefix: "
       "10.2.0.0/24, "
       "via: 10.1.0.9, weight: 0}]"}},
     "route-tables.main.routes[1].on-down",
     "the same on-down"},
    {"a weight out of range",
     {{"route-tables.main", "routes", "[{prefix: 10.2.0.0/24, tunnel: branch, weight: 256}]"}},
     "route-tables.main.routes[0].weight",
     "0"},
    {"a fallback to nothing",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch, on-down: fallback}]"}},
     "route-tables.main.routes[0]",
     "expected the key fallback"},
    {"a fallback to an unknown tunnel",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, tunnel: branch, on-down: fallback, fallback: brunch}]"}},
     "route-tables.main.routes[0].fallback",
     "did you mean branch?"},
    {"a blackhole that goes down",
     {{"route-tables.main", "routes",
       "[{prefix: 10.2.0.0/24, blackhole: true, on-down: withdraw}]"}},
     "route-tables.main.routes[0].on-down",
     "never down"},
};

TEST(Attachments, AreCheckedAgainstEverythingTheyName) {
  for (const Case& c : kCases) {
    Sections sections = attached();
    for (const auto& [section, key, value] : c.changes) {
      if (value == nullptr) sections[section].erase(key);
      if (value != nullptr) sections[section][key] = value;
    }
    const auto loaded = load(sections);
    EXPECT_FALSE(loaded.config) << c.what;
    EXPECT_TRUE(has(loaded, c.key, c.part)) << c.what << "\n" << all(loaded);
  }
}

TEST(Attachments, SharedPrefixesAndTheirChangesAreTold) {
  auto sections = attached();
  sections["route-tables.main"]["routes"] =
      "[{prefix: 10.2.0.0/24, tunnel: branch, weight: 100}, {prefix: 10.2.0.0/24, via: 10.1.0.9, "
      "weight: 0}]";
  const auto before = load(sections);
  ASSERT_TRUE(before.config) << all(before);
  EXPECT_EQ(before.config->tables.at(0).routes.size(), 2u);
  sections["route-tables.main"]["routes"] = "[{prefix: 10.2.0.0/24, tunnel: branch}]";
  sections["attachments.shops"]["on-down"] = "blackhole";
  const auto after = load(sections);
  ASSERT_TRUE(after.config) << all(after);
  std::string told;
  for (const auto& change : changes_between(*before.config, *after.config))
    told += change.to_string() + "\n";
  EXPECT_EQ(told,
            "route-tables.main.routes[10.2.0.0/24]: tunnel branch, via 10.1.0.9 weight 0 -> tunnel "
            "branch\nattachments.shops.on-down: withdraw -> blackhole\n");
}

}  // namespace
}  // namespace kanmon::config
