// Checks of inside addresses and host devices: what clouds allow, what would stand in two places.
#include <map>

#include "control/config/check.h"

namespace kanmon::config {
namespace {

struct Reserved {
  const char* prefix;
  const char* whose;
};
// Link-local subnets that AWS keeps to itself: its end refuses a tunnel with them.
constexpr Reserved kAwsReserved[] = {
    {"169.254.0.0/30", "AWS"},     {"169.254.1.0/30", "AWS"}, {"169.254.2.0/30", "AWS"},
    {"169.254.3.0/30", "AWS"},     {"169.254.4.0/30", "AWS"}, {"169.254.5.0/30", "AWS"},
    {"169.254.169.252/30", "AWS"},
};

bool overlap(const wire::Prefix& a, const wire::Prefix& b) {
  return a.address.family == b.address.family && (a.contains(b.address) || b.contains(a.address));
}

void check_inside_address(Context& context, const std::string& key,
                          const wire::InterfaceAddress& a) {
  const bool v4 = a.address.is_v4();
  const uint8_t bits = a.address.bits();
  if (a.address.is_unspecified() || a.address.is_multicast() || a.address.is_loopback() ||
      (!v4 && a.address.is_link_local())) {
    context.error_at(key, "found " + a.to_string() + ", expected a unicast address of a station");
    return;
  }
  if (v4 && a.length < 31 &&
      (a.address == a.subnet().address || a.address == wire::mask(a.address, a.length, true)))
    context.error_at(key, "found " + a.to_string() +
                              ", the subnet's own number or its broadcast address, expected one "
                              "of the stations");
  for (const Reserved& r : kAwsReserved)
    if (overlap(*wire::Prefix::parse(r.prefix), a.subnet()))
      context.warning_at(key, "found " + a.to_string() + ", in " + r.prefix + ", which " + r.whose +
                                  " reserves for itself");
  if (a.length < bits - 2)
    context.warning_at(key, "found " + a.to_string() + ", clouds take a /" +
                                std::to_string(bits - 2) + " with two stations");
}

// One table cannot lead to two places by one address.
void check_overlaps(Context& context, const Config& config) {
  struct Held {
    std::string key;
    std::string table;
    wire::Prefix prefix;
  };
  std::vector<Held> held;
  for (const Port& p : config.ports)
    for (const auto& a : p.addresses)
      held.push_back({"ports." + p.name + ".addresses", p.domain(), a.subnet()});
  for (const Tunnel& t : config.tunnels)
    for (const auto& a : t.inside_addresses) {
      const std::string key = "tunnels." + t.name + ".inside-addresses";
      for (const Held& h : held)
        if (h.table == t.table && overlap(h.prefix, a.subnet()))
          context.error_at(key, "found " + a.to_string() + ", which overlaps " +
                                    h.prefix.to_string() + " of " + h.key +
                                    " in the same route table");
      held.push_back({key, t.table, a.subnet()});
    }
}

void check_devices(Context& context, const Config& config) {
  std::map<std::string, std::string> owners;  // device -> path of the key
  const auto claim = [&](const std::string& device, const std::string& key) {
    if (device.empty()) return;
    const auto [owner, is_new] = owners.emplace(device, key);
    if (!is_new)
      context.error_at(key, "found " + in_quotes(device) + ", which is the device of " +
                                owner->second + " too: give one of them another host-device");
  };
  for (const Port& p : config.ports) {
    const std::string key = "ports." + p.name + ".host-device";
    claim(p.host_device, key);
    if (!p.host_device.empty() && p.addresses.empty())
      context.error_at(key, "found " + in_quotes(p.host_device) +
                                ", expected addresses on the port: a device without one is of no "
                                "use");
  }
  for (const Tunnel& t : config.tunnels) {
    const std::string key = "tunnels." + t.name + ".host-device";
    claim(t.host_device, context.given(key) ? key : "tunnels." + t.name);
    if (context.given(key) && t.inside_addresses.empty())
      context.error_at(
          key, "found " + in_quotes(t.host_device) + ", expected inside-addresses for it to have");
  }
}

// In the daemon's own namespace the kernel has the interfaces of such ports too, and takes packets
// for any of its addresses from any of them.
void check_own_namespace(Context& context, const Config& config) {
  const auto warn = [&](const std::string& section, const auto& tables) {
    for (const auto& t : tables) {
      if (t.host_namespace != "self") continue;
      for (const Port& p : config.ports) {
        const bool shared = p.device.rfind("af_packet:", 0) == 0 ||
                            p.device.rfind("af_xdp:", 0) == 0 || p.device.rfind("tap:", 0) == 0;
        if (!shared) continue;
        context.warning_at(section + "." + t.name + ".host-namespace",
                           "found \"self\", where the kernel also sees what arrives at port " +
                               p.name +
                               ": the addresses can be reached around the gateway unless "
                               "a firewall keeps them apart");
        break;
      }
    }
  };
  warn("underlays", config.underlays);
  warn("route-tables", config.tables);
}

void check_fpm(Context& context, const Config& config) {
  std::map<std::string, std::string> taken;  // namespace, address and port -> path of the key
  for (const RouteTable& t : config.tables) {
    if (!t.fpm.is_on) continue;
    const std::string key = "route-tables." + t.name + ".fpm";
    const std::string at = wire::Endpoint{t.fpm.address, t.fpm.port}.to_string();
    if (t.host_namespace.empty())
      context.error_at(key,
                       "needs host-namespace, the one the other daemon runs in: it cannot "
                       "enter one that is private to this daemon");
    const auto [other, is_new] = taken.emplace(t.host_namespace + " " + at, key);
    if (!is_new)
      context.error_at(key, "found " + at + ", where " + other->second +
                                " listens too: give one of them another port");
  }
}

}  // namespace

void check_host(Context& context, const Config& config) {
  for (const Tunnel& t : config.tunnels)
    for (const auto& a : t.inside_addresses)
      check_inside_address(context, "tunnels." + t.name + ".inside-addresses", a);
  check_overlaps(context, config);
  check_devices(context, config);
  check_own_namespace(context, config);
  check_fpm(context, config);
}

}  // namespace kanmon::config
