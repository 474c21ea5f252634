#include "control/bgp/wire/update.h"

#include <bitset>

#include "control/bgp/wire/as_path.h"
#include "control/bgp/wire/nlri.h"
#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

using wire::Bytes;
using wire::Family;
using wire::IpAddress;
using T = AttributeType;

// One attribute in place; `all` with its header, as data of a NOTIFICATION.
struct Attribute {
  uint8_t flags = 0;
  uint8_t type = 0;
  Bytes value;
  Bytes all;
};

constexpr uint8_t kKindFlags = kFlagOptional | kFlagTransitive;

// What the peer is told about a fault that resets the session (RFC 4271 section 6.3).
Notification notification_of(Fault fault, const Attribute& a) {
  const Octets all(a.all.begin(), a.all.end());
  switch (fault) {
    case Fault::kFlags:
      return Notification::make(UpdateError::kFlags, all);
    case Fault::kDuplicate:
      return Notification::make(UpdateError::kMalformedList);
    case Fault::kMissing:
      return Notification::make(UpdateError::kMissingWellKnown, {a.type});
    case Fault::kNextHop:
      return Notification::make(UpdateError::kNextHop, all);
    case Fault::kLength:
      return Notification::make(UpdateError::kLength, all);
    case Fault::kValue:
    case Fault::kExternal:
      break;
  }
  if (a.type == static_cast<uint8_t>(T::kOrigin))
    return Notification::make(UpdateError::kOrigin, all);
  if (a.type == static_cast<uint8_t>(T::kAsPath)) return Notification::make(UpdateError::kAsPath);
  return Notification::make(UpdateError::kOptional, all);
}

class Parser {
 public:
  Parser(const UpdateContext& context, Update& out) : context_(context), out_(out) {}

  Verdict parse(Bytes body) {
    wire::Reader r(body);
    const Bytes withdrawn = r.take(r.u16());
    const Bytes attributes = r.take(r.u16());
    const Bytes nlri = r.rest();
    if (!r.ok()) return Notification::make(UpdateError::kMalformedList);
    is_reach_ = !nlri.empty();
    if (!parse_plain(withdrawn, out_.withdrawn) || !parse_plain(nlri, out_.plain.nlri))
      return Notification::make(UpdateError::kNetwork);
    parse_attributes(attributes);
    check_missing(!nlri.empty());
    finish_path();
    check_next_hops();
    find_end_of_rib(body);
    return judge();
  }

 private:
  using Read = bool (Parser::*)(const Attribute&);
  static Read reader_of(AttributeType type);

  bool parse_plain(Bytes field, std::vector<Nlri>& into) {
    const bool is_ok =
        parse_nlri(field, Family::kV4, context_.path_ids[Family::kV4], into, out_.martians);
    // Of a family that was not agreed on nothing is taken, whatever it says.
    if (!context_.family[Family::kV4]) into.clear();
    return is_ok;
  }

  void parse_attributes(Bytes list) {
    wire::Reader r(list);
    while (!r.done()) {
      const uint32_t at = r.at();
      Attribute a;
      a.flags = r.u8();
      a.type = r.u8();
      a.value = r.take((a.flags & kFlagExtendedLength) != 0 ? r.u16() : r.u8());
      if (!r.ok()) {
        // Section 4: the list ends within an attribute.
        has_others_ = true;
        note(a.type, Fault::kLength, Action::kWithdraw,
             Notification::make(UpdateError::kMalformedList));
        return;
      }
      a.all = list.subspan(at, r.at() - at);
      take(a);
    }
  }

  void take(const Attribute& a) {
    const AttributeRule* rule = rule_of(a.type);
    if (a.type != static_cast<uint8_t>(T::kMpUnreach)) has_others_ = true;
    ++attributes_;
    if (seen_[a.type]) return fault(a, rule, Fault::kDuplicate);
    seen_[a.type] = true;
    if (rule == nullptr) return take_unknown(a);
    if (context_.external && rule->internal_only) return fault(a, rule, Fault::kExternal);
    if (is_for_two_octets(rule->type) && context_.as4) return;
    if ((a.flags & kKindFlags) != rule->flags) return fault(a, rule, Fault::kFlags);
    if (!rule->has_length(a.value.size(), context_.as4)) return fault(a, rule, Fault::kLength);
    if (!(this->*reader_of(rule->type))(a)) fault(a, rule, Fault::kValue);
  }

  static bool is_for_two_octets(AttributeType type) {
    return type == T::kAs4Path || type == T::kAs4Aggregator;
  }

  void take_unknown(const Attribute& a) {
    if ((a.flags & kFlagOptional) == 0)
      return note(a.type, Fault::kFlags, action_for_unknown(Fault::kFlags),
                  Notification::make(UpdateError::kUnknownWellKnown, {a.all.begin(), a.all.end()}));
    if ((a.flags & kFlagTransitive) != 0) keep_as_it_is(a, kFlagPartial);
  }

  void keep_as_it_is(const Attribute& a, uint8_t more_flags) {
    const auto flags = static_cast<uint8_t>((a.flags & (kKindFlags | kFlagPartial)) | more_flags);
    out_.attributes.unknown.push_back({flags, a.type, {a.value.begin(), a.value.end()}});
  }

