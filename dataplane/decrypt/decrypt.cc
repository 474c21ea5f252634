#include "dataplane/decrypt/decrypt.h"

#include <algorithm>
#include <cstring>

#include "dataplane/common/prefetch.h"
#include "dataplane/crypto/engine.h"
#include "dataplane/decrypt/inner.h"
#include "dataplane/esp/esp_wire.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/reassembly/followers.h"
#include "dataplane/rings/messages.h"
#include "dataplane/route/address_rules.h"
#include "dataplane/sa/mss_clamp.h"
#include "dataplane/wire/headers.h"

namespace kanmon::decrypt {

namespace {

// A packet on its way through the cipher.
struct Flight {
  Packet* packet;
  sa::InboundSa* sa;
  uint64_t sequence;
};

// Reports a limit once; a full event queue means to try again with the next packet.
bool tell(Context& c, rings::EventKind kind, uint32_t spi, bool& told) {
  if (!told) told = c.events->push(static_cast<uint8_t>(kind), spi);
  return told;
}

void drop(Context& c, Packet* p, sa::InboundSa& sa, Drop why) {
  sa.cold->drops[static_cast<std::size_t>(why)].add(1);
  if (why == Drop::kInboundSaExpired)
    tell(c, rings::EventKind::kInboundHardLimit, sa.spi, sa.cold->hard_reported);
  c.drop(p, why);
}

// Can the ESP header be read, and the packet be written in place? (ESP-11, ESP-12)
Drop shape(Packet* p) {
  if (!is_plain(p)) [[unlikely]] {
    if (!is_writable(p)) return Drop::kSharedBuffer;
    if (!join_segments(p)) return Drop::kChained;
  }
  const Meta& m = meta(p);
  if (m.outer_length < esp::kHeaderBytes) return Drop::kEspTruncated;
  if (uint32_t{m.l4_offset} + m.outer_length > first_length(p)) return Drop::kEspTruncated;
  return Drop::kNone;
}

bool is_for(const sa::InboundSa& sa, const uint8_t* ip) {
  if (ip[0] >> 4 != static_cast<uint8_t>(sa.local_family)) return false;
  return sa.local_family == wire::Family::kV4
             ? std::memcmp(ip + wire::ip4::kDestination, sa.local.data(), 4) == 0
             : std::memcmp(ip + wire::ip6::kDestination, sa.local.data(), 16) == 0;
}

Drop drop_of(esp::Verdict v) {
  constexpr Drop kDropOf[] = {Drop::kNone, Drop::kReplayed, Drop::kTooOld};
  return kDropOf[static_cast<uint8_t>(v)];
}

// Everything that can be judged before decryption; changes nothing of the SA. On success `f` and
// `job` are ready for the cipher.
Drop admit(const Context& c, Packet* p, sa::InboundSa& sa, Flight& f, crypto::Job& job) {
  const Meta& m = meta(p);
  uint8_t* ip = data(p);
  uint8_t* esp = ip + m.l4_offset;
  if (c.now_tsc >= sa.expires_tsc) return Drop::kInboundSaExpired;
  if (!is_for(sa, ip)) return Drop::kWrongDestination;
  if (m.table >= kMaxTables || !route::can_come_from(c.tables->tables[m.table], ip))
    return Drop::kOuterBadSource;
  // The reverse, UDP on an SA that does not ask for it, must be taken (RFC 7296 section 2.23).
  if (sa.udp_encapsulation && m.udp_encap == 0) return Drop::kEncapsulationMismatch;

  const esp::AlgorithmInfo& a = esp::info(sa.algorithm);
  const Result<uint32_t> text = esp::text_bytes(m.outer_length, a);
  if (!text.ok())
    return text.error().code == Errc::kBadAlign ? Drop::kEspBadAlignment : Drop::kEspTruncated;

  const uint32_t low = esp::read_header(esp).sequence_low;
  f = {p, &sa, sa.esn ? sa.window.infer(low) : low};
  job.key = &sa.key;
  job.text = esp + esp::kHeaderBytes + a.iv_bytes;
  job.length = *text;
  job.algorithm = sa.algorithm;
  job.aad_bytes = esp::write_aad(job.aad, sa.spi, f.sequence, sa.esn);
  std::memcpy(job.nonce, &sa.salt, 4);
  std::memcpy(job.nonce + 4, esp + esp::kHeaderBytes, 8);
  if (a.has_implicit_iv()) store_be(job.nonce + 4, f.sequence);
  prefetch_line(sa.window.place(f.sequence));
  return drop_of(sa.window.check(f.sequence));
}

// Writes nothing of the SA, not even its drops: it is another worker's (INV-6).
void hand_over(Context& c, Packet* p, const sa::InboundSa& sa) {
  PacketVector& lane = c.lanes->handoff[sa.owner_worker];
  if (lane.full()) return c.drop(p, Drop::kHandoffFull);
  meta(p).errand = Errand::kDecrypt;
  lane.push(p);
}

// An alarm count was reached: which limit is it, who must know, and when is the next due?
void limit_due(Context& c, sa::InboundSa& sa) {
  sa::InboundCold& cold = *sa.cold;
  const sa::Limits& l = cold.limits;
  const uint64_t packets = sa.packets.get(), bytes = sa.bytes.get();
  if ((l.hard_packets != 0 && packets >= l.hard_packets) ||
      (l.hard_bytes != 0 && bytes >= l.hard_bytes)) {
    sa.expires_tsc = 0;
    tell(c, rings::EventKind::kInboundHardLimit, sa.spi, cold.hard_reported);
  } else if (tell(c, rings::EventKind::kInboundSoftLimit, sa.spi, cold.soft_reported)) {
    sa.packets_alarm = l.hard_packets != 0 ? l.hard_packets : sa::InboundSa::kNever;
    sa.bytes_alarm = l.hard_bytes != 0 ? l.hard_bytes : sa::InboundSa::kNever;
  }
}

// What an authentic, fresh packet changes in its SA (INV-7: nothing did before).
void record(Context& c, sa::InboundSa& sa, Packet* p, bool newest, uint32_t payload_bytes) {
  sa.packets.add(1);
  sa.bytes.add(payload_bytes);
  if (newest) {
    sa.last_seen_tsc.set(c.now_tsc);
  } else {
    sa.late.add(1);
  }
  // Only the newest packet may move the peer: a late one would move it back (ESP-38).
  if (sa.udp_encapsulation && newest) {
    const uint8_t* ip = data(p);
    const bool v4 = ip[0] >> 4 == 4;
    const wire::Family family = v4 ? wire::Family::kV4 : wire::Family::kV6;
    const uint8_t* source = ip + (v4 ? wire::ip4::kSource : wire::ip6::kSource);
    const uint16_t port = meta(p).src_udp_port;
    if (!sa.peer.holds(family, source, port)) sa.peer.set(family, source, port);
  }
  if (sa.packets.get() >= sa.packets_alarm || sa.bytes.get() >= sa.bytes_alarm) [[unlikely]]
    limit_due(c, sa);
}

bool is_inside(const Context& c, const sa::InboundSa& sa, wire::Bytes packet) {
  return reassembly::fits(sa.cold->selectors, packet, false,
                          sa.cold->fragments_also ? c.followers : nullptr, sa.tunnel, c.now_tsc);
}

// From an authentic text to the inner packet at its start, or the reason why there is none.
Inner unwrap(Context& c, const Flight& f, const crypto::Job& job) {
  sa::InboundSa& sa = *f.sa;
  if (c.now_tsc >= sa.expires_tsc) return {Drop::kInboundSaExpired};
  const bool newest = f.sequence > sa.window.top();
  // Asked again: the same number may have been recorded since, from this very burst (ESP-03).
  const Drop replay = drop_of(sa.window.commit(f.sequence));
  if (replay != Drop::kNone) return {replay};

  const auto payload = esp::strip_trailer({job.text, job.length});
  record(c, sa, f.packet, newest, payload ? payload->bytes : job.length);
  if (!payload) return {Drop::kBadPadding};
  if (payload->next_header == wire::kProtocolNone) return {Drop::kDummy};

  Inner inner = read_inner({job.text, payload->bytes}, payload->next_header);
  if (inner.why != Drop::kNone) return inner;
  if ((sa.any & inner.any_bit) == 0 && !is_inside(c, sa, {job.text, inner.bytes}))
    return {Drop::kInboundSelectorMismatch};
  inner.why = pass_congestion(data(f.packet), job.text, sa.cold->ecn_unused_combinations);
  return inner;
}

// What the peer's hosts announce must fit the way back into this tunnel.
void lower_mss(const Context& c, uint32_t tunnel, wire::MutableBytes packet) {
  if (tunnel >= c.tables->capacity.tunnels) return;
  const sa::Encap& e = c.tables->tunnels[tunnel];
  sa::clamp_packet(packet, e.mss4, e.mss6);
}

void settle(Context& c, const Flight& f, const crypto::Job& job) {
  Packet* p = f.packet;
  const Inner inner = job.authentic ? unwrap(c, f, job) : Inner{Drop::kIcvFailed};
  if (inner.why != Drop::kNone) return drop(c, p, *f.sa, inner.why);

  const wire::MutableBytes packet(job.text, inner.bytes);
  if (sa::may_be_syn(packet)) [[unlikely]]
    lower_mss(c, f.sa->tunnel, packet);
  set_data(p, job.text, inner.bytes);
  clear_offloads(p);
  Meta& m = meta(p);
  m.table = f.sa->table;
  m.tunnel_in = f.sa->tunnel;
  m.inbound_spi = f.sa->spi;
  const RouteTable& table = c.tables->tables[std::min<uint16_t>(m.table, kMaxTables - 1)];
  if (job.text[0] >> 4 == 4 && table.role == TableRole::kOverlay && m.table < kMaxTables)
    route::judge4(table, job.text, m);
  c.lanes->route.push(p);
}

// A packet whose ESP header can be read, and the SA in its SPI's slot, perhaps another's.
struct Arrival {
  Packet* packet;
  uint32_t spi;
  sa::InboundSa* slot;
};

// Asks for the two lines of an SA every packet touches; the key the engine asks for itself.
void prefetch(const sa::InboundSa* sa) {
  prefetch_line(sa);
  prefetch_line(&sa->window);
}

// First pass over a burst: shapes and SPIs; the SAs are on their way while the rest is looked at.
uint32_t arrive(Context& c, Packet* const* packets, uint32_t count, Arrival* arrivals) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; ++i) {
    Packet* p = packets[i];
    if (const Drop bad = shape(p); bad != Drop::kNone) {
      c.drop(p, bad);
      continue;
    }
    const uint32_t spi = esp::read_header(data(p) + meta(p).l4_offset).spi;
    sa::InboundSa* slot = c.tables->inbound_sas[sa::slot(spi)];
    if (slot != nullptr) prefetch(slot);
    arrivals[n++] = {p, spi, slot};
  }
  return n;
}

