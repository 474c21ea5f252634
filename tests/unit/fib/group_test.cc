// Next-hop groups: shares by weight, and who moves when a member dies, comes back, or the
// configuration changes (issue of the data plane: "a dead member moves only its own flows").
#include "dataplane/fib/group.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace kanmon::fib {
namespace {

constexpr unsigned kFlows = 100'000;

NextHop tunnel(uint32_t i) {
  return NextHop::make(NextHopKind::kTunnel, i);
}
std::vector<GroupMember> members_of(const std::vector<int>& weights) {
  std::vector<GroupMember> members;
  for (size_t i = 0; i < weights.size(); ++i)
    members.push_back({tunnel(static_cast<uint32_t>(10 + i)), static_cast<uint8_t>(weights[i])});
  return members;
}

// The flows of a test: the same every time, evenly spread as flow_hash() makes them.
const std::vector<uint32_t>& flows() {
  static const std::vector<uint32_t> made = [] {
    std::mt19937 rng(1);
    std::vector<uint32_t> out;
    for (unsigned i = 0; i < kFlows; ++i) out.push_back(static_cast<uint32_t>(rng()));
    return out;
  }();
  return made;
}

// `dead`: tunnels.
std::vector<unsigned> choices(const Group& group, const std::set<uint32_t>& dead = {}) {
  std::vector<unsigned> out;
  for (const uint32_t flow : flows())
    out.push_back(group.choose(flow, [&](NextHop hop) { return !dead.contains(hop.index()); }));
  return out;
}

std::vector<double> shares(const std::vector<unsigned>& choices, unsigned members) {
  std::vector<double> out(members);
  for (const unsigned c : choices)
    if (c != Group::kNobody) out[c] += 1.0 / kFlows;
  return out;
}

// Weights hold within 2 % over 100,000 flows.
TEST(Group, SharesFollowTheWeights) {
  for (const std::vector<int>& weights : std::vector<std::vector<int>>{{100},
                                                                       {100, 100},
                                                                       {100, 50},
                                                                       {1, 2, 3, 4},
                                                                       {255, 1},
                                                                       {7, 7, 7},
                                                                       {0, 0, 0},
                                                                       {100, 0, 50, 0},
                                                                       std::vector<int>(64, 100)}) {
    const auto members = members_of(weights);
    const auto group = Group::make(members, 1);
    ASSERT_NE(group, nullptr);
    double sum = 0;
    for (const int w : weights) sum += w;
    const auto got = shares(choices(*group), group->size());
    for (size_t i = 0; i < weights.size(); ++i)
      EXPECT_NEAR(got[i], sum == 0 ? 1.0 / static_cast<double>(weights.size()) : weights[i] / sum,
                  0.02)
          << i << " of " << weights.size();
  }
}

// No share is off by more than a bucket, and the smallest weight has 64 of them if 4,096 allow.
TEST(Group, BucketsAreAPowerOfTwoThatFitsTheSmallestWeight) {
  const struct {
    std::vector<int> weights;
    unsigned buckets;
  } cases[] = {{{100, 100}, 256},
               {{1, 9}, 1024},
               {{1, 255}, 4096},
               {{100, 0}, 256},
               {std::vector<int>(16, 5), 1024}};
  for (const auto& c : cases) {
    const auto group = Group::make(members_of(c.weights), 1);
    EXPECT_EQ(group->buckets(), c.buckets);
    double sum = 0;
    for (const int w : c.weights) sum += w;
    std::map<unsigned, unsigned> first;
    for (unsigned b = 0; b < group->buckets(); ++b) ++first[group->preference(b, 0)];
    for (unsigned m = 0; m < group->size(); ++m)
      EXPECT_NEAR(first[m], group->buckets() * c.weights[m] / sum, 1.0);
  }
}

// Only flows of the dead member move; when it comes back everything is as it was.
TEST(Group, ADeadMemberMovesOnlyItsOwnFlows) {
  const auto group = Group::make(members_of({100, 100, 50, 200, 100}), 1);
  const auto before = choices(*group);
  for (unsigned dead = 0; dead < group->size(); ++dead) {
    const auto during = choices(*group, {group->member(dead).hop.index()});
    for (unsigned i = 0; i < kFlows; ++i) {
      if (before[i] != dead) {
        ASSERT_EQ(during[i], before[i]) << "a flow of a live member moved";
      } else {
        ASSERT_NE(during[i], dead);
      }
    }
    EXPECT_EQ(choices(*group), before) << "return restores exactly";
  }
}

// A random life: at each step one member goes or comes, and only its own flows move.
TEST(Group, OneChangeMovesNothingElse) {
  const auto group = Group::make(members_of({100, 100, 30, 200, 0, 10, 0, 90}), 1);
  std::mt19937 rng(3);
  std::set<uint32_t> dead;
  const auto all = [&] {
    std::vector<unsigned> out;
    for (unsigned i = 0; i < 5000; ++i)
      out.push_back(group->choose(flows()[i], [&](NextHop h) { return !dead.contains(h.raw); }));
    return out;
  };
  auto before = all();
  for (int step = 0; step < 300; ++step) {
    const auto m = static_cast<unsigned>(rng() % group->size());
    const uint32_t hop = group->member(m).hop.raw;
    const bool goes = !dead.contains(hop);
    if (goes) dead.insert(hop);
    if (!goes) dead.erase(hop);
    const auto after = all();
    for (size_t i = 0; i < after.size(); ++i) {
      if (after[i] != before[i]) {
        ASSERT_EQ(goes ? before[i] : after[i], m) << "step " << step;
      }
    }
    if (dead.size() == group->size()) {
      ASSERT_EQ(std::set<unsigned>(after.begin(), after.end()), std::set<unsigned>{Group::kNobody});
    }
    before = after;
  }
}

// The flows of a dead member spread over all others, by their weights.
TEST(Group, FlowsOfADeadMemberSpreadByWeight) {
  const auto group = Group::make(members_of({100, 100, 200, 100}), 1);
  const auto before = choices(*group);
  const auto during = choices(*group, {group->member(0).hop.index()});
  std::vector<double> heirs(4);
  double moved = 0;
  for (unsigned i = 0; i < kFlows; ++i)
    if (before[i] == 0) {
      ++moved;
      ++heirs[during[i]];
    }
  // Of 64 or more buckets each: three standard deviations of a share of a quarter are 16 %.
  EXPECT_NEAR(heirs[1] / moved, 0.25, 0.17);
  EXPECT_NEAR(heirs[2] / moved, 0.50, 0.19);
  EXPECT_NEAR(heirs[3] / moved, 0.25, 0.17);
}

// Weight 0 is standby (the clouds' 100/0): nothing while a member with a weight lives.
TEST(Group, StandbyServesOnlyWhenNoOtherLives) {
  const auto group = Group::make(members_of({100, 0, 50, 0}), 1);
  const auto all = shares(choices(*group), 4);
  EXPECT_EQ(all[1] + all[3], 0.0);
  const auto one = shares(choices(*group, {10}), 4);
  EXPECT_NEAR(one[2], 1.0, 1e-9);
  const auto standby = shares(choices(*group, {10, 12}), 4);
  EXPECT_NEAR(standby[1], 0.5, 0.1);
  EXPECT_NEAR(standby[1] + standby[3], 1.0, 1e-9);
  const auto last = choices(*group, {10, 11, 12, 13});
  EXPECT_EQ(last[0], Group::kNobody);
}

// A change of the configuration moves no more than the weights ask for.
TEST(Group, AReplacementKeepsWhatItCan) {
  const auto before = Group::make(members_of({100, 100, 100, 100}), 1);
  const auto fewer = Group::make(members_of({100, 100, 100}), 1, 0, before.get());
  const auto more = Group::make(members_of({100, 100, 100, 100, 100}), 1, 0, before.get());
  const auto heavier = Group::make(members_of({200, 100, 100, 100}), 1, 0, before.get());
  const auto moved = [&](const Group& after) {
    const auto a = choices(*before), b = choices(after);
    double n = 0;
    for (unsigned i = 0; i < kFlows; ++i) n += before->member(a[i]).hop != after.member(b[i]).hop;
    return n / kFlows;
  };
  EXPECT_NEAR(moved(*fewer), 0.25, 0.01);    // those of the member that left
  EXPECT_NEAR(moved(*more), 0.20, 0.01);     // what the new one gets
  EXPECT_NEAR(moved(*heavier), 0.15, 0.01);  // from 25 % to 40 %
}

// The order of members in the configuration says nothing, nor does who made the group.
TEST(Group, DependsOnItsMembersOnly) {
  auto members = members_of({100, 50, 0, 7});
  const auto one = Group::make(members, 1, 9);
  std::reverse(members.begin(), members.end());
  const auto two = Group::make(members, 4, 9);
  unsigned differ = 0;
  for (const uint32_t flow : flows()) {
    const auto all = [](NextHop) { return true; };
    differ += one->member(one->choose(flow, all)).hop != two->member(two->choose(flow, all)).hop;
  }
  EXPECT_EQ(differ, 0u);
}

// Gateways in a row with different seeds choose independently of each other.
TEST(Group, SeedsChooseIndependently) {
  const auto one = choices(*Group::make(members_of({100, 100}), 1, 1));
  const auto two = choices(*Group::make(members_of({100, 100}), 1, 2));
  double same = 0;
  for (unsigned i = 0; i < kFlows; ++i) same += one[i] == two[i];
  EXPECT_NEAR(same / kFlows, 0.5, 0.15);
}

TEST(Group, RefusesWhatIsNone) {
  EXPECT_EQ(Group::make({}, 1), nullptr);
  EXPECT_EQ(Group::make(std::vector<GroupMember>(65, GroupMember{tunnel(1), 1}), 1), nullptr);
  const GroupMember twice[] = {{tunnel(1), 1}, {tunnel(1), 2}};
  EXPECT_EQ(Group::make(twice, 1), nullptr);
  for (const NextHopKind kind :
       {NextHopKind::kNone, NextHopKind::kLocal, NextHopKind::kGlean, NextHopKind::kGroup}) {
    const GroupMember member[] = {{NextHop::make(kind, 1), 1}};
    EXPECT_EQ(Group::make(member, 1), nullptr) << static_cast<int>(kind);
  }
}

TEST(Group, TalliesAddUpOverWorkers) {
  const auto group = Group::make(members_of({1, 1, 1, 1, 1}), 3);
  for (uint16_t w = 0; w < 3; ++w)
    for (unsigned m = 0; m < 5; ++m)
      for (unsigned i = 0; i <= w + m; ++i) group->count(w, m, 100);
  for (unsigned m = 0; m < 5; ++m) {
    EXPECT_EQ(group->tally(m).packets, 3 * (m + 1) + 3);
    EXPECT_EQ(group->tally(m).bytes, 100 * group->tally(m).packets);
  }
}

}  // namespace
}  // namespace kanmon::fib
