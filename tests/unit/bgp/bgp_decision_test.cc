// The decision process: a total order that no order of arrival can bend (BGP-16), MED among one
// neighbour's routes only, each loser with the step it lost at, multipath.
#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/unit/bgp/rib_oracle.h"

namespace kanmon::bgp {
namespace {

struct Bed {
  AttributeTable table;
  std::vector<Source> sources = std::vector<Source>(8);
  std::vector<AttributeRef> held;

  Bed() {
    for (uint32_t i = 0; i < sources.size(); ++i) {
      sources[i].router_id = 10 + i;
      sources[i].address = wire::IpAddress::v4(0xa9fe1501 + 4 * i);
    }
  }
  Contender contender(uint16_t source, Attributes a, uint32_t path_id = 0) {
    held.push_back(table.intern(a));
    return {held.back().get(), &sources[source], source, path_id};
  }
};

std::vector<Standing> decide(const std::vector<Contender>& all, DecisionOptions options = {}) {
  std::vector<Standing> out(all.size(), Standing::kRefused);
  Decision(options).decide(all, out);
  return out;
}

Attributes plain(uint32_t neighbor = 65001) {
  Attributes a;
  a.origin = Origin::kIgp;
  a.as_path = {neighbor, 65100};
  return a;
}

// One row per step: what makes the second of two otherwise equal routes lose there.
struct Row {
  Standing lost_at;
  void (*worsen)(Attributes& loser, Source& source);
};
const Row kRows[] = {
    {Standing::kLocalPref, [](Attributes& a, Source&) { a.local_pref = 99; }},
    {Standing::kPathLength, [](Attributes& a, Source&) { a.as_path.prepend(65001); }},
    {Standing::kOrigin, [](Attributes& a, Source&) { a.origin = Origin::kEgp; }},
    {Standing::kMed, [](Attributes& a, Source&) { a.med = 1; }},
    {Standing::kExternal, [](Attributes&, Source& s) { s.kind = Source::Kind::kInternal; }},
    {Standing::kInteriorCost, [](Attributes&, Source& s) { s.interior_cost = 1; }},
    {Standing::kRouterId, [](Attributes& a, Source&) { a.originator_id = 11; }},
    {Standing::kClusterList, [](Attributes& a, Source&) { a.cluster_list = {1}; }},
    {Standing::kPeerAddress, [](Attributes&, Source& s) { s.address.octets[3] += 1; }},
    {Standing::kPeerNumber, [](Attributes&, Source&) {}},
};

TEST(BgpDecision, EachStepNamesItself) {
  for (const Row& row : kRows) {
    Bed bed;
    bed.sources[1] = bed.sources[0];
    Attributes loser = plain();
    row.worsen(loser, bed.sources[1]);
    const auto standings = decide({bed.contender(0, plain()), bed.contender(1, loser)});
    EXPECT_EQ(standings[0], Standing::kBest) << to_string(row.lost_at);
    EXPECT_EQ(standings[1], row.lost_at)
        << to_string(row.lost_at) << " but " << to_string(standings[1]);
  }
}

// A step decides even if all later ones speak for the other.
TEST(BgpDecision, EarlierStepsWin) {
  for (size_t i = 0; i + 1 < std::size(kRows); ++i) {
    Bed bed;
    bed.sources[1] = bed.sources[0];
    Attributes early = plain(), late = plain();
    kRows[i].worsen(early, bed.sources[0]);
    for (size_t k = i + 1; k < std::size(kRows); ++k) kRows[k].worsen(late, bed.sources[1]);
    // Worsening may touch what the earlier step looks at: a longer originator id is no step before.
    const auto standings = decide({bed.contender(0, early), bed.contender(1, late)});
    EXPECT_EQ(standings[1], Standing::kBest) << to_string(kRows[i].lost_at);
    EXPECT_EQ(standings[0], kRows[i].lost_at);
  }
}

TEST(BgpDecision, WeightAndOwnRoutes) {
  Bed bed;
  bed.sources[1].kind = Source::Kind::kLocal;
  Attributes heavy = plain();
  heavy.weight = 1;
  heavy.as_path.prepend(65001, 20);
  Attributes own;
  EXPECT_EQ(decide({bed.contender(0, heavy), bed.contender(1, own)}),
            (std::vector{Standing::kBest, Standing::kWeight}));
  EXPECT_EQ(decide({bed.contender(0, plain()), bed.contender(1, own)}),
            (std::vector{Standing::kLocalOrigin, Standing::kBest}));
  EXPECT_EQ(decide({bed.contender(0, plain(), 4), bed.contender(0, plain(), 3)}),
            (std::vector{Standing::kPathId, Standing::kBest}));
}

// The textbook case in which pairwise comparison has no winner: a beats b by MED, b beats c and c
// beats a by router id.
TEST(BgpDecision, MedCountsWithinOneNeighborOnly) {
  Bed bed;
  bed.sources[0].router_id = 3;
  bed.sources[1].router_id = 1;
  bed.sources[2].router_id = 2;
  Attributes a = plain(65001), b = plain(65001), c = plain(65002);
  a.med = 10;
  b.med = 20;
  c.med = 0;
  const std::vector all = {bed.contender(0, a), bed.contender(1, b), bed.contender(2, c)};
  EXPECT_EQ(decide(all), (std::vector{Standing::kRouterId, Standing::kMed, Standing::kBest}));
  EXPECT_EQ(decide(all, {.compare_med_always = true}),
            (std::vector{Standing::kMed, Standing::kMed, Standing::kBest}));
}

TEST(BgpDecision, AMissingMedIsBestUnlessToldOtherwise) {
  Bed bed;
  Attributes with = plain();
  with.med = UINT32_MAX;
  const std::vector all = {bed.contender(1, plain()), bed.contender(0, with)};
  EXPECT_EQ(decide(all)[0], Standing::kBest);
  EXPECT_EQ(decide(all, {.missing_med_is_worst = true})[1], Standing::kBest);
}

TEST(BgpDecision, MultipathIsWhatIsEqualUpToTheRouterId) {
  Bed bed;
  Attributes longer = plain(), other_med = plain(), other_as = plain(65009);
  longer.as_path.prepend(65001);
  other_med.med = 5;
  const std::vector all = {bed.contender(0, plain()),  bed.contender(1, plain()),
                           bed.contender(2, longer),   bed.contender(3, other_med),
                           bed.contender(4, other_as), bed.contender(5, plain())};
  using enum Standing;
  EXPECT_EQ(decide(all, {.multipath = 8}),
            (std::vector{kBest, kMultipath, kPathLength, kMed, kRouterId, kMultipath}));
  EXPECT_EQ(decide(all, {.multipath = 2}),
            (std::vector{kBest, kMultipath, kPathLength, kMed, kRouterId, kRouterId}));
  EXPECT_EQ(decide(all, {.multipath = 8, .multipath_any_as_path = true}),
            (std::vector{kBest, kMultipath, kPathLength, kMed, kMultipath, kMultipath}));
  bed.sources[1].kind = Source::Kind::kInternal;
  EXPECT_EQ(decide(all, {.multipath = 8})[1], kExternal) << "internal beside external would loop";
}

// BGP-16: all permutations of up to five paths, with every option, give each path one standing; the
// best is the one of the slow truth.
TEST(BgpDecision, NoOrderOfArrivalMatters) {
  std::mt19937_64 rng(4271);
  for (int round = 0; round < 1500; ++round) {
    Bed bed;
    for (uint32_t i = 0; i < bed.sources.size(); ++i) bed.sources[i] = random_source(rng, i);
    std::vector<Contender> all;
    for (uint32_t i = 0, n = 1 + rng() % 5; i < n; ++i) {
      all.push_back(bed.contender(static_cast<uint16_t>(rng() % 8), random_attributes(rng), i));
    }
    DecisionOptions options{.multipath = static_cast<uint8_t>(1 + rng() % 4),
                            .multipath_any_as_path = rng() % 2 == 0};
    const auto first = decide(all, options);
    ASSERT_EQ(first[oracle_best(all)], Standing::kBest) << "round " << round;
    ASSERT_EQ(std::count(first.begin(), first.end(), Standing::kBest), 1);
    options.compare_med_always = round % 3 == 0;
    const auto expected = decide(all, options);

    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      std::vector<Contender> shuffled;
      for (size_t i : order) shuffled.push_back(all[i]);
      const auto standings = decide(shuffled, options);
      for (size_t i = 0; i < order.size(); ++i) {
        ASSERT_EQ(standings[i], expected[order[i]]) << "round " << round;
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

}  // namespace
}  // namespace kanmon::bgp
