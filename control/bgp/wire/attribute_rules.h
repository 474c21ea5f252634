// What becomes of an UPDATE whose path attributes are wrong: RFC 7606 as a table.
//
// A row per attribute: the flags and the length it must have, and what follows if it has not. Where
// the RFC leaves a choice between resetting the session and disabling an address family, the
// session is reset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kanmon::bgp {

// IANA "BGP Path Attributes", those that Kanmon reads.
enum class AttributeType : uint8_t {
  kOrigin = 1,
  kAsPath = 2,
  kNextHop = 3,
  kMed = 4,
  kLocalPref = 5,
  kAtomicAggregate = 6,
  kAggregator = 7,
  kCommunities = 8,
  kOriginatorId = 9,
  kClusterList = 10,
  kMpReach = 14,
  kMpUnreach = 15,
  kExtendedCommunities = 16,
  kAs4Path = 17,
  kAs4Aggregator = 18,
  kIpv6ExtendedCommunities = 25,
  kLargeCommunities = 32,
};

// Attribute Flags (RFC 4271 section 4.3).
inline constexpr uint8_t kFlagOptional = 0x80;
inline constexpr uint8_t kFlagTransitive = 0x40;
inline constexpr uint8_t kFlagPartial = 0x20;
inline constexpr uint8_t kFlagExtendedLength = 0x10;

// From the mildest to the strongest; of several in one message the strongest counts (section 3 h).
enum class Action : uint8_t {
  kAccept,    // nothing wrong
  kDiscard,   // the attribute alone is left out
  kWithdraw,  // every route of the message is treated as withdrawn
  kReset,     // the session ends with a NOTIFICATION
};
const char* to_string(Action action);

enum class Fault : uint8_t {
  kFlags,      // Optional or Transitive contradict the type
  kLength,     // not a length the type can have
  kValue,      // a value the type cannot have, AS number 0 among them (RFC 7607)
  kDuplicate,  // a second one in one message
  kMissing,    // routes are announced without it
  kNextHop,    // a next hop that none can be: ours, a multicast address (RFC 4271 section 6.3)
  kExternal,   // from an external peer, who must not send it
};
inline constexpr unsigned kFaults = 7;
const char* to_string(Fault fault);

struct AttributeRule {
  AttributeType type;
  const char* name;
  uint8_t flags;  // kFlagOptional and kFlagTransitive as they have to be
  // Good lengths: `fixed` octets, or with `block` any multiple of it that is not below `fixed`.
  uint16_t fixed;
  uint16_t block;
  uint16_t fixed_as4;  // instead of `fixed` between speakers of four-octet AS numbers
  bool internal_only;  // from an external peer: kExternal, whatever is in it
  Action on[kFaults];  // by Fault

  bool has_length(std::size_t size, bool as4) const;
};

// Null for an attribute without a row: an unknown one.
const AttributeRule* rule_of(uint8_t type);
std::span<const AttributeRule> attribute_rules();

// What follows a fault of an attribute with a row.
Action action_for(AttributeType type, Fault fault);
// Of one without. Well-known but not known here: a session reset stays (RFC 4271 section 6.3). A
// second one is discarded as any other. REQUIRES: kFlags or kDuplicate.
Action action_for_unknown(Fault fault);

}  // namespace kanmon::bgp
