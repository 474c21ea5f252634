// The candidates of one table and address family: a pool of small entries and a hash of prefixes.
//
// The candidates of a prefix form a chain, best first, whose head the hash finds; those of an offer
// form a ring, so that what changes an offer touches its own routes only. Entries never move:
// references stay good while the entry lives. Control thread only.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "control/routing/offer.h"
#include "dataplane/wire/address.h"

namespace kanmon::routing {

// An address as the store keeps it: IPv4 in host order, IPv6 as two words in host order.
struct Address4 {
  uint32_t value = 0;

  static Address4 of(const wire::IpAddress& a) { return {a.v4_host()}; }
  wire::IpAddress to_ip() const { return wire::IpAddress::v4(value); }
  uint64_t mix() const { return value; }
  friend constexpr auto operator<=>(const Address4&, const Address4&) = default;
};
struct Address6 {
  uint32_t words[4] = {};

  static Address6 of(const wire::IpAddress& a) {
    Address6 out;
    for (unsigned i = 0; i < 4; ++i) out.words[i] = load_be<uint32_t>(a.octets.data() + 4 * i);
    return out;
  }
  wire::IpAddress to_ip() const {
    std::array<uint8_t, 16> octets;
    for (unsigned i = 0; i < 4; ++i) store_be(octets.data() + 4 * i, words[i]);
    return wire::IpAddress::v6(octets.data());
  }
  uint64_t mix() const {
    const uint64_t hi = uint64_t{words[0]} << 32 | words[1];
    const uint64_t lo = uint64_t{words[2]} << 32 | words[3];
    return hi * 0x9e3779b97f4a7c15u ^ lo;
  }
  friend constexpr auto operator<=>(const Address6&, const Address6&) = default;
};

template <class Address>
class CandidateStore {
 public:
  using Index = uint32_t;
  static constexpr Index kNone = UINT32_MAX;

  struct Entry {
    Address address;
    OfferId offer = 0;
    Index next = kNone;  // of the prefix, the next best; of the free list
    Index before_of_offer = 0, after_of_offer = 0;  // the ring
    uint32_t since_s = 0;                           // on the clock of the caller
    uint8_t length = 0;
    bool in_use = false;
    bool not_installed = false;  // of a head: the forwarding table had no memory for it
  };

  Entry& at(Index i) { return (*chunks_[i / kChunk])[i % kChunk]; }
  const Entry& at(Index i) const { return (*chunks_[i / kChunk])[i % kChunk]; }
  // The best candidate of a prefix, or kNone.
  Index find(Address address, uint8_t length) const;

  // A new entry, in no chain and alone in its ring.
  Index make(Address address, uint8_t length, OfferId offer);
  void free(Index i);
  // Makes `head` the head of its prefix's chain. REQUIRES: `old` is what find() answers.
  void set_head(Index old, Index head);
  // Forgets the prefix. REQUIRES: `head` is what find() answers.
  void erase_head(Index head);

  void link_after(Index in_ring, Index alone);
  // Takes an entry out of its ring; answers another of the ring, or kNone.
  Index unlink(Index i);

  size_t prefixes() const { return prefixes_; }
  size_t size() const { return size_; }
  // Bound of the indices in use, for whoever looks at all entries; see Entry::in_use.
  Index bound() const { return made_; }
  size_t memory_bytes() const {
    return chunks_.size() * sizeof(Chunk) + slots_.size() * sizeof(Index);
  }

 private:
  static constexpr Index kChunk = 1024;
  using Chunk = std::array<Entry, kChunk>;

  size_t home(const Entry& e) const { return home(e.address, e.length); }
  size_t home(Address address, uint8_t length) const {
    const uint64_t mixed = (address.mix() + uint64_t{length} * 0x1000193) * 0x9e3779b97f4a7c15u;
    return static_cast<size_t>(mixed >> 20) & (slots_.size() - 1);
  }
  // The place of the prefix in slots_, or the empty one where it belongs. REQUIRES: not empty.
  size_t place(Address address, uint8_t length) const;
  void grow();

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<Index> slots_;  // open addressing, at most three quarters full
  Index free_ = kNone;
  Index made_ = 0;
  size_t size_ = 0;
  size_t prefixes_ = 0;
};

using Store4 = CandidateStore<Address4>;
using Store6 = CandidateStore<Address6>;
extern template class CandidateStore<Address4>;
extern template class CandidateStore<Address6>;

}  // namespace kanmon::routing
