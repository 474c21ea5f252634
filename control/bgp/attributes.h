// Path attributes of BGP routes: `Attributes` to read into and to edit, `AttributeSet` as routes
// hold them: immutable, compact, reference-counted, and one object per distinct content, so that a
// million routes share the few sets they have and equality is a comparison of pointers.
//
// All numbers are in host order, addresses as wire::IpAddress. Not thread-safe: a table, its sets
// and references belong to one thread.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/bgp/as_path.h"
#include "dataplane/wire/address.h"

namespace kanmon::bgp {

// What UPDATEs announce and withdraw. The path id is 0 without add-path (RFC 7911).
struct Nlri {
  wire::Prefix prefix;
  uint32_t path_id = 0;
  friend auto operator<=>(const Nlri&, const Nlri&) = default;
};

// RFC 4271 section 4.3; lower wins.
enum class Origin : uint8_t { kIgp = 0, kEgp = 1, kIncomplete = 2 };

struct Aggregator {
  uint32_t asn = 0;
  uint32_t router_id = 0;
  friend auto operator<=>(const Aggregator&, const Aggregator&) = default;
};

// RFC 8092.
struct LargeCommunity {
  uint32_t global = 0, local1 = 0, local2 = 0;
  friend auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};

// An attribute we do not know and have to pass on: optional transitive. `flags` as they are to be
// sent, with Partial set; the value untouched (RFC 4271 section 5).
struct UnknownAttribute {
  uint8_t flags = 0;
  uint8_t type = 0;
  std::vector<uint8_t> octets;
  friend auto operator<=>(const UnknownAttribute&, const UnknownAttribute&) = default;
};

class AttributeSet;

struct Attributes {
  Origin origin = Origin::kIncomplete;
  AsPath as_path;
  wire::IpAddress next_hop;                   // of NEXT_HOP or MP_REACH_NLRI
  std::optional<wire::IpAddress> link_local;  // the second address of an IPv6 next hop (RFC 2545)
  std::optional<uint32_t> med;
  std::optional<uint32_t> local_pref;
  bool atomic_aggregate = false;
  std::optional<Aggregator> aggregator;
  std::optional<uint32_t> originator_id;  // RFC 4456
  std::vector<uint32_t> cluster_list;     // RFC 4456, nearest first
  std::vector<uint32_t> communities;      // RFC 1997
  std::vector<uint64_t> extended;         // RFC 4360, all eight octets as one number
  std::vector<LargeCommunity> large;
  std::vector<UnknownAttribute> unknown;
  uint32_t weight = 0;  // ours alone, never on the wire; higher wins before all else

  // Back to the defaults; buffers keep their room, so that one object may serve a whole session.
  void clear();
  // Copies a set in, to edit it.
  void assign(const AttributeSet& set);
  // Canonical form: communities sorted and unique, unknown attributes in order of their type.
  void normalize();

  friend bool operator==(const Attributes&, const Attributes&) = default;
};

class AttributeTable;

// Attributes in canonical form. Made by AttributeTable::intern, held by AttributeRef.
class AttributeSet {
 public:
  AttributeSet(const AttributeSet&) = delete;
  AttributeSet& operator=(const AttributeSet&) = delete;

  Origin origin() const { return static_cast<Origin>(fixed().origin); }
  AsPathView as_path() const { return AsPathView(section(kPath)); }
  uint32_t path_length() const { return path_length_; }  // as_path().length(), kept at hand
  uint32_t neighbor_as() const { return neighbor_as_; }  // as_path().neighbor(), kept at hand
  wire::IpAddress next_hop() const;
  std::optional<wire::IpAddress> link_local() const;
  std::optional<uint32_t> med() const { return given(kMed, fixed().med); }
  std::optional<uint32_t> local_pref() const { return given(kLocalPref, fixed().local_pref); }
  bool atomic_aggregate() const { return fixed().present & kAtomic; }
  std::optional<Aggregator> aggregator() const { return given(kAggregator, fixed().aggregator); }
  std::optional<uint32_t> originator_id() const { return given(kOriginator, fixed().originator); }
  std::span<const uint32_t> cluster_list() const { return section(kClusters); }
  std::span<const uint32_t> communities() const { return section(kCommunities); }
  size_t extended_count() const { return section(kExtended).size() / 2; }
  uint64_t extended(size_t i) const {
    const auto words = section(kExtended);
    return uint64_t{words[2 * i]} << 32 | words[2 * i + 1];
  }
  size_t large_count() const { return section(kLarge).size() / 3; }
  LargeCommunity large(size_t i) const {
    const auto words = section(kLarge);
    return {words[3 * i], words[3 * i + 1], words[3 * i + 2]};
  }
  // Copies: unknown attributes are rare.
  std::vector<UnknownAttribute> unknown() const;
  bool has_unknown() const { return fixed().sizes[kUnknown] != 0; }
  uint32_t weight() const { return fixed().weight; }

