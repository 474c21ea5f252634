// A million random changes under readers that never pause, judged against the slow truth (issue of
// the data plane, "must show" 4): what a reader gets for an address must have been right at some
// moment of its lookup (INV-5, INV-6). Under ThreadSanitizer the same run proves the order of
// publication.
//
// How a reader can know: for each watched address the writer asks the truth what a change will make
// of its answer and writes that into the address's history: `begun` before the change, `done` after
// it. A lookup that starts after `done` was d and ends before `begun` is b may see the answers d to
// b, and no other.
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
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

constexpr unsigned kReaders = 2;
constexpr unsigned kWatched = 64;
constexpr unsigned kChanges = 250'000;  // in each of four lives
constexpr uint32_t kRemembered = 256;
// A life's table must have had the largest root (table.cc), and its readers judged so many answers.
constexpr size_t kLeastPeak = 8'193;
constexpr uint64_t kLeastJudged = 20'000;

// The last answers of one address. The writer writes all, readers load.
struct History {
  std::array<std::atomic<uint32_t>, kRemembered> answers{};
  std::atomic<uint32_t> begun{0};
  std::atomic<uint32_t> done{0};

  void begin(NextHop answer) {
    const uint32_t next = begun.load(std::memory_order_relaxed) + 1;
    answers[next % kRemembered].store(answer.raw, std::memory_order_relaxed);
    begun.store(next, std::memory_order_release);
  }
  void end() { done.store(begun.load(std::memory_order_relaxed), std::memory_order_release); }
  enum class Verdict { kRight, kWrong, kForgotten };
  // `from`: done before the lookup.
  Verdict judge(uint32_t from, NextHop got) const {
    const uint32_t to = begun.load(std::memory_order_acquire);
    bool right = false;
    for (uint32_t n = from; n - from <= to - from && n - from < kRemembered; ++n)
      right |= answers[n % kRemembered].load(std::memory_order_relaxed) == got.raw;
    if (right) return Verdict::kRight;
    const bool kept = begun.load(std::memory_order_acquire) - from < kRemembered - 1;
    return kept ? Verdict::kWrong : Verdict::kForgotten;
  }
};

struct Route {
  Key prefix;
  unsigned length;
};

// How routes are drawn: `min_length` to `max_length`, half of them around watched addresses.
struct Style {
  unsigned min_length;
  unsigned max_length;
};

template <class V>
class Life {
 public:
  Life(const Style& style, uint64_t seed) : style_(style), rng_(seed) {
    for (unsigned i = 0; i < kWatched; ++i) {
      keys_[i] = masked(Key{0x2001000000000000 | (rng_() & 0x000033f3ff333330), rng_()}, V::kMax);
      addresses_[i] = V::of(keys_[i]);
    }
  }

  void run() {
    std::vector<std::thread> readers;
    for (unsigned r = 0; r < kReaders; ++r) readers.emplace_back([this, r] { read(r); });
    for (unsigned i = 0; i < kChanges && wrong_.load(std::memory_order_relaxed) == 0; ++i) {
      const bool grow = i < kChanges / 3 || i % 2000 < 1000;
      if (!live_.empty() && rng_() % 100 < (grow ? 10u : 70u)) {
        erase_one();
      } else {
        insert_one();
      }
      if (i % 256 == 0) pool_.reclaim();
    }
    while (judged_.load() < kLeastJudged && wrong_.load() == 0) std::this_thread::yield();
    stop_ = true;
    for (auto& t : readers) t.join();
    EXPECT_EQ(wrong_.load(), 0u) << "of " << judged_.load() << " answers";
    EXPECT_GE(peak_, kLeastPeak);
    EXPECT_EQ(lpm_.size(), truth_.size());
    for (unsigned i = 0; i < kWatched; ++i)
      EXPECT_EQ(lpm_.lookup(addresses_[i]).raw, truth_.lookup(keys_[i]).raw);
  }

 private:
  Route draw() {
    if (!live_.empty() && rng_() % 8 == 0) return live_[rng_() % live_.size()];
    Key key = keys_[rng_() % kWatched];
    if (rng_() % 2 == 0) key.hi ^= rng_() >> (6 + rng_() % 12);
    if (rng_() % 4 == 0) key.lo ^= rng_() >> rng_() % 60;
    const unsigned length =
        rng_() % 64 == 0
            ? static_cast<unsigned>(rng_() % style_.min_length)
            : style_.min_length +
                  static_cast<unsigned>(rng_() % (style_.max_length - style_.min_length + 1));
    return {masked(key, length), length};
  }

