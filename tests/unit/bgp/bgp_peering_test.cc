// Routes from one gateway's RIB to another's, through the octets of UPDATEs: policy, restarts
// (BGP-17), refreshes (BGP-18), limits (BGP-12), a session that does not take more (BGP-22).
#include <deque>

#include <gtest/gtest.h>

#include "control/bgp/peering.h"
#include "control/bgp/wire/message.h"

namespace kanmon::bgp {
namespace {

using namespace std::chrono_literals;
constexpr auto kV4 = wire::Family::kV4;
constexpr auto kV6 = wire::Family::kV6;
constexpr TimePoint kStart = TimePoint(1h);

wire::Prefix prefix(const std::string& text) {
  return *wire::Prefix::parse(text);
}
wire::IpAddress address(const char* text) {
  return *wire::IpAddress::parse(text);
}
std::shared_ptr<const RouteMap> everything() {
  return std::make_shared<RouteMap>("all", std::vector<RouteMapEntry>(1));
}

// One gateway with one neighbour. What it sends lies in `sent` until the other takes it.
struct Side {
  AttributeTable table;
  Rib rib;
  SourceId own = rib.add_source({.kind = Source::Kind::kLocal});
  PeeringSettings settings;
  std::unique_ptr<Peering> peering;
  std::deque<Octets> sent;
  size_t room = SIZE_MAX;  // messages it may still send
  UpdateContext context;
  uint32_t asn;

  Side(uint32_t own_as, const char* local4, const char* local6) : asn(own_as) {
    settings.import.own_as = settings.exports.own_as = own_as;
    settings.import.router_id = settings.exports.router_id = own_as;
    settings.import.local4 = settings.exports.local4 = address(local4);
    settings.import.local6 = settings.exports.local6 = address(local6);
    settings.import.policy = settings.exports.policy = everything();
    context.family[kV4] = context.family[kV6] = true;
  }
  void make() { peering = std::make_unique<Peering>(rib, table, settings); }
  void originate(const std::string& p, uint32_t med = 0) {
    Attributes a;
    a.origin = Origin::kIgp;
    a.med = med;
    const AttributeRef set = table.intern(a);
    rib.announce(own, {prefix(p)}, set, set, 0);
  }
  void withdraw(const std::string& p) { rib.withdraw(own, {prefix(p)}); }
  const Path* best(const std::string& p) const {
    const NodeId node = rib.find(prefix(p));
    return node == kNoId ? nullptr : rib.best(node);
  }
  uint64_t stale(wire::Family f) const { return rib.counts(peering->source(), f).stale; }
  uint64_t received(wire::Family f) const { return rib.counts(peering->source(), f).received; }

  // False when the session takes no more.
  bool send_all(size_t limit = 100) {
    while (peering->has_to_send()) {
      const bool more = peering->send_some(limit, [&](wire::Bytes m) {
        sent.emplace_back(m.begin(), m.end());
        room -= room > 0;
        return room > 0;
      });
      if (room == 0) return false;
      if (!more) break;
    }
    return true;
  }
};

struct Pair {
  Side a{65001, "169.254.1.1", "fd00::1"}, b{65002, "169.254.1.2", "fd00::2"};
  TimePoint now = kStart;
  Peering::Limit limit;

