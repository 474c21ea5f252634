#include "control/bgp/attributes.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <string_view>

namespace kanmon::bgp {
namespace {

template <class T>
void sort_unique(std::vector<T>& v) {
  if (std::is_sorted(v.begin(), v.end()) && std::adjacent_find(v.begin(), v.end()) == v.end()) {
    return;
  }
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
}

size_t hash_of(std::span<const uint32_t> words) {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(words.data()), words.size_bytes()});
}

}  // namespace

void Attributes::clear() {
  origin = Origin::kIncomplete;
  as_path.clear();
  next_hop = {};
  link_local.reset();
  med.reset();
  local_pref.reset();
  atomic_aggregate = false;
  aggregator.reset();
  originator_id.reset();
  cluster_list.clear();
  communities.clear();
  extended.clear();
  large.clear();
  unknown.clear();
  weight = 0;
}

void Attributes::assign(const AttributeSet& set) {
  origin = set.origin();
  as_path = AsPath(set.as_path());
  next_hop = set.next_hop();
  link_local = set.link_local();
  med = set.med();
  local_pref = set.local_pref();
  atomic_aggregate = set.atomic_aggregate();
  aggregator = set.aggregator();
  originator_id = set.originator_id();
  cluster_list.assign(set.cluster_list().begin(), set.cluster_list().end());
  communities.assign(set.communities().begin(), set.communities().end());
  extended.clear();
  for (size_t i = 0; i < set.extended_count(); ++i) extended.push_back(set.extended(i));
  large.clear();
  for (size_t i = 0; i < set.large_count(); ++i) large.push_back(set.large(i));
  unknown = set.unknown();
  weight = set.weight();
}

void Attributes::normalize() {
  sort_unique(communities);
  sort_unique(extended);
  sort_unique(large);
  std::stable_sort(unknown.begin(), unknown.end(),
                   [](const auto& a, const auto& b) { return a.type < b.type; });
}

std::span<const uint32_t> AttributeSet::section(Section which) const {
  const Fixed& f = fixed();
  size_t at = sizeof(Fixed) / sizeof(uint32_t);
  for (size_t i = 0; i < which; ++i) at += f.sizes[i];
  return {words() + at, f.sizes[which]};
}

wire::IpAddress AttributeSet::next_hop() const {
  return {fixed().next_hop, static_cast<wire::Family>(fixed().next_hop_family)};
}

std::optional<wire::IpAddress> AttributeSet::link_local() const {
  const auto words = section(kLink);
  if (words.empty()) return std::nullopt;
  return wire::IpAddress::v6(reinterpret_cast<const uint8_t*>(words.data()));
}

std::vector<UnknownAttribute> AttributeSet::unknown() const {
  std::vector<UnknownAttribute> out;
  const auto words = section(kUnknown);
  for (size_t at = 0; at < words.size();) {
    const uint32_t head = words[at++];
    const uint32_t size = head & 0xffff;
    const auto* octets = reinterpret_cast<const uint8_t*>(words.data() + at);
    out.push_back({static_cast<uint8_t>(head >> 24),
                   static_cast<uint8_t>(head >> 16),
                   {octets, octets + size}});
    at += (size + 3) / 4;
  }
  return out;
}

bool AttributeSet::has_community(uint32_t community) const {
  const auto all = communities();
  return std::binary_search(all.begin(), all.end(), community);
}

void AttributeRef::release() {
  if (set_ != nullptr && --set_->references_ == 0) set_->table_->forget(set_);
}

AttributeTable::~AttributeTable() {
  assert(sets_.empty() && "a reference outlived its table");
}

bool AttributeTable::Equal::operator()(const Wanted& w, const AttributeSet* set) const {
  return w.hash == set->hash_ && w.words.size() == set->words_ &&
         std::memcmp(w.words.data(), set->words(), w.words.size_bytes()) == 0;
}