  void fault(const Attribute& a, const AttributeRule* rule, Fault fault) {
    const Action action =
        rule == nullptr ? action_for_unknown(fault) : rule->on[static_cast<std::size_t>(fault)];
    note(a.type, fault, action, notification_of(fault, a));
  }
  void fault(AttributeType type, Fault what) {
    const Attribute a{0, static_cast<uint8_t>(type), {}, {}};
    fault(a, rule_of(a.type), what);
  }

  void note(uint8_t type, Fault fault, Action action, Notification notification) {
    if (out_.faults.size() < Update::kMaxFaults) out_.faults.push_back({type, fault, action});
    if (action <= out_.action) return;
    out_.action = action;
    reset_ = std::move(notification);
  }

  bool read_origin(const Attribute& a) {
    if (a.value[0] > 2) return false;
    out_.attributes.origin = static_cast<Origin>(a.value[0]);
    return true;
  }
  bool read_as_path(const Attribute& a) {
    auto path = parse_as_path(a.value, context_.as4 ? AsWidth::kFour : AsWidth::kTwo);
    if (!path) return false;
    out_.attributes.as_path = std::move(*path);
    has_path_ = true;
    return true;
  }
  bool read_next_hop(const Attribute& a) {
    out_.plain.next_hop = IpAddress::v4(a.value.data());
    return true;
  }
  bool read_med(const Attribute& a) {
    out_.attributes.med = wire::Reader(a.value).u32();
    return true;
  }
  bool read_local_pref(const Attribute& a) {
    out_.attributes.local_pref = wire::Reader(a.value).u32();
    return true;
  }
  bool read_atomic_aggregate(const Attribute&) {
    out_.attributes.atomic_aggregate = true;
    return true;
  }
  bool read_aggregator(const Attribute& a) {
    wire::Reader r(a.value);
    const uint32_t asn = context_.as4 ? r.u32() : r.u16();
    if (asn == 0) return false;
    out_.attributes.aggregator = Aggregator{asn, r.u32()};
    return true;
  }
  bool read_communities(const Attribute& a) {
    for (wire::Reader r(a.value); !r.done();) out_.attributes.communities.push_back(r.u32());
    return true;
  }
  bool read_originator(const Attribute& a) {
    out_.attributes.originator_id = wire::Reader(a.value).u32();
    return true;
  }
  bool read_cluster_list(const Attribute& a) {
    for (wire::Reader r(a.value); !r.done();) out_.attributes.cluster_list.push_back(r.u32());
    return true;
  }
  bool read_extended(const Attribute& a) {
    for (wire::Reader r(a.value); !r.done();) out_.attributes.extended.push_back(r.u64());
    return true;
  }
  bool read_large(const Attribute& a) {
    for (wire::Reader r(a.value); !r.done();)
      out_.attributes.large.push_back({r.u32(), r.u32(), r.u32()});
    return true;
  }
  bool read_ipv6_extended(const Attribute& a) {
    keep_as_it_is(a, 0);
    return true;
  }
  bool read_as4_path(const Attribute& a) {
    as4_path_ = parse_as4_path(a.value);
    return as4_path_.has_value();
  }
  bool read_as4_aggregator(const Attribute& a) {
    wire::Reader r(a.value);
    as4_aggregator_ = Aggregator{r.u32(), r.u32()};
    if (as4_aggregator_->asn == 0) as4_aggregator_.reset();
    return as4_aggregator_.has_value();
  }

  // RFC 4760 section 3.
  bool read_mp_reach(const Attribute& a) {
    wire::Reader r(a.value);
    const uint16_t afi = r.u16();
    const uint8_t safi = r.u8();
    const Bytes next_hop = r.take(r.u8());
    r.skip(1);
    const Bytes nlri = r.rest();
    if (!r.ok()) return false;
    is_reach_ |= !nlri.empty();
    const auto family = family_of(afi, safi);
    if (!family || !context_.family[*family]) return true;
    if (!read_mp_next_hop(*family, next_hop)) return false;
    return parse_nlri(nlri, *family, context_.path_ids[*family], out_.multiprotocol.nlri,
                      out_.martians);
  }

  // RFC 2545 section 3: 16 octets, or 32 with a link-local address behind.
  bool read_mp_next_hop(Family family, Bytes octets) {
    if (family == Family::kV4) {
      if (octets.size() != 4) return false;
      out_.multiprotocol.next_hop = IpAddress::v4(octets.data());
      return true;
    }
    if (octets.size() != 16 && octets.size() != 32) return false;
    out_.multiprotocol.next_hop = IpAddress::v6(octets.data());
    if (octets.size() == 16) return true;
    const IpAddress second = IpAddress::v6(octets.data() + 16);
    if (second.is_link_local()) out_.multiprotocol.link_local = second;
    return true;
  }

