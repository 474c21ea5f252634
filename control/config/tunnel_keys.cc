#include "control/config/tunnel_keys.h"

namespace kanmon::config {

using std::chrono::seconds;

namespace {

constexpr std::size_t kLongestHostDevice = 15;  // IFNAMSIZ with its end

}  // namespace

std::vector<std::string_view> EspAlgorithm::names() {
  std::vector<std::string_view> out;
  for (const auto& row : esp::kAlgorithms) out.push_back(row.name);
  return out;
}

void EspAlgorithm::read(Context& context, const Node& node, esp::Algorithm& out) {
  if (const auto at = read_word(context, node, names())) out = esp::kAlgorithms[*at].algorithm;
}

void Dscp::read(Context& context, const Node& node, Tunnel& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "copy") {
    out.dscp = DscpPolicy::kCopy;
    return;
  }
  if (const auto value = read_integer(context, node, 0, 63)) {
    out.dscp = DscpPolicy::kSet;
    out.dscp_value = static_cast<uint8_t>(*value);
  }
}

std::string Dscp::show(const Tunnel& tunnel) {
  return tunnel.dscp == DscpPolicy::kCopy ? "copy" : std::to_string(tunnel.dscp_value);
}

Json Dscp::schema() {
  return {{"oneOf", Json::array({{{"const", "copy"}}, integer_schema(0, 63)})}};
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
  t.ike.esp.algorithms = {esp::Algorithm::kAes256Gcm16, esp::Algorithm::kAes128Gcm16};
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
