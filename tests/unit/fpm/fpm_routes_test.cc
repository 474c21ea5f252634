// What becomes of the routes and objects of another daemon, by prefix.
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "control/fpm/routes.h"

namespace kanmon::fpm {
namespace {

using std::chrono::seconds;

struct Record : Routes::Sink {
  std::map<std::string, std::vector<Way>> has;
  std::vector<std::string> calls;

  void set(const wire::Prefix& prefix, std::span<const Way> ways) override {
    has[prefix.to_string()] = {ways.begin(), ways.end()};
    calls.push_back("+" + prefix.to_string());
  }
  void unset(const wire::Prefix& prefix) override {
    EXPECT_EQ(has.erase(prefix.to_string()), 1u) << "not given: " << prefix.to_string();
    calls.push_back("-" + prefix.to_string());
  }
};

Way way(const char* gateway, uint16_t weight = 1) {
  return {*wire::IpAddress::parse(gateway), 0, weight};
}

RouteMessage by_ways(const char* prefix, std::vector<Way> ways) {
  RouteMessage r;
  r.prefix = *wire::Prefix::parse(prefix);
  r.to.ways = std::move(ways);
  return r;
}

RouteMessage by_object(const char* prefix, uint32_t object) {
  RouteMessage r = by_ways(prefix, {});
  r.to.object = object;
  return r;
}

RouteMessage removal(const char* prefix) {
  RouteMessage r = by_ways(prefix, {});
  r.removes = true;
  return r;
}

NextHopMessage object(uint32_t id, const char* gateway) {
  NextHopMessage h;
  h.object = id;
  h.way = way(gateway);
  return h;
}

NextHopMessage group(uint32_t id, std::vector<NextHopMessage::GroupMember> members) {
  NextHopMessage h;
  h.object = id;
  h.group = std::move(members);
  return h;
}

NextHopMessage gone(uint32_t id) {
  NextHopMessage h;
  h.object = id;
  h.removes = true;
  return h;
}

class FpmRoutes : public testing::Test {
 protected:
  void tell(std::vector<Message> messages) { routes.apply(messages); }

  TimePoint start{};
  Record sink;
  Routes routes{sink, {.routes = 100, .objects = 10, .stale = seconds(120)}};

