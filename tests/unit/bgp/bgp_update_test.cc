// UPDATE beyond the table of RFC 7606: BGP-02 (lengths), BGP-05 (order), BGP-06 and BGP-23 (paths),
// BGP-19 (families), BGP-20 (prefixes), BGP-21 (unknown attributes); and what the writer makes of
// it.
#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "control/bgp/wire/as_path.h"
#include "control/bgp/wire/nlri.h"
#include "control/bgp/wire/update_writer.h"
#include "tests/unit/bgp/update_support.h"

namespace kanmon::bgp {
namespace {

using wire::Family;

const Octets kGood = kOrigin + kPath + kNextHop;

TEST(BgpUpdate, LayoutOfBothFamilies) {
  Update got;
  const Octets attributes = mp_reach(hex("0002 01"), kV6Next, kV6Net) + kGood +
                            attribute(0x80, 4, hex("00000007")) +
                            attribute(0xc0, 8, hex("ffff029a 00010002"));
  ASSERT_FALSE(parse_update(update_body(kNet11, attributes, kNet10), context_of(true), got));
  EXPECT_EQ(got.action, Action::kAccept);
  EXPECT_EQ(got.withdrawn, std::vector<Nlri>{net("11.0.0.0/8")});
  EXPECT_EQ(got.plain.nlri, std::vector<Nlri>{net("10.0.0.0/8")});
  EXPECT_EQ(got.plain.next_hop.to_string(), "192.0.2.1");
  EXPECT_EQ(got.multiprotocol.nlri, std::vector<Nlri>{net("2001:db8::/32")});
  EXPECT_EQ(got.multiprotocol.next_hop.to_string(), "2001:db8::1");
  EXPECT_EQ(got.attributes.origin, Origin::kIgp);
  EXPECT_EQ(got.attributes.as_path, AsPath{65001});
  EXPECT_EQ(got.attributes.med, 7u);
  EXPECT_EQ(got.attributes.communities, (std::vector<uint32_t>{0xffff029a, 0x00010002}));
}

// Past bug 39 (GoBGP CVE-2026-37462): both lengths with every value around the border.
TEST(BgpUpdate, Bgp02EveryPairOfLengths) {
  const Octets whole = update_body(kNet11, kGood, kNet10);
  for (std::size_t withdrawn = 0; withdrawn < 0x10000; withdrawn += withdrawn < 64 ? 1 : 977)
    for (std::size_t attributes = 0; attributes < 0x10000;
         attributes += attributes < 64 ? 1 : 977) {
      Octets body = whole;
      store_be<uint16_t>(body.data(), static_cast<uint16_t>(withdrawn));
      const bool is_second_there = 2 + withdrawn + 2 <= body.size();
      if (is_second_there)
        store_be<uint16_t>(body.data() + 2 + withdrawn, static_cast<uint16_t>(attributes));
      Update got;
      const Verdict v = parse_update(body, context_of(true), got);
      if (!is_second_there || 4 + withdrawn + attributes > body.size()) {
        ASSERT_EQ(v, (Notification{3, 1, {}})) << withdrawn << " " << attributes;
      } else if (v) {
        ASSERT_EQ(v->code, 3);
      }
    }
}

TEST(BgpUpdate, Bgp02EveryTruncation) {
  const Octets body = update_body(kNet11, kGood, kNet10 + hex("18 c00002"));
  for (std::size_t n = 0; n < body.size(); ++n) {
    Update got;
    const Verdict v = parse_update(wire::Bytes(body).first(n), context_of(true), got);
    // Cut between two prefixes it is a whole message; cut before them it announces nothing.
    const bool is_border = n == body.size() - 4 || n == body.size() - 6;
    EXPECT_EQ(!v, is_border) << n;
  }
}

TEST(BgpUpdate, Bgp05AnyOrderOfAttributesGivesTheSameRoute) {
  UpdateContext context = context_of(false);
  context.as4 = false;
  std::vector<Octets> parts{kOrigin,
                            attribute(0x40, 2, hex("02 02 fde9 5ba0")),
                            kNextHop,
                            kLocalPref,
                            attribute(0xc0, 7, hex("5ba0 0a000001")),
                            attribute(0xc0, 17, hex("02 01 00010000")),
                            attribute(0xc0, 18, hex("00010000 0a000002")),
                            attribute(0xc0, 99, hex("0102"))};
  Update first;
  ASSERT_FALSE(parse_update(update_body({}, joined(parts), kNet10), context, first));
  EXPECT_EQ(first.attributes.as_path, (AsPath{65001, 65536}));
  EXPECT_EQ(first.attributes.aggregator, (Aggregator{65536, 0x0a000002}));
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  do {
    std::vector<Octets> shuffled;
    for (const size_t i : order) shuffled.push_back(parts[i]);
    Update got;
    ASSERT_FALSE(parse_update(update_body({}, joined(shuffled), kNet10), context, got));
    ASSERT_EQ(got.attributes, first.attributes);
    ASSERT_EQ(got.plain.nlri, first.plain.nlri);
    ASSERT_EQ(got.action, Action::kAccept);
  } while (std::next_permutation(order.begin(), order.end()));
}

struct Merge {
  const char* name;
  const char* as_path;   // two octets
  const char* as4_path;  // four octets
  const char* merged;
};
constexpr Merge kMerges[] = {
    {"none lost", "02 02 fde9 fdea", "", "65001 65002"},
    {"tail replaced", "02 03 fde9 5ba0 5ba0", "02 02 00010001 00010002", "65001 65537 65538"},
    {"all replaced", "02 02 5ba0 5ba0", "02 02 0000fde9 00010002", "65001 65538"},
    {"as4 path longer: left alone", "02 01 fde9", "02 02 00010001 00010002", "65001"},
    {"a set is one", "02 01 fde9 01 02 0001 0002", "01 02 00010001 00010002",
     "65001 {65537 65538}"},
    {"cut in a sequence", "02 04 fde9 0002 0003 5ba0", "02 01 00010001", "65001 2 3 65537"},
    {"confederations do not count", "02 02 fde9 5ba0",
     "03 03 00000001 00000002 00000003 02 01 00010001", "65001 65537"},
};

TEST(BgpUpdate, Bgp06MergeOfAs4Path) {
  UpdateContext context = context_of(false);
  context.as4 = false;
  for (const Merge& m : kMerges) {
    Octets attributes = kOrigin + kNextHop + kLocalPref + attribute(0x40, 2, hex(m.as_path));
    if (*m.as4_path != 0) attributes = attributes + attribute(0xc0, 17, hex(m.as4_path));
    Update got;
    ASSERT_FALSE(parse_update(update_body({}, attributes, kNet10), context, got)) << m.name;
    EXPECT_EQ(got.attributes.as_path.view().to_string(), m.merged) << m.name;
  }
}

// RFC 6793 section 4.2.3: an aggregator that is no AS_TRANS was there after the AS4 attributes.
TEST(BgpUpdate, Bgp23AggregatorDecidesAboutAs4) {
  UpdateContext context = context_of(true);
  context.as4 = false;
  const Octets path = attribute(0x40, 2, hex("02 02 fde9 5ba0"));
  const Octets as4 =
      attribute(0xc0, 17, hex("02 01 00010000")) + attribute(0xc0, 18, hex("00010000 0a000002"));
  Update got;
  ASSERT_FALSE(parse_update(
      update_body({}, kOrigin + path + kNextHop + attribute(0xc0, 7, hex("fdea 0a000001")) + as4,
                  kNet10),
      context, got));
  EXPECT_EQ(got.attributes.as_path, (AsPath{65001, 23456}));
  EXPECT_EQ(got.attributes.aggregator, (Aggregator{65002, 0x0a000001}));
  // Without AGGREGATOR its companion means nothing.
  ASSERT_FALSE(
      parse_update(update_body({}, kOrigin + path + kNextHop + as4, kNet10), context, got));
  EXPECT_EQ(got.attributes.as_path, (AsPath{65001, 65536}));
  EXPECT_FALSE(got.attributes.aggregator);
}

// Past bug 38 (BIRD CVE-2026-49943): more numbers than an ordinary message holds.
TEST(BgpUpdate, Bgp06LongestPathOfAnExtendedMessage) {
  Octets value;
  unsigned members = 0;
  while (value.size() + 2 + 4 * 255 < 65400) {
    value = value + Octets{2, 255};
    for (unsigned i = 0; i < 255; ++i, ++members) value = value + hex("0000fde9");
  }
  Update got;
  ASSERT_FALSE(parse_update(update_body({}, kOrigin + attribute(0x40, 2, value) + kNextHop, kNet10),
                            context_of(true), got));
  EXPECT_GT(members, 2048u);
  EXPECT_EQ(got.attributes.as_path.view().length(), members);
}

TEST(BgpUpdate, Bgp19EndOfRib) {
  Update got;
  ASSERT_FALSE(parse_update(update_body({}, {}, {}), context_of(true), got));
  EXPECT_EQ(got.end_of_rib, Family::kV4);
  ASSERT_FALSE(
      parse_update(update_body({}, mp_unreach(hex("0002 01"), {}), {}), context_of(true), got));
  EXPECT_EQ(got.end_of_rib, Family::kV6);
  ASSERT_FALSE(
      parse_update(update_body({}, mp_unreach(hex("0001 01"), {}), {}), context_of(true), got));
  EXPECT_EQ(got.end_of_rib, Family::kV4);
  // With attributes, with routes, or of a family that was not agreed on it is none (past bug 36).
  for (const Octets& body :
       {update_body({}, mp_unreach(hex("0002 01"), {}) + kOrigin, {}),
        update_body(kNet11, mp_unreach(hex("0002 01"), {}), {}),
        update_body({}, mp_unreach(hex("0002 01"), kV6Net), {}),
        update_body({}, mp_unreach(hex("0001 80"), {}), {}), update_body(kNet11, {}, {})}) {
    ASSERT_FALSE(parse_update(body, context_of(true), got));
    EXPECT_FALSE(got.end_of_rib);
  }
}

TEST(BgpUpdate, Bgp19OfAFamilyNotAgreedOnNothingIsTaken) {
  UpdateContext context = context_of(true);
  context.family[Family::kV4] = context.family[Family::kV6] = false;
  Update got;
  const Octets attributes =
      mp_reach(hex("0002 01"), kV6Next, kV6Net) + mp_unreach(hex("0001 01"), kNet10) + kGood;
  ASSERT_FALSE(parse_update(update_body(kNet11, attributes, kNet10), context, got));
  EXPECT_TRUE(got.withdrawn.empty() && got.plain.nlri.empty() && got.multiprotocol.nlri.empty());
  ASSERT_FALSE(parse_update(update_body({}, {}, {}), context, got));
  EXPECT_FALSE(got.end_of_rib);
}

// Every length of both families, octet by octet.
TEST(BgpUpdate, Bgp20EveryPrefixLength) {
  for (const Family family : kFamilies) {
    const unsigned longest = family == Family::kV4 ? 32 : 128;
    for (unsigned length = 0; length <= 255; ++length)
      for (std::size_t octets = 0; octets <= 17; ++octets) {
        Octets field{static_cast<uint8_t>(length)};
        // 32.1.13.184 or 2001:db8…: no martian; host bits are set.
        field = field + hex("20010db8") + Octets(13, 0xff);
        field.resize(1 + octets);
        std::vector<Nlri> out;
        uint64_t martians = 0;
        const std::size_t needed = (length + 7) / 8;
        // What is left over may itself be prefixes, so that only exact fields are judged here.
        if (octets > needed) continue;
        ASSERT_EQ(parse_nlri(field, family, false, out, martians),
                  length <= longest && octets == needed);
        if (length > longest || octets != needed) continue;
        ASSERT_EQ(out.size(), 1u);
        ASSERT_EQ(out[0].prefix, wire::Prefix::make(out[0].prefix.address, out[0].prefix.length));
        ASSERT_EQ(out[0].prefix.length, length);
      }
  }
}

TEST(BgpUpdate, Bgp20PrefixTooLongResets) {
  Update got;
  for (const char* bad : {"21 0a00000000", "ff", "20 0a0000"}) {
    EXPECT_EQ(parse_update(update_body({}, kGood, hex(bad)), context_of(true), got),
              (Notification{3, 10, {}}))
        << bad;
    EXPECT_EQ(parse_update(update_body(hex(bad), {}, {}), context_of(true), got),
              (Notification{3, 10, {}}))
        << bad;
  }
}

TEST(BgpUpdate, Bgp20MartiansAreLeftOut) {
  for (const char* bad : {"0.0.0.0/8", "127.0.0.0/8", "127.0.0.1/32", "224.0.0.0/4", "239.1.0.0/16",
                          "240.0.0.0/4", "255.255.255.255/32", "ff00::/8", "ff02::1/128",
                          "fe80::/10", "fe80::1/128", "::1/128", "::/128"})
    EXPECT_TRUE(is_martian(wire::Prefix::parse(bad).value())) << bad;
  for (const char* good :
       {"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "169.254.1.0/30", "192.0.2.1/32",
        "::/0", "2000::/3", "fc00::/7", "2001:db8::1/128", "64:ff9b::/96"})
    EXPECT_FALSE(is_martian(wire::Prefix::parse(good).value())) << good;
  Update got;
  ASSERT_FALSE(parse_update(update_body({}, kGood, hex("08 7f") + kNet10 + hex("08 e0")),
                            context_of(true), got));
  EXPECT_EQ(got.plain.nlri, std::vector<Nlri>{net("10.0.0.0/8")});
  EXPECT_EQ(got.martians, 2u);
}

TEST(BgpUpdate, Bgp21UnknownAttributes) {
  Update got;
  ASSERT_FALSE(parse_update(
      update_body({},
                  kGood + attribute(0xc0, 99, hex("0102")) + attribute(0x80, 100, hex("03")) +
                      attribute(0xe0, 101, {}) + attribute(0xdf, 102, hex("04")),
                  kNet10),
      context_of(true), got));
  const std::vector<UnknownAttribute> wanted{
      {0xe0, 99, hex("0102")}, {0xe0, 101, {}}, {0xe0, 102, hex("04")}};
  EXPECT_EQ(got.attributes.unknown, wanted);
}

TEST(BgpUpdate, Bgp17PathIds) {
  UpdateContext context = context_of(true);
  context.path_ids[Family::kV4] = true;
  Update got;
  ASSERT_FALSE(
      parse_update(update_body(hex("00000007 08 0b"), kGood, hex("00000001 08 0a ffffffff 08 0a")),
                   context, got));
  EXPECT_EQ(got.withdrawn, std::vector<Nlri>{net("11.0.0.0/8", 7)});
  EXPECT_EQ(got.plain.nlri,
            (std::vector<Nlri>{net("10.0.0.0/8", 1), net("10.0.0.0/8", 0xffffffff)}));
  EXPECT_TRUE(parse_update(update_body({}, kGood, hex("000000 08 0a")), context, got));
}

// --- the writer ---

struct Collected {
  std::vector<Octets> messages;
  UpdateWriter::Sink sink() {
    return [this](wire::Bytes m) { messages.emplace_back(m.begin(), m.end()); };
  }
};

Attributes rich(Family family) {
  Attributes a;
  a.origin = Origin::kEgp;
  a.as_path = AsPath{65001, 4200000000, 65002};
  a.as_path.append(SegmentType::kSet, std::vector<uint32_t>{5, 70000});
  a.next_hop = wire::IpAddress::parse(family == Family::kV4 ? "192.0.2.1" : "2001:db8::1").value();
  if (family == Family::kV6) a.link_local = wire::IpAddress::parse("fe80::1").value();
  a.med = 5;
  a.local_pref = 200;
  a.atomic_aggregate = true;
  a.aggregator = Aggregator{4200000001, 7};
  a.originator_id = 8;
  a.cluster_list = {9, 3};
  a.communities = {0xffff0000, 1};
  a.extended = {0x0002fde900000001, 0x4300000000000000};
  a.large = {{1, 2, 3}, {0xffffffff, 0, 1}};
  a.unknown = {{0xe0, 11, hex("01")}, {0xe0, 99, Octets(300, 5)}};
  a.normalize();
  return a;
}

TEST(BgpWriter, LayoutByHand) {
  AttributeTable table;
  Attributes a;
  a.origin = Origin::kIgp;
  a.as_path = AsPath{65001};
  a.next_hop = wire::IpAddress::parse("192.0.2.1").value();
  const AttributeRef v4 = table.intern(a);
  a.next_hop = wire::IpAddress::parse("2001:db8::1").value();
  const AttributeRef v6 = table.intern(a);
  UpdateWriter writer(WriteContext{});
  Collected out;
  const Nlri net4 = net("10.0.0.0/8"), net6 = net("2001:db8::/32");
  EXPECT_TRUE(writer.announce(*v4, Family::kV4, {&net4, 1}, out.sink()).ok());
  EXPECT_EQ(out.messages.back(), raw_message(2, update_body({}, kGood, kNet10)));
  EXPECT_TRUE(writer.announce(*v6, Family::kV6, {&net6, 1}, out.sink()).ok());
  Octets reach = mp_reach(hex("0002 01"), kV6Next, kV6Net);
  reach = hex("90 0e 00") + Octets(reach.begin() + 2, reach.end());  // in the long form
  EXPECT_EQ(out.messages.back(), raw_message(2, update_body({}, reach + kOrigin + kPath, {})));
  writer.withdraw(Family::kV4, {&net4, 1}, out.sink());
  EXPECT_EQ(out.messages.back(), raw_message(2, update_body(kNet10, {}, {})));
  writer.withdraw(Family::kV6, {&net6, 1}, out.sink());
  EXPECT_EQ(out.messages.back(),
            raw_message(2, update_body({}, hex("90 0f 0008 0002 01") + kV6Net, {})));
  writer.end_of_rib(Family::kV4, out.sink());
  EXPECT_EQ(out.messages.back(), raw_message(2, update_body({}, {}, {})));
  writer.end_of_rib(Family::kV6, out.sink());
  EXPECT_EQ(out.messages.back(), raw_message(2, update_body({}, hex("90 0f 0003 0002 01"), {})));
  EXPECT_EQ(writer.announce(*v4, Family::kV6, {&net6, 1}, out.sink()).error().code,
            Errc::kUnsupported);
  EXPECT_EQ(out.messages.size(), 6u);
}

TEST(BgpWriter, WhatIsWrittenReadsTheSame) {
  for (const Family family : kFamilies)
    for (const bool as4 : {true, false})
      for (const bool external : {true, false}) {
        AttributeTable table;
        Attributes a = rich(family);
        const AttributeRef set = table.intern(a);
        WriteContext how{external, as4, {}, kMaxMessage};
        how.path_ids[Family::kV6] = true;
        UpdateWriter writer(how);
        Collected out;
        const std::vector<Nlri> nlri =
            family == Family::kV4
                ? std::vector<Nlri>{net("0.0.0.0/0"), net("10.1.2.3/32"), net("10.128.0.0/9")}
                : std::vector<Nlri>{net("::/0", 9), net("2001:db8::1/128", 1)};
        ASSERT_TRUE(writer.announce(*set, family, nlri, out.sink()).ok());
        ASSERT_EQ(out.messages.size(), 1u);
        UpdateContext context = context_of(external);
        context.as4 = as4;
        context.path_ids[Family::kV6] = true;
        Update got;
        ASSERT_FALSE(parse_update(body_of(out.messages[0]), context, got));
        EXPECT_EQ(got.action, Action::kAccept);
        EXPECT_EQ(family == Family::kV4 ? got.plain.nlri : got.multiprotocol.nlri, nlri);
        const Update::Reach& reach = family == Family::kV4 ? got.plain : got.multiprotocol;
        got.attributes.next_hop = reach.next_hop;
        got.attributes.link_local = reach.link_local;
        got.attributes.normalize();
        if (external) {
          a.local_pref.reset();
          a.originator_id.reset();
          a.cluster_list.clear();
        }
        EXPECT_EQ(got.attributes, a) << external << as4;
      }
}

// BGP-22: whatever there is to say, messages are full and within the limit, and none is lost.
TEST(BgpWriter, Bgp22PacksUpToTheLimit) {
  std::mt19937 rng(4271);
  for (const std::size_t longest : {kMaxMessage, kMaxExtendedMessage})
    for (const Family family : kFamilies) {
      std::vector<Nlri> nlri;
      for (unsigned i = 0; i < 20'000; ++i) {
        wire::IpAddress a = wire::IpAddress::v4(rng());
        a.octets[0] = 10;
        if (family == Family::kV6) {
          a.family = family;
          a.octets[0] = 0x20;
          store_be(a.octets.data() + 4, static_cast<uint32_t>(rng()));
        }
        nlri.push_back(
            {wire::Prefix::make(a, static_cast<uint8_t>(rng() % (a.bits() - 11u) + 12u)), 0});
      }
      AttributeTable table;
      Attributes attributes = rich(family);
      const AttributeRef set = table.intern(attributes);
      UpdateWriter writer(WriteContext{true, true, {}, longest});
      Collected out;
      ASSERT_TRUE(writer.announce(*set, family, nlri, out.sink()).ok());
      const std::size_t announced = out.messages.size();
      writer.withdraw(family, nlri, out.sink());
      std::vector<Nlri> back, gone;
      for (std::size_t i = 0; i < out.messages.size(); ++i) {
        ASSERT_LE(out.messages[i].size(), longest);
        if (i + 1 != announced && i + 1 != out.messages.size()) {
          ASSERT_GT(out.messages[i].size() + 17, longest);
        }
        Update got;
        ASSERT_FALSE(parse_update(body_of(out.messages[i]), context_of(true), got));
        auto& reach = family == Family::kV4 ? got.plain.nlri : got.multiprotocol.nlri;
        back.insert(back.end(), reach.begin(), reach.end());
        gone.insert(gone.end(), got.withdrawn.begin(), got.withdrawn.end());
      }
      EXPECT_EQ(back, nlri);
      EXPECT_EQ(gone, nlri);
    }
}

TEST(BgpWriter, AttributesThatLeaveNoRoomAreRefused) {
  for (const std::size_t extra : {3900u, 4000u, 4030u, 4040u, 4050u, 4060u, 4090u, 65000u}) {
    AttributeTable table;
    Attributes a;
    a.as_path = AsPath{65001};
    a.next_hop = wire::IpAddress::parse("192.0.2.1").value();
    a.unknown = {{0xc0, 99, Octets(extra, 1)}};
    const AttributeRef set = table.intern(a);
    UpdateWriter writer(WriteContext{});
    Collected out;
    const Nlri n = net("10.0.0.0/8");
    const Status s = writer.announce(*set, Family::kV4, {&n, 1}, out.sink());
    EXPECT_EQ(s.ok(), !out.messages.empty());
    // 23 of the message, 4 + 9 + 7 of the known ones, 4 of the header, 5 of the longest prefix.
    EXPECT_EQ(s.ok(), 23 + 4 + 9 + 7 + 4 + extra + 5 <= kMaxMessage) << extra;
  }
}

}  // namespace
}  // namespace kanmon::bgp
