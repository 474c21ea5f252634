#include "control/config/tunnel_keys.h"

#include <numeric>

namespace kanmon::config {

using std::chrono::seconds;

namespace {

constexpr std::size_t kLongestHostDevice = 15;  // IFNAMSIZ with its end

}  // namespace

namespace {

using DscpMap = decltype(Tunnel::dscp_map);
constexpr std::size_t kDscps = std::tuple_size_v<DscpMap>;
constexpr int64_t kMostDscp = kDscps - 1;

// "copy" or a value, for every inner DSCP.
void read_dscp_default(Context& context, const Node& node, DscpMap& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "copy") return;
  if (const auto value = read_integer(context, node, 0, kMostDscp))
    out.fill(static_cast<uint8_t>(*value));
}

void read_dscp_pairs(Context& context, const Node& node, DscpMap& out) {
  if (node.kind != Node::Kind::kMap)
    return context.expected(node, "pairs of an inner and an outer DSCP, such as {46: 40}");
  for (const auto& [inner, outer] : node.entries) {
    const Context::Step step(context, *inner, *outer);
    const auto from = read_integer(context, *inner, 0, kMostDscp);
    const auto to = read_integer(context, *outer, 0, kMostDscp);
    if (from && to) out[static_cast<std::size_t>(*from)] = static_cast<uint8_t>(*to);
  }
}

const Node* entry(const Node& map, std::string_view key) {
  for (const auto& [name, value] : map.entries)
    if (name->text == key) return value;
  return nullptr;
}

void read_dscp_map(Context& context, const Node& node, Tunnel& out) {
  out.dscp = DscpPolicy::kMap;
  std::iota(out.dscp_map.begin(), out.dscp_map.end(), uint8_t{0});
  if (const Node* rest = entry(node, "default")) read_dscp_default(context, *rest, out.dscp_map);
  for (const auto& [name, value] : node.entries) {
    if (name->text == "map") {
      const Context::Step step(context, *name, *value);
      read_dscp_pairs(context, *value, out.dscp_map);
    } else if (name->text != "default") {
      unknown_key(context, *name, {"map", "default"});
    }
  }
  if (entry(node, "map") == nullptr) context.expected(node, "the key \"map\"");
}

Json dscp_value_schema() {
  return {{"oneOf", Json::array({{{"const", "copy"}}, integer_schema(0, kMostDscp)})}};
}

}  // namespace

void Dscp::read(Context& context, const Node& node, Tunnel& out) {
  if (node.kind == Node::Kind::kMap) return read_dscp_map(context, node, out);
  if (node.kind == Node::Kind::kScalar && node.text == "copy") {
    out.dscp = DscpPolicy::kCopy;
    return;
  }
  if (const auto value = read_integer(context, node, 0, kMostDscp)) {
    out.dscp = DscpPolicy::kSet;
    out.dscp_value = static_cast<uint8_t>(*value);
  }
}

// What a map leaves alone is not mentioned: two that do the same read the same.
std::string Dscp::show(const Tunnel& tunnel) {
  if (tunnel.dscp == DscpPolicy::kCopy) return "copy";
  if (tunnel.dscp == DscpPolicy::kSet) return std::to_string(tunnel.dscp_value);
  std::string pairs;
  for (std::size_t i = 0; i < kDscps; ++i)
    if (tunnel.dscp_map[i] != i)
      pairs += (pairs.empty() ? "" : ", ") + std::to_string(i) + ": " +
               std::to_string(tunnel.dscp_map[i]);
  return "{map: {" + pairs + "}}";
}

Json Dscp::schema() {
  Json pairs = {{"type", "object"},
                {"propertyNames", {{"pattern", "^([0-9]|[1-5][0-9]|6[0-3])$"}}},
                {"additionalProperties", integer_schema(0, kMostDscp)}};
  Json map =
      object_schema({{"map", pairs}, {"default", dscp_value_schema()}}, Json::array({"map"}));
  return {{"oneOf", Json::array({{{"const", "copy"}}, integer_schema(0, kMostDscp), map})}};
}

