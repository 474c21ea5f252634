#include "dataplane/encrypt/encrypt.h"

#include <algorithm>
#include <cstring>

#include "dataplane/common/prefetch.h"
#include "dataplane/crypto/engine.h"
#include "dataplane/encrypt/outer_header.h"
#include "dataplane/esp/esp_wire.h"
#include "dataplane/local/fragment.h"
#include "dataplane/local/fragment_outer.h"
#include "dataplane/local/icmp_error.h"
#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/reassembly/followers.h"
#include "dataplane/rings/messages.h"
#include "dataplane/sa/mss_clamp.h"
#include "dataplane/sa/mtu.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/wire/headers.h"

namespace kanmon::encrypt {

namespace {

// What must be free around an inner packet: the template is copied whole, whatever its header's
// length, and the trailer is written in one piece.
constexpr uint32_t kFrontRoom =
    sa::Encap::kTemplateBytes + esp::kMaxIvBytes + wire::kEthernetHeader;
constexpr uint32_t kBackRoom = esp::kTrailerRoom + esp::kMaxIcvBytes;

constexpr uint32_t kBatch = 16;  // packets of many tunnels sealed in one go; see batch_at()

// A packet that will be sealed.
struct Ticket {
  Packet* packet;
  const sa::Encap* encap;
};

struct Burst {
  Ticket tickets[crypto::kMaxJobs];
  uint32_t count = 0;
  bool cuts = false;  // some outer packet will be fragmented
};

uint8_t any_bit(const uint8_t* ip) {
  return ip[0] >> 4 == 4 ? sa::kAnyV4 : sa::kAnyV6;
}

bool is_inside(const Context& c, const Packet* p, const sa::Encap& e) {
  const sa::OutboundCold& sa = *e.sa->cold;
  return reassembly::fits(sa.selectors, bytes(p), true, sa.fragments_also ? c.followers : nullptr,
                          e.sa->tunnel, c.now_tsc);
}

// May this packet travel in this tunnel at all?
Drop admit(const Context& c, Packet* p, const sa::Encap& e) {
  if (e.sa == nullptr) return Drop::kNoSa;
  if (!is_plain(p)) [[unlikely]] {
    if (!is_writable(p)) return Drop::kSharedBuffer;
    if (!join_segments(p)) return Drop::kChained;
  }
  if ((e.any & any_bit(data(p))) == 0 && !is_inside(c, p, e))
    return Drop::kOutboundSelectorMismatch;
  if (e.adjacency >= c.tables->capacity.adjacencies ||
      c.tables->adjacencies[e.adjacency].port == kNoPort)
    return Drop::kNoAdjacency;
  return Drop::kNone;
}

// Fragments join the end of the lane this stage is working off: admitted already, not yet wrapped.
void cut_up(Context& c, Packet* p, uint16_t mtu) {
  if (!fragment4(c, p, mtu, c.lanes->encrypt)) c.drop(p, Drop::kNoBuffer);
}

// A packet larger than the tunnel takes (ESP-30). True: it is sealed whole, and what comes of it is
// fragmented. IPv4 without DF is fragmented before encryption, or after if so configured or if the
// SA's selectors name ports and the peer takes no later fragments: they would be outside of them
// (RFC 4301 section 7). IPv6 up to 1280 octets after, since no sender can make it smaller (RFC 2473
// section 7.1); every other sender is told.
bool passes_whole(Context& c, Packet* p, const sa::Encap& e) {
  const InnerTraits t = traits_of(data(p));
  const bool v6 = t.next_header == wire::kProtocolIp6;
  const bool may_cut = !v6 && !t.dont_fragment;
  const bool after = e.fragmentation == sa::FragmentMode::kAfter ||
                     ((e.any & any_bit(data(p))) == 0 && !e.sa->cold->fragments_also &&
                      e.sa->cold->selectors.names_ports());
  if ((may_cut && after) || (v6 && length(p) <= sa::kIp6MinMtu)) {
    meta(p).cut_outer = 1;
    return true;
  }
  if (may_cut) {
    cut_up(c, p, e.mtu);
  } else {
    icmp_error::too_big(c, p, v6 ? std::max(e.mtu, sa::kIp6MinMtu) : e.mtu);
  }
  return false;
}

// Zeros behind the packet, whose own length the receiver goes by, as far as the largest packet of
// the tunnel reaches (RFC 4303 section 2.7). False if there is no room for them.
bool pad_to_mtu(Packet* p, const sa::Encap& e) {
  const uint32_t bytes = length(p);
  if (bytes >= e.mtu) return true;
  const uint32_t padding = e.mtu - bytes;
  if (tailroom(p) < padding + kBackRoom) return false;
  std::memset(data(p) + bytes, 0, padding);
  set_data(p, data(p), e.mtu);
  return true;
}

// What a tunnel and its SA are kept in is asked for ahead, while packets before are sealed: first
// the records of tunnels, then, when these have come, the SAs they name.

uint32_t tunnel_of(const Context& c, uint32_t at) {
  return meta(c.lanes->encrypt.slots[at]).next_hop.index();
}

// Packets of one tunnel in a row ask once.
template <class Ask>
void for_each_tunnel(const Context& c, uint32_t at, uint32_t count, Ask ask) {
  const uint32_t end = std::min(at + count, c.lanes->encrypt.count);
  uint32_t last = kNoTunnel;
  for (uint32_t i = at; i < end; ++i) {
    const uint32_t tunnel = tunnel_of(c, i);
    if (tunnel != last && tunnel < c.tables->capacity.tunnels) ask(c.tables->tunnels[tunnel]);
    last = tunnel;
  }
}

void prefetch_tunnels(const Context& c, uint32_t at, uint32_t count) {
  for_each_tunnel(c, at, count, [](const sa::Encap& e) {
    prefetch_line(&e);
    prefetch_line(e.header);
  });
}

void prefetch_sas(const Context& c, uint32_t at, uint32_t count) {
  for_each_tunnel(c, at, count, [&c](const sa::Encap& e) {
    if (e.sa == nullptr) return;
    prefetch_line(e.sa);
    prefetch_line(&e.sa->tally(c.worker));
  });
}

void enter(Context& c, Packet* p, bool fresh, Burst& burst) {
  const uint32_t tunnel = meta(p).next_hop.index();
  if (tunnel >= c.tables->capacity.tunnels) return c.drop(p, Drop::kNoSa);
  const sa::Encap& e = c.tables->tunnels[tunnel];
  if (fresh) {
    if (const Drop why = admit(c, p, e); why != Drop::kNone) return c.drop(p, why);
    if (length(p) > e.mtu) [[unlikely]] {
      if (!passes_whole(c, p, e)) return;
      burst.cuts = true;
    }
    if ((e.mss4 | e.mss6) != 0 && sa::may_be_syn(bytes(p)))
      sa::clamp_packet(mutable_bytes(p), e.mss4, e.mss6);
  }
  if (e.pads_to_mtu && !pad_to_mtu(p, e)) [[unlikely]]
    return c.drop(p, Drop::kNoHeadroom);
  if (headroom(p) < kFrontRoom || tailroom(p) < kBackRoom) return c.drop(p, Drop::kNoHeadroom);
  burst.tickets[burst.count++] = {p, &e};
}

// Outer header, trailer and job of one packet; the frame goes to its port's lane, where nobody
// looks at it before this stage has sealed it.
void wrap(Context& c, const Ticket& ticket, uint64_t sequence, crypto::Job& job) {
  const sa::Encap& e = *ticket.encap;
  Packet* p = ticket.packet;
  uint8_t* inner = data(p);
  const uint32_t payload = length(p);
  const InnerTraits t = traits_of(inner);
  const uint32_t pad = esp::pad_bytes(payload, e.align);
  if (e.align <= 4) [[likely]]
    esp::write_short_trailer(inner + payload, pad, t.next_header);
  else
    esp::write_trailer(inner + payload, pad, t.next_header);

  job.key = &e.sa->key;
  job.text = inner;
  job.length = payload + pad + esp::kTrailerBytes;
  job.algorithm = e.algorithm;
  job.aad_bytes = esp::write_aad(job.aad, e.sa->spi, sequence, e.esn);
  std::memcpy(job.nonce, &e.salt, 4);
  store_be(job.nonce + 4, sequence);

  const uint32_t total = e.header_bytes + job.length + e.icv_bytes;
  uint8_t* ip = put_outer(inner, e, t, total, sequence);
  const Adjacency& adjacency = c.tables->adjacencies[e.adjacency];
  uint8_t* frame = ip - wire::kEthernetHeader;
  std::memcpy(frame, adjacency.ethernet, sizeof adjacency.ethernet);
  store_be(frame + 12, e.outer == wire::Family::kV4 ? wire::kEtherTypeIp4 : wire::kEtherTypeIp6);
  set_data(p, frame, wire::kEthernetHeader + total);
}

void tell(Context& c, rings::EventKind kind, sa::OutboundSa& sa, std::atomic<bool>& told) {
  if (told.load(std::memory_order_relaxed)) return;
  if (told.exchange(true, std::memory_order_relaxed)) return;
  if (!c.events->push(static_cast<uint8_t>(kind), sa.tunnel))
    told.store(false, std::memory_order_relaxed);  // the queue is full: the next packet tries again
}

// Takes numbers for `count` packets of `bytes` octets in all, as far as the SA's limits allow, and
// reports the limits that were reached (ESP-13, ESP-26).
sa::SequenceBlock take(Context& c, sa::OutboundSa& sa, uint32_t count, uint64_t bytes) {
  sa::SequenceBlock block{0, 0};
  bool soft = false;
  const bool in_time = c.now_tsc < sa.expires_tsc;
  if (in_time && (!sa.counts_bytes || sa.bytes.load(std::memory_order_relaxed) < sa.hard_bytes)) {
    block = sa.take(count);
    soft = block.count != 0 && block.first + (block.count - 1) >= sa.soft_sequence;
    if (sa.counts_bytes)
      soft |= sa.bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes >= sa.soft_bytes;
  }
  if (soft) [[unlikely]]
    tell(c, rings::EventKind::kOutboundSoftLimit, sa, sa.soft_reported);
  if (block.count < count) [[unlikely]]
    tell(c, rings::EventKind::kOutboundHardLimit, sa, sa.hard_reported);
  return block;
}

Drop why_no_number(const sa::OutboundSa& sa) {
  const bool spent = sa.next_sequence.load(std::memory_order_relaxed) > sa.last_sequence &&
                     sa.last_sequence == sa::OutboundSa::sequence_space(sa.esn);
  return spent ? Drop::kSequenceExhausted : Drop::kOutboundSaExpired;
}

void transmit(Context& c, const Ticket* tickets, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const auto [p, e] = tickets[i];
    if (e->udp && e->outer == wire::Family::kV6) [[unlikely]]
      finish_udp6(data(p) + wire::kEthernetHeader, length(p) - wire::kEthernetHeader);
    PacketVector& lane = c.lanes->tx[c.tables->adjacencies[e->adjacency].port];
    if (lane.full()) [[unlikely]]
      c.drop(p, Drop::kTxQueueFull);
    else
      lane.push(p);
  }
}

// Fragments of a sealed packet, each with its own frame.
void transmit_cut(Context& c, Packet* p, const sa::Encap& e) {
  const Adjacency& adjacency = c.tables->adjacencies[e.adjacency];
  PacketVector& lane = c.lanes->tx[adjacency.port];
  if (e.udp && e.outer == wire::Family::kV6)
    finish_udp6(data(p) + wire::kEthernetHeader, length(p) - wire::kEthernetHeader);
  strip(p, wire::kEthernetHeader);
  PacketVector pieces;
  if (!fragment_outer(c, p, e.outer_mtu, pieces)) return c.drop(p, Drop::kNoBuffer);
  for (uint32_t i = 0; i < pieces.count; ++i) {
    Packet* piece = pieces.slots[i];
    uint8_t* frame = lane.full() ? nullptr : prepend(piece, wire::kEthernetHeader);
    if (frame == nullptr) {
      c.drop(piece, lane.full() ? Drop::kTxQueueFull : Drop::kNoHeadroom);
      continue;
    }
    std::memcpy(frame, adjacency.ethernet, sizeof adjacency.ethernet);
    store_be(frame + 12, e.outer == wire::Family::kV4 ? wire::kEtherTypeIp4 : wire::kEtherTypeIp6);
    lane.push(piece);
  }
}

// Some of these packets leave in fragments; the order stays.
void transmit_with_cuts(Context& c, const Ticket* tickets, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (meta(tickets[i].packet).cut_outer != 0) {
      transmit_cut(c, tickets[i].packet, *tickets[i].encap);
    } else {
      transmit(c, tickets + i, 1);
    }
  }
}

