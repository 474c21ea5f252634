#include "dataplane/reassembly/followers.h"

#include <algorithm>
#include <cstring>

namespace kanmon::reassembly {
namespace {

uint64_t mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 32;
}

}  // namespace

Followers::Followers(uint64_t salt, uint64_t timeout_cycles)
    : salt_(salt),
      timeout_cycles_(timeout_cycles),
      datagrams_(std::make_unique<Datagram[]>(kSets * kWays)) {}

uint32_t Followers::first_of_set(const DatagramKey& key, uint32_t way) const {
  uint64_t h = mix(mix(salt_, way), key.id);
  for (std::size_t i = 0; i < key.addresses.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, key.addresses.data() + i, sizeof word);
    h = mix(h, word);
  }
  return static_cast<uint32_t>(h % kSets) * kWays;
}

void Followers::passed(wire::Bytes packet, uint32_t way, uint64_t now) {
  Piece piece;
  if (!read_piece(packet, 0, piece) || piece.start != 0 || piece.last) return;
  Datagram* set = datagrams_.get() + first_of_set(piece.key, way);
  const auto is_it = [&](const Datagram& d) { return d.way == way && d.key == piece.key; };
  Datagram* d = std::find_if(set, set + kWays, is_it);
  if (d == set + kWays)
    d = std::min_element(set, set + kWays,
                         [](const auto& a, const auto& b) { return a.deadline < b.deadline; });
  // A first fragment that comes twice must not make room under the longer one.
  const bool again = is_it(*d) && now < d->deadline;
  *d = {piece.key, way, again ? std::max(d->end, piece.end) : piece.end, now + timeout_cycles_};
}

bool Followers::may_follow(wire::Bytes packet, uint32_t way, uint64_t now) const {
  Piece piece;
  if (!read_piece(packet, 0, piece) || piece.start == 0) return false;
  const Datagram* set = datagrams_.get() + first_of_set(piece.key, way);
  return std::any_of(set, set + kWays, [&](const Datagram& d) {
    return d.way == way && d.key == piece.key && now < d.deadline && piece.start >= d.end;
  });
}

bool fits(const sa::SelectorSet& selectors, wire::Bytes packet, bool outbound, Followers* followers,
          uint32_t tunnel, uint64_t now) {
  const uint32_t way = tunnel << 1 | (outbound ? 1u : 0u);
  if (selectors.matches(packet, outbound)) {
    if (followers != nullptr) followers->passed(packet, way, now);
    return true;
  }
  return followers != nullptr && followers->may_follow(packet, way, now);
}

}  // namespace kanmon::reassembly