void ReplayWindow::read(Context& context, const Node& node, uint32_t& out) {
  const auto value = read_integer(context, node, 64, 65'536);
  if (!value) return;
  if (*value % 64 != 0) {
    context.expected(node, "a multiple of 64");
  } else {
    out = static_cast<uint32_t>(*value);
  }
}

Json ReplayWindow::schema() {
  Json s = integer_schema(64, 65'536);
  s["multipleOf"] = 64;
  return s;
}

template <>
Tunnel initial() {
  Tunnel t;
  t.ike.ike.encryption = {{20, 256}, {20, 128}, {12, 256}, {12, 128}};
  t.ike.ike.integrity = {12, 13, 14};
  t.ike.ike.prf = {5, 6, 7};
  t.ike.ike.groups = {19, 20, 31, 14};
  t.esp_encryption = {{20, 256}, {20, 128}};
  t.esp_integrity = {12, 13, 14};
  return t;
}

namespace {

void derive_identities(Context& context, ike::TunnelParameters& t) {
  if (!context.given_here("local-id") && !t.local_address.is_unspecified())
    t.local_id = ike::Identity::parse(t.local_address.to_string());
  if (context.given_here("remote-id")) return;
  if (t.remote_address) {
    t.remote_id = ike::Identity::parse(t.remote_address->to_string());
  } else if (context.sound_here("remote-address")) {
    context.error_here(
        "takes any remote address, expected remote-id: only its identity tells "
        "such a peer");
  }
}

void derive_selectors(ike::TunnelParameters& t) {
  const sa::Selector everything[] = {sa::Selector::of(*wire::Prefix::parse("0.0.0.0/0")),
                                     sa::Selector::of(*wire::Prefix::parse("::/0"))};
  if (t.local_ts.empty()) t.local_ts.assign(std::begin(everything), std::end(everything));
  if (t.remote_ts.empty()) t.remote_ts.assign(std::begin(everything), std::end(everything));
}

// Without an own list the PRFs are those of the integrity algorithms: same hash, same preference.
void derive_prfs(Context& context, ike::IkeTransforms& t) {
  if (context.given_here("phase1-prf-algorithms") || t.integrity.empty()) return;
  t.prf.clear();
  for (const uint16_t integrity : t.integrity)
    t.prf.push_back(static_cast<uint16_t>(integrity - 7));
}

// Each encryption with each integrity it goes with, the order of encryption first.
std::vector<esp::Algorithm> esp_algorithms(const Tunnel& t) {
  std::vector<esp::Algorithm> out;
  const auto add = [&out](const ike::IkeTransforms::Encryption& e, uint16_t integrity) {
    for (const esp::AlgorithmInfo& a : esp::kAlgorithms)
      if (a.encr_id == e.id && a.encr_key_bits == e.key_bits && a.integ_id == integrity)
        out.push_back(a.algorithm);
  };
  for (const auto& encryption : t.esp_encryption) {
    add(encryption, 0);
    for (const uint16_t integrity : t.esp_integrity) add(encryption, integrity);
  }
  return out;
}

}  // namespace

template <>
void finish(Context& context, Tunnel& tunnel) {
  ike::TunnelParameters& t = tunnel.ike;
  t.name = tunnel.name;
  derive_identities(context, t);
  derive_selectors(t);
  derive_prfs(context, t.ike);
  if (!tunnel.inside_addresses.empty() && tunnel.host_device.empty())
    tunnel.host_device = ("kn-" + tunnel.name).substr(0, kLongestHostDevice);
  t.esp.algorithms = esp_algorithms(tunnel);
  const bool any_peer = context.sound_here("remote-address") && !t.remote_address;
  if (any_peer && !context.given_here("startup-action")) t.startup = ike::StartupAction::kAdd;
  if (!context.given_here("rekey-margin-time-seconds"))
    t.rekey_margin = std::max(seconds(1), std::min(seconds(270), t.child_lifetime / 4));
  const bool in_file = context.given_here("pre-shared-key-file");
  if (context.given_here("pre-shared-key") == in_file)
    context.error_here(std::string("has ") +
                       (in_file ? "two pre-shared keys" : "no pre-shared key") +
                       ", expected exactly one of pre-shared-key and pre-shared-key-file");
}

}  // namespace kanmon::config
