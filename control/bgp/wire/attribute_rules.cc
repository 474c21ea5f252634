#include "control/bgp/wire/attribute_rules.h"

#include <array>

namespace kanmon::bgp {
namespace {

using enum Action;
using T = AttributeType;

constexpr uint8_t kWellKnown = kFlagTransitive;
constexpr uint8_t kOptional = kFlagOptional;
constexpr uint8_t kPassedOn = kFlagOptional | kFlagTransitive;

// Sections of RFC 7606 unless another is named. Flags: 3 (c); duplicates: 3 (g); missing: 3 (d).
// A fault that cannot happen to an attribute is kAccept. kMissing of NEXT_HOP is asked only for
// routes in the NLRI field, of LOCAL_PREF only of internal peers.
constexpr AttributeRule kRules[] = {
    // type, name, flags, length: fixed, block, fixed between AS4 speakers, internal only,
    // {flags, length, value, duplicate, missing, next hop, external}
    // 7.1
    {T::kOrigin,
     "ORIGIN",
     kWellKnown,
     1,
     0,
     1,
     false,
     {kWithdraw, kWithdraw, kWithdraw, kDiscard, kWithdraw, kAccept, kAccept}},
    // 7.2; the lengths of its segments are its value
    {T::kAsPath,
     "AS_PATH",
     kWellKnown,
     0,
     1,
     0,
     false,
     {kWithdraw, kAccept, kWithdraw, kDiscard, kWithdraw, kAccept, kAccept}},
    // 7.3
    {T::kNextHop,
     "NEXT_HOP",
     kWellKnown,
     4,
     0,
     4,
     false,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kWithdraw, kWithdraw, kAccept}},
    // 7.4
    {T::kMed,
     "MULTI_EXIT_DISC",
     kOptional,
     4,
     0,
     4,
     false,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kAccept}},
    // 7.5
    {T::kLocalPref,
     "LOCAL_PREF",
     kWellKnown,
     4,
     0,
     4,
     true,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kWithdraw, kAccept, kDiscard}},
    // 7.6
    {T::kAtomicAggregate,
     "ATOMIC_AGGREGATE",
     kWellKnown,
     0,
     0,
     0,
     false,
     {kWithdraw, kDiscard, kAccept, kDiscard, kAccept, kAccept, kAccept}},
    // 7.7
    {T::kAggregator,
     "AGGREGATOR",
     kPassedOn,
     6,
     0,
     8,
     false,
     {kWithdraw, kDiscard, kDiscard, kDiscard, kAccept, kAccept, kAccept}},
    // 7.8
    {T::kCommunities,
     "COMMUNITIES",
     kPassedOn,
     4,
     4,
     4,
     false,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kAccept}},
    // 7.9
    {T::kOriginatorId,
     "ORIGINATOR_ID",
     kOptional,
     4,
     0,
     4,
     true,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kDiscard}},
    // 7.10
    {T::kClusterList,
     "CLUSTER_LIST",
     kOptional,
     4,
     4,
     4,
     true,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kDiscard}},
    // 5.3, 7.11, 3 (g)
    {T::kMpReach,
     "MP_REACH_NLRI",
     kOptional,
     5,
     1,
     5,
     false,
     {kReset, kReset, kReset, kReset, kAccept, kWithdraw, kAccept}},
    // 5.3, 7.12, 3 (g)
    {T::kMpUnreach,
     "MP_UNREACH_NLRI",
     kOptional,
     3,
     1,
     3,
     false,
     {kReset, kReset, kReset, kReset, kAccept, kAccept, kAccept}},
    // 7.14
    {T::kExtendedCommunities,
     "EXTENDED COMMUNITIES",
     kPassedOn,
     8,
     8,
     8,
     false,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kAccept}},
    // RFC 6793 section 6; from a speaker of four-octet numbers it is discarded unread
    {T::kAs4Path,
     "AS4_PATH",
     kPassedOn,
     6,
     2,
     6,
     false,
     {kWithdraw, kDiscard, kDiscard, kDiscard, kAccept, kAccept, kAccept}},
    {T::kAs4Aggregator,
     "AS4_AGGREGATOR",
     kPassedOn,
     8,
     0,
     8,
     false,
     {kWithdraw, kDiscard, kDiscard, kDiscard, kAccept, kAccept, kAccept}},
    // 7.15; passed on as it is
    {T::kIpv6ExtendedCommunities,
     "IPv6 EXTENDED COMMUNITIES",
     kPassedOn,
     20,
     20,
     20,
     false,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kAccept}},
    // RFC 8092 section 6
    {T::kLargeCommunities,
     "LARGE_COMMUNITY",
     kPassedOn,
     12,
     12,
     12,
     false,
     {kWithdraw, kWithdraw, kAccept, kDiscard, kAccept, kAccept, kAccept}},
};

// Row + 1 of each type, 0 for none.
consteval std::array<uint8_t, 256> index_rules() {
  std::array<uint8_t, 256> index{};
  uint8_t row = 0;
  for (const AttributeRule& rule : kRules) {
    uint8_t& place = index[static_cast<uint8_t>(rule.type)];
    if (place != 0) throw "two rules for one attribute";  // does not compile then
    place = ++row;
  }
  return index;
}

constexpr std::array<uint8_t, 256> kIndex = index_rules();

}  // namespace

bool AttributeRule::has_length(std::size_t size, bool as4) const {
  const std::size_t least = as4 ? fixed_as4 : fixed;
  return block == 0 ? size == least : size >= least && size % block == 0;
}

const AttributeRule* rule_of(uint8_t type) {
  return kIndex[type] == 0 ? nullptr : &kRules[kIndex[type] - 1];
}

std::span<const AttributeRule> attribute_rules() {
  return kRules;
}

Action action_for(AttributeType type, Fault fault) {
  return rule_of(static_cast<uint8_t>(type))->on[static_cast<std::size_t>(fault)];
}

Action action_for_unknown(Fault fault) {
  return fault == Fault::kFlags ? kReset : kDiscard;
}

const char* to_string(Action action) {
  constexpr const char* kNames[] = {"accept", "attribute-discard", "treat-as-withdraw",
                                    "session-reset"};
  return kNames[static_cast<std::size_t>(action)];
}

const char* to_string(Fault fault) {
  constexpr const char* kNames[kFaults] = {
      "wrong flags", "wrong length",        "wrong value",          "duplicate",
      "missing",     "impossible next hop", "from an external peer"};
  return kNames[static_cast<std::size_t>(fault)];
}

}  // namespace kanmon::bgp
