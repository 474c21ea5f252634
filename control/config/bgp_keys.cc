#include "control/config/bgp_keys.h"

#include <algorithm>
#include <charconv>

#include "control/config/problems.h"

namespace kanmon::config {
namespace {

constexpr std::size_t kMostMd5Octets = 80;  // what the kernel takes (TCP_MD5SIG_MAXKEYLEN)

std::optional<uint32_t> parse_number(std::string_view text, uint32_t most) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, value);
  if (text.empty() || ec != std::errc{} || stop != end || value > most) return std::nullopt;
  return value;
}

std::optional<uint32_t> parse_as(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return parse_number(text, 4294967295u);
  const auto high = parse_number(text.substr(0, dot), 65535);
  const auto low = parse_number(text.substr(dot + 1), 65535);
  if (!high || !low) return std::nullopt;
  return *high << 16 | *low;
}

}  // namespace

void AsNumber::read(Context& context, const Node& node, uint32_t& out) {
  constexpr uint32_t kLast16 = 65535, kLast32 = 4294967295;  // RFC 7300
  const auto value = node.kind == Node::Kind::kScalar ? parse_as(node.text) : std::nullopt;
  if (!value || *value == 0)
    return context.expected(node, "an AS number from 1 to 4294967294, or as 65000.1");
  if (*value == bgp::kAsTrans || *value == kLast16 || *value == kLast32)
    return context.error(node, "found " + node.text +
                                   ", a reserved AS number (RFC 6793, RFC 7300), expected one "
                                   "that may be used");
  out = *value;
}
Json AsNumber::schema() {
  return {{"oneOf",
           Json::array({integer_schema(1, 4294967294), text_schema("^[0-9]{1,5}\\.[0-9]{1,5}$")})}};
}

