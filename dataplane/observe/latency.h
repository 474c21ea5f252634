// How long packets are in a worker's hands, sampled: from the beginning of the turn that took them
// from their receive queue until their frame is given to a transmit queue, handoffs to other
// workers included. Not in it: the time in the queues of the NIC.
//
// One burst in kSampleEvery is stamped, all of its packets. A turn without such a burst pays one
// decrement a burst and one branch a port.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/common/counter.h"
#include "dataplane/common/log_linear.h"

namespace kanmon::observe {

// Times of one worker in cycles of the time-stamp counter, to one part in 32. Worker: rw (who sends
// the packet), control: ro, any time.
class LatencyHistogram {
 public:
  // 2^40 cycles are minutes: longer times share the last bin.
  using Scale = LogLinear<5, 40>;

  // What control reads; sums of several workers are again one.
  struct Reading {
    std::array<uint64_t, Scale::kBins> bins{};
    uint64_t count = 0;  // the sum of `bins`
    uint64_t cycles = 0;
    uint64_t longest = 0;

    void add(const LatencyHistogram& histogram);
    // Top of the percentile's bin, in cycles; never above `longest`; 0 of none.
    uint64_t percentile(double percent) const {
      const uint64_t top = Scale::percentile(bins, count, percent);
      return top < longest ? top : longest;
    }
  };

  void add(uint64_t cycles) {
    bins_[Scale::bin(cycles)].add(1);
    cycles_.add(cycles);
    if (cycles > longest_.get()) longest_.set(cycles);
  }

 private:
  std::array<Counter, Scale::kBins> bins_{};
  Counter cycles_;
  Counter longest_;
};

inline void LatencyHistogram::Reading::add(const LatencyHistogram& histogram) {
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const uint64_t n = histogram.bins_[i].get();
    bins[i] += n;
    count += n;
  }
  cycles += histogram.cycles_.get();
  longest = histogram.longest_.get() > longest ? histogram.longest_.get() : longest;
}

// Which bursts are stamped. Only its worker touches it.
class LatencySampling {
 public:
  // Stamping and looking for stamps costs the packets of a sampled turn some cycles each: one turn
  // in 64 keeps that under 1 % of the cheapest path. Much rarer, and a quiet gateway would take
  // minutes to show a p99.9.
  static constexpr uint32_t kSampleEvery = 64;

  // The stamp of the packets of this burst: `now`, or 0 for none.
  uint64_t stamp_of_burst(uint64_t now) {
    if (--bursts_left_ != 0) [[likely]]
      return 0;
    bursts_left_ = kSampleEvery;
    pending_ = true;
    return now;
  }
  // A packet with this stamp came from another worker.
  void taken_over(uint64_t stamp) { pending_ |= stamp != 0; }
  // May a packet in the worker's lanes have a stamp?
  bool pending() const { return pending_; }
  void end_of_turn() { pending_ = false; }

 private:
  uint32_t bursts_left_ = kSampleEvery;
  bool pending_ = false;
};

}  // namespace kanmon::observe
