// From configuration to wanted routes: connected, local, static, and what an underlay never gets.
#include "control/routing/plan.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace kanmon::routing {
namespace {

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

bool has(const PlannedTable& table, const char* prefix, Wanted::Kind kind) {
  const Prefix p = Prefix::parse(prefix).value();
  return std::any_of(table.routes.begin(), table.routes.end(),
                     [&](const Wanted& w) { return w.prefix == p && w.kind == kind; });
}

TEST(Plan, PortsGiveLocalAndConnectedRoutesToTheirOwnTableOnly) {
  const auto tables = plan(two_ports());
  ASSERT_EQ(tables.size(), 2u);
  const auto& main = tables.at("main");
  EXPECT_FALSE(main.underlay);
  EXPECT_TRUE(has(main, "10.1.0.1/32", Wanted::Kind::kLocal));
  EXPECT_TRUE(has(main, "10.1.0.0/24", Wanted::Kind::kConnected));
  EXPECT_TRUE(has(main, "2001:db8:1::1/128", Wanted::Kind::kLocal));
  EXPECT_TRUE(has(main, "2001:db8:1::/64", Wanted::Kind::kConnected));
  EXPECT_FALSE(has(main, "192.0.2.0/24", Wanted::Kind::kConnected)) << "INV-3";
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
  const auto& routes = tables.at("main").routes;
  const auto via = std::find_if(routes.begin(), routes.end(),
                                [](const Wanted& w) { return w.kind == Wanted::Kind::kVia; });
  ASSERT_NE(via, routes.end());
  EXPECT_EQ(via->port, "lan");
  EXPECT_TRUE(has(tables.at("main"), "10.2.0.0/16", Wanted::Kind::kTunnel));
}

TEST(Plan, AnUnderlayNeverGetsATunnelRoute) {  // INV-1
  auto c = two_ports();
  c.underlays[0].routes.push_back({.prefix = Prefix::parse("0.0.0.0/0").value(),
                                   .kind = Route::Kind::kTunnel,
                                   .tunnel = "branch"});
  const auto tables = plan(c);
  EXPECT_FALSE(has(tables.at("internet"), "0.0.0.0/0", Wanted::Kind::kTunnel));
}

TEST(Plan, AnUnreachableNeighbourGivesNoRoute) {
  auto c = two_ports();
  c.tables[0].routes.push_back({.prefix = Prefix::parse("10.8.0.0/16").value(),
                                .kind = Route::Kind::kVia,
                                .via = IpAddress::parse("192.0.2.254").value()});
  const auto tables = plan(c);
  EXPECT_FALSE(has(tables.at("main"), "10.8.0.0/16", Wanted::Kind::kVia)) << "another table's";
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
