#include "dataplane/fib/group.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

namespace kanmon::fib {
namespace {

constexpr unsigned kLeastBuckets = 64;  // of the member with the smallest weight

// Every bit of the result depends on every bit of `x` (the finalizer of SplitMix64).
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

// How much a bucket likes a member: with any set of members, each is liked best by a share of the
// buckets that follows its weight. It depends on nothing else, so that neither other members nor
// the order of the configuration matter.
double liking(uint32_t seed, unsigned bucket, const GroupMember& m) {
  const uint64_t bits = mix(mix(uint64_t{seed} << 32 | bucket) + m.hop.raw);
  const double even = (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;  // in (0, 1)
  return std::max<double>(m.weight, 1) / -std::log(even);
}

struct Shares {
  explicit Shares(std::span<const GroupMember> members) {
    for (const GroupMember& m : members) sum += m.weight;
    equal = sum == 0;
    if (equal) sum = static_cast<unsigned>(members.size());
  }
  unsigned weight(const GroupMember& m) const { return equal ? 1 : m.weight; }

  unsigned sum = 0;
  bool equal;
};

unsigned buckets_for(std::span<const GroupMember> members) {
  const Shares shares(members);
  unsigned least = shares.sum;
  for (const GroupMember& m : members)
    if (shares.weight(m) != 0) least = std::min(least, shares.weight(m));
  const unsigned wanted = (kLeastBuckets * shares.sum + least - 1) / least;
  return std::clamp(std::bit_ceil(wanted), Group::kMinBuckets, Group::kMaxBuckets);
}

bool is_sound(std::span<const GroupMember> members) {
  if (members.empty() || members.size() > Group::kMaxMembers) return false;
  for (size_t i = 0; i < members.size(); ++i) {
    const NextHopKind kind = members[i].hop.kind();
    if (kind != NextHopKind::kTunnel && kind != NextHopKind::kNeighbour &&
        kind != NextHopKind::kBlackhole)
      return false;
    for (size_t j = 0; j < i; ++j)
      if (members[i].hop == members[j].hop) return false;
  }
  return true;
}

using Quotas = std::array<unsigned, Group::kMaxMembers>;

// By largest remainder: they add up to `buckets`, and nobody is a whole bucket off.
Quotas quotas_of(std::span<const GroupMember> members, unsigned buckets) {
  const Shares shares(members);
  Quotas quotas{};
  std::array<unsigned, Group::kMaxMembers> rest{};
  unsigned left = buckets;
  for (size_t i = 0; i < members.size(); ++i) {
    const unsigned exact = buckets * shares.weight(members[i]);
    quotas[i] = exact / shares.sum;
    rest[i] = exact % shares.sum;
    left -= quotas[i];
  }
  for (; left > 0; --left) {
    const auto most = std::max_element(rest.begin(), rest.begin() + members.size());
    ++quotas[static_cast<size_t>(most - rest.begin())];
    *most = 0;
  }
  return quotas;
}

}  // namespace

Group::Group(std::span<const GroupMember> members, uint16_t workers, uint32_t seed)
    : members_(members.begin(), members.end()),
      mask_(buckets_for(members) - 1),
      seed_(seed),
      order_(size_t{buckets()} * members.size()),
      workers_(workers),
      lines_each_((size() + kPerLine - 1) / kPerLine),
      lines_(size_t{workers} * lines_each_) {}

std::unique_ptr<Group> Group::make(std::span<const GroupMember> members, uint16_t workers,
                                   uint32_t seed, const Group* previous) {
  if (!is_sound(members)) return nullptr;
  std::vector<GroupMember> sorted(members.begin(), members.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.hop.raw < b.hop.raw; });
  std::unique_ptr<Group> group(new Group(sorted, workers, seed));
  group->share_out(previous);
  return group;
}

// First every bucket stays where it was, if its member is still there and has not too many; then
// the others go to whom they like best of those who have too few.
void Group::share_out(const Group* previous) {
  Quotas left = quotas_of(members_, buckets());
  std::vector<unsigned> owners(buckets(), kNobody);
  for (unsigned b = 0; previous != nullptr && b < buckets(); ++b) {
    const NextHop had = previous->member(previous->preference(previous->bucket_of(b), 0)).hop;
    for (unsigned m = 0; m < size(); ++m)
      if (members_[m].hop == had && left[m] > 0) {
        owners[b] = m;
        --left[m];
      }
  }
  for (unsigned b = 0; b < buckets(); ++b) {
    std::array<double, kMaxMembers> liked;
    for (unsigned m = 0; m < size(); ++m) liked[m] = liking(seed_, b, members_[m]);
    if (owners[b] == kNobody) {
      for (unsigned m = 0; m < size(); ++m)
        if (left[m] > 0 && (owners[b] == kNobody || liked[m] > liked[owners[b]])) owners[b] = m;
      --left[owners[b]];
    }
    rank(b, owners[b], liked.data());
  }
}

void Group::rank(unsigned bucket, unsigned first, const double* liked) {
  uint8_t* order = &order_[size_t{bucket} * size()];
  std::iota(order, order + size(), uint8_t{0});
  std::swap(order[0], order[first]);
  std::sort(order + 1, order + size(), [&](uint8_t a, uint8_t b) {
    const bool standby_a = members_[a].weight == 0, standby_b = members_[b].weight == 0;
    return standby_a != standby_b ? standby_b : liked[a] > liked[b];
  });
}

Group::Tally Group::tally(unsigned member) const {
  Tally sum;
  for (unsigned w = 0; w < workers_; ++w) {
    const Counters& c = lines_[w * lines_each_ + member / kPerLine].counters[member % kPerLine];
    sum.packets += c.packets.get();
    sum.bytes += c.bytes.get();
  }
  return sum;
}

}  // namespace kanmon::fib