namespace {

// An AS number, or "any" for 0.
struct RemoteAs {
  static void read(Context& context, const Node& node, uint32_t& out) {
    if (node.kind == Node::Kind::kScalar && node.text == "any") {
      out = 0;
    } else {
      AsNumber::read(context, node, out);
    }
  }
  static std::string show(uint32_t value) { return value == 0 ? "any" : std::to_string(value); }
  static Json schema() {
    Json s = AsNumber::schema();
    s["oneOf"].push_back({{"const", "any"}});
    return s;
  }
};

struct MaybeAs : AsNumber {};

struct Neighbor {
  static void read(Context& context, const Node& node, wire::Prefix& out) {
    const auto parsed = wire::Prefix::parse(node.text);
    if (node.kind != Node::Kind::kScalar || !parsed.ok())
      return context.expected(node, "a neighbour's address, or the prefix of those that connect");
    const wire::IpAddress& a = parsed->address;
    const bool is_host = parsed->length == a.bits();
    if (is_host &&
        (a.is_unspecified() || a.is_multicast() || a.is_loopback() || a.is_link_local()) &&
        !(a.is_v4() && a.is_link_local()))
      return context.expected(node, "a host's IPv4 or global IPv6 address");
    out = *parsed;
  }
  static std::string show(const wire::Prefix& value) {
    return value.length == value.address.bits() ? value.address.to_string() : value.to_string();
  }
  static Json schema() { return text_schema(); }
};

struct Md5Key {
  static void read(Context& context, const Node& node, Secret& out) {
    PresharedKey::read(context, node, out);
    limit(context, node, out);
  }
  static void limit(Context& context, const Node& node, const Secret& key) {
    if (key.size() > kMostMd5Octets)
      context.error(node, "found a key of " + std::to_string(key.size()) +
                              " octets, expected at most " + std::to_string(kMostMd5Octets));
  }
  static std::string show(const Secret& value) { return value.empty() ? "" : "(secret)"; }
  static bool same(const Secret& a, const Secret& b) { return a == b; }
  static Json schema() {
    return {{"type", "string"}, {"minLength", PresharedKey::kLeast}, {"maxLength", kMostMd5Octets}};
  }
};
struct Md5KeyFile : PresharedKeyFile {
  static void read(Context& context, const Node& node, Secret& out) {
    PresharedKeyFile::read(context, node, out);
    Md5Key::limit(context, node, out);
  }
};

constexpr Word<wire::Family> kFamilies[] = {{"ipv4", wire::Family::kV4},
                                            {"ipv6", wire::Family::kV6}};
constexpr Word<bool> kLimitActions[] = {{"close", false}, {"warn", true}};
constexpr Word<BgpRestart> kRestarts[] = {{"off", BgpRestart::kOff},
                                          {"helper", BgpRestart::kHelper},
                                          {"restarter", BgpRestart::kRestarter}};
constexpr Word<BgpOrigination> kOriginations[] = {{"connected", BgpOrigination::kConnected},
                                                  {"static", BgpOrigination::kStatic},
                                                  {"propagated", BgpOrigination::kPropagated},
                                                  {"vpn-static", BgpOrigination::kVpnStatic}};
constexpr Word<bool> kWhiles[] = {{"present", true}, {"absent", false}};

constexpr int64_t kMost32 = 4294967295;
// A hold time of two seconds or one is refused in finish(): RFC 4271 section 4.2.
using HoldTime = Integer<0, 65535>;
using MaybeHoldTime = MaybeInteger<0, 65535>;

constexpr Key<BgpMaxPrefixes> kMaxPrefixKeys[] = {
    key<BgpMaxPrefixes, Integer<0, kMost32>>(
        "ipv4", [](auto& m) -> auto& { return m.ipv4; }, "Most IPv4 prefixes; 0: no limit."),
    key<BgpMaxPrefixes, Integer<0, kMost32>>(
        "ipv6", [](auto& m) -> auto& { return m.ipv6; }, "Most IPv6 prefixes; 0: no limit."),
    key<BgpMaxPrefixes, Integer<0, 100>>(
        "warning-percent", [](auto& m) -> auto& { return m.warning_percent; },
        "Share of the limit at which there is a warning; 0: never."),
    key<BgpMaxPrefixes, Choice<kLimitActions>>(
        "action", [](auto& m) -> auto& { return m.warn_only; },
        "Beyond the limit the session is closed (RFC 4486), or there is a warning."),
    key<BgpMaxPrefixes, Integer<0, 86400>>(
        "restart-after-seconds", [](auto& m) -> auto& { return m.restart_after_s; },
        "When a closed session is tried again; 0: when an operator clears it."),
};

constexpr Key<BgpPeer> kPeerKeys[] = {
    required_key<BgpPeer, Neighbor>(
        "neighbor", [](auto& p) -> auto& { return p.neighbor; },
        "The neighbour's address; or a prefix: whoever connects from there is one."),
    required_key<BgpPeer, RemoteAs>(
        "remote-as", [](auto& p) -> auto& { return p.remote_as; },
        "The neighbour's AS number; that of the speaker makes an internal peer; any."),
    key<BgpPeer, Text<255>>(
        "description", [](auto& p) -> auto& { return p.description; }, "Words for operators."),
    key<BgpPeer, Reference>(
        "tunnel", [](auto& p) -> auto& { return p.tunnel; },
        "The tunnel inside which the session runs; its routes lead into it.",
        "that whose inside subnet has the neighbour"),
    key<BgpPeer, Reference>(
        "port", [](auto& p) -> auto& { return p.port; },
        "The port by which the neighbour is reached; it needs a host-device.",
        "that whose subnet has the neighbour"),
    key<BgpPeer, Address>(
        "local-address", [](auto& p) -> auto& { return p.local_address; },
        "Own address of the session.", "that of the tunnel or port"),
    key<BgpPeer, List<Choice<kFamilies>, 1, 2>>(
        "families", [](auto& p) -> auto& { return p.families; },
        "Families of routes that are exchanged: ipv4, ipv6.", "that of the neighbour's address"),
    key<BgpPeer, Md5Key>(
        "md5-password", [](auto& p) -> auto& { return p.md5; },
        "Key of TCP's MD5 signature (RFC 2385), 8 to 80 octets."),
    key<BgpPeer, Md5KeyFile>(
        "md5-password-file", [](auto& p) -> auto& { return p.md5; },
        "A file with the key, instead of md5-password."),
    key<BgpPeer, Integer<1, 255>>(
        "multihop", [](auto& p) -> auto& { return p.hops; },
        "Routers to the neighbour at most, it included; 1: it is on the link."),
    key<BgpPeer, Boolean>(
        "ttl-security", [](auto& p) -> auto& { return p.ttl_security; },
        "GTSM (RFC 5082): packets from further away than multihop are dropped before TCP."),
    key<BgpPeer, Boolean>(
        "passive", [](auto& p) -> auto& { return p.passive; },
        "Waits for the neighbour to connect."),
    key<BgpPeer, Boolean>(
        "shutdown", [](auto& p) -> auto& { return p.shutdown; },
        "Takes the session down; its description is told to the neighbour (RFC 9003)."),
    key<BgpPeer, Integer<1, 10000>>(
        "dynamic-limit", [](auto& p) -> auto& { return p.dynamic_limit; },
        "Of a prefix of neighbours: how many at once."),
    key<BgpPeer, MaybeHoldTime>(
        "hold-time-seconds", [](auto& p) -> auto& { return p.hold_time_s; },
        "Silence after which the session is dropped, 0 (never) or from 3 on; keepalives are sent "
        "every third of it.",
        "the speaker's"),
    key<BgpPeer, MaybeInteger<1, 3600>>(
        "connect-retry-seconds", [](auto& p) -> auto& { return p.connect_retry_s; },
        "How long a connection may take before another is tried.", "the speaker's"),
    key<BgpPeer, Integer<0, 65535>>(
        "send-hold-time-seconds", [](auto& p) -> auto& { return p.send_hold_time_s; },
        "How long the neighbour may take nothing of what is sent (RFC 9687); 0: 8 minutes or twice "
        "the hold time."),
    key<BgpPeer, MaybeAs>(
        "local-as", [](auto& p) -> auto& { return p.local_as; },
        "Another AS number of ours for this neighbour.", "the speaker's"),
    key<BgpPeer, Boolean>(
        "local-as-replace", [](auto& p) -> auto& { return p.replace_as; },
        "With local-as: paths told to the neighbour do not have the speaker's own number."),
    key<BgpPeer, Boolean>(
        "local-as-hide", [](auto& p) -> auto& { return p.hide_local_as; },
        "With local-as: paths from the neighbour do not get that number in front."),
    key<BgpPeer, Integer<0, 10>>(
        "allow-own-as", [](auto& p) -> auto& { return p.allow_own_as; },
        "How often our own number may be in a path from the neighbour."),
    key<BgpPeer, Boolean>(
        "as-override", [](auto& p) -> auto& { return p.as_override; },
        "In paths told to the neighbour its own number becomes ours."),
    key<BgpPeer, Boolean>(
        "remove-private-as", [](auto& p) -> auto& { return p.remove_private_as; },
        "Paths told to the neighbour lose private numbers (RFC 6996)."),
    key<BgpPeer, Boolean>(
        "enforce-first-as", [](auto& p) -> auto& { return p.enforce_first_as; },
        "Paths of an external neighbour have to begin with its number; off for route servers."),
    key<BgpPeer, Boolean>(
        "next-hop-self", [](auto& p) -> auto& { return p.next_hop_self; },
        "Routes told to an internal neighbour lead to this gateway."),
    key<BgpPeer, Boolean>(
        "reflector-client", [](auto& p) -> auto& { return p.reflector_client; },
        "The internal neighbour is a client of this route reflector (RFC 4456)."),
    key<BgpPeer, Boolean>(
        "extended-messages", [](auto& p) -> auto& { return p.extended_messages; },
        "Offers messages of up to 65535 octets (RFC 8654)."),
    key<BgpPeer, Boolean>(
        "add-path-receive", [](auto& p) -> auto& { return p.add_path_receive; },
        "Takes several paths to a prefix (RFC 7911)."),
    key<BgpPeer, Integer<0, kMost32>>(
        "weight", [](auto& p) -> auto& { return p.weight; },
        "Weight of the neighbour's routes; higher is preferred before all else."),
    key<BgpPeer, Integer<0, 255>>(
        "share", [](auto& p) -> auto& { return p.share; },
        "Share of traffic beside other neighbours with equal paths (multipath); 0 stands by."),
    key<BgpPeer, List<Choice<kFamilies>, 0, 2>>(
        "default-originate", [](auto& p) -> auto& { return p.default_originate; },
        "Families of which the neighbour is told a default route; none unless named."),
    key<BgpPeer, Section<kMaxPrefixKeys, BgpMaxPrefixes>>(
        "max-prefixes", [](auto& p) -> auto& { return p.max_prefixes; },
        "How many prefixes the neighbour may send."),
    key<BgpPeer, Choice<kRestarts>>(
        "graceful-restart", [](auto& p) -> auto& { return p.restart; },
        "RFC 4724: helper keeps the routes of a neighbour that restarts; restarter also asks it to "
        "keep ours."),
    key<BgpPeer, Integer<1, 4095>>(
        "restart-time-seconds", [](auto& p) -> auto& { return p.restart_time_s; },
        "With restarter: how long the neighbour keeps our routes at most."),
    key<BgpPeer, Integer<1, 3600>>(
        "stale-time-seconds", [](auto& p) -> auto& { return p.stale_time_s; },
        "How long routes of before its restart are kept once the neighbour is back."),
    key<BgpPeer, Boolean>(
        "graceful-shutdown", [](auto& p) -> auto& { return p.graceful_shutdown; },
        "Routes with the community GRACEFUL_SHUTDOWN are used last (RFC 8326)."),
    key<BgpPeer, Reference>(
        "import-policy", [](auto& p) -> auto& { return p.import_policy; },
        "Route map for what the neighbour sends, or all.",
        "an external neighbour: nothing (RFC 8212); an internal one: all"),
    key<BgpPeer, Reference>(
        "export-policy", [](auto& p) -> auto& { return p.export_policy; },
        "Route map for what the neighbour is told, or all.",
        "an external neighbour: nothing (RFC 8212); an internal one: all"),
};

constexpr Key<BgpAggregate> kAggregateKeys[] = {
    required_key<BgpAggregate, PrefixText>(
        "prefix", [](auto& a) -> auto& { return a.prefix; },
        "Originated while there is a route within it."),
    key<BgpAggregate, Boolean>(
        "summary-only", [](auto& a) -> auto& { return a.summary_only; },
        "Routes within it are not told to neighbours while it stands."),
};
constexpr Key<BgpCondition> kConditionKeys[] = {
    required_key<BgpCondition, Reference>(
        "advertise", [](auto& c) -> auto& { return c.advertise; },
        "Prefix list: what neighbours are told only if the condition holds."),
    required_key<BgpCondition, Reference>(
        "watch", [](auto& c) -> auto& { return c.watch; }, "Prefix list: routes that are watched."),
    key<BgpCondition, Choice<kWhiles>>(
        "while", [](auto& c) -> auto& { return c.while_there; },
        "The condition holds while a watched route is there, or while none is."),
};

// Sections in a list.
template <auto& Keys, class S>
struct Sections {
  static void read(Context& context, const Node& node, std::vector<S>& out) {
    if (!check_list(context, node, 0, 1000)) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Context::Step step(context, i, *node.items[i]);
      const std::size_t before = context.problems().errors();
      S one;
      read_section<S>(context, *node.items[i], Keys, one);
      if (context.problems().errors() != before) continue;
      out.push_back(std::move(one));
      context.keep_item();
    }
  }
  static std::string show(const std::vector<S>& list) {
    return list.empty() ? "[]" : std::to_string(list.size()) + " entries";
  }
  static bool same(const std::vector<S>& a, const std::vector<S>& b) { return a == b; }
  static Json schema() {
    return {{"type", "array"}, {"items", section_schema<S>(Keys)}, {"maxItems", 1000}};
  }
};