  bool has_community(uint32_t community) const;
  // What this set takes of the heap.
  size_t memory_bytes() const { return sizeof *this + words_ * sizeof(uint32_t); }

 private:
  friend class AttributeTable;
  friend class AttributeRef;
  enum Section : uint8_t { kPath, kCommunities, kExtended, kLarge, kClusters, kUnknown, kLink };
  static constexpr size_t kSections = 7;
  enum Present : uint8_t {
    kMed = 1,
    kLocalPref = 2,
    kAtomic = 4,
    kAggregator = 8,
    kOriginator = 16,
  };
  // The head of the words that follow the object; no padding, since it is hashed and compared.
  struct Fixed {
    uint8_t origin = 0, present = 0, next_hop_family = 0, zero = 0;
    uint32_t med = 0, local_pref = 0, weight = 0, originator = 0;
    Aggregator aggregator;
    std::array<uint8_t, 16> next_hop{};
    std::array<uint16_t, kSections> sizes{};  // of each section, in words
    uint16_t zero2 = 0;
  };
  static_assert(sizeof(Fixed) == 60 && std::has_unique_object_representations_v<Fixed>);

  AttributeSet() = default;
  template <class T>
  std::optional<T> given(Present bit, T value) const {
    return fixed().present & bit ? std::optional<T>(value) : std::nullopt;
  }
  const uint32_t* words() const { return reinterpret_cast<const uint32_t*>(this + 1); }
  const Fixed& fixed() const { return *reinterpret_cast<const Fixed*>(this + 1); }
  std::span<const uint32_t> section(Section which) const;

  AttributeTable* table_ = nullptr;
  uint32_t references_ = 0;
  uint32_t words_ = 0;
  uint32_t path_length_ = 0;
  uint32_t neighbor_as_ = 0;
  size_t hash_ = 0;
};

// A counted reference; the last one takes the set out of its table and frees it. May be empty.
class AttributeRef {
 public:
  AttributeRef() = default;
  AttributeRef(const AttributeRef& other) : set_(other.set_) { hold(); }
  AttributeRef(AttributeRef&& other) noexcept : set_(std::exchange(other.set_, nullptr)) {}
  AttributeRef& operator=(AttributeRef other) noexcept {
    std::swap(set_, other.set_);
    return *this;
  }
  ~AttributeRef() { release(); }

  explicit operator bool() const { return set_ != nullptr; }
  const AttributeSet* get() const { return set_; }
  const AttributeSet& operator*() const { return *set_; }
  const AttributeSet* operator->() const { return set_; }
  // Same content, since equal sets of one table are one object.
  friend bool operator==(const AttributeRef&, const AttributeRef&) = default;

 private:
  friend class AttributeTable;
  explicit AttributeRef(AttributeSet* set) : set_(set) { hold(); }
  void hold() {
    if (set_ != nullptr) ++set_->references_;
  }
  void release();
  AttributeSet* set_ = nullptr;
};

// All sets of a process (or of a test). Outlives every reference.
class AttributeTable {
 public:
  AttributeTable() = default;
  ~AttributeTable();
  AttributeTable(const AttributeTable&) = delete;
  AttributeTable& operator=(const AttributeTable&) = delete;

  // The set with this content, made if there is none yet. Normalizes `attributes` first.
  AttributeRef intern(Attributes& attributes);

  size_t size() const { return sets_.size(); }
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  friend class AttributeRef;
  struct Wanted {
    std::span<const uint32_t> words;
    size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const AttributeSet* set) const { return set->hash_; }
    size_t operator()(const Wanted& wanted) const { return wanted.hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const AttributeSet* a, const AttributeSet* b) const { return a == b; }
    bool operator()(const Wanted& w, const AttributeSet* set) const;
    bool operator()(const AttributeSet* set, const Wanted& w) const { return (*this)(w, set); }
  };
  void write(const Attributes& attributes);
  void write_fixed(const Attributes& attributes, AttributeSet::Fixed fixed);
  void forget(AttributeSet* set);

  std::unordered_set<AttributeSet*, Hash, Equal> sets_;
  std::vector<uint32_t> scratch_;  // the words of the set that is looked for
  size_t memory_bytes_ = 0;
};

}  // namespace kanmon::bgp
