// Where a route comes from. The order of the enumerators is the order of preference: of two routes
// to one prefix the earlier origin wins (docs/routing.md has the same table in words). It is AWS's
// order, direct-connect BGP before static VPN before VPN BGP, with the gateway's own in front.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kanmon::routing {

enum class Origin : uint8_t {
  kLocal,             // an address of the gateway
  kConnected,         // a subnet of a port or tunnel of this table
  kStatic,            // the table's own routes
  kNeighbor,          // a resolved station of a connected subnet
  kPropagated,        // a connected subnet of an attachment that propagates into this table
  kBgpDirectConnect,  // learned over a private line
  kVpnStatic,         // static routes of a VPN attachment that propagates into this table
  kBgpVpn,            // learned inside a tunnel
  kFpm,               // another routing daemon of the machine
};
inline constexpr size_t kOrigins = 9;

struct OriginInfo {
  const char* name;  // in answers of the API: stable
  const char* words;
};
inline constexpr OriginInfo kOriginInfos[kOrigins] = {
    {"local", "an address of this gateway"},
    {"connected", "a connected subnet"},
    {"static", "a static route of the table"},
    {"neighbor", "a resolved neighbour"},
    {"propagated", "a propagated subnet of an attachment"},
    {"bgp-direct-connect", "BGP over a direct-connect line"},
    {"vpn-static", "a static route of a VPN attachment"},
    {"bgp-vpn", "BGP inside a tunnel"},
    {"fpm", "another routing daemon"},
};
constexpr const OriginInfo& info(Origin origin) {
  return kOriginInfos[static_cast<size_t>(origin)];
}
constexpr const char* to_string(Origin origin) {
  return info(origin).name;
}

}  // namespace kanmon::routing
