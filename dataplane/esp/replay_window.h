// The sliding window that lets each sequence number through once (RFC 4303 section 3.4.3).
//
// Judging and recording are two functions because the packet is not authenticated in between:
// check() may be told lies, commit() is called only after the integrity check (INV-7). Sequence
// numbers are 64 bit wide always; infer() finds the high word of one whose low word was on the
// wire (RFC 4303 appendix A2).
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "dataplane/common/counter.h"

namespace kanmon::esp {

inline constexpr uint32_t kMinWindow = 64;
inline constexpr uint32_t kMaxWindow = 65'536;

enum class Verdict : uint8_t { kFresh, kDuplicate, kTooOld };

// 24 octets; the bitmap is the caller's. Written by the SA's owner, top() is readable by all.
class ReplayWindow {
 public:
  // Words of bitmap a window of `packets` needs: a power of two with one word to spare, so that
  // the word being entered is never one that is still inside.
  static constexpr uint32_t words(uint32_t packets) { return std::bit_ceil(packets / 64 + 1); }

  // Starts empty. REQUIRES: kMinWindow <= packets <= kMaxWindow, a multiple of 64; bitmap has
  // words(packets) zeroed words and outlives this.
  void start(std::span<uint64_t> bitmap, uint32_t packets) {
    bitmap_ = bitmap.data();
    mask_ = static_cast<uint32_t>(bitmap.size()) - 1;
    packets_ = packets;
  }

  // The 64-bit number nearest the window whose low word is `low`: the only one in
  // [top - packets + 1, top - packets + 2^32].
  uint64_t infer(uint32_t low) const {
    const uint64_t base = bottom();
    return base + static_cast<uint32_t>(low - static_cast<uint32_t>(base));
  }

  // Would `sequence` be let through now? Changes nothing. Zero is never sent, hence too old.
  Verdict check(uint64_t sequence) const {
    if (sequence > top()) return Verdict::kFresh;
    if (sequence < bottom() || sequence == 0) return Verdict::kTooOld;
    return bit(sequence) ? Verdict::kDuplicate : Verdict::kFresh;
  }

  // Where commit() will write, to be brought into the cache.
  const uint64_t* place(uint64_t sequence) const { return &word(sequence); }

  // Records `sequence`. Anything but kFresh means the packet must be dropped after all: another of
  // the same burst was recorded since check(). REQUIRES: the packet is authentic.
  Verdict commit(uint64_t sequence) {
    if (sequence > top()) {
      advance(sequence);
    } else if (const Verdict v = check(sequence); v != Verdict::kFresh) {
      return v;
    }
    word(sequence) |= uint64_t{1} << (sequence % 64);
    return Verdict::kFresh;
  }

  uint64_t top() const { return top_.get(); }  // highest recorded, 0: none
  uint32_t packets() const { return packets_; }
  // Lowest number that is not too old (0 while the window is wider than what has been sent).
  uint64_t bottom() const { return top() >= packets_ - 1 ? top() - (packets_ - 1) : 0; }

 private:
  uint64_t& word(uint64_t sequence) const { return bitmap_[sequence / 64 & mask_]; }
  bool bit(uint64_t sequence) const { return word(sequence) >> (sequence % 64) & 1; }

  // Makes `sequence` the top and clears the words it enters.
  void advance(uint64_t sequence) {
    const uint64_t from = top() / 64;
    const uint64_t steps = sequence / 64 - from;
    const uint64_t clear = steps <= mask_ ? steps : uint64_t{mask_} + 1;
    for (uint64_t i = 1; i <= clear; ++i) bitmap_[(from + i) & mask_] = 0;
    top_.set(sequence);
  }

  Counter top_;
  uint64_t* bitmap_ = nullptr;
  uint32_t mask_ = 0;
  uint32_t packets_ = 0;
};
static_assert(sizeof(ReplayWindow) == 24);

}  // namespace kanmon::esp
