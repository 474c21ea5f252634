// Life of a next-hop group between the routes and the workers: INV-5 (freed only when no worker can
// see it), one group for all routes with the same members.
#include "control/publish/group_store.h"

#include <variant>

#include <gtest/gtest.h>

namespace kanmon::publish {
namespace {

using fib::GroupMember;
using fib::NextHop;
using fib::NextHopKind;

class FakePlane : public Plane {
 public:
  uint64_t publish(const rings::Command& command) override {
    commands.push_back(std::get<rings::SetGroup>(command));
    return commands.size();
  }
  bool acknowledged(uint64_t sequence) const override { return sequence <= applied; }
  uint64_t tsc_after(std::chrono::seconds) const override { return 0; }

  std::vector<rings::SetGroup> commands;
  uint64_t applied = 0;
};

std::vector<GroupMember> pair_of(uint32_t a, uint32_t b, uint8_t weight_b = 50) {
  return {{NextHop::make(NextHopKind::kTunnel, a), 100},
          {NextHop::make(NextHopKind::kTunnel, b), weight_b}};
}

class Groups : public ::testing::Test {
 protected:
  FakePlane plane;
  GroupStore store{plane, 2, 3, 7};
};

TEST_F(Groups, ShowsTheWorkersWhatChangedAndNothingElse) {
  ASSERT_TRUE(store.set(2, pair_of(1, 2)).ok());
  ASSERT_EQ(plane.commands.size(), 1u);
  EXPECT_EQ(plane.commands[0].group, 2u);
  EXPECT_EQ(plane.commands[0].record, store.find(2));
  EXPECT_EQ(store.find(2)->seed(), 7u);
  ASSERT_TRUE(store.set(2, pair_of(2, 1)).ok());
  EXPECT_EQ(plane.commands.size(), 2u) << "pair_of(2, 1): the weights changed places";
  ASSERT_TRUE(store.set(2, pair_of(2, 1)).ok());
  EXPECT_EQ(plane.commands.size(), 2u);
  EXPECT_EQ(store.published(), 2u);
}

TEST_F(Groups, FreesWhatEveryWorkerHasLetGoOf) {
  ASSERT_TRUE(store.set(0, pair_of(1, 2)).ok());
  ASSERT_TRUE(store.set(0, pair_of(1, 3)).ok());
  EXPECT_EQ(store.waiting_to_be_freed(), 1u);
  plane.applied = 1;
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 1u) << "a worker may read it yet";
  plane.applied = 2;
  store.sweep();
  EXPECT_EQ(store.waiting_to_be_freed(), 0u);
  store.remove(0);
  EXPECT_EQ(plane.commands.back().record, nullptr);
  EXPECT_EQ(store.find(0), nullptr);
  EXPECT_EQ(store.waiting_to_be_freed(), 1u);
  store.remove(0);
  EXPECT_EQ(plane.commands.size(), 3u);
}

TEST_F(Groups, RefusesWhatItCannotHold) {
  EXPECT_EQ(store.set(0, {}).error().code, Errc::kBadValue);
  EXPECT_EQ(store.set(0, pair_of(1, 1)).error().code, Errc::kBadValue);
  EXPECT_EQ(store.set(3, pair_of(1, 2)).error().code, Errc::kNoSpace);
  EXPECT_TRUE(store.all().empty());
  EXPECT_TRUE(plane.commands.empty());
}

// A new set of members keeps the flows of the old one (see fib::Group).
TEST_F(Groups, AReplacementKeepsFlows) {
  ASSERT_TRUE(store.set(1, pair_of(1, 2, 100)).ok());
  const auto first = [&] {
    std::vector<NextHop> out;
    const fib::Group& g = *store.find(1);
    for (unsigned i = 0; i < g.buckets(); ++i) out.push_back(g.member(g.preference(i, 0)).hop);
    return out;
  };
  const auto before = first();
  std::vector<GroupMember> three = pair_of(1, 2, 100);
  three.push_back({NextHop::make(NextHopKind::kTunnel, 3), 100});
  ASSERT_TRUE(store.set(1, three).ok());
  const auto after = first();
  ASSERT_EQ(before.size(), after.size());
  double moved = 0;
  for (size_t i = 0; i < before.size(); ++i) moved += before[i] != after[i];
  EXPECT_NEAR(moved, static_cast<double>(before.size()) / 3, 1.0);
}

}  // namespace
}  // namespace kanmon::publish
