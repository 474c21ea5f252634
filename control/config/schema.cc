#include "control/config/schema.h"

#include "control/config/attachments.h"
#include "control/config/bgp_keys.h"
#include "control/config/codec.h"
#include "control/config/device.h"
#include "control/config/host.h"
#include "control/config/path_checks.h"
#include "control/config/routes.h"
#include "control/config/tunnel_keys.h"

namespace kanmon::config {
namespace {

constexpr Word<Power> kPowers[] = {{"performance", Power::kPerformance},
                                   {"balanced", Power::kBalanced}};
constexpr Word<crypto::Isa> kIsas[] = {{"auto", crypto::Isa::kAuto},
                                       {"sse", crypto::Isa::kSse},
                                       {"avx", crypto::Isa::kAvx},
                                       {"avx2", crypto::Isa::kAvx2},
                                       {"avx512", crypto::Isa::kAvx512}};
constexpr Word<crypto::Backend> kBackends[] = {{"auto", crypto::Backend::kAuto},
                                               {"direct", crypto::Backend::kDirect},
                                               {"burst", crypto::Backend::kBurst}};
constexpr Word<XdpProgram> kXdpPrograms[] = {{"own", XdpProgram::kOwn},
                                             {"library", XdpProgram::kLibrary}};
constexpr Word<LogFormat> kLogFormats[] = {{"key-value", LogFormat::kKeyValue},
                                           {"json", LogFormat::kJson}};
constexpr Word<LogLevel> kLogLevels[] = {{"debug", LogLevel::kDebug},
                                         {"info", LogLevel::kInfo},
                                         {"warning", LogLevel::kWarning},
                                         {"error", LogLevel::kError}};

struct EalArguments : Text<4096> {};

constexpr Key<System> kSystemKeys[] = {
    key<System, Text<63>>(
        "name", [](auto& s) -> auto& { return s.name; },
        "Name of this gateway in logs and answers."),
    key<System, Path>(
        "api-socket", [](auto& s) -> auto& { return s.api_socket; },
        "Unix socket of the API; its folder is made if it is missing."),
    key<System, Text<63>>(
        "api-group", [](auto& s) -> auto& { return s.api_group; },
        "Group whose members may use the API, besides root and the program's own user."),
    key<System, Integer<1, 64>>(
        "workers", [](auto& s) -> auto& { return s.workers; },
        "Worker threads; each polls one queue of every port."),
    key<System, List<Integer<0, 1023>, 0, 64>>(
        "worker-cores", [](auto& s) -> auto& { return s.worker_cores; },
        "CPU core of each worker, as many as there are workers.", "chosen from the allowed cores"),
    key<System, Choice<kPowers>>(
        "power", [](auto& s) -> auto& { return s.power; },
        "performance never sleeps; balanced backs off while there is nothing to do."),
    key<System, Choice<kLogFormats>>(
        "log-format", [](auto& s) -> auto& { return s.log_format; },
        "Lines of key=value pairs, or a JSON object a line."),
    key<System, Choice<kLogLevels>>(
        "log-level", [](auto& s) -> auto& { return s.log_level; },
        "The least level that is logged."),
    key<System, Integer<1024, 4'194'304>>(
        "packet-buffers", [](auto& s) -> auto& { return s.packet_buffers; },
        "Packet buffers per NUMA node, about 2.3 KiB each."),
    key<System, Choice<kIsas>>(
        "crypto-isa", [](auto& s) -> auto& { return s.crypto_isa; },
        "Instruction set of ESP's cryptography; auto is the best the CPU has."),
    key<System, Choice<kBackends>>(
        "crypto-backend", [](auto& s) -> auto& { return s.crypto_backend; },
        "How packets are given to IPsec-MB: each by itself, many at once, or what proves faster at "
        "start."),
    key<System, Boolean>(
        "allow-key-export", [](auto& s) -> auto& { return s.allow_key_export; },
        "Lets root and the program's own user have the keys of SAs by `kanmon capture "
        "--export-keys`, each time logged as a warning; keys are kept for it while this is true."),
    key<System, EalArguments>(
        "eal-args", [](auto& s) -> auto& { return s.eal_args; },
        "Further arguments for DPDK's EAL, for experts; appended to what Kanmon composes."),
};

struct Device {
  static void read(Context& context, const Node& node, std::string& out) {
    auto text = read_text(context, node, 255, "a device");
    if (!text) return;
    const std::string problem = device_problem(*text);
    if (problem.empty()) {
      out = std::move(*text);
    } else {
      context.error(node, "found " + in_quotes(*text) + ", " + problem);
    }
  }
  static std::string show(const std::string& value) { return value; }
  static Json schema() {
    std::string kinds;
    for (const DeviceKind& kind : device_kinds())
      kinds += (kinds.empty() ? "" : "|") + std::string(kind.name);
    return text_schema("^(" + kinds + "):");
  }
};

constexpr Key<Port> kPortKeys[] = {
    required_key<Port, Device>(
        "device", [](auto& p) -> auto& { return p.device; },
        "pci:, af_packet:, af_xdp:, tap:, memif:, pcap:, ring: or null: and an address."),
    key<Port, Integer<576, 9216>>(
        "mtu", [](auto& p) -> auto& { return p.mtu; },
        "Largest IP packet in octets, without the Ethernet header; at least 1280 with IPv6."),
    key<Port, List<InterfaceAddresses, 0, 64>>(
        "addresses", [](auto& p) -> auto& { return p.addresses; },
        "Own addresses with the length of their subnet; the subnets are connected routes."),
    key<Port, Reference>(
        "underlay", [](auto& p) -> auto& { return p.underlay; },
        "The underlay whose outer packets (ESP, IKE) come and go here; instead of table."),
    key<Port, Reference>(
        "table", [](auto& p) -> auto& { return p.table; },
        "The route table in which packets that arrive here are looked up; instead of underlay.",
        "that of the port's attachment"),
    key<Port, Mac>(
        "mac", [](auto& p) -> auto& { return p.mac; }, "MAC address to use.", "the device's own"),
    key<Port, Choice<kXdpPrograms>>(
        "xdp", [](auto& p) -> auto& { return p.xdp; },
        "Of af_xdp: own drops unknown SPIs and malformed ESP early and leaves to the kernel "
        "what is its; library takes every frame."),
    key<Port, Boolean>(
        "share-out", [](auto& p) -> auto& { return p.share_out; },
        "What is received here is shared out over the workers by flow; false: one worker does it "
        "all, and packets of different flows keep their order too."),
    key<Port, List<Address, 0, 64>>(
        "kernel-addresses", [](auto& p) -> auto& { return p.kernel_addresses; },
        "Of af_xdp: addresses the kernel has on the same interface; their packets are left to it."),
    key<Port, DeviceName>(
        "host-device", [](auto& p) -> auto& { return p.host_device; },
        "Network device by which this machine's own programs have the port's addresses too."),
    key<Port, List<NeighborBfdItem, 0, 64>>(
        "bfd", [](auto& p) -> auto& { return p.bfd; },
        "BFD sessions with neighbours (RFC 5881): routes via a neighbour are down while its "
        "session "
        "is."),
    key<Port, List<HostServices, 0, 32>>(
        "host-services", [](auto& p) -> auto& { return p.host_services; },
        "What may be exchanged with host-device: icmp, bgp, any, tcp/PORT or udp/PORT."),
};

constexpr Key<Underlay> kUnderlayKeys[] = {
    key<Underlay, UnderlayRoutes>(
        "routes", [](auto& u) -> auto& { return u.routes; },
        "Static routes of outer packets, besides the connected ones."),
    key<Underlay, DeviceNamespace>(
        "host-namespace", [](auto& u) -> auto& { return u.host_namespace; },
        "Network namespace of host devices here: one of `ip netns`, or self for the daemon's own.",
        "one of its own, private to the daemon"),
};

// FPM knows no authentication: whoever reaches the address decides the table's routes.
struct LoopbackAddress {
  static void read(Context& context, const Node& node, wire::IpAddress& out) {
    const auto parsed = wire::IpAddress::parse(node.text);
    if (node.kind == Node::Kind::kScalar && parsed.ok() && parsed->is_loopback())
      out = *parsed;
    else
      context.expected(node, "a loopback address: whoever reaches it decides the table's routes");
  }
  static std::string show(const wire::IpAddress& value) { return value.to_string(); }
  static Json schema() { return text_schema(); }
};

constexpr Key<Fpm> kFpmKeys[] = {
    key<Fpm, LoopbackAddress>(
        "address", [](auto& f) -> auto& { return f.address; },
        "Where the other daemon connects, in the table's host namespace: a loopback address."),
    key<Fpm, Integer<1, 65'535>>(
        "port", [](auto& f) -> auto& { return f.port; }, "TCP port there."),
    key<Fpm, Integer<0, 3600>>(
        "stale-time-seconds", [](auto& f) -> auto& { return f.stale_time_s; },
        "How long routes stay when their connection ends, and how long the next one has to tell "
        "them again."),
};

// An empty section turns it on with its defaults.
struct FpmSection : Section<kFpmKeys, Fpm> {
  static void read(Context& context, const Node& node, Fpm& fpm) {
    fpm.is_on = true;
    Section<kFpmKeys, Fpm>::read(context, node, fpm);
  }
  static void diff(const std::string& path, const Fpm& before, const Fpm& after, Changes& changes) {
    if (before.is_on == after.is_on)
      Section<kFpmKeys, Fpm>::diff(path, before, after, changes);
    else
      changes.push_back({path, before.is_on ? "present" : "", after.is_on ? "present" : ""});
  }
};

constexpr Key<RouteTable> kTableKeys[] = {
    key<RouteTable, TableRoutes>(
        "routes", [](auto& t) -> auto& { return t.routes; },
        "Static routes of inner packets, besides the connected ones."),
    key<RouteTable, List<Reference, 0, 4096>>(
        "associations", [](auto& t) -> auto& { return t.associations; },
        "Attachments whose packets are looked up in this table; each attachment has one table."),
    key<RouteTable, List<Reference, 0, 4096>>(
        "propagations", [](auto& t) -> auto& { return t.propagations; },
        "Attachments whose connected, static and learned routes this table has too; ports and "
        "tunnels without an attachment of their own count by their names."),
    key<RouteTable, DeviceNamespace>(
        "host-namespace", [](auto& t) -> auto& { return t.host_namespace; },
        "Network namespace of host devices here: one of `ip netns`, or self for the daemon's own.",
        "one of its own, private to the daemon"),
    key<RouteTable, FpmSection>(
        "fpm", [](auto& t) -> auto& { return t.fpm; },
        "Takes routes of FRR (zebra with `-M dplane_fpm_nl`) over a TCP port."),
};

constexpr Key<Config> kConfigKeys[] = {
    required_key<Config, Integer<1, 1>>(
        "version", [](auto& c) -> auto& { return c.version; }, "Version of this format."),
    key<Config, Section<kSystemKeys, System>>(
        "system", [](auto& c) -> auto& { return c.system; }, "The program as a whole."),
    required_key<Config, Named<kPortKeys, Port>>(
        "ports", [](auto& c) -> auto& { return c.ports; },
        "Ports by name: what packets come in by and go out of."),
    key<Config, Named<kUnderlayKeys, Underlay>>(
        "underlays", [](auto& c) -> auto& { return c.underlays; },
        "Underlays by name: where outer packets are routed. No route there leads to a tunnel."),
    key<Config, Named<kTableKeys, RouteTable>>(
        "route-tables", [](auto& c) -> auto& { return c.tables; },
        "Route tables by name: separate routing domains of inner packets."),
    key<Config, Named<kTunnelKeys, Tunnel>>(
        "tunnels", [](auto& c) -> auto& { return c.tunnels; },
        "Tunnels by name: one IKE SA with its child SAs each."),
    key<Config, Attachments>(
        "attachments", [](auto& c) -> auto& { return c.attachments; },
        "Attachments by name: what route tables associate and propagate."),
    key<Config, BgpSection>(
        "bgp", [](auto& c) -> auto& { return c.bgp; },
        "BGP: speakers of tables, with their policies."),
};

}  // namespace

template <>
void finish(Context& context, Port&) {
  if (context.given_here("underlay") && context.given_here("table"))
    context.error_here(
        "is in both an underlay and a route table, expected exactly one of underlay (outer "
        "packets) and table (inner packets)");
}

std::span<const Key<Config>> config_keys() {
  return kConfigKeys;
}

void read_config(Context& context, const Node& root, Config& config) {
  read_section<Config>(context, root, kConfigKeys, config);
  derive_attachments(config);
  derive_bgp(config);
}

std::string json_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Kanmon configuration"},
                 {"description",
                  "Generated by `kanmon schema` from the tables the program reads "
                  "its configuration with."}};
  schema.update(section_schema<Config>(kConfigKeys));
  return schema.dump(2) + "\n";
}

Changes changes_between(const Config& before, const Config& after) {
  Changes changes;
  for (const auto& k : kConfigKeys) k.diff(std::string(k.name), before, after, changes);
  return changes;
}

std::string Change::to_string() const {
  if (before.empty() && after == "present") return key + ": added";
  if (before == "present" && after.empty()) return key + ": removed";
  const auto text = [](const std::string& value) { return value.empty() ? "(none)" : value; };
  return key + ": " + text(before) + " -> " + text(after);
}

}  // namespace kanmon::config
