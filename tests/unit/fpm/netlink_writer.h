// Writes netlink messages as rtnetlink(7) lays them out, for tests of what reads them.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "dataplane/wire/address.h"

namespace kanmon::fpm {

using Octets = std::vector<uint8_t>;

inline void append(Octets& to, const void* from, size_t octets) {
  const size_t before = to.size();
  to.resize(before + octets);
  if (octets != 0) std::memcpy(&to[before], from, octets);
}

inline void pad(Octets& to) {
  while (to.size() % 4 != 0) to.push_back(0);
}

inline Octets attribute(uint16_t type, const Octets& value) {
  Octets out;
  const rtattr header{static_cast<uint16_t>(sizeof(rtattr) + value.size()), type};
  append(out, &header, sizeof header);
  append(out, value.data(), value.size());
  pad(out);
  return out;
}

template <class T>
Octets attribute_of(uint16_t type, T value) {
  Octets octets;
  append(octets, &value, sizeof value);
  return attribute(type, octets);
}

inline Octets octets_of(const char* address) {
  const auto parsed = wire::IpAddress::parse(address);
  const wire::Bytes octets = parsed->bytes();
  return {octets.begin(), octets.end()};
}

inline Octets message(uint16_t type, const Octets& body) {
  Octets out;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
  append(out, &header, sizeof header);
  append(out, body.data(), body.size());
  pad(out);
  return out;
}

inline Octets join(const std::vector<Octets>& parts) {
  Octets out;
  for (const Octets& part : parts) append(out, part.data(), part.size());
  return out;
}

// A route message; the default route has no RTA_DST, as the kernel and zebra write it.
inline Octets route(uint16_t type, const char* prefix, const std::vector<Octets>& attributes,
                    uint8_t kind = RTN_UNICAST) {
  const auto to = *wire::Prefix::parse(prefix);
  rtmsg header{};
  header.rtm_family = to.address.is_v4() ? AF_INET : AF_INET6;
  header.rtm_dst_len = to.length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BGP;
  header.rtm_type = kind;
  Octets body;
  append(body, &header, sizeof header);
  if (to.length != 0) {
    const wire::Bytes octets = to.address.bytes();
    const Octets destination = attribute(RTA_DST, {octets.begin(), octets.end()});
    append(body, destination.data(), destination.size());
  }
  const Octets rest = join(attributes);
  append(body, rest.data(), rest.size());
  return message(type, body);
}

inline Octets next_hop(uint16_t type, uint32_t id, const std::vector<Octets>& attributes) {
  nhmsg header{};
  header.nh_family = AF_INET;
  Octets body;
  append(body, &header, sizeof header);
  const Octets rest = join({attribute_of(NHA_ID, id), join(attributes)});
  append(body, rest.data(), rest.size());
  return message(type, body);
}

inline Octets group_attribute(const std::vector<std::pair<uint32_t, uint8_t>>& members) {
  Octets value;
  for (const auto& [id, weight] : members) {
    const nexthop_grp entry{id, static_cast<uint8_t>(weight - 1), 0, 0};
    append(value, &entry, sizeof entry);
  }
  return attribute(NHA_GROUP, value);
}

inline Octets frame(const Octets& payload) {
  const size_t length = payload.size() + 4;
  Octets out = {1, 1, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  append(out, payload.data(), payload.size());
  return out;
}

}  // namespace kanmon::fpm
