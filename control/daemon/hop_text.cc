#include "control/daemon/hop_text.h"

namespace kanmon::daemon::views {

using fib::NextHop;
using fib::NextHopKind;

namespace {

HopText neighbour(const Gateway& g, uint32_t adjacency) {
  const auto* address = g.adjacency_address(adjacency);
  if (address == nullptr) return {"neighbor", nullptr, "the neighbour is gone"};
  const std::string text = address->to_string() + " " + g.port_name(g.adjacency_port(adjacency));
  return {"neighbor", text, "neighbour " + address->to_string() + " does not answer"};
}

}  // namespace

HopText describe(const Gateway& g, NextHop hop) {
  switch (hop.kind()) {
    case NextHopKind::kLocal:
      return {"local", "this gateway", ""};
    case NextHopKind::kGlean:
      return {"connected", g.port_name(static_cast<uint16_t>(hop.index())), ""};
    case NextHopKind::kBlackhole:
      return {"blackhole", nullptr, ""};
    case NextHopKind::kTunnel: {
      const std::string& name = g.tunnel_name(hop.index());
      return {"tunnel", name, "tunnel " + name + " has no SA; see show tunnels"};
    }
    case NextHopKind::kNeighbour:
      return neighbour(g, hop.index());
    case NextHopKind::kNone:
    case NextHopKind::kGroup:
      break;
  }
  return {"none", nullptr, "no next hop"};
}

}  // namespace kanmon::daemon::views
