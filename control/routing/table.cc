#include "control/routing/table.h"

#include <algorithm>

namespace kanmon::routing {

const char* to_string(Origin origin) {
  constexpr const char* kNames[kOrigins] = {"local", "connected", "static", "neighbor"};
  return kNames[static_cast<uint8_t>(origin)];
}

Table::Table(fib::NodePool& pool) : lpm4_(pool), lpm6_(pool) {}

Status Table::set(Origin origin, const wire::Prefix& prefix, fib::NextHop next_hop) {
  const auto [it, added] = routes_.try_emplace(prefix);
  Slots wanted = it->second;
  wanted[static_cast<uint8_t>(origin)] = next_hop;
  const Status installed = install(prefix, wanted);
  if (installed.ok()) {
    it->second = wanted;
  } else if (added) {
    routes_.erase(it);
  }
  return installed;
}

bool Table::unset(Origin origin, const wire::Prefix& prefix) {
  const auto it = routes_.find(prefix);
  if (it == routes_.end() || !it->second[static_cast<uint8_t>(origin)]) return false;
  it->second[static_cast<uint8_t>(origin)].reset();
  const bool any = std::any_of(it->second.begin(), it->second.end(),
                               [](const auto& slot) { return slot.has_value(); });
  if (any) {
    (void)install(prefix, it->second);  // replaces: the route is there
    return true;
  }
  const Status erased = prefix.address.is_v4()
                            ? lpm4_.erase(prefix.address.v4_host(), prefix.length)
                            : lpm6_.erase(prefix.address.octets, prefix.length);
  // Without memory to take it out, it must at least not lead where it led.
  if (!erased.ok()) {
    it->second[static_cast<uint8_t>(origin)] = fib::NextHop::make(fib::NextHopKind::kBlackhole);
    (void)install(prefix, it->second);
    return true;
  }
  routes_.erase(it);
  return true;
}

fib::NextHop Table::lookup(const wire::IpAddress& address) const {
  return address.is_v4() ? lpm4_.lookup(address.v4_host()) : lpm6_.lookup(address.octets);
}

std::vector<Candidate> Table::candidates() const {
  std::vector<Candidate> out;
  for (const auto& [prefix, slots] : routes_) {
    bool active = true;
    for (size_t i = 0; i < kOrigins; ++i) {
      if (!slots[i]) continue;
      out.push_back({prefix, static_cast<Origin>(i), *slots[i], active});
      active = false;
    }
  }
  return out;
}

Status Table::install(const wire::Prefix& prefix, const Slots& slots) {
  const auto best =
      std::find_if(slots.begin(), slots.end(), [](const auto& slot) { return slot.has_value(); });
  return prefix.address.is_v4() ? lpm4_.insert(prefix.address.v4_host(), prefix.length, **best)
                                : lpm6_.insert(prefix.address.octets, prefix.length, **best);
}

}  // namespace kanmon::routing