constexpr Key<BgpSpeaker> kSpeakerKeys[] = {
    required_key<BgpSpeaker, AsNumber>(
        "as", [](auto& s) -> auto& { return s.as; }, "AS number of the gateway in this table."),
    key<BgpSpeaker, Address>(
        "router-id", [](auto& s) -> auto& { return s.router_id; },
        "BGP identifier, written as an IPv4 address.", "the table's first IPv4 address"),
    key<BgpSpeaker, Address>(
        "cluster-id", [](auto& s) -> auto& { return s.cluster_id; },
        "Of a route reflector, written as an IPv4 address.", "the router id"),
    key<BgpSpeaker, HoldTime>(
        "hold-time-seconds", [](auto& s) -> auto& { return s.hold_time_s; },
        "Silence after which a session is dropped, 0 (never) or from 3 on."),
    key<BgpSpeaker, Integer<1, 3600>>(
        "connect-retry-seconds", [](auto& s) -> auto& { return s.connect_retry_s; },
        "How long a connection may take before another is tried."),
    key<BgpSpeaker, Integer<1, 16>>(
        "multipath", [](auto& s) -> auto& { return s.multipath; },
        "How many equal paths share the traffic of a prefix at most."),
    key<BgpSpeaker, Boolean>(
        "multipath-any-as-path", [](auto& s) -> auto& { return s.multipath_any_as_path; },
        "Paths are equal if their lengths are; else their AS numbers have to be the same."),
    key<BgpSpeaker, Boolean>(
        "compare-med-always", [](auto& s) -> auto& { return s.compare_med_always; },
        "MED is compared between routes of different neighbouring AS too."),
    key<BgpSpeaker, Boolean>(
        "missing-med-is-worst", [](auto& s) -> auto& { return s.missing_med_is_worst; },
        "A route without MED loses; else it counts as 0."),
    key<BgpSpeaker, List<Choice<kOriginations>, 0, 4>>(
        "originate", [](auto& s) -> auto& { return s.originate; },
        "Which of the table's own routes are BGP routes too: connected, static, propagated, "
        "vpn-static. What a neighbour is told of them is its export-policy."),
    key<BgpSpeaker, List<PrefixText, 0, 1000>>(
        "networks", [](auto& s) -> auto& { return s.networks; },
        "Prefixes that are BGP routes too while the table has a route of its own to them."),
    key<BgpSpeaker, Sections<kAggregateKeys, BgpAggregate>>(
        "aggregates", [](auto& s) -> auto& { return s.aggregates; },
        "Summaries of more specific routes."),
    key<BgpSpeaker, Sections<kConditionKeys, BgpCondition>>(
        "conditions", [](auto& s) -> auto& { return s.conditions; },
        "Conditional advertisement: what is told only while something else is there, or is not."),
    key<BgpSpeaker, Named<kPeerKeys, BgpPeer>>(
        "peers", [](auto& s) -> auto& { return s.peers; }, "Neighbours by name."),
};