  bool read_mp_unreach(const Attribute& a) {
    wire::Reader r(a.value);
    const uint16_t afi = r.u16();
    const auto family = family_of(afi, r.u8());
    const Bytes routes = r.rest();
    if (!family || !context_.family[*family]) return true;
    if (routes.empty()) empty_unreach_ = family;
    return parse_nlri(routes, *family, context_.path_ids[*family], out_.withdrawn, out_.martians);
  }

  void require(AttributeType type) {
    if (!seen_[static_cast<uint8_t>(type)]) fault(type, Fault::kMissing);
  }

  void check_missing(bool is_plain) {
    if (!is_reach_) return;
    require(T::kOrigin);
    require(T::kAsPath);
    if (is_plain) require(T::kNextHop);
    if (!context_.external) require(T::kLocalPref);
  }

  // RFC 6793 section 4.2.3, then what only the whole path can show.
  void finish_path() {
    if (!has_path_) return;
    Attributes& a = out_.attributes;
    const bool is_old = a.aggregator && a.aggregator->asn != kAsTrans;
    if (a.aggregator && !is_old && as4_aggregator_) a.aggregator = as4_aggregator_;
    if (as4_path_ && !is_old) a.as_path = merge_as4_path(a.as_path, *as4_path_);
    if (!context_.external || !context_.enforce_first_as || !is_reach_) return;
    if (a.as_path.view().neighbor() != context_.peer_as) fault(T::kAsPath, Fault::kValue);
  }

  bool is_bad(const Update::Reach& reach) const {
    return is_bad_next_hop(reach.next_hop) ||
           reach.next_hop == context_.local[reach.next_hop.family];
  }
  void check_next_hops() {
    if (!out_.plain.nlri.empty() && is_bad(out_.plain)) fault(T::kNextHop, Fault::kNextHop);
    if (!out_.multiprotocol.nlri.empty() && is_bad(out_.multiprotocol))
      fault(T::kMpReach, Fault::kNextHop);
  }

  void find_end_of_rib(Bytes body) {
    const bool is_empty = body.size() == 4 && attributes_ == 0 && !has_others_;
    if (is_empty && context_.family[Family::kV4]) out_.end_of_rib = Family::kV4;
    if (empty_unreach_ && attributes_ == 1 && out_.withdrawn.empty() && !is_reach_)
      out_.end_of_rib = empty_unreach_;
  }

  Verdict judge() {
    if (out_.action < Action::kWithdraw) return std::nullopt;
    // Section 5.2: where no route is seen to be announced, it may be hidden by what is wrong.
    if (!is_reach_ && has_others_) out_.action = Action::kReset;
    if (out_.action == Action::kReset) return reset_;
    for (Update::Reach* reach : {&out_.plain, &out_.multiprotocol}) {
      out_.withdrawn.insert(out_.withdrawn.end(), reach->nlri.begin(), reach->nlri.end());
      reach->nlri.clear();
    }
    return std::nullopt;
  }

  const UpdateContext& context_;
  Update& out_;
  std::bitset<256> seen_;
  std::optional<AsPath> as4_path_;
  std::optional<Aggregator> as4_aggregator_;
  std::optional<Family> empty_unreach_;
  std::optional<Notification> reset_;
  unsigned attributes_ = 0;
  bool is_reach_ = false;    // routes are announced, of whatever family
  bool has_path_ = false;    // and a well-formed one
  bool has_others_ = false;  // attributes that are not MP_UNREACH_NLRI
};

Parser::Read Parser::reader_of(AttributeType type) {
  switch (type) {
    case T::kOrigin:
      return &Parser::read_origin;
    case T::kAsPath:
      return &Parser::read_as_path;
    case T::kNextHop:
      return &Parser::read_next_hop;
    case T::kMed:
      return &Parser::read_med;
    case T::kLocalPref:
      return &Parser::read_local_pref;
    case T::kAtomicAggregate:
      return &Parser::read_atomic_aggregate;
    case T::kAggregator:
      return &Parser::read_aggregator;
    case T::kCommunities:
      return &Parser::read_communities;
    case T::kOriginatorId:
      return &Parser::read_originator;
    case T::kClusterList:
      return &Parser::read_cluster_list;
    case T::kMpReach:
      return &Parser::read_mp_reach;
    case T::kMpUnreach:
      return &Parser::read_mp_unreach;
    case T::kExtendedCommunities:
      return &Parser::read_extended;
    case T::kAs4Path:
      return &Parser::read_as4_path;
    case T::kAs4Aggregator:
      return &Parser::read_as4_aggregator;
    case T::kIpv6ExtendedCommunities:
      return &Parser::read_ipv6_extended;
    case T::kLargeCommunities:
      return &Parser::read_large;
  }
  return nullptr;
}

}  // namespace

void Update::clear() {
  withdrawn.clear();
  attributes.clear();
  for (Reach* reach : {&plain, &multiprotocol}) {
    reach->next_hop = {};
    reach->link_local.reset();
    reach->nlri.clear();
  }
  end_of_rib.reset();
  action = Action::kAccept;
  faults.clear();
  martians = 0;
}

Verdict parse_update(Bytes body, const UpdateContext& context, Update& out) {
  out.clear();
  return Parser(context, out).parse(body);
}

}  // namespace kanmon::bgp
