// Attribute sets: equal content is one object, whatever the order it came in; nothing is lost
// between the editable form and the compact one; the last reference frees. BGP-05, BGP-06, BGP-21.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "control/bgp/attributes.h"

namespace kanmon::bgp {
namespace {

Attributes full() {
  Attributes a;
  a.origin = Origin::kEgp;
  a.as_path = {65001, 4200000000};
  a.as_path.append(SegmentType::kSet, std::array<uint32_t, 3>{9, 7, 9});
  a.next_hop = *wire::IpAddress::parse("2001:db8::1");
  a.link_local = *wire::IpAddress::parse("fe80::1");
  a.med = 0;  // present and zero is not the same as absent
  a.local_pref = 200;
  a.atomic_aggregate = true;
  a.aggregator = Aggregator{65001, 0x0a000001};
  a.originator_id = 7;
  a.cluster_list = {3, 1, 2};
  a.communities = {0xffff0000, 65001u << 16 | 1};
  a.extended = {0x0002fde900000001, 0x0102030405060708};
  a.large = {{2, 0, 1}, {1, 2, 3}};
  a.unknown = {{0xe0, 200, {1, 2, 3, 4, 5}}, {0xe0, 99, {}}};
  a.weight = 5;
  return a;
}

TEST(BgpAttributes, NothingIsLostInTheCompactForm) {
  AttributeTable table;
  Attributes in = full();
  const AttributeRef set = table.intern(in);
  Attributes out;
  out.med = 99;
  out.communities = {1, 2, 3};
  out.assign(*set);
  EXPECT_EQ(out, in);
  EXPECT_EQ(out.cluster_list, (std::vector<uint32_t>{3, 1, 2})) << "a cluster list has an order";
  EXPECT_EQ(set->large(0), (LargeCommunity{1, 2, 3}));
  EXPECT_EQ(set->path_length(), 3u);
  EXPECT_EQ(set->neighbor_as(), 65001u);
  EXPECT_TRUE(set->has_community(0xffff0000));
  EXPECT_FALSE(set->has_community(0xffff0001));
}

TEST(BgpAttributes, OrderAndRepetitionOfCommunitiesDoNotMatter) {
  AttributeTable table;
  Attributes a = full(), b = full();
  std::reverse(b.communities.begin(), b.communities.end());
  b.communities.push_back(b.communities.front());
  std::reverse(b.extended.begin(), b.extended.end());
  std::reverse(b.large.begin(), b.large.end());
  std::reverse(b.unknown.begin(), b.unknown.end());
  EXPECT_EQ(table.intern(a), table.intern(b));
}

// Every single difference makes another set.
TEST(BgpAttributes, EveryFieldCounts) {
  const std::vector<void (*)(Attributes&)> changes = {
      [](Attributes&) {},
      [](Attributes& a) { a.origin = Origin::kIgp; },
      [](Attributes& a) { a.as_path.prepend(1); },
      [](Attributes& a) { a.next_hop.octets[15] = 2; },
      [](Attributes& a) { a.next_hop.family = wire::Family::kV4; },
      [](Attributes& a) { a.link_local.reset(); },
      [](Attributes& a) { a.link_local->octets[15] = 2; },
      [](Attributes& a) { a.med.reset(); },
      [](Attributes& a) { a.med = 1; },
      [](Attributes& a) { a.local_pref.reset(); },
      [](Attributes& a) { a.local_pref = 0; },
      [](Attributes& a) { a.atomic_aggregate = false; },
      [](Attributes& a) { a.aggregator.reset(); },
      [](Attributes& a) { a.aggregator->asn = 1; },
      [](Attributes& a) { a.originator_id.reset(); },
      [](Attributes& a) {
        a.cluster_list = {1, 2, 3};
      },
      [](Attributes& a) { a.communities.pop_back(); },
      [](Attributes& a) { a.extended.pop_back(); },
      [](Attributes& a) { a.large.pop_back(); },
      [](Attributes& a) { a.unknown[1].octets.pop_back(); },
      [](Attributes& a) { a.unknown[0].flags = 0xc0; },
      [](Attributes& a) { a.weight = 0; },
  };
  AttributeTable table;
  std::vector<AttributeRef> sets;
  for (const auto change : changes) {
    Attributes a = full();
    a.normalize();
    change(a);
    sets.push_back(table.intern(a));
  }
  EXPECT_EQ(table.size(), changes.size());
  for (size_t i = 0; i < sets.size(); ++i) {
    for (size_t k = 0; k < i; ++k) EXPECT_NE(sets[i], sets[k]) << i << " and " << k;
  }
}

TEST(BgpAttributes, TheLastReferenceFrees) {
  AttributeTable table;
  Attributes a = full();
  {
    AttributeRef first = table.intern(a);
    AttributeRef second = first;
    first = AttributeRef();
    EXPECT_EQ(table.size(), 1u);
    second = second;  // NOLINT: to itself
    EXPECT_EQ(table.intern(a), second);
    AttributeRef third = std::move(second);
    EXPECT_EQ(table.size(), 1u);
    EXPECT_GT(table.memory_bytes(), 0u);
  }
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.memory_bytes(), 0u);
}

TEST(BgpAttributes, ClearedIsAsNew) {
  Attributes a = full();
  a.clear();
  EXPECT_EQ(a, Attributes());
}

TEST(BgpAsPath, SegmentsAreCanonical) {
  AsPath one, two;
  one.append(SegmentType::kSequence, std::array<uint32_t, 2>{1, 2});
  one.append(SegmentType::kSequence, std::array<uint32_t, 1>{3});
  one.append(SegmentType::kSequence, {});
  two.append(SegmentType::kSequence, std::array<uint32_t, 3>{1, 2, 3});
  EXPECT_EQ(one, two);
  one.append(SegmentType::kSet, std::array<uint32_t, 3>{5, 4, 5});
  two.append(SegmentType::kSet, std::array<uint32_t, 2>{4, 5});
  EXPECT_EQ(one, two);
  EXPECT_EQ(one.view().to_string(), "1 2 3 {4 5}");
  EXPECT_EQ(one.view().length(), 4u);
  EXPECT_EQ(one.view().neighbor(), 1u);
  EXPECT_EQ(one.view().origin(), 0u) << "a set names no originator";
  EXPECT_EQ(two.view().count(5), 1u);
}

TEST(BgpAsPath, PrependingStartsASequenceBeforeASet) {
  AsPath path;
  path.append(SegmentType::kSet, std::array<uint32_t, 2>{8, 9});
  EXPECT_EQ(path.view().neighbor(), 0u);
  path.prepend(7, 3);
  EXPECT_EQ(path.view().to_string(), "7 7 7 {8 9}");
  EXPECT_EQ(path.view().neighbor(), 7u);
  path.prepend(6);
  path.prepend(5, 0);
  EXPECT_EQ(path.view().to_string(), "6 7 7 7 {8 9}");
  AsPath empty;
  empty.prepend(1);
  EXPECT_EQ(empty, AsPath({1}));
}

// Longer than one wire segment of 255, and than the 2048 of BIRD's overflow (BGP-06).
TEST(BgpAsPath, LongPaths) {
  AsPath path;
  std::vector<uint32_t> part(255, 64512);
  for (int i = 0; i < 12; ++i) path.append(SegmentType::kSequence, part);
  EXPECT_EQ(path.view().length(), 12u * 255);
  AttributeTable table;
  Attributes a;
  a.as_path = path;
  EXPECT_EQ(table.intern(a)->as_path().count(64512), 12u * 255);
}

TEST(BgpAsPath, MappedLeavesOutAndMerges) {
  AsPath path = {1, 64512, 2};
  path.append(SegmentType::kSet, std::array<uint32_t, 1>{64513});
  path.append(SegmentType::kSequence, std::array<uint32_t, 1>{3});
  const auto without = path.mapped([](uint32_t asn) { return asn >= 64512 ? 0 : asn; });
  EXPECT_EQ(without, AsPath({1, 2, 3}));
}

}  // namespace
}  // namespace kanmon::bgp