  Pair() {
    a.context.peer_as = 65002;
    b.context.peer_as = 65001;
  }
  static Negotiated agreed(const Side& peer, bool restarts = false, bool preserved = false) {
    Negotiated n;
    n.peer_as = n.peer_id = peer.asn;
    n.as4 = n.refresh = n.enhanced_refresh = true;
    n.family[kV4] = n.family[kV6] = true;
    if (!restarts) return n;
    n.peer_restart = GracefulRestart();
    n.peer_restart->time = 120;
    n.peer_restart->family[kV4] = {true, preserved};
    return n;
  }
  void up() {
    a.make();
    b.make();
    a.peering->up(now, agreed(b), address("169.254.1.2"));
    b.peering->up(now, agreed(a), address("169.254.1.1"));
  }
  void deliver(Side& from, Side& to) {
    for (; !from.sent.empty(); from.sent.pop_front()) {
      const wire::Bytes message(from.sent.front());
      ASSERT_LE(message.size(), 4096u);
      const wire::Bytes body = message.subspan(19);
      if (message[18] == static_cast<uint8_t>(MessageType::kUpdate)) {
        Update update;
        ASSERT_FALSE(parse_update(body, to.context, update));
        ASSERT_EQ(update.action, Action::kAccept);
        const auto said = to.peering->update(now, update);
        if (said.event > limit.event) limit = said;
      } else {
        std::optional<Refresh> refresh;
        ASSERT_FALSE(parse_refresh(body, true, refresh));
        to.peering->refresh(now, *refresh);
      }
    }
  }
  void settle() {
    for (int i = 0; i < 4; ++i) {
      a.send_all();
      b.send_all();
      deliver(a, b);
      deliver(b, a);
    }
  }
};

TEST(BgpPeering, RoutesArriveAndLeave) {
  Pair p;
  p.a.originate("10.0.0.0/8");
  p.a.originate("2001:db8::/32");
  p.b.originate("20.0.0.0/8");
  p.up();
  p.settle();
  ASSERT_NE(p.b.best("10.0.0.0/8"), nullptr);
  EXPECT_EQ(p.b.best("10.0.0.0/8")->accepted->as_path().to_string(), "65001");
  EXPECT_EQ(p.b.best("10.0.0.0/8")->accepted->next_hop(), address("169.254.1.1"));
  ASSERT_NE(p.b.best("2001:db8::/32"), nullptr);
  EXPECT_EQ(p.b.best("2001:db8::/32")->accepted->next_hop(), address("fd00::1"));
  ASSERT_NE(p.a.best("20.0.0.0/8"), nullptr);
  EXPECT_EQ(p.a.received(kV4), 1u) << "our own route does not come back";
  p.a.withdraw("10.0.0.0/8");
  p.settle();
  EXPECT_EQ(p.b.best("10.0.0.0/8"), nullptr);
  EXPECT_NE(p.b.best("2001:db8::/32"), nullptr);
  p.a.peering.reset();
  EXPECT_EQ(p.a.best("20.0.0.0/8"), nullptr) << "what a neighbour brought goes with it";
}

TEST(BgpPeering, WithoutPolicyNothingIsExchanged) {
  Pair p;
  p.a.settings.exports.policy = nullptr;
  p.b.settings.exports.policy = everything();
  p.a.settings.import.policy = nullptr;
  p.a.originate("10.0.0.0/8");
  p.b.originate("20.0.0.0/8");
  p.up();
  p.settle();
  EXPECT_EQ(p.b.received(kV4), 0u);
  EXPECT_EQ(p.a.received(kV4), 1u);
  EXPECT_EQ(p.a.best("20.0.0.0/8"), nullptr);
  EXPECT_EQ(p.a.peering->counters().refused, 1u);
  // A policy that is added later acts on what came before, without the peer's help.
  p.a.settings.exports.policy = p.a.settings.import.policy = everything();
  p.a.peering->set_policies(p.a.settings.import, p.a.settings.exports);
  p.settle();
  EXPECT_NE(p.a.best("20.0.0.0/8"), nullptr);
  EXPECT_NE(p.b.best("10.0.0.0/8"), nullptr);
}

struct Restart : testing::Test {
  Pair p;
  Down died{.why = Event::kTcpDown, .may_restart = true};
  void SetUp() override {
    p.a.originate("10.0.0.0/8");
    p.a.originate("11.0.0.0/8");
    p.a.originate("2001:db8::/32");
    p.up();
    p.b.peering->up(p.now, Pair::agreed(p.a, true), address("169.254.1.1"));
    p.settle();
    ASSERT_EQ(p.b.received(kV4), 2u);
  }
  void come_back(bool preserved) {
    p.a.peering->up(p.now, Pair::agreed(p.b), address("169.254.1.2"));
    p.b.peering->up(p.now, Pair::agreed(p.a, true, preserved), address("169.254.1.1"));
  }
};

// BGP-17.
TEST_F(Restart, RoutesAreKeptAndSweptAtEndOfRib) {
  p.b.peering->down(p.now, died);
  EXPECT_EQ(p.b.stale(kV4), 2u);
  EXPECT_EQ(p.b.received(kV6), 0u) << "the peer did not promise it for this family";
  EXPECT_NE(p.b.best("10.0.0.0/8"), nullptr);
  EXPECT_EQ(p.b.peering->next_deadline(), p.now + 120s);
  p.a.peering->down(p.now, {});
  p.a.withdraw("11.0.0.0/8");
  p.now += 100s;
  come_back(true);
  EXPECT_EQ(p.b.stale(kV4), 2u);
  p.settle();
  EXPECT_NE(p.b.best("10.0.0.0/8"), nullptr);
  EXPECT_EQ(p.b.best("11.0.0.0/8"), nullptr);
  EXPECT_EQ(p.b.stale(kV4), 0u);
  EXPECT_EQ(p.b.peering->counters().swept, 1u);
  EXPECT_EQ(p.b.peering->next_deadline(), TimePoint::max());
}

TEST_F(Restart, APeerThatDidNotForwardLosesItsRoutes) {
  p.b.peering->down(p.now, died);
  p.a.peering->down(p.now, {});
  come_back(false);
  EXPECT_EQ(p.b.received(kV4), 0u);
  p.settle();
  EXPECT_EQ(p.b.received(kV4), 2u);
}

TEST_F(Restart, TimersEndTheWaiting) {
  p.b.peering->down(p.now, died);
  p.b.peering->tick(p.now + 119s);
  EXPECT_EQ(p.b.stale(kV4), 2u);
  p.b.peering->tick(p.now + 120s);
  EXPECT_EQ(p.b.received(kV4), 0u);
  EXPECT_EQ(p.b.peering->counters().swept, 2u);
}

TEST_F(Restart, APeerThatNeverEndsItsRoutesIsSweptToo) {
  p.b.peering->down(p.now, died);
  come_back(true);
  EXPECT_EQ(p.b.peering->next_deadline(), p.now + 360s);
  p.b.peering->tick(p.now + 360s);
  EXPECT_EQ(p.b.received(kV4), 0u);
}

TEST_F(Restart, AnEndThatIsNoRestartWithdraws) {
  died.may_restart = false;
  p.b.peering->down(p.now, died);
  EXPECT_EQ(p.b.received(kV4), 0u);
  EXPECT_EQ(p.b.best("10.0.0.0/8"), nullptr);
}

// BGP-18: what the answer to a refresh does not hold goes at its end.
TEST(BgpPeering, ARefreshPurgesWhatIsGone) {
  Pair p;
  p.a.originate("10.0.0.0/8");
  p.a.originate("2001:db8::/32");
  p.up();
  p.settle();
  // A route that only b believes in, as after a lost withdrawal.
  Attributes ghost;
  ghost.as_path = {65001};
  const AttributeRef set = p.b.table.intern(ghost);
  p.b.rib.announce(p.b.peering->source(), {prefix("66.0.0.0/8")}, set, set, 0);
  p.a.peering->refresh(p.now, {Refresh::Kind::kRequest, kV4});
  EXPECT_TRUE(p.a.peering->has_to_send());
  p.settle();
  EXPECT_EQ(p.b.best("66.0.0.0/8"), nullptr);
  EXPECT_NE(p.b.best("10.0.0.0/8"), nullptr);
  EXPECT_NE(p.b.best("2001:db8::/32"), nullptr);
  EXPECT_EQ(p.b.peering->counters().swept, 1u);
  EXPECT_EQ(p.b.peering->next_deadline(), TimePoint::max());
}

TEST(BgpPeering, LimitsWarnAndClose) {
  Pair p;
  p.b.settings.max_prefix[kV4] = {.limit = 10, .warn_at_percent = 80};
  p.up();
  for (int i = 0; i < 8; ++i) p.a.originate("10." + std::to_string(i) + ".0.0/16");
  p.settle();
  EXPECT_EQ(p.limit.event, MaxPrefix::Event::kWarn);
  EXPECT_FALSE(p.limit.closes);
  for (int i = 8; i < 11; ++i) p.a.originate("10." + std::to_string(i) + ".0.0/16");
  p.settle();
  EXPECT_EQ(p.limit.event, MaxPrefix::Event::kExceeded);
  EXPECT_TRUE(p.limit.closes);
  EXPECT_EQ(p.limit.family, kV4);
}

// BGP-22: nothing is sent beyond what the session takes, and nothing is lost by waiting.
TEST(BgpPeering, ASessionWithoutRoomIsLeftAlone) {
  Pair p;
  for (uint32_t i = 0; i < 3000; ++i) {
    p.a.originate("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24", i);
  }
  p.up();
  p.a.room = 1;
  EXPECT_FALSE(p.a.send_all());
  EXPECT_LE(p.a.sent.size(), 100u) << "one part at most goes over";
  p.deliver(p.a, p.b);
  for (uint32_t i = 0; i < 3000; i += 2) {
    p.a.withdraw("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24");
  }
  for (int turns = 0; p.a.peering->has_to_send() && turns < 10000; ++turns) {
    p.a.room = 1;
    p.a.send_all();
    p.deliver(p.a, p.b);
  }
  EXPECT_EQ(p.b.received(kV4), 1500u);
  EXPECT_EQ(p.b.best("10.0.0.0/24"), nullptr);
  EXPECT_EQ(p.b.best("10.0.1.0/24")->accepted->med(), 1u) << "our own MED goes along";
}

// RFC 8326: drained routes are the last choice at the peer, before they go.
TEST(BgpPeering, DrainingReachesThePeer) {
  Pair p;
  p.a.originate("10.0.0.0/8");
  p.up();
  p.settle();
  EXPECT_FALSE(p.b.best("10.0.0.0/8")->accepted->local_pref());
  p.a.settings.exports.draining = true;
  p.a.peering->set_policies(p.a.settings.import, p.a.settings.exports);
  p.settle();
  EXPECT_EQ(p.b.best("10.0.0.0/8")->accepted->local_pref(), 0u);
}

}  // namespace
}  // namespace kanmon::bgp
