#include "control/fpm/netlink.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "dataplane/wire/reader.h"

namespace kanmon::fpm {

namespace {

// A kernel structure off the cursor, in the order of the machine.
template <class T>
T take(wire::Reader& r) {
  T value{};
  const wire::Bytes octets = r.take(sizeof(T));
  if (!octets.empty()) std::memcpy(&value, octets.data(), sizeof(T));
  return value;
}

// Headers and attributes begin at multiples of four; the last one need not be padded.
void align(wire::Reader& r, size_t length) {
  const size_t padding = (4 - length % 4) % 4;
  r.skip(std::min(padding, r.left()));
}

struct Attribute {
  uint16_t type = 0;
  wire::Bytes value;

  // The value as an integer of the machine; 0 if it is shorter.
  template <class T>
  T as() const {
    wire::Reader r(value);
    return take<T>(r);
  }
};

Result<Attribute> next_attribute(wire::Reader& r) {
  const auto header = take<rtattr>(r);
  if (!r.ok()) return r.truncated();
  if (header.rta_len < sizeof(rtattr)) return r.error(Errc::kBadLength);
  Attribute a;
  a.type = header.rta_type & NLA_TYPE_MASK;
  a.value = r.take(header.rta_len - sizeof(rtattr));
  if (!r.ok()) return r.truncated();
  align(r, header.rta_len);
  return a;
}

// Calls f(attribute) -> Status for each.
template <class F>
Status for_each_attribute(wire::Reader& r, F f) {
  while (!r.done()) {
    const Result<Attribute> a = next_attribute(r);
    if (!a.ok()) return a.error();
    if (const Status done = f(*a); !done.ok()) return done;
  }
  return success();
}

std::optional<wire::IpAddress> address_of(wire::Bytes octets) {
  if (octets.size() == 4) return wire::IpAddress::v4(octets.data());
  if (octets.size() == 16) return wire::IpAddress::v6(octets.data());
  return std::nullopt;
}

// RTA_GATEWAY has an address of the route's family, RTA_VIA one with its family in front.
Status read_way(const Attribute& a, Way& way) {
  switch (a.type) {
    case RTA_GATEWAY:
      way.gateway = address_of(a.value);
      return way.gateway ? success() : Status(Errc::kBadLength);
    case RTA_VIA:
      if (a.value.size() < sizeof(rtvia)) return Errc::kBadLength;
      way.gateway = address_of(a.value.subspan(sizeof(rtvia)));
      return way.gateway ? success() : Status(Errc::kBadLength);
    case RTA_OIF:
      way.interface = a.as<uint32_t>();
      return success();
    default:
      return success();
  }
}

Status read_multipath(wire::Bytes value, std::vector<Way>& ways) {
  wire::Reader r(value);
  while (!r.done()) {
    const auto hop = take<rtnexthop>(r);
    if (!r.ok()) return r.truncated();
    if (hop.rtnh_len < sizeof(rtnexthop)) return r.error(Errc::kBadLength);
    wire::Reader attributes(r.take(hop.rtnh_len - sizeof(rtnexthop)));
    if (!r.ok()) return r.truncated();
    if (ways.size() == kMostWays) return r.error(Errc::kBadValue);
    Way way;
    way.interface = static_cast<uint32_t>(hop.rtnh_ifindex);
    way.weight = static_cast<uint16_t>(hop.rtnh_hops + 1);
    const Status done =
        for_each_attribute(attributes, [&](const Attribute& a) { return read_way(a, way); });
    if (!done.ok()) return done;
    ways.push_back(way);
    align(r, hop.rtnh_len);
  }
  return success();
}

bool is_ip(uint8_t family) {
  return family == AF_INET || family == AF_INET6;
}

struct RouteAttributes {
  std::optional<wire::IpAddress> destination;
  Way single;
  std::vector<Way> multipath;
};

Status read_route_attribute(const Attribute& a, RouteMessage& route, RouteAttributes& has) {
  switch (a.type) {
    case RTA_DST:
      has.destination = address_of(a.value);
      return has.destination ? success() : Status(Errc::kBadLength);
    case RTA_TABLE:
      route.table = a.as<uint32_t>();
      return success();
    case RTA_NH_ID:
      route.to.object = a.as<uint32_t>();
      return success();
    case RTA_MULTIPATH:
      return read_multipath(a.value, has.multipath);
    default:
      return read_way(a, has.single);
  }
}

// The default route has no RTA_DST.
Status set_prefix(RouteMessage& route, const rtmsg& header, const RouteAttributes& has) {
  const bool v4 = header.rtm_family == AF_INET;
  wire::IpAddress to = has.destination.value_or(wire::IpAddress{});
  if (!has.destination && !v4) to.family = wire::Family::kV6;
  if (to.is_v4() != v4 || header.rtm_dst_len > to.bits()) return Errc::kBadValue;
  route.prefix = wire::Prefix::make(to, header.rtm_dst_len);
  return success();
}

void set_destination(RouteMessage& route, const rtmsg& header, RouteAttributes& has) {
  Destination& to = route.to;
  to.blackhole = header.rtm_type == RTN_BLACKHOLE || header.rtm_type == RTN_UNREACHABLE ||
                 header.rtm_type == RTN_PROHIBIT;
  if (route.removes || to.blackhole) {
    to.object = 0;
  } else if (to.object == 0) {
    to.ways = std::move(has.multipath);
    if (to.ways.empty() && (has.single.gateway || has.single.interface != 0))
      to.ways.push_back(has.single);
  }
}

bool is_unicast_or_drop(uint8_t type) {
  return type == RTN_UNICAST || type == RTN_BLACKHOLE || type == RTN_UNREACHABLE ||
         type == RTN_PROHIBIT || type == RTN_UNSPEC;
}

Result<std::optional<Message>> read_route(wire::Reader r, bool removes) {
  const auto header = take<rtmsg>(r);
  if (!r.ok()) return r.truncated();
  if (!is_ip(header.rtm_family) || header.rtm_src_len != 0 || !is_unicast_or_drop(header.rtm_type))
    return std::optional<Message>{};
  RouteMessage route;
  route.removes = removes;
  route.table = header.rtm_table;
  route.protocol = header.rtm_protocol;
  RouteAttributes has;
  Status done = for_each_attribute(
      r, [&](const Attribute& a) { return read_route_attribute(a, route, has); });
  if (done.ok()) done = set_prefix(route, header, has);
  if (!done.ok()) return done.error();
  set_destination(route, header, has);
  return std::optional<Message>(std::move(route));
}

Status read_group(wire::Bytes value, std::vector<NextHopMessage::GroupMember>& group) {
  if (value.size() % sizeof(nexthop_grp) != 0) return Errc::kBadLength;
  if (value.size() / sizeof(nexthop_grp) > kMostWays) return Errc::kBadValue;
  for (wire::Reader r(value); !r.done();) {
    const auto member = take<nexthop_grp>(r);
    group.push_back({member.id, static_cast<uint16_t>(member.weight + 1)});
  }
  return success();
}

Status read_next_hop_attribute(const Attribute& a, NextHopMessage& hop) {
  switch (a.type) {
    case NHA_ID:
      hop.object = a.as<uint32_t>();
      return success();
    case NHA_GROUP:
      return read_group(a.value, hop.group);
    case NHA_BLACKHOLE:
      hop.blackhole = true;
      return success();
    case NHA_OIF:
      hop.way.interface = a.as<uint32_t>();
      return success();
    case NHA_GATEWAY:
      hop.way.gateway = address_of(a.value);
      return hop.way.gateway ? success() : Status(Errc::kBadLength);
    default:
      return success();
  }
}

Result<std::optional<Message>> read_next_hop(wire::Reader r, bool removes) {
  (void)take<nhmsg>(r);
  if (!r.ok()) return r.truncated();
  NextHopMessage hop;
  hop.removes = removes;
  const Status done =
      for_each_attribute(r, [&](const Attribute& a) { return read_next_hop_attribute(a, hop); });
  if (!done.ok()) return done.error();
  if (hop.object == 0) return Errc::kBadValue;
  return std::optional<Message>(std::move(hop));
}

Result<std::optional<Message>> read_message(uint16_t type, wire::Bytes body) {
  switch (type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return read_route(wire::Reader(body), type == RTM_DELROUTE);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return read_next_hop(wire::Reader(body), type == RTM_DELNEXTHOP);
    default:
      return std::optional<Message>{};
  }
}

}  // namespace

Result<std::vector<Message>> parse(wire::Bytes frame) {
  std::vector<Message> messages;
  wire::Reader r(frame);
  while (!r.done()) {
    const auto header = take<nlmsghdr>(r);
    if (!r.ok()) return r.truncated();
    if (header.nlmsg_len < sizeof(nlmsghdr)) return r.error(Errc::kBadLength);
    const wire::Bytes body = r.take(header.nlmsg_len - sizeof(nlmsghdr));
    if (!r.ok()) return r.truncated();
    align(r, header.nlmsg_len);
    Result<std::optional<Message>> message = read_message(header.nlmsg_type, body);
    if (!message.ok()) return message.error();
    if (*message) messages.push_back(std::move(**message));
  }
  return messages;
}

}  // namespace kanmon::fpm