constexpr Key<Bgp> kBgpKeys[] = {
    key<Bgp, BgpPrefixLists>(
        "prefix-lists", [](auto& b) -> auto& { return b.prefix_lists; },
        "Prefix lists by name: the first rule that matches decides; none: denied."),
    key<Bgp, BgpCommunityLists>(
        "community-lists", [](auto& b) -> auto& { return b.community_lists; },
        "Community lists by name, likewise."),
    key<Bgp, BgpAsPathLists>(
        "as-path-lists", [](auto& b) -> auto& { return b.as_path_lists; },
        "AS path lists by name, likewise."),
    key<Bgp, BgpRouteMaps>(
        "route-maps", [](auto& b) -> auto& { return b.route_maps; },
        "Route maps by name: the first entry whose match keys all hold decides; none: denied."),
    key<Bgp, Named<kSpeakerKeys, BgpSpeaker, &BgpSpeaker::table>>(
        "speakers", [](auto& b) -> auto& { return b.speakers; },
        "A BGP speaker for each route table or underlay named here."),
};

void check_hold_time(Context& context, unsigned seconds) {
  if (seconds == 1 || seconds == 2)
    context.error_at(
        context.join("hold-time-seconds"),
        "found " + std::to_string(seconds) + ", expected 0 or 3 to 65535 (RFC 4271 section 4.2)");
}

}  // namespace

