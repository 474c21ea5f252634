// Life of a check between the configuration and the workers: INV-5 (freed only when no worker can
// see it), and no slot is used again before.
#include "control/publish/check_store.h"

#include <variant>

#include <gtest/gtest.h>

#include "tests/support/bfd_pair.h"

namespace kanmon::publish {
namespace {

class FakePlane : public Plane {
 public:
  uint64_t publish(const rings::Command& command) override {
    commands.push_back(command);
    return commands.size();
  }
  bool acknowledged(uint64_t sequence) const override { return sequence <= applied; }
  uint64_t tsc_after(std::chrono::seconds) const override { return 0; }

  std::vector<rings::Command> commands;
  uint64_t applied = 0;
};

class Checks : public ::testing::Test {
 protected:
  vigil::Settings session(uint32_t tunnel) const {
    vigil::Settings s;
    s.kind = vigil::Kind::kBfd;
    s.path.tunnel = tunnel;
    s.bfd.auth.type = bfd::AuthType::kKeyedSha1;
    s.bfd.auth.key[0] = 42;
    return s;
  }
  FakePlane plane;
  uint64_t random = 0x1234567800000000u;
  CheckStore store{plane, [this] { return random += 0x100000000u; }, test::openssl_sha1};
};

TEST_F(Checks, EachHasASlotAndADiscriminatorOfItsOwn) {
  const auto a = store.add(session(1)), b = store.add(session(2));
  ASSERT_TRUE(a && b);
  EXPECT_NE(*a, *b);
  EXPECT_NE(store.find(*a)->discriminator, store.find(*b)->discriminator);
  EXPECT_EQ(store.find(*a)->discriminator % vigil::kSlots, *a);
  ASSERT_EQ(plane.commands.size(), 2u);
  EXPECT_EQ(std::get<rings::SetCheck>(plane.commands[1]).check, store.find(*b));
  EXPECT_EQ(store.find(*a)->settings.bfd.auth.key[0], 0) << "the key is the session's alone";
}

TEST_F(Checks, FreedWhenEveryWorkerHasLetGo) {
  const uint32_t slot = *store.add(session(7));
  store.remove(slot);
  store.remove(slot);
  EXPECT_EQ(store.find(slot), nullptr);
  ASSERT_EQ(plane.commands.size(), 2u);
  EXPECT_EQ(std::get<rings::SetCheck>(plane.commands[1]).check, nullptr);
  plane.applied = 1;
  EXPECT_TRUE(store.sweep().empty());
  EXPECT_EQ(store.waiting_to_be_freed(), 1u);
  EXPECT_NE(*store.add(session(8)), slot) << "a worker may still have the old one there";
  plane.applied = 2;
  const auto freed = store.sweep();
  ASSERT_EQ(freed.size(), 1u);
  EXPECT_EQ(freed[0].tunnel, 7u);
  EXPECT_EQ(*store.add(session(9)), slot);
}

TEST_F(Checks, ChangesKeepTheSessionAndSayNoKey) {
  const uint32_t slot = *store.add(session(1));
  bfd::Policy policy = session(1).bfd;
  policy.detect_multiplier = 9;
  store.change(slot, policy);
  store.change(slot + 1, policy);
  ASSERT_EQ(plane.commands.size(), 2u);
  const auto& change = std::get<rings::ChangeCheck>(plane.commands[1]);
  EXPECT_EQ(change.slot, slot);
  EXPECT_EQ(change.policy.detect_multiplier, 9);
  EXPECT_EQ(change.policy.auth.key[0], 0);
}

TEST_F(Checks, SlotsEnd) {
  for (uint32_t i = 0; i < vigil::kSlots; ++i) ASSERT_TRUE(store.add(session(1)).has_value());
  EXPECT_FALSE(store.add(session(1)).has_value());
  EXPECT_EQ(store.size(), vigil::kSlots);
}

}  // namespace
}  // namespace kanmon::publish
