// The incremental compiler against a truth that forgets nothing and computes everything anew: a
// random life of adds, withdrawals and liveness over several tables, compared as it goes (BGP-15:
// after any churn the forwarding tables equal the best routes).
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "control/routing/compiler.h"
#include "tests/unit/routing/compiler_bed.h"

namespace kanmon::routing {
namespace {

using fib::NextHop;
using testing::blackhole;
using testing::neighbour;
using testing::Recorder;
using testing::tunnel;

struct Wish {
  OnDown on_down;
  std::vector<Member> members;
};
struct Truth {
  // table -> prefix -> source -> what it offers
  std::map<TableId, std::map<wire::Prefix, std::map<Source, Wish>>> candidates;
  std::set<uint32_t> dead;

  // The members that carry; empty: none is alive.
  std::vector<Member> alive(const Wish& wish) const {
    std::vector<Member> out;
    for (const bool standby : {false, true}) {
      for (const Member& m : wish.members)
        if (dead.count(m.hop.raw) == 0 && (m.weight == 0) == standby)
          out.push_back({m.hop, static_cast<uint8_t>(standby ? 1 : m.weight)});
      if (!out.empty()) return out;
    }
    return out;
  }
  static std::vector<Member> held(std::vector<Member> members) {
    for (Member& m : members) m.weight = std::max<uint8_t>(m.weight, 1);
    return members;
  }
  // What a worker makes of a group's members, which are told to it dead or alive.
  std::vector<Member> choose(const std::vector<Member>& members) const {
    const auto out = alive({OnDown::kHold, members});
    return out.empty() ? held(members) : out;
  }
  // What a packet to the prefix meets: next hops with their weights; nothing: no route.
  std::vector<Member> answer(TableId table, const std::map<Source, Wish>& routes) const {
    for (const auto& [source, wish] : routes) {  // Source sorts by origin, then by name
      const bool has_tunnel =
          std::any_of(wish.members.begin(), wish.members.end(),
                      [](const Member& m) { return m.hop.kind() == fib::NextHopKind::kTunnel; });
      if (table == kUnderlay && has_tunnel) continue;
      auto out = alive(wish);
      if (out.empty() && wish.on_down == OnDown::kWithdraw) continue;
      if (out.empty() && wish.on_down != OnDown::kHold) return {{blackhole(), 1}};
      if (out.empty()) out = held(wish.members);
      // An underlay has no groups: the first of the heaviest carries alone.
      if (table == kUnderlay)
        out = {*std::max_element(out.begin(), out.end(), [](const Member& a, const Member& b) {
          return a.weight < b.weight;
        })};
      return out;
    }
    return {};
  }
  static constexpr TableId kUnderlay = 3;
};

// The weight of a single next hop says nothing.
std::vector<Member> plain(std::vector<Member> members) {
  if (members.size() == 1) members[0].weight = 1;
  std::sort(members.begin(), members.end());
  return members;
}

class RouteCompilerLife : public ::testing::TestWithParam<uint32_t> {
 protected:
  RouteCompilerLife() {
    for (TableId t = 1; t <= 3; ++t) compiler.add_table(t, t == Truth::kUnderlay);
  }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random() % n); }

  wire::Prefix some_prefix() {
    const auto length = static_cast<uint8_t>(below(3) * 8 + 8);
    if (below(4) != 0)
      return wire::Prefix::make(wire::IpAddress::v4(0x0a000000 + (below(40) << 8)), length);
    std::array<uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8, 0, static_cast<uint8_t>(below(8))};
    return wire::Prefix::make(wire::IpAddress::v6(octets.data()), static_cast<uint8_t>(2 * length));
  }
  Source some_source() {
    constexpr Origin kFew[] = {Origin::kStatic, Origin::kBgpDirectConnect, Origin::kBgpVpn};
    return {kFew[below(3)], std::string(1, static_cast<char>('a' + below(3)))};
  }
  NextHop some_hop() { return below(3) == 0 ? neighbour(below(3)) : tunnel(below(6)); }
  Wish some_wish() {
    Wish wish{static_cast<OnDown>(below(4)), {}};
    const uint32_t count = 1 + below(3);
    for (uint32_t i = 0; i < count; ++i) {
      const Member m{some_hop(), static_cast<uint8_t>(below(3) * 50)};
      const bool twice = std::any_of(wish.members.begin(), wish.members.end(),
                                     [&](const Member& o) { return o.hop == m.hop; });
      if (!twice) wish.members.push_back(m);
    }
    return wish;
  }
  void step() {
    const auto table = static_cast<TableId>(1 + below(3));
    const auto p = some_prefix();
    const auto source = some_source();
    switch (below(8)) {
      case 0: {
        const NextHop hop = some_hop();
        const bool live = below(2) == 0;
        compiler.set_live(hop, live);
        if (live) truth.dead.erase(hop.raw);
        if (!live) truth.dead.insert(hop.raw);
        break;
      }
      case 1:
      case 2:
      case 3: {
        auto& routes = truth.candidates[table][p];
        EXPECT_EQ(compiler.withdraw(table, compiler.source(source), p), routes.erase(source) == 1);
        break;
      }
      default: {
        const Wish wish = some_wish();
        truth.candidates[table][p][source] = wish;
        const OfferId id =
            compiler.offer(table, {compiler.source(source), wish.on_down, wish.members});
        compiler.add(id, p, 0);
        compiler.release(id);
      }
    }
  }
  void compare() {
    size_t installed = 0, candidates = 0;
    for (const auto& [table, prefixes] : truth.candidates) {
      for (const auto& [p, routes] : prefixes) {
        candidates += routes.size();
        const auto expected = truth.answer(table, routes);
        const NextHop hop = forwarding.at(table, p);
        ASSERT_EQ(static_cast<bool>(hop), !expected.empty()) << p.to_string();
        if (!hop) continue;
        ++installed;
        const auto found = hop.kind() == fib::NextHopKind::kGroup
                               ? truth.choose(forwarding.groups.at(hop.index()))
                               : std::vector<Member>{{hop, 1}};
        ASSERT_EQ(plain(found), plain(expected)) << "table " << table << " " << p.to_string();
      }
    }
    ASSERT_EQ(forwarding.routes.size(), installed);
    ASSERT_EQ(compiler.candidates(1) + compiler.candidates(2) + compiler.candidates(3), candidates);
  }

  std::mt19937 random{GetParam()};
  Recorder forwarding;
  Compiler compiler{forwarding, 4096};
  Truth truth;
};

TEST_P(RouteCompilerLife, EqualsComputingEverythingAnew) {
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 50; ++i) step();
    compare();
    if (HasFatalFailure()) return;
  }
  for (auto& [table, prefixes] : truth.candidates)
    for (auto& [p, routes] : prefixes)
      for (auto& [source, wish] : routes)
        EXPECT_TRUE(compiler.withdraw(table, compiler.source(source), p));
  EXPECT_TRUE(forwarding.routes.empty());
  EXPECT_TRUE(forwarding.groups.empty()) << "groups are given back";
}

INSTANTIATE_TEST_SUITE_P(Seeds, RouteCompilerLife, ::testing::Range(1u, 9u));

}  // namespace
}  // namespace kanmon::routing