  void SetUp() override { routes.connected(start); }
};

TEST_F(FpmRoutes, ComeGoAndAreReplaced) {
  tell({by_ways("10.0.0.0/8", {way("10.9.9.1")})});
  EXPECT_EQ(sink.has.at("10.0.0.0/8"), (std::vector<Way>{way("10.9.9.1")}));
  tell({by_ways("10.0.0.0/8", {way("10.9.9.2")})});
  EXPECT_EQ(sink.has.at("10.0.0.0/8"), (std::vector<Way>{way("10.9.9.2")}));
  tell({removal("10.0.0.0/8"), removal("11.0.0.0/8")});
  EXPECT_TRUE(sink.has.empty());
}

// zebra before route replace: a removal and an addition in one frame.
TEST_F(FpmRoutes, ReplacedWithinAFrameAreNeverGone) {
  tell({by_ways("10.0.0.0/8", {way("10.9.9.1")})});
  sink.calls.clear();
  tell({removal("10.0.0.0/8"), by_ways("10.0.0.0/8", {way("10.9.9.2")})});
  EXPECT_EQ(sink.calls, (std::vector<std::string>{"+10.0.0.0/8"}));
}

TEST_F(FpmRoutes, AddedAndRemovedWithinAFrameAreNeverThere) {
  tell({by_ways("10.0.0.0/8", {way("10.9.9.1")}), removal("10.0.0.0/8")});
  EXPECT_TRUE(sink.calls.empty());
}

TEST_F(FpmRoutes, FollowTheirObjects) {
  tell({object(1, "10.9.9.1"), object(2, "10.9.9.2"), group(3, {{1, 1}, {2, 5}}),
        by_object("10.0.0.0/8", 3), by_object("11.0.0.0/8", 1)});
  EXPECT_EQ(sink.has.at("10.0.0.0/8"), (std::vector<Way>{way("10.9.9.1", 1), way("10.9.9.2", 5)}));
  tell({object(1, "10.9.9.7")});
  EXPECT_EQ(sink.has.at("10.0.0.0/8"), (std::vector<Way>{way("10.9.9.7", 1), way("10.9.9.2", 5)}));
  EXPECT_EQ(sink.has.at("11.0.0.0/8"), (std::vector<Way>{way("10.9.9.7")}));
  tell({group(3, {{2, 1}})});
  EXPECT_EQ(sink.has.at("10.0.0.0/8"), (std::vector<Way>{way("10.9.9.2")}));
  sink.calls.clear();
  tell({object(1, "10.9.9.8")});  // no member any more
  EXPECT_EQ(sink.calls, (std::vector<std::string>{"+11.0.0.0/8"}));
}

TEST_F(FpmRoutes, WaitForAnObjectThatIsNotKnownYet) {
  tell({by_object("10.0.0.0/8", 5)});
  EXPECT_TRUE(sink.has.empty());
  EXPECT_EQ(routes.unresolved(), 1u);
  tell({object(5, "10.9.9.1")});
  EXPECT_EQ(sink.has.count("10.0.0.0/8"), 1u);
  EXPECT_EQ(routes.unresolved(), 0u);
  tell({gone(5)});
  EXPECT_TRUE(sink.has.empty());
  EXPECT_EQ(routes.unresolved(), 1u);
  tell({removal("10.0.0.0/8")});
  EXPECT_EQ(routes.unresolved(), 0u);
  EXPECT_EQ(routes.objects(), 0u);
}

TEST_F(FpmRoutes, AMemberThatIsNotKnownCarriesNothing) {
  tell({object(1, "10.9.9.1"), group(3, {{1, 1}, {2, 1}}), by_object("10.0.0.0/8", 3)});
  EXPECT_EQ(sink.has.at("10.0.0.0/8"), (std::vector<Way>{way("10.9.9.1")}));
  tell({object(2, "10.9.9.2")});
  EXPECT_EQ(sink.has.at("10.0.0.0/8").size(), 2u);
}

TEST_F(FpmRoutes, ACircleOfGroupsLeadsNowhere) {
  tell({group(3, {{3, 1}}), group(4, {{5, 1}}), group(5, {{4, 1}}), by_object("10.0.0.0/8", 3),
        by_object("11.0.0.0/8", 4)});
  EXPECT_TRUE(sink.has.empty());
  tell({gone(3), gone(4), gone(5), removal("10.0.0.0/8"), removal("11.0.0.0/8")});
  EXPECT_EQ(routes.objects(), 0u);
}

TEST_F(FpmRoutes, ABlackholeObjectDrops) {
  NextHopMessage hole;
  hole.object = 9;
  hole.blackhole = true;
  tell({hole, by_object("10.0.0.0/8", 9)});
  EXPECT_TRUE(sink.has.at("10.0.0.0/8").empty());
}

TEST_F(FpmRoutes, LastUntilTheStaleTimeAfterTheConnectionEnded) {
  tell({by_ways("10.0.0.0/8", {way("10.9.9.1")})});
  routes.disconnected(start + seconds(10));
  routes.tick(start + seconds(129));
  EXPECT_EQ(sink.has.size(), 1u);
  EXPECT_EQ(routes.stale(), 1u);
  routes.tick(start + seconds(130));
  EXPECT_TRUE(sink.has.empty());
  EXPECT_EQ(routes.size(), 0u);
}

TEST_F(FpmRoutes, ThatTheNextConnectionTellsAgainStayUntouched) {
  tell({object(1, "10.9.9.1"), by_object("10.0.0.0/8", 1), by_object("11.0.0.0/8", 1),
        object(2, "10.9.9.2"), by_object("12.0.0.0/8", 2)});
  routes.disconnected(start + seconds(10));
  routes.connected(start + seconds(20));
  tell({object(1, "10.9.9.1"), by_object("10.0.0.0/8", 1)});
  EXPECT_EQ(routes.stale(), 2u);
  sink.calls.clear();
  routes.tick(start + seconds(140));
  EXPECT_EQ(sink.calls, (std::vector<std::string>{"-11.0.0.0/8", "-12.0.0.0/8"}));
  EXPECT_EQ(routes.objects(), 1u);
  EXPECT_EQ(routes.stale(), 0u);
}

TEST_F(FpmRoutes, AreBounded) {
  for (int i = 0; i < 150; ++i) {
    const std::string prefix = "10.0." + std::to_string(i) + ".0/24";
    tell({by_ways(prefix.c_str(), {way("10.9.9.1")})});
  }
  EXPECT_EQ(routes.size(), 100u);
  EXPECT_EQ(routes.counters().refused, 50u);
  for (uint32_t i = 1; i <= 20; ++i) tell({object(i, "10.9.9.1")});
  EXPECT_EQ(routes.objects(), 10u);
  EXPECT_EQ(routes.counters().refused, 60u);
}

// Against a model that computes everything anew from all that was told and not taken back.
struct Model {
  std::map<std::string, Destination> routes;
  std::map<uint32_t, NextHopMessage> objects;

