#include "dataplane/esp/replay_window.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/sanitized.h"

namespace kanmon::esp {
namespace {

// A window with its bitmap.
struct Sized {
  explicit Sized(uint32_t packets) : bitmap(ReplayWindow::words(packets)) {
    window.start(bitmap, packets);
  }
  std::vector<uint64_t> bitmap;
  ReplayWindow window;
};

// ESP-23: the borders of every window size, and of the words of its bitmap.
TEST(ReplayWindow, Borders) {
  for (const uint32_t size : {64u, 128u, 192u, 1024u, 4096u, 65'536u}) {
    for (const uint64_t top : {uint64_t{1}, uint64_t{63}, uint64_t{64}, uint64_t{size} - 1,
                               uint64_t{size}, uint64_t{size} + 1, uint64_t{10} * size + 17,
                               uint64_t{0xffffffff}, uint64_t{0x100000000}, ~uint64_t{0} - 5}) {
      Sized s(size);
      ASSERT_EQ(s.window.commit(top), Verdict::kFresh);
      EXPECT_EQ(s.window.check(top), Verdict::kDuplicate);
      EXPECT_EQ(s.window.check(0), Verdict::kTooOld);
      EXPECT_EQ(s.window.check(top + 1), Verdict::kFresh);
      if (top >= size) {
        EXPECT_EQ(s.window.check(top - size + 1),
                  top - size + 1 == 0 ? Verdict::kTooOld : Verdict::kFresh)
            << "last inside " << size << " " << top;
        EXPECT_EQ(s.window.check(top - size), Verdict::kTooOld)
            << "first outside " << size << " " << top;
      } else if (top > 1) {
        EXPECT_EQ(s.window.check(1), Verdict::kFresh);
      }
    }
  }
}

// ESP-02: asking changes nothing.
TEST(ReplayWindow, CheckChangesNothing) {
  Sized s(64);
  s.window.commit(100);
  const auto bitmap = s.bitmap;
  for (uint64_t n = 0; n < 300; ++n) (void)s.window.check(n);
  (void)s.window.check(uint64_t{1} << 40);
  EXPECT_EQ(s.bitmap, bitmap);
  EXPECT_EQ(s.window.top(), 100u);
}

// Remembers every number it was ever told, one bit each: the slow truth, without a window.
class Memory {
 public:
  bool holds(uint64_t n) const { return n / 64 < words_.size() && (words_[n / 64] >> n % 64 & 1); }
  void add(uint64_t n) {
    if (n / 64 >= words_.size()) words_.resize(n / 64 * 2 + 1);
    words_[n / 64] |= uint64_t{1} << n % 64;
  }

 private:
  std::vector<uint64_t> words_;
};

// A number near `top`: in order mostly, late, a little ahead, or seldom far ahead.
uint64_t some_number(std::mt19937_64& rng, uint64_t top, uint32_t size) {
  const uint64_t r = rng();
  const uint64_t dice = r % 1024, jump = r >> 10;
  if (dice < 300 && top > 0) return top - jump % std::min<uint64_t>(top, size + size / 4);
  if (dice < 400) return top + 1 + jump % 8;
  if (dice == 1023 && jump % 64 == 0) return top + 1 + (jump >> 8) % (3 * size);
  return top + 1;
}

// ESP-03, ESP-23: a memory of everything against the window, over a hundred million numbers with
// losses, repeats, late ones and jumps.
TEST(ReplayWindow, AgreesWithARememberingSet) {
  constexpr uint32_t kEach = test::kSanitized ? 2'500'000 : 25'000'000;
  std::mt19937_64 rng(4303);
  for (const uint32_t size : {64u, 256u, 4096u, 65'536u}) {
    Sized s(size);
    Memory seen;
    uint64_t top = 0, fresh = 0, repeats = 0, old = 0;
    for (uint32_t i = 0; i < kEach; ++i) {
      const uint64_t n = some_number(rng, top, size);
      Verdict want = Verdict::kFresh;
      if (n == 0 || (top >= size && n <= top - size))
        want = Verdict::kTooOld;
      else if (seen.holds(n))
        want = Verdict::kDuplicate;
      ASSERT_EQ(s.window.check(n), want) << n << " top " << top << " size " << size;
      if (i % 16 == 5) continue;  // not authentic after all
      ASSERT_EQ(s.window.commit(n), want);
      repeats += want == Verdict::kDuplicate;
      old += want == Verdict::kTooOld;
      if (want != Verdict::kFresh) continue;
      seen.add(n);
      ++fresh;
      top = std::max(top, n);
      ASSERT_EQ(s.window.top(), top);
    }
    EXPECT_GT(fresh, kEach / 2);
    EXPECT_GT(repeats, kEach / 20);
    EXPECT_GT(old, kEach / 50);
  }
}

// ESP-23: shuffled by less than the window nothing is lost; by exactly the window something is.
TEST(ReplayWindow, DisplacementBelowTheWindowLosesNothing) {
  for (const uint32_t size : {64u, 4096u}) {
    for (const uint32_t displacement : {size - 1, size}) {
      Sized s(size);
      uint64_t lost = 0, sent = 0;
      // Blocks whose first number comes `displacement` places late.
      for (uint64_t base = 1; sent < 200'000; base += displacement + 1) {
        for (uint64_t n = base + 1; n <= base + displacement; ++n, ++sent)
          lost += s.window.commit(n) != Verdict::kFresh ? 1 : 0;
        lost += s.window.commit(base) != Verdict::kFresh ? 1 : 0;
        ++sent;
      }
      EXPECT_EQ(lost == 0, displacement < size) << size;
    }
  }
}

// RFC 4303 appendix A2.2, transcribed: what infer() must say, for Tl, Th, W and Seql.
uint64_t appendix_a2(uint64_t top, uint32_t window, uint32_t low) {
  const auto tl = static_cast<uint32_t>(top);
  const uint64_t th = top >> 32;
  const uint32_t bl = tl - window + 1;  // modulo 2^32
  uint64_t high;
  if (tl >= window - 1)
    high = low >= bl ? th : th + 1;
  else
    high = low >= bl ? th - 1 : th;
  // Below zero there is no number: the subspace before the first does not exist.
  if (th == 0 && tl < window - 1) high = 0;
  return high << 32 | low;
}

// ESP-14: against the appendix's own case analysis, at every border and at random.
TEST(ReplayWindow, InfersTheHighWordAsAppendixA2) {
  std::mt19937_64 rng(14);
  for (const uint32_t size : {64u, 4096u, 65'536u}) {
    std::vector<uint64_t> tops = {1, size - 2, size - 1, size, 0x7fffffff, 0xfffffffe, 0xffffffff};
    for (const uint64_t around : {uint64_t{1} << 32, uint64_t{7} << 32})
      for (int64_t d = -2; d <= 2; ++d)
        for (const int64_t edge : {int64_t{0}, int64_t{size}})
          tops.push_back(around + static_cast<uint64_t>(edge + d));
    for (int i = 0; i < 200; ++i) tops.push_back(1 + (rng() >> (rng() % 40 + 1)) % (~0ull >> 2));
    for (const uint64_t top : tops) {
      Sized s(size);
      s.window.commit(top);
      std::vector<uint32_t> lows = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
      for (int64_t d = -3; d <= 3; ++d) {
        lows.push_back(static_cast<uint32_t>(top) + static_cast<uint32_t>(d));
        lows.push_back(static_cast<uint32_t>(top) - size + static_cast<uint32_t>(d));
      }
      for (int i = 0; i < 50; ++i) lows.push_back(static_cast<uint32_t>(rng()));
      for (const uint32_t low : lows)
        ASSERT_EQ(s.window.infer(low), appendix_a2(top, size, low)) << top << " " << low;
    }
  }
}

// The last numbers there are: nothing wraps to the beginning.
TEST(ReplayWindow, TheEndOf64Bits) {
  Sized s(64);
  const uint64_t last = ~uint64_t{0};
  EXPECT_EQ(s.window.commit(last - 1), Verdict::kFresh);
  EXPECT_EQ(s.window.commit(last), Verdict::kFresh);
  EXPECT_EQ(s.window.check(last), Verdict::kDuplicate);
  EXPECT_EQ(s.window.infer(0xffffffff), last);
  EXPECT_EQ(s.window.check(s.window.infer(0)), Verdict::kTooOld);
  EXPECT_EQ(s.window.check(s.window.infer(1)), Verdict::kTooOld);
}

}  // namespace
}  // namespace kanmon::esp
