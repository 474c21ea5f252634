#include "control/routing/table.h"

namespace kanmon::routing {

Status Table::set(const wire::Prefix& prefix, fib::NextHop next_hop) {
  return prefix.address.is_v4() ? lpm4_.insert(prefix.address.v4_host(), prefix.length, next_hop)
                                : lpm6_.insert(prefix.address.octets, prefix.length, next_hop);
}

void Table::unset(const wire::Prefix& prefix) {
  const Status erased = prefix.address.is_v4()
                            ? lpm4_.erase(prefix.address.v4_host(), prefix.length)
                            : lpm6_.erase(prefix.address.octets, prefix.length);
  if (!erased.ok() && erased.error().code == Errc::kNoSpace)
    (void)set(prefix, fib::NextHop::make(fib::NextHopKind::kBlackhole));
}

fib::NextHop Table::lookup(const wire::IpAddress& address) const {
  return address.is_v4() ? lpm4_.lookup(address.v4_host()) : lpm6_.lookup(address.octets);
}

std::optional<UnderlayNextHop> UnderlayNextHop::of(fib::NextHop hop) {
  switch (hop.kind()) {
    case fib::NextHopKind::kBlackhole:
    case fib::NextHopKind::kLocal:
    case fib::NextHopKind::kGlean:
    case fib::NextHopKind::kNeighbour:
      return UnderlayNextHop(hop);
    default:
      return std::nullopt;
  }
}

}  // namespace kanmon::routing
