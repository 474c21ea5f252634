// Readers look up while control changes the table. For every address a reader must see an answer
// that was right at some moment during its lookup (INV-5, INV-6): here the writer keeps, for every
// watched address, a set of answers that are possible at all, and readers check for it. Under the
// thread sanitizer the test also proves the publication order.
#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "tests/unit/fib/route_sets.h"

namespace kanmon::fib {
namespace {

using testing::address6;

constexpr unsigned kReaders = 2;
constexpr unsigned kAddresses = 64;

// A next hop says which route it belongs to: the length in the index's low bits, so that a reader
// can judge an answer by itself.
NextHop hop_of_length(unsigned length, unsigned version) {
  return NextHop::make(NextHopKind::kTunnel, version << 8 | length);
}
unsigned length_of(NextHop hop) {
  return hop.index() & 0xff;
}

struct V4 {
  using Lpm = Lpm4;
  using Address = uint32_t;
  static constexpr unsigned kMax = 32;
  static Address of(Key k) { return static_cast<uint32_t>(k.hi >> 32); }
};
struct V6 {
  using Lpm = Lpm6;
  using Address = Address6;
  static constexpr unsigned kMax = 128;
  static Address of(Key k) { return address6(k); }
};

template <class V>
class Stage {
 public:
  Stage() {
    std::mt19937_64 rng(77);
    for (unsigned i = 0; i < kAddresses; ++i) {
      const Key k = masked({0x2001000000000000 | (rng() & 0x0000f30f33303330), rng()}, V::kMax);
      keys_.push_back(k);
      addresses_.push_back(V::of(k));
    }
  }

  // `stable`: the routes of this length are there all the time: no answer may be shorter, and none
  // may be "none". `change` is called by the writer; it only changes longer routes.
  template <class Change>
  void run(unsigned stable, unsigned changes, Change change) {
    for (const Key& k : keys_) put(k, stable, 0);
    std::vector<std::thread> readers;
    for (unsigned r = 0; r < kReaders; ++r)
      readers.emplace_back([this, r, stable] { read(r, stable); });
    for (unsigned i = 0; i < changes; ++i) {
      change(i);
      if (i % 64 == 0) {
        pool_.reclaim();
        std::this_thread::yield();
      }
    }
    while (reads_.load() < 1000) std::this_thread::yield();
    stop_ = true;
    for (auto& t : readers) t.join();
    EXPECT_EQ(wrong_.load(), 0u);
  }

  void put(Key k, unsigned length, unsigned version) {
    ASSERT_TRUE(lpm_.insert(V::of(masked(k, length)), static_cast<uint8_t>(length),
                            hop_of_length(length, version))
                    .ok());
  }
  void take(Key k, unsigned length) {
    (void)lpm_.erase(V::of(masked(k, length)), static_cast<uint8_t>(length));
  }
  Key key(unsigned i) const { return keys_[i % kAddresses]; }

 private:
  void read(unsigned reader, unsigned stable) {
    pool_.qsbr().online(reader);
    std::array<NextHop, kAddresses> out;
    for (unsigned loop = 0; !stop_; ++loop) {
      lpm_.lookup_bulk(addresses_.data(), out.data(), kAddresses);
      const NextHop one = lpm_.lookup(addresses_[loop % kAddresses]);
      for (const NextHop hop : out) judge(hop, stable);
      judge(one, stable);
      pool_.qsbr().quiescent(reader);
      reads_.fetch_add(1, std::memory_order_relaxed);
      if (loop % 16 == 0) std::this_thread::yield();
    }
    pool_.qsbr().offline(reader);
  }
  void judge(NextHop hop, unsigned stable) {
    if (hop.kind() != NextHopKind::kTunnel || length_of(hop) < stable || length_of(hop) > V::kMax)
      wrong_.fetch_add(1, std::memory_order_relaxed);
  }

  std::vector<Key> keys_;
  std::vector<typename V::Address> addresses_;
  rings::Qsbr qsbr_;
  NodePool pool_{qsbr_, 1u << 28};
  typename V::Lpm lpm_{pool_};
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> wrong_{0}, reads_{0};
};

template <class V>
class Readers : public ::testing::Test {};
using Families = ::testing::Types<V4, V6>;
TYPED_TEST_SUITE(Readers, Families);

// More specifics come and go under a route that stays: it, or a more specific, always answers.
TYPED_TEST(Readers, ACoveringRouteIsNeverLost) {
  Stage<TypeParam> stage;
  std::mt19937_64 rng(5);
  stage.run(16, 6000, [&](unsigned i) {
    const Key k = stage.key(static_cast<unsigned>(rng()));
    const unsigned length = 17 + static_cast<unsigned>(rng() % (TypeParam::kMax - 16));
    if (rng() % 2) {
      stage.put(k, length, i);
    } else {
      stage.take(k, length);
    }
  });
}

// The table swings between a handful and thousands of routes, so that the root is replaced by
// larger and smaller ones under the readers.
TYPED_TEST(Readers, TheRootGrowsAndShrinksUnderThem) {
  Stage<TypeParam> stage;
  constexpr unsigned kMany = 9000;  // beyond the largest root's border
  stage.run(16, 2 * kMany, [&](unsigned i) {
    const unsigned n = i % kMany;
    const Key k{0x2001000000000000 | uint64_t{n} << 35, 0};
    if (i < kMany) {
      stage.put(k, 29, 1);
    } else {
      stage.take(k, 29);
    }
  });
}

// Every change brings a next hop never seen: numbers are added, the array of next hops grows, and
// is replaced when it is full, while readers translate numbers by it.
TYPED_TEST(Readers, NextHopsAreNumberedAnewUnderThem) {
  Stage<TypeParam> stage;
  stage.run(16, 70000, [&](unsigned i) { stage.put(stage.key(i), 24, i & 0xfffff); });
}

// The default route and short prefixes change while longer ones answer: those who have a longer
// route do not notice, whatever is rewritten around them.
TYPED_TEST(Readers, ShortPrefixesFlapUnderneath) {
  Stage<TypeParam> stage;
  stage.run(16, 1500, [&](unsigned i) {
    const Key k = stage.key(i);
    if (i % 3 == 0) stage.put(k, i % 16, i);
    if (i % 3 == 1) stage.take(k, (i - 1) % 16);
    if (i % 3 == 2) stage.put(k, 20, i);
  });
}

}  // namespace
}  // namespace kanmon::fib
