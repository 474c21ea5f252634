// A long random life of a table against a slow truth: hash maps by length, searched from the
// longest. After every change the addresses at and around the borders of the changed prefix are
// compared, and in the end every route and the walk over all of them (BGP-15: the table equals the
// best routes after any churn).
//
// KANMON_TEST_SCALE multiplies the number of changes (default 1: about a million in all).
#include <cstdlib>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/fib/node_pool.h"
#include "dataplane/rings/qsbr.h"
#include "tests/unit/fib/slow_truth.h"

namespace kanmon::fib {
namespace {

using testing::SlowTruth;
using testing::V4;
using testing::V6;

size_t scaled(size_t n) {
  const char* scale = std::getenv("KANMON_TEST_SCALE");
  return scale ? n * static_cast<size_t>(std::atoll(scale)) : n;
}

// How prefixes are drawn: the first `fixed` bits are one of few values, the rest is sparse or
// dense.
struct Style {
  const char* name;
  unsigned fixed_bits;
  uint64_t fixed;  // the top bits
  unsigned min_length;
  unsigned max_length;
  size_t live;  // routes the life hovers around
  unsigned hops;
  size_t peak = 1;      // so many routes must have lived at once, or the test tests too little
  bool spread = false;  // prefixes evenly at random, not nested
};

Key add_one(Key k, unsigned bits, bool minus) {
  unsigned __int128 v = static_cast<unsigned __int128>(k.hi) << 64 | k.lo;
  const unsigned __int128 one = static_cast<unsigned __int128>(1) << (128 - bits);
  v = minus ? v - one : v + one;
  return masked({static_cast<uint64_t>(v >> 64), static_cast<uint64_t>(v)}, bits);
}

Key last_of(Key prefix, unsigned length, unsigned bits) {
  const Key ones = masked({~uint64_t{0}, ~uint64_t{0}}, bits);
  const Key net = masked(ones, length);
  return {prefix.hi | (ones.hi ^ net.hi), prefix.lo | (ones.lo ^ net.lo)};
}

template <class V>
class Life {
 public:
  explicit Life(const Style& style, uint64_t seed) : style_(style), rng_(seed) {}

  void run(size_t changes) {
    for (size_t i = 0; i < changes && !::testing::Test::HasFailure(); ++i) {
      // The number of live routes swings around `live`, so that roots grow and shrink.
      const bool grow = (i / (2 * style_.live) % 2) == 0;
      if (!live_.empty() && rng_() % 100 < (grow ? 25u : 65u)) {
        erase_one();
      } else {
        insert_one();
      }
      if (i % 4096 == 0) pool_.reclaim();
    }
    EXPECT_GE(peak_, style_.peak);
    check_all();
    while (!live_.empty()) erase_one();
    EXPECT_EQ(lpm_.size(), 0u);
    EXPECT_EQ(lpm_.memory_bytes(), typename V::Lpm(pool_).memory_bytes());
    pool_.reclaim();
    EXPECT_EQ(pool_.nodes().used_bytes(), 0u) << "forwarding nodes leak";
    EXPECT_EQ(pool_.routes().used_bytes(), 0u) << "route nodes leak";
  }

 private:
  struct Entry {
    Key prefix;
    unsigned length;
  };

  void insert_one() {
    Entry e{};
    if (!live_.empty() && rng_() % 8 == 0) {
      e = live_[rng_() % live_.size()];  // replace
    } else {
      e.length = style_.min_length +
                 static_cast<unsigned>(rng_() % (style_.max_length - style_.min_length + 1));
      // Few different octets, so that prefixes nest and share.
      const auto few = [&] {
        return rng_() & (style_.spread || rng_() % 3 == 0 ? ~uint64_t{0} : 0x8181818181818181);
      };
      e.prefix = {few(), few()};
      if (style_.fixed_bits) e.prefix.hi = style_.fixed | e.prefix.hi >> style_.fixed_bits;
      e.prefix = masked(masked(e.prefix, V::kMax), e.length);
    }
    const auto hop =
        NextHop::make(NextHopKind::kTunnel, static_cast<uint32_t>(rng_() % style_.hops));
    const bool fresh = !lpm_.find(V::of(e.prefix), static_cast<uint8_t>(e.length));
    ASSERT_TRUE(lpm_.insert(V::of(e.prefix), static_cast<uint8_t>(e.length), hop).ok());
    truth_.insert(e.prefix, e.length, hop);
    if (fresh) live_.push_back(e);
    peak_ = std::max(peak_, live_.size());
    check_around(e);
  }