// A run of packets of one SA, of `bytes` octets, gets its numbers in one go. Returns how many jobs
// it made; the packets behind those are gone.
uint32_t wrap_run(Context& c, const Ticket* run, uint32_t count, uint64_t bytes,
                  crypto::Job* jobs) {
  sa::OutboundSa& sa = *run->encap->sa;
  const sa::SequenceBlock block = take(c, sa, count, bytes);
  for (uint32_t i = block.count; i < count; ++i) {
    bytes -= length(run[i].packet);
    c.drop(run[i].packet, why_no_number(sa));
  }
  for (uint32_t i = 0; i < block.count; ++i) wrap(c, run[i], block.first + i, jobs[i]);

  sa::OutboundTally& tally = sa.tally(c.worker);
  tally.packets.add(block.count);
  tally.bytes.add(bytes);
  return block.count;
}

// Numbers, headers and jobs for all tickets, by runs of one SA. Returns how many are left; their
// tickets are moved to the front.
uint32_t wrap_all(Context& c, Burst& b, crypto::Job* jobs) {
  uint32_t wrapped = 0;
  for (uint32_t i = 0, end; i < b.count; i = end) {
    const sa::Encap* e = b.tickets[i].encap;
    uint64_t bytes = 0;
    for (end = i; end < b.count && b.tickets[end].encap == e; ++end)
      bytes += length(b.tickets[end].packet);
    const uint32_t n = wrap_run(c, b.tickets + i, end - i, bytes, jobs + wrapped);
    if (wrapped != i) [[unlikely]]
      std::copy_n(b.tickets + i, n, b.tickets + wrapped);
    wrapped += n;
  }
  return wrapped;
}