void AttributeTable::write(const Attributes& a) {
  AttributeSet::Fixed fixed;
  scratch_.assign(sizeof fixed / sizeof(uint32_t), 0);
  size_t before = scratch_.size();
  const auto close = [&](AttributeSet::Section which) {
    const size_t words = scratch_.size() - before;
    assert(words <= UINT16_MAX && "more than a message can carry");
    fixed.sizes[which] = static_cast<uint16_t>(words);
    before = scratch_.size();
  };
  const auto octets = [&](const uint8_t* data, size_t size) {
    const size_t at = scratch_.size();
    scratch_.resize(at + (size + 3) / 4);
    if (size != 0) std::memcpy(scratch_.data() + at, data, size);
  };
  scratch_.insert(scratch_.end(), a.as_path.words().begin(), a.as_path.words().end());
  close(AttributeSet::kPath);
  scratch_.insert(scratch_.end(), a.communities.begin(), a.communities.end());
  close(AttributeSet::kCommunities);
  for (uint64_t e : a.extended) {
    scratch_.insert(scratch_.end(), {static_cast<uint32_t>(e >> 32), static_cast<uint32_t>(e)});
  }
  close(AttributeSet::kExtended);
  for (const auto& l : a.large) {
    scratch_.insert(scratch_.end(), {l.global, l.local1, l.local2});
  }
  close(AttributeSet::kLarge);
  scratch_.insert(scratch_.end(), a.cluster_list.begin(), a.cluster_list.end());
  close(AttributeSet::kClusters);
  for (const auto& u : a.unknown) {
    assert(u.octets.size() <= UINT16_MAX);
    scratch_.push_back(uint32_t{u.flags} << 24 | uint32_t{u.type} << 16 |
                       static_cast<uint32_t>(u.octets.size()));
    octets(u.octets.data(), u.octets.size());
  }
  close(AttributeSet::kUnknown);
  if (a.link_local) octets(a.link_local->octets.data(), a.link_local->octets.size());
  close(AttributeSet::kLink);
  write_fixed(a, fixed);
}

void AttributeTable::write_fixed(const Attributes& a, AttributeSet::Fixed fixed) {
  fixed.origin = static_cast<uint8_t>(a.origin);
  fixed.next_hop_family = static_cast<uint8_t>(a.next_hop.family);
  fixed.next_hop = a.next_hop.octets;
  fixed.weight = a.weight;
  const auto put = [&](auto& field, const auto& value, AttributeSet::Present bit) {
    if (!value) return;
    field = *value;
    fixed.present |= bit;
  };
  put(fixed.med, a.med, AttributeSet::kMed);
  put(fixed.local_pref, a.local_pref, AttributeSet::kLocalPref);
  put(fixed.aggregator, a.aggregator, AttributeSet::kAggregator);
  put(fixed.originator, a.originator_id, AttributeSet::kOriginator);
  if (a.atomic_aggregate) fixed.present |= AttributeSet::kAtomic;
  std::memcpy(scratch_.data(), &fixed, sizeof fixed);
}

AttributeRef AttributeTable::intern(Attributes& attributes) {
  attributes.normalize();
  write(attributes);
  const Wanted wanted{scratch_, hash_of(scratch_)};
  if (const auto found = sets_.find(wanted); found != sets_.end()) return AttributeRef(*found);

  const size_t bytes = sizeof(AttributeSet) + scratch_.size() * sizeof(uint32_t);
  auto* set = new (::operator new(bytes)) AttributeSet;
  std::memcpy(static_cast<void*>(set + 1), scratch_.data(), scratch_.size() * sizeof(uint32_t));
  set->table_ = this;
  set->words_ = static_cast<uint32_t>(scratch_.size());
  set->hash_ = wanted.hash;
  set->path_length_ = set->as_path().length();
  set->neighbor_as_ = set->as_path().neighbor();
  sets_.insert(set);
  memory_bytes_ += bytes;
  return AttributeRef(set);
}

void AttributeTable::forget(AttributeSet* set) {
  sets_.erase(set);
  memory_bytes_ -= set->memory_bytes();
  set->~AttributeSet();
  ::operator delete(set);
}

}  // namespace kanmon::bgp
