#include "dataplane/reassembly/table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/reassembly/whole.h"

namespace kanmon::reassembly {
namespace {

uint64_t mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

uint64_t hash_words(uint64_t h, const uint8_t* octets, std::size_t words) {
  for (std::size_t i = 0; i < words; ++i) {
    uint64_t word;
    std::memcpy(&word, octets + 8 * i, 8);
    h = mix(h, word);
  }
  return h;
}

}  // namespace

uint16_t meeting_point(const DatagramKey& key, uint16_t workers) {
  const uint64_t h = mix(hash_words(key.version, key.addresses.data(), 4), key.id);
  return static_cast<uint16_t>((h >> 32) % workers);
}

Table::Table(uint64_t salt, const Limits& limits)
    : salt_(salt), limits_(limits), datagrams_(std::make_unique<Datagram[]>(kDatagrams)) {}

Table::~Table() {
  for (uint32_t i = 0; i < kDatagrams; ++i)
    for (uint32_t k = 0; k < datagrams_[i].count; ++k)
      rte_pktmbuf_free(datagrams_[i].pieces[k].packet);
}

uint32_t Table::set_of(const DatagramKey& key) const {
  return static_cast<uint32_t>(hash_words(salt_, key.addresses.data(), 2) >> 32) % kSets;
}

uint16_t Table::find(const DatagramKey& key) {
  const uint32_t first = set_of(key) * kWays;
  for (uint32_t i = first; i < first + kWays; ++i)
    if (datagrams_[i].in_use && datagrams_[i].key == key) return static_cast<uint16_t>(i);
  return kNone;
}

// A slot for a datagram of which nothing is known; the oldest of its set gives way.
uint16_t Table::begin(Context& context, uint32_t set, const DatagramKey& key) {
  uint32_t at = set * kWays;
  for (uint32_t i = at; i < (set + 1) * kWays; ++i) {
    if (!datagrams_[i].in_use) {
      at = i;
      break;
    }
    if (datagrams_[i].deadline < datagrams_[at].deadline) at = i;
  }
  const auto index = static_cast<uint16_t>(at);
  if (datagrams_[at].in_use) let_go(context, index, Drop::kFragmentEvicted);
  Datagram& d = datagrams_[at];
  d.key = key;
  d.in_use = true;
  d.deadline = context.now_tsc > ~limits_.timeout_cycles ? ~uint64_t{0}
                                                         : context.now_tsc + limits_.timeout_cycles;
  d.older = newest_;
  (newest_ == kNone ? oldest_ : datagrams_[newest_].newer) = index;
  newest_ = index;
  return index;
}

void Table::free_slot(uint16_t at) {
  Datagram& d = datagrams_[at];
  (d.older == kNone ? oldest_ : datagrams_[d.older].newer) = d.newer;
  (d.newer == kNone ? newest_ : datagrams_[d.newer].older) = d.older;
  held_ -= d.count;
  d = Datagram{};
}

void Table::let_go(Context& context, uint16_t at, Drop why) {
  for (uint32_t i = 0; i < datagrams_[at].count; ++i)
    context.drop(datagrams_[at].pieces[i].packet, why);
  free_slot(at);
}

void Table::expire(Context& context) {
  while (oldest_ != kNone && datagrams_[oldest_].deadline <= context.now_tsc)
    let_go(context, oldest_, Drop::kFragmentTimeout);
}

void Table::clear(Context& context, Drop why) {
  while (oldest_ != kNone) let_go(context, oldest_, why);
}

// False if the datagram that wants a piece more is the oldest itself, and gone.
bool Table::make_room(Context& context, uint16_t at) {
  while (held_ >= limits_.pieces) {
    const uint16_t victim = oldest_;
    let_go(context, victim, Drop::kFragmentEvicted);
    if (victim == at) return false;
  }
  return true;
}

// Puts a piece where it belongs; a datagram whose pieces contradict each other is spoilt.
Drop Table::place(Datagram& d, Packet* fragment, const Piece& piece) {
  if (d.spoilt) return Drop::kFragmentOverlap;
  if (piece.last && d.total != 0 && d.total != piece.end) return Drop::kFragmentOverlap;
  if (d.total != 0 && piece.end > d.total) return Drop::kFragmentOverlap;
  uint32_t at = 0;
  while (at < d.count && d.pieces[at].start < piece.start) ++at;
  // RFC 8200 section 4.5: an exact duplicate may be told from an overlap.
  if (at < d.count && d.pieces[at].start == piece.start && d.pieces[at].end == piece.end)
    return Drop::kFragmentDuplicate;
  const bool overlaps = (at > 0 && d.pieces[at - 1].end > piece.start) ||
                        (at < d.count && d.pieces[at].start < piece.end);
  const bool beyond = piece.last && d.count > 0 && d.pieces[d.count - 1].end > piece.end;
  if (overlaps || beyond) return Drop::kFragmentOverlap;
  if (d.count == kPieces) return Drop::kFragmentEvicted;
  std::copy_backward(d.pieces + at, d.pieces + d.count, d.pieces + d.count + 1);
  d.pieces[at] = {fragment, piece.start, piece.end};
  ++d.count;
  ++held_;
  d.have += piece.end - piece.start;
  if (piece.last) d.total = piece.end;
  return Drop::kNone;
}

Packet* Table::add(Context& context, Packet* fragment) {
  expire(context);
  Piece piece;
  if (!read_piece(bytes(fragment), meta(fragment).table, piece)) {
    context.drop(fragment, Drop::kFragmentBad);
    return nullptr;
  }
  uint16_t at = find(piece.key);
  if (at == kNone) at = begin(context, set_of(piece.key), piece.key);
  if (!make_room(context, at)) {
    context.drop(fragment, Drop::kFragmentEvicted);
    return nullptr;
  }
  Datagram& d = datagrams_[at];
  if (const Drop why = place(d, fragment, piece); why != Drop::kNone) {
    context.drop(fragment, why);
    if (why != Drop::kFragmentDuplicate && !d.spoilt) {
      for (uint32_t i = 0; i < d.count; ++i) context.drop(d.pieces[i].packet, why);
      held_ -= std::exchange(d.count, uint8_t{0});
      d.spoilt = true;
    }
    return nullptr;
  }
  return d.have == d.total ? join(context, at) : nullptr;
}

// All pieces are there, side by side.
Packet* Table::join(Context& context, uint16_t at) {
  Datagram& d = datagrams_[at];
  Packet* pieces[kPieces];
  const uint32_t count = d.count;
  for (uint32_t i = 0; i < count; ++i) pieces[i] = d.pieces[i].packet;
  free_slot(at);
  return make_whole(context, pieces, count);
}

}  // namespace kanmon::reassembly
