#include "dataplane/sa/outbound_sa.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/secure_slab.h"
#include "dataplane/sa/spi.h"

namespace kanmon::sa {

namespace {

crypto::SecureSlab& slab(uint16_t workers) {
  return crypto::slab_for(sizeof(OutboundSa) + workers * sizeof(OutboundTally));
}

// A successor is asked for when this much of the sequence space is used up: at ten million packets
// a second the last quarter of 32 bits still lasts 107 seconds.
constexpr uint64_t soft_of(uint64_t last) {
  return last / 4 * 3;
}

// `first + count - 1`, held at `last`.
constexpr uint64_t number_of(uint64_t first, uint64_t count, uint64_t last) {
  return count - 1 < last - first ? first + count - 1 : last;
}

bool is_sound(const OutboundParams& p) {
  return p.spi >= kFirstSpi && p.keymat.size() == esp::info(p.algorithm).keymat_bytes() &&
         p.workers > 0 && p.first_sequence > 0 &&
         p.first_sequence <= OutboundSa::sequence_space(p.esn);
}

void fill(OutboundSa& sa, const OutboundParams& p, OutboundCold* cold) {
  const uint64_t space = OutboundSa::sequence_space(p.esn);
  const uint64_t first = p.first_sequence;
  const Limits& l = p.limits;
  sa.spi = p.spi;
  sa.tunnel = p.tunnel;
  sa.algorithm = p.algorithm;
  sa.workers = p.workers;
  sa.esn = p.esn;
  sa.any = cold->selectors.any();
  // Packets and sequence numbers advance together, for all workers: a limit of packets is one of
  // numbers, and exact.
  sa.last_sequence = l.hard_packets == 0 ? space : number_of(first, l.hard_packets, space);
  sa.soft_sequence = soft_of(space);
  if (l.soft_packets != 0)
    sa.soft_sequence = std::min(sa.soft_sequence, number_of(first, l.soft_packets, space));
  sa.counts_bytes = l.soft_bytes != 0 || l.hard_bytes != 0;
  sa.soft_bytes = l.soft_bytes == 0 ? OutboundSa::kNoLimit : l.soft_bytes;
  sa.hard_bytes = l.hard_bytes == 0 ? OutboundSa::kNoLimit : l.hard_bytes;
  sa.expires_tsc = l.expires_tsc == 0 ? OutboundSa::kNoLimit : l.expires_tsc;
  sa.cold = cold;
  sa.next_sequence.store(first, std::memory_order_relaxed);
}

}  // namespace

OutboundSa* make_outbound(const OutboundParams& p) {
  if (!is_sound(p)) return nullptr;
  void* room = slab(p.workers).take();
  if (room == nullptr) return nullptr;
  auto* sa = new (room) OutboundSa{};
  for (uint16_t w = 0; w < p.workers; ++w) new (&sa->tally(w)) OutboundTally{};
  const esp::AlgorithmInfo& a = esp::info(p.algorithm);
  if (!crypto::expand(p.algorithm, p.keymat.first(a.key_bytes()), sa->key).ok()) {
    slab(p.workers).give(room);
    return nullptr;
  }
  std::memcpy(&sa->salt, p.keymat.data() + a.encr_key_bytes, a.salt_bytes);

  auto* cold = new OutboundCold;
  cold->selectors = SelectorSet(p.local_ts, p.remote_ts);
  cold->fragments_also = p.fragments_also;
  fill(*sa, p, cold);
  return sa;
}

void destroy(OutboundSa* sa) {
  if (sa == nullptr) return;
  delete sa->cold;
  const uint16_t workers = sa->workers;
  sa->~OutboundSa();
  slab(workers).give(sa);
}

SequenceBlock OutboundSa::take_near_end(uint32_t count) {
  uint64_t next = next_sequence.load(std::memory_order_relaxed);
  for (;;) {
    if (next > last_sequence) return {0, 0};
    const uint64_t left = last_sequence - next + 1;
    const auto n = static_cast<uint32_t>(std::min<uint64_t>(left, count));
    if (next_sequence.compare_exchange_weak(next, next + n, std::memory_order_relaxed))
      return {next, n};
  }
}

OutboundReport report(const OutboundSa& sa) {
  OutboundReport r = {};
  for (uint16_t w = 0; w < sa.workers; ++w) {
    r.packets += sa.tally(w).packets.get();
    r.bytes += sa.tally(w).bytes.get();
  }
  r.next_sequence = sa.next_sequence.load(std::memory_order_relaxed);
  r.soft_limit_reached = sa.soft_reported.load(std::memory_order_relaxed);
  r.hard_limit_reached = sa.hard_reported.load(std::memory_order_relaxed);
  return r;
}

}  // namespace kanmon::sa
