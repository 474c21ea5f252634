#include "dataplane/sa/inbound_sa.h"

#include <cstring>
#include <new>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/secure_slab.h"
#include "dataplane/sa/spi.h"

namespace kanmon::sa {

namespace {

// An SA and the bitmap of a window of so many packets.
crypto::SecureSlab& slab(uint32_t window) {
  return crypto::slab_for(sizeof(InboundSa) + esp::ReplayWindow::words(window) * sizeof(uint64_t));
}

bool is_sound(const InboundParams& p) {
  return p.spi >= kFirstSpi && p.keymat.size() == esp::info(p.algorithm).keymat_bytes() &&
         p.replay_window >= esp::kMinWindow && p.replay_window <= esp::kMaxWindow &&
         p.replay_window % 64 == 0;
}

// The first count at which a limit is due.
uint64_t first_alarm(uint64_t soft, uint64_t hard) {
  if (soft != 0) return hard != 0 && hard < soft ? hard : soft;
  return hard != 0 ? hard : InboundSa::kNever;
}

void fill(InboundSa& sa, const InboundParams& p, InboundCold* cold) {
  sa.spi = p.spi;
  sa.tunnel = p.tunnel;
  sa.owner_worker = p.owner_worker;
  sa.table = p.table;
  sa.local = p.local.octets;
  sa.local_family = p.local.family;
  sa.algorithm = p.algorithm;
  sa.esn = p.esn;
  sa.udp_encapsulation = p.udp_encapsulation;
  sa.any = cold->selectors.any();
  sa.packets_alarm = first_alarm(p.limits.soft_packets, p.limits.hard_packets);
  sa.bytes_alarm = first_alarm(p.limits.soft_bytes, p.limits.hard_bytes);
  sa.expires_tsc = p.limits.expires_tsc != 0 ? p.limits.expires_tsc : InboundSa::kNever;
  sa.cold = cold;
  // Zeroed, like all memory of the slab.
  auto* bitmap = reinterpret_cast<uint64_t*>(&sa + 1);
  sa.window.start({bitmap, esp::ReplayWindow::words(p.replay_window)}, p.replay_window);
}

}  // namespace

InboundSa* make_inbound(const InboundParams& p) {
  if (!is_sound(p)) return nullptr;
  void* room = slab(p.replay_window).take();
  if (room == nullptr) return nullptr;
  auto* sa = new (room) InboundSa{};
  const esp::AlgorithmInfo& a = esp::info(p.algorithm);
  if (!crypto::expand(p.algorithm, p.keymat.first(a.key_bytes()), sa->key).ok()) {
    slab(p.replay_window).give(room);
    return nullptr;
  }
  std::memcpy(&sa->salt, p.keymat.data() + a.encr_key_bytes, a.salt_bytes);

  auto* cold = new InboundCold;
  cold->selectors = SelectorSet(p.local_ts, p.remote_ts);
  cold->limits = p.limits;
  cold->fragments_also = p.fragments_also;
  fill(*sa, p, cold);
  return sa;
}

void destroy(InboundSa* sa) {
  if (sa == nullptr) return;
  delete sa->cold;
  const uint32_t window = sa->window.packets();
  sa->~InboundSa();
  slab(window).give(sa);
}

InboundReport report(const InboundSa& sa) {
  const auto dropped = [&sa](Drop d) { return sa.cold->drops[static_cast<std::size_t>(d)].get(); };
  InboundReport r = {};
  r.packets = sa.packets.get();
  r.bytes = sa.bytes.get();
  r.top_sequence = sa.window.top();
  r.missing = r.top_sequence > r.packets ? r.top_sequence - r.packets : 0;
  r.late = sa.late.get();
  r.duplicates = dropped(Drop::kReplayed);
  r.too_old = dropped(Drop::kTooOld);
  r.icv_failures = dropped(Drop::kIcvFailed);
  r.last_seen_tsc = sa.last_seen_tsc.get();
  r.peer = sa.peer.get();
  return r;
}

}  // namespace kanmon::sa