// At most crypto::kMaxJobs packets: admit, decrypt, settle.
void burst(Context& c, Packet* const* packets, uint32_t count) {
  Arrival arrivals[crypto::kMaxJobs];
  Flight flights[crypto::kMaxJobs];
  Packet* strangers[crypto::kMaxJobs];
  crypto::Job* jobs = c.crypto->jobs();
  const uint32_t arrived = arrive(c, packets, count, arrivals);
  uint32_t admitted = 0, strange = 0;
  for (uint32_t i = 0; i < arrived; ++i) {
    const auto [p, spi, sa] = arrivals[i];
    if (sa == nullptr || sa->spi != spi) {
      strangers[strange++] = p;
    } else if (sa->owner_worker != c.worker) {
      hand_over(c, p, *sa);
    } else if (const Drop why = admit(c, p, *sa, flights[admitted], jobs[admitted]);
               why != Drop::kNone) {
      drop(c, p, *sa, why);
    } else {
      ++admitted;
    }
  }
  if (strange != 0) [[unlikely]]
    c.drop(strangers, strange, Drop::kUnknownSpi);
  if (admitted == 0) return;
  c.crypto->open(jobs, admitted);
  for (uint32_t i = 0; i < admitted; ++i) settle(c, flights[i], jobs[i]);
}

}  // namespace

void run(Context& c) {
  PacketVector& lane = c.lanes->esp;
  for (uint32_t at = 0; at < lane.count; at += crypto::kMaxJobs)
    burst(c, lane.slots + at, std::min(crypto::kMaxJobs, lane.count - at));
  lane.clear();
}

}  // namespace kanmon::decrypt