template <>
void finish(Context& context, BgpSpeaker& speaker) {
  check_hold_time(context, speaker.hold_time_s);
  for (const auto& [key, id] :
       {std::pair("router-id", &speaker.router_id), std::pair("cluster-id", &speaker.cluster_id)})
    if (!id->is_v4())
      context.error_at(context.join(key),
                       "found " + id->to_string() + ", expected it written as an IPv4 address");
}

template <>
void finish(Context& context, BgpPeer& peer) {
  check_hold_time(context, peer.hold_time_s.value_or(90));
  if (!context.given_here("families")) peer.families = {peer.neighbor.address.family};
  if (context.given_here("md5-password") && context.given_here("md5-password-file"))
    context.error_at(context.join("md5-password-file"),
                     "found beside md5-password, expected one of the two");
  if (context.given_here("tunnel") && context.given_here("port"))
    context.error_at(context.join("port"), "found beside tunnel, expected one of the two");
  if (peer.local_as == 0)
    for (const char* key : {"local-as-replace", "local-as-hide"})
      if (context.given_here(key))
        context.error_at(context.join(key), "found without local-as, which it belongs to");
  if (context.sound_here("local-address") &&
      peer.local_address.family != peer.neighbor.address.family)
    context.error_at(context.join("local-address"), "found " + peer.local_address.to_string() +
                                                        ", expected the neighbour's family");
  if (!peer.is_range() && context.given_here("dynamic-limit"))
    context.error_at(context.join("dynamic-limit"),
                     "found with one neighbour's address, expected a prefix of neighbours");
}

