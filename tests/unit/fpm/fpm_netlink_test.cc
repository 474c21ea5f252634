// Messages of dplane_fpm_nl as rtnetlink(7) and linux/nexthop.h describe them.
#include <random>

#include <gtest/gtest.h>

#include "control/fpm/frames.h"
#include "control/fpm/netlink.h"
#include "tests/unit/fpm/netlink_writer.h"

namespace kanmon::fpm {
namespace {

wire::IpAddress ip(const char* text) {
  return *wire::IpAddress::parse(text);
}

RouteMessage only_route(const Octets& octets) {
  const auto messages = parse(octets);
  EXPECT_TRUE(messages.ok());
  EXPECT_EQ(messages->size(), 1u);
  return std::get<RouteMessage>(messages->at(0));
}

TEST(FpmNetlink, ReadsARouteWithOneGateway) {
  const auto r = only_route(
      route(RTM_NEWROUTE, "10.1.0.0/16",
            {attribute(RTA_GATEWAY, octets_of("169.254.10.1")), attribute_of(RTA_OIF, 7u)}));
  EXPECT_FALSE(r.removes);
  EXPECT_EQ(r.prefix.to_string(), "10.1.0.0/16");
  EXPECT_EQ(r.table, RT_TABLE_MAIN);
  EXPECT_EQ(r.protocol, RTPROT_BGP);
  EXPECT_EQ(r.to.ways, (std::vector<Way>{{ip("169.254.10.1"), 7, 1}}));
}

TEST(FpmNetlink, ReadsTheDefaultRouteOfEitherFamily) {
  EXPECT_EQ(only_route(route(RTM_NEWROUTE, "0.0.0.0/0", {})).prefix.to_string(), "0.0.0.0/0");
  EXPECT_EQ(only_route(route(RTM_NEWROUTE, "::/0", {})).prefix.to_string(), "::/0");
}

TEST(FpmNetlink, ReadsMultipathWithWeights) {
  const auto hop = [](const char* gateway, int interface, uint8_t weight) {
    const Octets inner = attribute(RTA_GATEWAY, octets_of(gateway));
    rtnexthop header{};
    header.rtnh_len = static_cast<uint16_t>(sizeof header + inner.size());
    header.rtnh_hops = static_cast<uint8_t>(weight - 1);
    header.rtnh_ifindex = interface;
    Octets out;
    append(out, &header, sizeof header);
    append(out, inner.data(), inner.size());
    return out;
  };
  const auto r = only_route(
      route(RTM_NEWROUTE, "2001:db8::/32",
            {attribute(RTA_MULTIPATH, join({hop("fd00::1", 3, 1), hop("fd00::2", 4, 200)}))}));
  EXPECT_EQ(r.to.ways, (std::vector<Way>{{ip("fd00::1"), 3, 1}, {ip("fd00::2"), 4, 200}}));
}

// RFC 5549 routes: an IPv4 prefix by an IPv6 gateway.
TEST(FpmNetlink, ReadsAGatewayOfTheOtherFamily) {
  Octets via = {AF_INET6, 0};
  const Octets address = octets_of("fe80::9");
  via.insert(via.end(), address.begin(), address.end());
  const auto r = only_route(route(RTM_NEWROUTE, "10.0.0.0/8", {attribute(RTA_VIA, via)}));
  ASSERT_EQ(r.to.ways.size(), 1u);
  EXPECT_EQ(r.to.ways[0].gateway, ip("fe80::9"));
}

TEST(FpmNetlink, RoutesThatDropHaveNoWays) {
  for (const uint8_t kind : {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT}) {
    const auto r = only_route(route(RTM_NEWROUTE, "10.0.0.0/8", {}, kind));
    EXPECT_TRUE(r.to.blackhole);
    EXPECT_TRUE(r.to.ways.empty());
  }
}

TEST(FpmNetlink, ReadsNextHopObjects) {
  const auto messages = parse(
      join({next_hop(RTM_NEWNEXTHOP, 11,
                     {attribute(NHA_GATEWAY, octets_of("10.0.0.1")), attribute_of(NHA_OIF, 5u)}),
            next_hop(RTM_NEWNEXTHOP, 12, {attribute(NHA_BLACKHOLE, {})}),
            next_hop(RTM_NEWNEXTHOP, 13, {group_attribute({{11, 1}, {12, 255}})}),
            next_hop(RTM_DELNEXTHOP, 14, {}),
            route(RTM_NEWROUTE, "10.2.0.0/16", {attribute_of(RTA_NH_ID, 13u)})}));
  ASSERT_TRUE(messages.ok());
  ASSERT_EQ(messages->size(), 5u);
  const auto& single = std::get<NextHopMessage>(messages->at(0));
  EXPECT_EQ(single.object, 11u);
  EXPECT_EQ(single.way, (Way{ip("10.0.0.1"), 5, 1}));
  EXPECT_TRUE(std::get<NextHopMessage>(messages->at(1)).blackhole);
  EXPECT_EQ(std::get<NextHopMessage>(messages->at(2)).group,
            (std::vector<NextHopMessage::GroupMember>{{11, 1}, {12, 255}}));
  EXPECT_TRUE(std::get<NextHopMessage>(messages->at(3)).removes);
  EXPECT_EQ(std::get<RouteMessage>(messages->at(4)).to.object, 13u);
}

TEST(FpmNetlink, PassesOverWhatItDoesNotKnow) {
  rtmsg multicast{};
  multicast.rtm_family = AF_INET;
  multicast.rtm_type = RTN_MULTICAST;
  Octets body;
  append(body, &multicast, sizeof multicast);
  const auto messages =
      parse(join({message(RTM_NEWLINK, Octets(16)), message(RTM_NEWROUTE, body),
                  route(RTM_NEWROUTE, "10.0.0.0/8", {attribute_of(RTA_PRIORITY, 20u)})}));
  ASSERT_TRUE(messages.ok());
  EXPECT_EQ(messages->size(), 1u);
}

TEST(FpmNetlink, RefusesLengthsThatContradictEachOther) {
  const Octets good = route(RTM_NEWROUTE, "10.0.0.0/8", {attribute_of(RTA_OIF, 1u)});
  for (size_t cut = 1; cut < good.size(); ++cut)
    EXPECT_FALSE(parse(wire::Bytes(good).first(cut)).ok()) << cut;
  Octets bad = good;
  bad[0] = 15;  // shorter than its own header
  EXPECT_FALSE(parse(bad).ok());
  bad = good;
  bad[sizeof(nlmsghdr) + sizeof(rtmsg)] = 3;  // likewise, of the first attribute
  EXPECT_FALSE(parse(bad).ok());
  bad = good;
  bad[sizeof(nlmsghdr) + 1] = 33;  // a prefix longer than an address
  EXPECT_EQ(parse(bad).error().code, Errc::kBadValue);
}

TEST(FpmNetlink, RefusesAGatewayThatIsNoAddressAndObjectsWithoutANumber) {
  EXPECT_FALSE(parse(route(RTM_NEWROUTE, "10.0.0.0/8", {attribute(RTA_GATEWAY, {1, 2, 3})})).ok());
  EXPECT_EQ(parse(next_hop(RTM_NEWNEXTHOP, 0, {})).error().code, Errc::kBadValue);
}

TEST(FpmNetlink, ManyWaysAreRefused) {
  std::vector<std::pair<uint32_t, uint8_t>> members(kMostWays, {1, 1});
  EXPECT_TRUE(parse(next_hop(RTM_NEWNEXTHOP, 1, {group_attribute(members)})).ok());
  members.emplace_back(1, 1);
  EXPECT_FALSE(parse(next_hop(RTM_NEWNEXTHOP, 1, {group_attribute(members)})).ok());
}

// ---- frames

TEST(FpmFrames, ComeOutWholeHoweverTheyArrive) {
  const Octets one = route(RTM_NEWROUTE, "10.0.0.0/8", {});
  const Octets two = route(RTM_DELROUTE, "10.0.0.0/8", {});
  const Octets stream = join({frame(one), frame(two), frame({})});
  for (size_t step : {size_t{1}, size_t{3}, size_t{7}, stream.size()}) {
    Frames frames;
    std::vector<Octets> seen;
    for (size_t at = 0; at < stream.size(); at += step) {
      frames.feed(wire::Bytes(stream).subspan(at, std::min(step, stream.size() - at)));
      for (auto f = frames.next(); f.ok() && *f; f = frames.next())
        seen.emplace_back((*f)->begin(), (*f)->end());
    }
    EXPECT_EQ(seen, (std::vector<Octets>{one, two, {}})) << step;
  }
}

TEST(FpmFrames, OfAnotherVersionOrTypeEndTheConnection) {
  for (const Octets& bad : {Octets{2, 1, 0, 4}, Octets{1, 2, 0, 4}}) {
    Frames frames;
    frames.feed(bad);
    EXPECT_EQ(frames.next().error().code, Errc::kUnsupported);
  }
  Frames frames;
  frames.feed(Octets{1, 1, 0, 3});
  EXPECT_EQ(frames.next().error().code, Errc::kBadLength);
}

}  // namespace
}  // namespace kanmon::fpm