  // Brackets one change with what it does to the watched addresses. The truth has it already;
  // `apply` changes the table. An address whose longest route is longer is not concerned.
  template <class Apply>
  void change(const Route& r, const Apply& apply) {
    uint64_t touched = 0;
    for (unsigned i = 0; i < kWatched; ++i) {
      if (r.length < longest_[i].length || !same_prefix(keys_[i], r.prefix, r.length)) continue;
      longest_[i] = truth_.longest(keys_[i]);
      histories_[i].begin(longest_[i].hop);
      touched |= uint64_t{1} << i;
    }
    ASSERT_TRUE(apply().ok());
    for (; touched != 0; touched &= touched - 1) histories_[std::countr_zero(touched)].end();
  }

  void insert_one() {
    const Route r = draw();
    const NextHop hop = NextHop::make(NextHopKind::kTunnel, static_cast<uint32_t>(rng_() % 5000));
    const auto length = static_cast<uint8_t>(r.length);
    if (!lpm_.find(V::of(r.prefix), length)) live_.push_back(r);
    peak_ = std::max(peak_, live_.size());
    truth_.insert(r.prefix, r.length, hop);
    change(r, [&] { return lpm_.insert(V::of(r.prefix), length, hop); });
  }

  void erase_one() {
    std::swap(live_[rng_() % live_.size()], live_.back());
    const Route r = live_.back();
    live_.pop_back();
    ASSERT_TRUE(truth_.erase(r.prefix, r.length));
    change(r, [&] { return lpm_.erase(V::of(r.prefix), static_cast<uint8_t>(r.length)); });
  }

  void read(unsigned reader) {
    pool_.qsbr().online(reader);
    std::array<NextHop, kWatched> out;
    std::array<uint32_t, kWatched> from;
    for (unsigned loop = 0; !stop_; ++loop) {
      for (unsigned i = 0; i < kWatched; ++i)
        from[i] = histories_[i].done.load(std::memory_order_acquire);
      if (loop % 2 == 0) {
        lpm_.lookup_bulk(addresses_.data(), out.data(), kWatched);
      } else {
        for (unsigned i = 0; i < kWatched; ++i) out[i] = lpm_.lookup(addresses_[i]);
      }
      for (unsigned i = 0; i < kWatched; ++i) count(histories_[i].judge(from[i], out[i]));
      pool_.qsbr().quiescent(reader);
      if (loop % 4 == 0) std::this_thread::yield();  // few cores: the writer is to get along
    }
    pool_.qsbr().offline(reader);
  }
  void count(History::Verdict verdict) {
    if (verdict != History::Verdict::kForgotten) judged_.fetch_add(1, std::memory_order_relaxed);
    if (verdict == History::Verdict::kWrong) wrong_.fetch_add(1, std::memory_order_relaxed);
  }

  const Style style_;
  std::mt19937_64 rng_;
  std::array<Key, kWatched> keys_;
  std::array<typename V::Address, kWatched> addresses_;
  std::array<SlowTruth::Answer, kWatched> longest_{};
  std::array<History, kWatched> histories_;
  rings::Qsbr qsbr_;
  NodePool pool_{qsbr_, size_t{1} << 30};
  typename V::Lpm lpm_{pool_};
  SlowTruth truth_;
  std::vector<Route> live_;
  size_t peak_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> judged_{0}, wrong_{0};
};

TEST(LpmConcurrent, Ipv4OfAllLengths) {
  Life<V4>({8, 32}, 41).run();
}
TEST(LpmConcurrent, Ipv4AsInTheInternet) {
  Life<V4>({20, 24}, 42).run();
}
TEST(LpmConcurrent, Ipv6OfAllLengths) {
  Life<V6>({16, 128}, 61).run();
}
TEST(LpmConcurrent, Ipv6AsInTheInternet) {
  Life<V6>({29, 64}, 62).run();
}

}  // namespace
}  // namespace kanmon::fib
