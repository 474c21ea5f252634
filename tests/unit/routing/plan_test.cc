// From configuration to wanted routes: connected, local, static, and what an underlay never gets.
#include "control/routing/plan.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace kanmon::routing {
namespace {

using config::OnDown;
using config::Route;
using wire::InterfaceAddress;
using wire::IpAddress;
using wire::Prefix;

config::Config two_ports() {
  config::Config c;
  c.ports.push_back({.name = "wan",
                     .device = "null:",
                     .addresses = {InterfaceAddress::parse("192.0.2.1/24").value()},
                     .underlay = "internet"});
  c.ports.push_back({.name = "lan",
                     .device = "null:",
                     .addresses = {InterfaceAddress::parse("10.1.0.1/24").value(),
                                   InterfaceAddress::parse("2001:db8:1::1/64").value()},
                     .table = "main"});
  c.underlays.push_back({.name = "internet"});
  c.tables.push_back({.name = "main"});
  return c;
}

// The route to exactly this prefix of this kind; null if there is none.
const Wanted* find(const PlannedTable& table, const char* prefix, Target::Kind kind) {
  const Prefix p = Prefix::parse(prefix).value();
  const auto it = std::find_if(table.routes.begin(), table.routes.end(), [&](const Wanted& w) {
    return w.prefix == p && w.targets.at(0).kind == kind;
  });
  return it == table.routes.end() ? nullptr : &*it;
}
bool has(const PlannedTable& table, const char* prefix, Target::Kind kind) {
  return find(table, prefix, kind) != nullptr;
}

TEST(Plan, PortsGiveLocalAndConnectedRoutesToTheirOwnTableOnly) {
  const auto tables = plan(two_ports());
  ASSERT_EQ(tables.size(), 2u);
  const auto& main = tables.at("main");
  EXPECT_FALSE(main.underlay);
  EXPECT_TRUE(has(main, "10.1.0.1/32", Target::Kind::kLocal));
  EXPECT_TRUE(has(main, "10.1.0.0/24", Target::Kind::kConnected));
  EXPECT_TRUE(has(main, "2001:db8:1::1/128", Target::Kind::kLocal));
  EXPECT_TRUE(has(main, "2001:db8:1::/64", Target::Kind::kConnected));
  EXPECT_FALSE(has(main, "192.0.2.0/24", Target::Kind::kConnected)) << "INV-3";
  EXPECT_TRUE(tables.at("internet").underlay);
  EXPECT_EQ(tables.at("internet").routes.size(), 2u);
}

TEST(Plan, StaticRoutesNameTheirPort) {
  auto c = two_ports();
  c.tables[0].routes.push_back({.prefix = Prefix::parse("10.8.0.0/16").value(),
                                .kind = Route::Kind::kVia,
                                .via = IpAddress::parse("10.1.0.254").value()});
  c.tables[0].routes.push_back({.prefix = Prefix::parse("10.2.0.0/16").value(),
                                .kind = Route::Kind::kTunnel,
                                .tunnel = "branch"});
  const auto tables = plan(c);
  const Wanted* via = find(tables.at("main"), "10.8.0.0/16", Target::Kind::kVia);
  ASSERT_NE(via, nullptr);
  EXPECT_EQ(via->targets[0].name, "lan");
  EXPECT_TRUE(has(tables.at("main"), "10.2.0.0/16", Target::Kind::kTunnel));
}

TEST(Plan, AnUnderlayNeverGetsATunnelRoute) {  // INV-1
  auto c = two_ports();
  c.underlays[0].routes.push_back({.prefix = Prefix::parse("0.0.0.0/0").value(),
                                   .kind = Route::Kind::kTunnel,
                                   .tunnel = "branch"});
  const auto tables = plan(c);
  EXPECT_FALSE(has(tables.at("internet"), "0.0.0.0/0", Target::Kind::kTunnel));
}

TEST(Plan, AnUnreachableNeighbourGivesNoRoute) {
  auto c = two_ports();
  c.tables[0].routes.push_back({.prefix = Prefix::parse("10.8.0.0/16").value(),
                                .kind = Route::Kind::kVia,
                                .via = IpAddress::parse("192.0.2.254").value()});
  const auto tables = plan(c);
  EXPECT_FALSE(has(tables.at("main"), "10.8.0.0/16", Target::Kind::kVia)) << "another table's";
}

// S1: tables A and B are segments, C is the operations site's; what A and B propagate is in C, what
// C's connection propagates is in both, and neither is in the other.
config::Config segments() {
  config::Config c;
  for (const char* name : {"a", "b", "c"}) c.tables.push_back({.name = name});
  for (const char* name : {"a", "b"}) {
    const bool first = name[0] == 'a';
    c.ports.push_back(
        {.name = std::string("vpc-") + name,
         .device = "null:",
         .addresses = {InterfaceAddress::parse(first ? "10.1.0.1/24" : "10.2.0.1/24").value()},
         .table = name,
         .host_device = "dev"});
  }
  for (const char* name : {"ops-1", "ops-2"}) c.tunnels.push_back({.name = name, .table = "c"});
  c.tunnels[1].weight = 0;
  for (const char* name : {"vpc-a", "vpc-b"})
    c.attachments.push_back({.name = name,
                             .kind = config::Attachment::Kind::kVpc,
                             .port = name,
                             .association = std::string(1, name[4])});
  c.attachments.push_back({.name = "ops",
                           .kind = config::Attachment::Kind::kVpn,
                           .tunnels = {"ops-1", "ops-2"},
                           .static_routes = {Prefix::parse("10.9.0.0/16").value()},
                           .on_down = OnDown::kBlackhole,
                           .association = "c"});
  c.tables[0].propagations = c.tables[1].propagations = {"ops"};
  c.tables[2].propagations = {"vpc-a", "vpc-b", "ops"};
  return c;
}

TEST(Plan, PropagationBringsAnAttachmentsRoutesAndNothingElse) {  // INV-3
  const auto tables = plan(segments());
  for (const char* own : {"10.1.0.0/24", "10.2.0.0/24"}) {
    const Wanted* subnet = find(tables.at("c"), own, Target::Kind::kConnected);
    ASSERT_NE(subnet, nullptr) << own;
    EXPECT_EQ(subnet->origin, Origin::kPropagated);
    EXPECT_EQ(subnet->source, own[3] == '1' ? "vpc-a" : "vpc-b");
  }
  const Wanted* address = find(tables.at("c"), "10.1.0.1/32", Target::Kind::kLocal);
  ASSERT_NE(address, nullptr);
  EXPECT_FALSE(address->targets[0].hosted) << "the machine's stack has it in table a only";
  EXPECT_TRUE(find(tables.at("a"), "10.1.0.1/32", Target::Kind::kLocal)->targets[0].hosted);
  EXPECT_FALSE(has(tables.at("a"), "10.2.0.0/24", Target::Kind::kConnected));
  EXPECT_FALSE(has(tables.at("b"), "10.1.0.0/24", Target::Kind::kConnected));
  for (const char* name : {"a", "b", "c"}) {
    const Wanted* ops = find(tables.at(name), "10.9.0.0/16", Target::Kind::kTunnel);
    ASSERT_NE(ops, nullptr) << name;
    EXPECT_EQ(ops->origin, Origin::kVpnStatic);
    EXPECT_EQ(ops->on_down, OnDown::kBlackhole);
    ASSERT_EQ(ops->targets.size(), 2u);
    EXPECT_EQ(ops->targets[0].weight, 100);
    EXPECT_EQ(ops->targets[1].weight, 0);
  }
}

TEST(Plan, KnowsWhereAPortsSubnetsAre) {
  const auto where = tables_by_port(plan(segments()));
  EXPECT_EQ(where.at("vpc-a"), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(where.at("vpc-b"), (std::vector<std::string>{"b", "c"}));
}

TEST(Plan, RoutesOfOnePrefixAreOneRouteOfSeveralNextHops) {  // S5: weights
  auto c = segments();
  const auto prefix = Prefix::parse("10.7.0.0/16").value();
  for (const uint8_t weight : {100, 0})
    c.tables[2].routes.push_back({.prefix = prefix,
                                  .kind = Route::Kind::kTunnel,
                                  .tunnel = weight == 0 ? "ops-2" : "ops-1",
                                  .weight = weight});
  c.tables[0].routes.push_back({.prefix = prefix,
                                .kind = Route::Kind::kTunnel,
                                .tunnel = "ops-2",
                                .on_down = OnDown::kFallback,
                                .fallback = "ops-1"});
  const auto tables = plan(c);
  const Wanted* shared = find(tables.at("c"), "10.7.0.0/16", Target::Kind::kTunnel);
  ASSERT_NE(shared, nullptr);
  ASSERT_EQ(shared->targets.size(), 2u);
  EXPECT_EQ(shared->targets[1].name, "ops-2");
  EXPECT_EQ(shared->targets[1].weight, 0);
  const Wanted* falls = find(tables.at("a"), "10.7.0.0/16", Target::Kind::kTunnel);
  ASSERT_NE(falls, nullptr);
  ASSERT_EQ(falls->targets.size(), 2u);
  EXPECT_EQ(falls->targets[0].name, "ops-2");
  EXPECT_EQ(falls->targets[1].name, "ops-1");
  EXPECT_EQ(falls->targets[1].weight, 0) << "the fallback";
}

TEST(Plan, RoutesLeadToAttachments) {
  auto c = segments();
  c.attachments.push_back({.name = "line", .kind = config::Attachment::Kind::kDirectConnect});
  const auto to = [&](const char* prefix, const char* attachment) {
    c.tables[0].routes.push_back({.prefix = Prefix::parse(prefix).value(),
                                  .kind = Route::Kind::kAttachment,
                                  .attachment = attachment});
  };
  to("10.20.0.0/16", "vpc-b");
  to("10.21.0.0/16", "ops");
  to("10.23.0.0/16", "line");
  const auto table = plan(c).at("a");
  EXPECT_EQ(find(table, "10.20.0.0/16", Target::Kind::kConnected)->targets[0].name, "vpc-b");
  EXPECT_EQ(find(table, "10.21.0.0/16", Target::Kind::kTunnel)->targets.size(), 2u);
  for (const Wanted& w : table.routes) EXPECT_NE(w.prefix.to_string(), "10.23.0.0/16");
}

TEST(Plan, IsTheSameWhateverTheOrder) {
  auto a = two_ports();
  auto b = two_ports();
  std::reverse(b.ports.begin(), b.ports.end());
  std::reverse(b.ports[0].addresses.begin(), b.ports[0].addresses.end());
  EXPECT_EQ(plan(a).at("main").routes, plan(b).at("main").routes);
}

}  // namespace
}  // namespace kanmon::routing