  void take(const Message& m) {
    if (const auto* r = std::get_if<RouteMessage>(&m)) {
      if (r->removes)
        routes.erase(r->prefix.to_string());
      else
        routes[r->prefix.to_string()] = r->to;
    } else {
      const auto& h = std::get<NextHopMessage>(m);
      if (h.removes)
        objects.erase(h.object);
      else
        objects[h.object] = h;
    }
  }
  std::vector<Way> ways_of(uint32_t id) const {
    std::vector<Way> ways;
    const auto it = objects.find(id);
    if (it == objects.end()) return ways;
    if (it->second.group.empty()) return {it->second.way};
    for (const auto& member : it->second.group) {
      const auto part = objects.find(member.object);
      if (part == objects.end() || !part->second.group.empty()) continue;
      ways.push_back(part->second.way);
      ways.back().weight = member.weight;
    }
    return ways;
  }
  std::map<std::string, std::vector<Way>> expected() const {
    std::map<std::string, std::vector<Way>> out;
    for (const auto& [prefix, to] : routes) {
      const auto ways = to.object != 0 ? ways_of(to.object) : to.ways;
      if (!ways.empty()) out[prefix] = ways;
    }
    return out;
  }
};

Message random_message(std::mt19937& random) {
  const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  const std::string prefix = "10." + std::to_string(pick(12)) + ".0.0/16";
  const std::string gateway = "10.200.0." + std::to_string(1 + pick(9));
  switch (pick(6)) {
    case 0:
      return by_ways(prefix.c_str(), {way(gateway.c_str())});
    case 1:
      return removal(prefix.c_str());
    case 2:
      return by_object(prefix.c_str(), 1 + pick(8));
    case 3:
      return object(1 + pick(5), gateway.c_str());
    case 4:
      return group(6 + pick(3), {{1 + pick(5), 1}, {1 + pick(8), 3}});
    default:
      return gone(1 + pick(8));
  }
}

TEST_F(FpmRoutes, AgreeWithAModelAfterRandomFrames) {
  std::mt19937 random(7);
  Model model;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<Message> frame(1 + random() % 4);
    for (Message& m : frame) {
      m = random_message(random);
      model.take(m);
    }
    routes.apply(frame);
    ASSERT_EQ(sink.has, model.expected()) << round;
    ASSERT_EQ(routes.unresolved(), model.routes.size() - sink.has.size());
  }
}

}  // namespace
}  // namespace kanmon::fpm
