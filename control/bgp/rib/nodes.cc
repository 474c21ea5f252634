#include "control/bgp/rib/nodes.h"

#include <cassert>

namespace kanmon::bgp {
uint32_t Nodes::hash_of(const wire::Prefix& p) const {
  uint64_t h = load_be<uint64_t>(p.address.octets.data()) ^ p.length ^ seed_;
  h = (h ^ h >> 32) * 0x9e3779b97f4a7c15;
  h ^= load_be<uint64_t>(p.address.octets.data() + 8);
  h = (h ^ h >> 32) * 0xd6e8feb86659fd93;
  return static_cast<uint32_t>(h >> 32);
}

bool Nodes::is(NodeId id, const wire::Prefix& p) const {
  const Node& n = nodes_[id];
  if (n.length != p.length || n.family != static_cast<uint8_t>(p.address.family)) return false;
  return p.address.is_v4() ? n.key == p.address.v4_host() : addresses_[n.key] == p.address.octets;
}

// Where it is, or the empty slot where it would be.
size_t Nodes::slot_of(const wire::Prefix& prefix, uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const uint64_t slot = slots_[at];
    if (slot == kEmpty) return at;
    if (slot >> 32 == hash && is(static_cast<NodeId>(slot), prefix)) return at;
  }
}

NodeId Nodes::find(const wire::Prefix& prefix) const {
  const uint64_t slot = slots_[slot_of(prefix, hash_of(prefix))];
  return slot == kEmpty ? kNoId : static_cast<NodeId>(slot);
}

NodeId Nodes::find_or_add(const wire::Prefix& prefix) {
  const uint32_t hash = hash_of(prefix);
  size_t at = slot_of(prefix, hash);
  if (slots_[at] != kEmpty) return static_cast<NodeId>(slots_[at]);
  if ((size() + 1) * size_t{4} > slots_.size() * 3) {
    grow();
    at = slot_of(prefix, hash);
  }
  const NodeId id = nodes_.take();
  Node& n = nodes_[id];
  n.length = prefix.length;
  n.family = static_cast<uint8_t>(prefix.address.family);
  if (prefix.address.is_v4()) {
    n.key = prefix.address.v4_host();
  } else {
    n.key = addresses_.take();
    addresses_[n.key] = prefix.address.octets;
  }
  slots_[at] = uint64_t{hash} << 32 | id;
  return id;
}

void Nodes::grow() {
  std::vector<uint64_t> old(slots_.size() * 2, kEmpty);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (uint64_t slot : old) {
    if (slot == kEmpty) continue;
    size_t at = (slot >> 32) & mask;
    while (slots_[at] != kEmpty) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

void Nodes::erase(NodeId id) {
  const wire::Prefix gone = prefix(id);
  const size_t mask = slots_.size() - 1;
  size_t hole = slot_of(gone, hash_of(gone));
  assert(static_cast<NodeId>(slots_[hole]) == id && slots_[hole] != kEmpty);
  // Whoever was pushed past the hole moves back: no tombstones, so probes stay short.
  for (size_t at = (hole + 1) & mask; slots_[at] != kEmpty; at = (at + 1) & mask) {
    const size_t home = (slots_[at] >> 32) & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = kEmpty;
  if (!gone.address.is_v4()) addresses_.give(nodes_[id].key);
  nodes_.give(id);
}

wire::Prefix Nodes::prefix(NodeId id) const {
  const Node& n = nodes_[id];
  if (n.family == static_cast<uint8_t>(wire::Family::kV4)) {
    return {wire::IpAddress::v4(n.key), n.length};
  }
  return {wire::IpAddress::v6(addresses_[n.key].data()), n.length};
}

}  // namespace kanmon::bgp
