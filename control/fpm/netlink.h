// Netlink messages of routes and next hops as zebra's dplane_fpm_nl sends them (rtnetlink(7),
// linux/nexthop.h), as values. Pure; one bounds-checked cursor over what came.
//
// Read are RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEXTHOP and RTM_DELNEXTHOP of unicast IPv4 and IPv6;
// other messages, families and attributes are passed over, as rtnetlink asks of a reader.
// Integers are in the order of the machine, as both ends are on it; addresses in network order.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::fpm {

// More ways than this in one route or group are refused: zebra's own bound is 256.
inline constexpr size_t kMostWays = 256;

// One next hop. Either may be absent; a way without both leads nowhere.
struct Way {
  std::optional<wire::IpAddress> gateway;
  uint32_t interface = 0;  // its index; 0: none
  uint16_t weight = 1;     // 1 … 256, relative

  friend auto operator<=>(const Way&, const Way&) = default;
};

// Where something leads: to ways, to a next-hop object, or nowhere (blackhole, unreachable,
// prohibit: all drop).
struct Destination {
  bool blackhole = false;
  uint32_t object = 0;  // RTA_NH_ID; 0: none
  std::vector<Way> ways;

  friend bool operator==(const Destination&, const Destination&) = default;
};

struct RouteMessage {
  bool removes = false;
  wire::Prefix prefix;
  uint32_t table = 0;    // the kernel's
  uint8_t protocol = 0;  // RTPROT_…: what of the other daemon it comes from
  Destination to;        // empty if `removes`
};

// A next-hop object: one way, a blackhole, or a group of others.
struct NextHopMessage {
  struct GroupMember {
    uint32_t object = 0;
    uint16_t weight = 1;
    friend bool operator==(const GroupMember&, const GroupMember&) = default;
  };
  bool removes = false;
  uint32_t object = 0;
  bool blackhole = false;
  Way way;                         // if no group and no blackhole
  std::vector<GroupMember> group;  // empty: no group
};

using Message = std::variant<RouteMessage, NextHopMessage>;

// The messages of one frame, in order. Errors are of the whole frame: kTruncated and kBadLength
// where lengths contradict each other, kBadValue for a prefix longer than its address, a missing
// next-hop id or too many ways.
Result<std::vector<Message>> parse(wire::Bytes frame);

}  // namespace kanmon::fpm