void BgpSection::read(Context& context, const Node& node, Bgp& out) {
  read_section<Bgp>(context, node, kBgpKeys, out);
}
Json BgpSection::schema() {
  return section_schema<Bgp>(kBgpKeys);
}
void BgpSection::diff(const std::string& path, const Bgp& before, const Bgp& after,
                      Changes& changes) {
  Section<kBgpKeys, Bgp>::diff(path, before, after, changes);
}

// ---- what follows from the rest of the file

namespace {

// Own address in `addresses` for a neighbour: of the subnet that has it, else the first of its
// family; unspecified if there is none. `near`: only of the subnet.
wire::IpAddress address_for(const std::vector<wire::InterfaceAddress>& addresses,
                            const wire::Prefix& neighbor, bool near) {
  for (const auto& a : addresses)
    if (a.address.family == neighbor.address.family && a.subnet().contains(neighbor))
      return a.address;
  for (const auto& a : addresses)
    if (!near && a.address.family == neighbor.address.family) return a.address;
  return {};
}

void derive_place(const Config& config, const std::string& table, BgpPeer& peer) {
  if (!peer.tunnel.empty() || !peer.port.empty()) return;
  for (const Tunnel& t : config.tunnels)
    if (t.table == table &&
        !address_for(t.inside_addresses, peer.neighbor, true).is_unspecified()) {
      peer.tunnel = t.name;
      return;
    }
  for (const Port& p : config.ports)
    if (p.domain() == table && !address_for(p.addresses, peer.neighbor, true).is_unspecified()) {
      peer.port = p.name;
      return;
    }
}

void derive_local_address(const Config& config, BgpPeer& peer) {
  if (!peer.local_address.is_unspecified()) return;
  for (const Tunnel& t : config.tunnels)
    if (t.name == peer.tunnel)
      peer.local_address = address_for(t.inside_addresses, peer.neighbor, false);
  for (const Port& p : config.ports)
    if (p.name == peer.port) peer.local_address = address_for(p.addresses, peer.neighbor, false);
}

wire::IpAddress first_ip4(const Config& config, const std::string& table) {
  for (const Port& p : config.ports)
    for (const auto& a : p.addresses)
      if (p.domain() == table && a.address.is_v4()) return a.address;
  for (const Tunnel& t : config.tunnels)
    for (const auto& a : t.inside_addresses)
      if (t.table == table && a.address.is_v4()) return a.address;
  return {};
}

}  // namespace

void derive_bgp(Config& config) {
  for (BgpSpeaker& speaker : config.bgp.speakers) {
    if (speaker.router_id.is_unspecified()) speaker.router_id = first_ip4(config, speaker.table);
    for (BgpPeer& peer : speaker.peers) {
      derive_place(config, speaker.table, peer);
      derive_local_address(config, peer);
    }
  }
}

}  // namespace kanmon::config