  void erase_one() {
    const size_t i = rng_() % live_.size();
    const Entry e = live_[i];
    live_[i] = live_.back();
    live_.pop_back();
    ASSERT_TRUE(lpm_.erase(V::of(e.prefix), static_cast<uint8_t>(e.length)).ok());
    ASSERT_TRUE(truth_.erase(e.prefix, e.length));
    check_around(e);
  }

  void check_around(const Entry& e) {
    const Key last = last_of(e.prefix, e.length, V::kMax);
    const Key inside = {e.prefix.hi | (rng_() & (last.hi ^ e.prefix.hi)),
                        e.prefix.lo | (rng_() & (last.lo ^ e.prefix.lo))};
    const Key probes[] = {e.prefix, last, add_one(e.prefix, V::kMax, true),
                          add_one(last, V::kMax, false), inside};
    typename V::Address addresses[5];
    NextHop got[5];
    for (unsigned i = 0; i < 5; ++i) addresses[i] = V::of(probes[i]);
    lpm_.lookup_bulk(addresses, got, 5);
    for (unsigned i = 0; i < 5; ++i) {
      const NextHop want = truth_.lookup(probes[i]);
      ASSERT_EQ(got[i].raw, want.raw) << style_.name << " probe " << i << " length " << e.length;
      ASSERT_EQ(lpm_.lookup(addresses[i]).raw, want.raw) << style_.name << " single, probe " << i;
    }
  }

  void check_all() {
    ASSERT_EQ(lpm_.size(), truth_.size());
    size_t walked = 0;
    std::pair<std::pair<uint64_t, uint64_t>, unsigned> before{};
    lpm_.for_each([&](const typename V::Address& prefix, uint8_t length, NextHop hop) {
      const Key k = V::key(prefix);
      const std::pair<std::pair<uint64_t, uint64_t>, unsigned> here{{k.hi, k.lo}, length};
      if (walked++ > 0) {
        EXPECT_LT(before, here) << "not in order";
      }
      before = here;
      const auto routes = truth_.by_length().find(length);
      ASSERT_NE(routes, truth_.by_length().end());
      const auto it = routes->second.find(k);
      ASSERT_NE(it, routes->second.end());
      EXPECT_EQ(it->second.raw, hop.raw);
      EXPECT_EQ(lpm_.find(prefix, length).raw, hop.raw);
    });
    EXPECT_EQ(walked, truth_.size());
    for (const Entry& e : live_) check_around(e);
  }

  const Style style_;
  std::mt19937_64 rng_;
  rings::Qsbr qsbr_;
  NodePool pool_{qsbr_, 1u << 30};
  typename V::Lpm lpm_{pool_};
  SlowTruth truth_;
  std::vector<Entry> live_;
  size_t peak_ = 0;
};

class Churn4 : public ::testing::TestWithParam<Style> {};
class Churn6 : public ::testing::TestWithParam<Style> {};

TEST_P(Churn4, AgreesWithTheSlowTruth) {
  Life<V4>(GetParam(), 4271).run(scaled(120000));
}
TEST_P(Churn6, AgreesWithTheSlowTruth) {
  Life<V6>(GetParam(), 8200).run(scaled(100000));
}

std::string name_of(const ::testing::TestParamInfo<Style>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Styles, Churn4,
    ::testing::Values(Style{"all_lengths", 0, 0, 0, 32, 3000, 50},
                      Style{"few_routes", 0, 0, 0, 32, 12, 4},
                      Style{"one_subnet", 20, 0x0a01100000000000, 20, 32, 700, 3},
                      Style{"many_next_hops", 0, 0, 16, 26, 50000, 1u << 28, 33000, true},
                      Style{"root_grows", 0, 0, 12, 30, 55000, 200, 33000, true}),
    name_of);
INSTANTIATE_TEST_SUITE_P(
    Styles, Churn6,
    ::testing::Values(Style{"all_lengths", 0, 0, 0, 128, 3000, 50},
                      Style{"few_routes", 0, 0, 0, 128, 12, 4},
                      Style{"around_64", 32, 0x20010db800000000, 58, 70, 700, 3},
                      Style{"hosts", 32, 0x20010db800000000, 120, 128, 600, 100},
                      Style{"root_grows", 3, 0x2000000000000000, 16, 64, 50000, 200, 33000, true}),
    name_of);

}  // namespace
}  // namespace kanmon::fib
