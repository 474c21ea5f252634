#include "bench/harness/paced.h"

#include <algorithm>
#include <cstdlib>

#include <rte_cycles.h>
#include <rte_mbuf_dyn.h>
#include <rte_pause.h>

#include "dataplane/packet/pool.h"

namespace kanmon::bench {
namespace {

// Small enough that a burst is not itself the latency, large enough for the source to keep up.
constexpr uint32_t kSendBurst = 16;
// A source that is this far behind was stopped by the machine.
constexpr double kForgiveSeconds = 50e-6;
// No packet comes out for this long: what is missing is lost.
constexpr double kQuietSeconds = 2e-3;

// A field of the mbuf nobody between source and sink writes.
int stamp_offset() {
  static const int offset = [] {
    rte_mbuf_dynfield field{};
    rte_strscpy(field.name, "kanmon_bench_stamp", sizeof field.name);
    field.size = sizeof(uint64_t);
    field.align = alignof(uint64_t);
    return rte_mbuf_dynfield_register(&field);
  }();
  return offset;
}

uint64_t cycles(double seconds) {
  return static_cast<uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
}

}  // namespace

Paced::Paced(Rig& rig, const PacedSpec& spec)
    : rig_(rig), spec_(spec), stamp_offset_(stamp_offset()) {
  if (stamp_offset_ < 0) std::abort();  // nobody else in this process takes such fields
  for (uint16_t w = 0; w < rig.spec().workers; ++w)
    sources_.push_back(std::make_unique<Source>(
        rig, SourceSpec{spec.direction, spec.size, spec.order, spec.flows, w}));
}

// Returns how many the wire took; what it did not take was offered all the same.
uint32_t Paced::send(uint32_t n, uint64_t now) {
  Packet* burst[kSendBurst];
  if (!allocate_all(rig_.pool(), burst, n)) return 0;
  sources_[next_worker_]->fill(burst, n);
  for (uint32_t i = 0; i < n; ++i) *RTE_MBUF_DYNFIELD(burst[i], stamp_offset_, uint64_t*) = now;
  const uint32_t taken = rig_.entry(spec_.direction).send(next_worker_, burst, n);
  if (taken < n) rte_pktmbuf_free_bulk(burst + taken, n - taken);
  next_worker_ = static_cast<uint16_t>((next_worker_ + 1u) % sources_.size());
  return taken;
}

uint32_t Paced::drain() {
  uint32_t total = 0;
  for (uint16_t w = 0; w < sources_.size(); ++w) {
    Packet* burst[kBurst];
    const uint32_t n = rig_.exit(spec_.direction).receive(w, burst, kBurst);
    if (n == 0) continue;
    const uint64_t now = rte_rdtsc();
    for (uint32_t i = 0; i < n; ++i) {
      const uint64_t sent = *RTE_MBUF_DYNFIELD(burst[i], stamp_offset_, uint64_t*);
      latency_.add(now > sent ? now - sent : 0);
    }
    rte_pktmbuf_free_bulk(burst, n);
    total += n;
  }
  return total;
}

uint64_t Paced::settle(uint64_t expected, uint64_t received) {
  for (uint64_t last = rte_rdtsc();
       received < expected && rte_rdtsc() - last < cycles(kQuietSeconds);) {
    const uint32_t n = drain();
    received += n;
    if (n != 0) last = rte_rdtsc();
  }
  return received;
}

Trial Paced::offer(double packets_per_second) {
  (void)settle(~uint64_t{0}, 0);  // what a trial before left behind
  latency_.clear();
  const double gap = static_cast<double>(rte_get_tsc_hz()) * kSendBurst / packets_per_second;
  const uint64_t start = rte_rdtsc(), end = start + cycles(spec_.seconds);
  double next = static_cast<double>(start);
  Trial trial;
  uint64_t sent = 0, received = 0, now = start;
  for (; now < end; now = rte_rdtsc()) {
    if (static_cast<double>(now) >= next) {
      const double behind = static_cast<double>(now) - next;
      if (behind > static_cast<double>(cycles(kForgiveSeconds))) next = static_cast<double>(now);
      next += gap;
      sent += send(kSendBurst, now);
      trial.offered += kSendBurst;
    }
    received += drain();
  }
  trial.rate = static_cast<double>(trial.offered) * static_cast<double>(rte_get_tsc_hz()) /
               static_cast<double>(now - start);
  received = settle(sent, received);
  trial.lost = trial.offered - std::min(trial.offered, received);
  return trial;
}

double Paced::flat_out() {
  constexpr double kMuch = 1e9;  // no gap at all
  const Trial t = offer(kMuch);
  return t.rate;
}

}  // namespace kanmon::bench
