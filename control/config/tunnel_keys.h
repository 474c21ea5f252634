// The keys of a tunnel. Names follow AWS's tunnel options where those exist.
#pragma once

#include "control/config/codec.h"
#include "control/config/host.h"
#include "control/config/path_checks.h"
#include "control/config/selectors.h"

namespace kanmon::config {

constexpr Word<ike::IkeTransforms::Encryption> kIkeEncryptions[] = {
    {"AES128", {12, 128}},
    {"AES256", {12, 256}},
    {"AES128-GCM-16", {20, 128}},
    {"AES256-GCM-16", {20, 256}},
};
constexpr Word<uint16_t> kIkeIntegrities[] = {{"SHA2-256", 12}, {"SHA2-384", 13}, {"SHA2-512", 14}};
constexpr Word<ike::IkeTransforms::Encryption> kEspEncryptions[] = {
    {"AES128", {12, 128}},
    {"AES256", {12, 256}},
    {"AES128-GCM-16", {20, 128}},
    {"AES256-GCM-16", {20, 256}},
    {"CHACHA20-POLY1305", {28, 0}},
    {"NULL-ENCRYPTION", {11, 0}},
    {"AES128-GCM-16-IIV", {30, 128}},
    {"AES256-GCM-16-IIV", {30, 256}},
    {"CHACHA20-POLY1305-IIV", {31, 0}},
};
constexpr Word<uint16_t> kEspIntegrities[] = {
    {"SHA1", 2}, {"SHA2-256", 12}, {"SHA2-384", 13}, {"SHA2-512", 14}};
constexpr Word<uint16_t> kIkePrfs[] = {{"SHA2-256", 5}, {"SHA2-384", 6}, {"SHA2-512", 7}};
constexpr Word<uint16_t> kGroups[] = {{"14", 14}, {"19", 19}, {"20", 20}, {"31", 31}};
constexpr Word<ike::StartupAction> kStartupActions[] = {{"start", ike::StartupAction::kStart},
                                                        {"add", ike::StartupAction::kAdd}};
constexpr Word<ike::DpdAction> kDpdActions[] = {{"clear", ike::DpdAction::kClear},
                                                {"none", ike::DpdAction::kNone},
                                                {"restart", ike::DpdAction::kRestart}};
constexpr Word<FragmentationPolicy> kFragmentations[] = {{"before", FragmentationPolicy::kBefore},
                                                         {"after", FragmentationPolicy::kAfter}};
constexpr Word<DfPolicy> kDfPolicies[] = {
    {"copy", DfPolicy::kCopy}, {"set", DfPolicy::kSet}, {"clear", DfPolicy::kClear}};

constexpr Word<TfcPolicy> kTfcPolicies[] = {{"none", TfcPolicy::kNone},
                                            {"to-mtu", TfcPolicy::kToMtu}};
constexpr Word<bool> kFragmentModes[] = {{"drop", false}, {"stateful", true}};

// "copy", the value to set, or {map: {inner: outer, …}, default: one of the former}.
struct Dscp {
  static void read(Context& context, const Node& node, Tunnel& out);
  static std::string show(const Tunnel& tunnel);
  static Json schema();
};

// A multiple of 64 from 64 to 65536.
struct ReplayWindow {
  static void read(Context& context, const Node& node, uint32_t& out);
  static std::string show(uint32_t value) { return std::to_string(value); }
  static Json schema();
};

constexpr auto kTunnelItself = [](auto& t) -> auto& {
  return t;
};

template <>
Tunnel initial();
template <>
void finish(Context& context, Tunnel& tunnel);

constexpr Key<Tunnel> kSelectorKeys[] = {
    key<Tunnel, List<SelectorItem, 1, 64>>(
        "local", [](auto& t) -> auto& { return t.ike.local_ts; },
        "What may be behind this end: prefixes, ranges, or {prefix or range, protocol, ports}."),
    key<Tunnel, List<SelectorItem, 1, 64>>(
        "remote", [](auto& t) -> auto& { return t.ike.remote_ts; }, "What may be behind the peer."),
};

constexpr Key<Tunnel> kTunnelKeys[] = {
    key<Tunnel, Reference>(
        "table", [](auto& t) -> auto& { return t.table; },
        "Route table in which decrypted packets are looked up.", "that of the tunnel's attachment"),
    required_key<Tunnel, Reference>(
        "underlay", [](auto& t) -> auto& { return t.underlay; },
        "Underlay in which the outer packets are routed."),
    required_key<Tunnel, Address>(
        "local-address", [](auto& t) -> auto& { return t.ike.local_address; },
        "Own outside address: one of a port in that underlay."),
    required_key<Tunnel, AddressOrAny>(
        "remote-address", [](auto& t) -> auto& { return t.ike.remote_address; },
        "The peer's outside address, or any for a peer known by its identity alone."),
    key<Tunnel, IdentityText>(
        "local-id", [](auto& t) -> auto& { return t.ike.local_id; },
        "Own identity: an address, a name, user@name, or keyid: and hex digits.", "local-address"),
    key<Tunnel, IdentityText>(
        "remote-id", [](auto& t) -> auto& { return t.ike.remote_id; },
        "The peer's identity, compared exactly; required with remote-address: any.",
        "remote-address"),
    key<Tunnel, PresharedKey>(
        "pre-shared-key", [](auto& t) -> auto& { return t.ike.psk; },
        "Shared secret of 8 to 1024 octets; 16 random octets or more are advised."),
    key<Tunnel, PresharedKeyFile>(
        "pre-shared-key-file", [](auto& t) -> auto& { return t.ike.psk; },
        "File that holds the key instead; newlines at its end do not count."),
    key<Tunnel, Choice<kStartupActions>>(
        "startup-action", [](auto& t) -> auto& { return t.ike.startup; },
        "start negotiates at once and again after a failure; add waits for the peer.",
        "start; add with remote-address: any"),
    key<Tunnel, Group<kSelectorKeys, Tunnel>>("traffic-selectors", kTunnelItself,
                                              "Which inner packets the tunnel may carry (RFC 7296 "
                                              "section 2.9).",
                                              "0.0.0.0/0 and ::/0 on both sides"),
    key<Tunnel, Boolean>(
        "force-udp-encapsulation", [](auto& t) -> auto& { return t.ike.force_udp_encapsulation; },
        "ESP in UDP 4500 even if no NAT is in the way."),
    key<Tunnel, List<Choice<kIkeEncryptions>, 1, 8>>(
        "phase1-encryption-algorithms", [](auto& t) -> auto& { return t.ike.ike.encryption; },
        "IKE encryption in order of preference; AES128 and AES256 are CBC."),
    key<Tunnel, List<Choice<kIkeIntegrities>, 0, 8>>(
        "phase1-integrity-algorithms", [](auto& t) -> auto& { return t.ike.ike.integrity; },
        "IKE integrity for CBC; GCM has its own."),
    key<Tunnel, List<Choice<kIkePrfs>, 1, 8>>(
        "phase1-prf-algorithms", [](auto& t) -> auto& { return t.ike.ike.prf; },
        "Pseudo-random function of key derivation.", "phase1-integrity-algorithms"),
    key<Tunnel, List<Choice<kGroups>, 1, 8>>(
        "phase1-dh-group-numbers", [](auto& t) -> auto& { return t.ike.ike.groups; },
        "Diffie-Hellman groups: 14 MODP-2048, 19 ECP-256, 20 ECP-384, 31 Curve25519."),
    key<Tunnel, Integer<60, 86'400>>(
        "phase1-lifetime-seconds", [](auto& t) -> auto& { return t.ike.ike_lifetime; },
        "Life of an IKE SA; AWS allows 900 to 28800."),
    key<Tunnel, List<Choice<kEspEncryptions>, 1, 8>>(
        "phase2-encryption-algorithms", [](auto& t) -> auto& { return t.esp_encryption; },
        "ESP encryption in order of preference; AES128 and AES256 are CBC. -IIV saves eight octets "
        "a "
        "packet: the IV is the sequence number (RFC 8750)."),
    key<Tunnel, List<Choice<kEspIntegrities>, 0, 8>>(
        "phase2-integrity-algorithms", [](auto& t) -> auto& { return t.esp_integrity; },
        "ESP integrity for CBC and NULL-ENCRYPTION; the others have their own. SHA1 needs "
        "allow-weak."),
    key<Tunnel, Boolean>(
        "allow-weak", [](auto& t) -> auto& { return t.allow_weak; },
        "Lets SHA1 be named, for peers that have nothing better (RFC 8221 section 6)."),
    key<Tunnel, Boolean>(
        "allow-null-encryption", [](auto& t) -> auto& { return t.allow_null_encryption; },
        "Lets NULL-ENCRYPTION be named: anybody on the way can read the packets. For "
        "measurements."),
    key<Tunnel, OrNone<List<Choice<kGroups>, 0, 8>>>(
        "phase2-dh-group-numbers", [](auto& t) -> auto& { return t.ike.esp.groups; },
        "Groups for perfect forward secrecy at a rekey; empty or none: no own exchange."),
    key<Tunnel, Integer<5, 86'400>>(
        "phase2-lifetime-seconds", [](auto& t) -> auto& { return t.ike.child_lifetime; },
        "Life of a child SA, below phase1-lifetime-seconds; AWS allows 900 to 3600."),
    key<Tunnel, Integer<0, 4'294'967'295>>(
        "phase2-lifetime-kilobytes", [](auto& t) -> auto& { return t.lifetime_kilobytes; },
        "Kibibytes one child SA may carry each way, 0: any number; at seven eighths a new one is "
        "made. Azure's default is 102400000, its least 1024."),
    key<Tunnel, Integer<0, 1'000'000'000'000>>(
        "phase2-lifetime-packets", [](auto& t) -> auto& { return t.lifetime_packets; },
        "Packets one child SA may carry each way, likewise; sequence numbers end an SA in any "
        "case."),
    key<Tunnel, Boolean>(
        "extended-sequence-numbers", [](auto& t) -> auto& { return t.ike.esp.esn; },
        "Offers 64-bit sequence numbers first (RFC 4303 section 2.2.1)."),
    key<Tunnel, Integer<1, 43'200>>(
        "rekey-margin-time-seconds", [](auto& t) -> auto& { return t.ike.rekey_margin; },
        "A rekey starts this long before a lifetime ends; at most half of phase 2's.",
        "270, but at most a quarter of phase2-lifetime-seconds"),
    key<Tunnel, Integer<0, 100>>(
        "rekey-fuzz-percentage", [](auto& t) -> auto& { return t.ike.rekey_fuzz_percent; },
        "The margin grows at random by up to this share: no two peers rekey as one."),
    key<Tunnel, ReplayWindow>(
        "replay-window-size", [](auto& t) -> auto& { return t.replay_window; },
        "Packets a packet may be late by: a multiple of 64 from 64 to 65536."),
    key<Tunnel, Integer<2, 3'600>>(
        "dpd-timeout-seconds", [](auto& t) -> auto& { return t.ike.dpd_timeout; },
        "Silence after which the peer is taken for dead."),
    key<Tunnel, Choice<kDpdActions>>(
        "dpd-timeout-action", [](auto& t) -> auto& { return t.ike.dpd_action; },
        "clear ends the tunnel, restart negotiates anew, none keeps it."),
    key<Tunnel, Integer<50, 10'000>>(
        "retransmit-first-milliseconds", [](auto& t) -> auto& { return t.ike.retransmit_first; },
        "Wait before a request is sent again; doubles each time."),
    key<Tunnel, Integer<1, 20>>(
        "retransmit-tries", [](auto& t) -> auto& { return t.ike.retransmit_tries; },
        "How often a request is sent before the peer counts as gone."),
    key<Tunnel, Integer<1, 600>>(
        "keepalive-seconds", [](auto& t) -> auto& { return t.ike.keepalive; },
        "NAT keepalive interval while we are behind a NAT (RFC 3948 section 4)."),
    key<Tunnel, MaybeInteger<576, 9216>>(
        "mtu", [](auto& t) -> auto& { return t.mtu; },
        "Largest inner packet in octets; at least 1280 with IPv6 inside.",
        "computed from the port and the algorithm"),
    key<Tunnel, Integer<0, 255>>(
        "weight", [](auto& t) -> auto& { return t.weight; },
        "Share of the traffic to its attachment; 0 stands by until the others are down."),
    key<Tunnel, OptionalSection<kBfdKeys, Bfd>>(
        "bfd", [](auto& t) -> auto& { return t.bfd; },
        "Watches the tunnel with the far end by BFD (RFC 5880); {} takes what is usual.",
        "no session"),
    key<Tunnel, OptionalSection<kHealthCheckKeys, HealthCheck>>(
        "health-check", [](auto& t) -> auto& { return t.health_check; },
        "Watches the tunnel by pings to an address behind its far end.", "none"),
    key<Tunnel, Boolean>(
        "mss-clamp", [](auto& t) -> auto& { return t.mss_clamp; },
        "Lowers the MSS of TCP connections to what fits."),
    key<Tunnel, Dscp>(
        "dscp", kTunnelItself,
        "DSCP of outer packets: copy from the inner one, 0 to 63, or {map: {INNER: OUTER, …}, "
        "default: copy or 0 to 63}."),
    key<Tunnel, Choice<kDfPolicies>>(
        "df", [](auto& t) -> auto& { return t.df; },
        "Don't-fragment bit of outer IPv4 packets: copy, set or clear."),
    key<Tunnel, Choice<kFragmentations>>(
        "fragmentation", [](auto& t) -> auto& { return t.fragmentation; },
        "IPv4 packets without DF that are too big are fragmented before or after encryption; after "
        "costs the peer a reassembly."),
    key<Tunnel, Choice<kFragmentModes>>(
        "non-first-fragments", [](auto& t) -> auto& { return t.ike.fragments_also; },
        "Later fragments, where traffic selectors name ports: drop, or stateful: with the peer's "
        "consent they follow their first fragment (RFC 4301 section 7.3)."),
    key<Tunnel, Choice<kTfcPolicies>>(
        "tfc-padding", [](auto& t) -> auto& { return t.tfc_padding; },
        "to-mtu makes all packets as long as the longest, unless the peer does not accept that "
        "(RFC 4303 section 2.7)."),
    key<Tunnel, Boolean>(
        "accept-tfc-padding", [](auto& t) -> auto& { return t.ike.accepts_tfc; },
        "false asks the peer not to send such padding (ESP_TFC_PADDING_NOT_SUPPORTED)."),
    key<Tunnel, List<InterfaceAddresses, 0, 8>>(
        "inside-addresses", [](auto& t) -> auto& { return t.inside_addresses; },
        "Own addresses inside the tunnel, as a rule a /30 or /126; their subnets lead into it."),
    key<Tunnel, DeviceName>(
        "host-device", [](auto& t) -> auto& { return t.host_device; },
        "Network device by which this machine's own programs have the inside addresses.",
        "kn- and the tunnel's name, cut to 15 characters"),
    key<Tunnel, List<HostServices, 0, 32>>(
        "host-services", [](auto& t) -> auto& { return t.host_services; },
        "What may be exchanged with host-device: icmp, bgp, any, tcp/PORT or udp/PORT."),
};

}  // namespace kanmon::config