// Packets lane[at] … : admit, wrap, seal, send.
void burst(Context& c, uint32_t at, uint32_t count, uint32_t fresh_end) {
  Burst b;
  for (uint32_t i = at; i < at + count; ++i) enter(c, c.lanes->encrypt.slots[i], i < fresh_end, b);
  crypto::Job* jobs = c.crypto->jobs();
  const uint32_t wrapped = wrap_all(c, b, jobs);
  c.crypto->seal(jobs, wrapped);
  if (b.cuts) [[unlikely]]
    transmit_with_cuts(c, b.tickets, wrapped);
  else
    transmit(c, b.tickets, wrapped);
}

// How many packets from lane[at] on are sealed in one go: few enough that those behind them are
// brought in meanwhile, but all of a run in one tunnel, whose numbers are taken at once, and as
// many as there are if they are sealed together.
uint32_t batch_at(const Context& c, uint32_t at) {
  const uint32_t most = std::min(crypto::kMaxJobs, c.lanes->encrypt.count - at);
  const uint32_t tunnel = tunnel_of(c, at);
  if (tunnel < c.tables->capacity.tunnels &&
      !esp::info(c.tables->tunnels[tunnel].algorithm).is_aead())
    return most;
  uint32_t n = std::min(kBatch, most);
  while (n < most && tunnel_of(c, at + n) == tunnel_of(c, at + n - 1)) ++n;
  return n;
}

}  // namespace

void run(Context& c) {
  PacketVector& lane = c.lanes->encrypt;
  const uint32_t fresh_end = lane.count;  // what is behind was fragmented here
  prefetch_tunnels(c, 0, 2 * kBatch);
  prefetch_sas(c, 0, kBatch);
  for (uint32_t at = 0, n; at < lane.count; at += n) {
    n = batch_at(c, at);
    prefetch_tunnels(c, at + n + kBatch, kBatch);
    prefetch_sas(c, at + n, kBatch);
    burst(c, at, n, fresh_end);
  }
  lane.clear();
}

}  // namespace kanmon::encrypt
