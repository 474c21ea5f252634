// Checks of attachments: that each is what its kind says, has one table, and is where tables name
// it.
#include <algorithm>
#include <map>

#include "control/config/attachments.h"
#include "control/config/check.h"
#include "control/config/problems.h"

namespace kanmon::config {
namespace {

using Kind = Attachment::Kind;

std::string path_of(const Attachment& a, const char* key = nullptr) {
  return "attachments." + a.name + (key == nullptr ? "" : std::string(".") + key);
}

// Which keys a kind has; of those, `needed` must be given.
struct KeyRule {
  const char* key;
  uint8_t kinds;   // bits by Kind
  uint8_t needed;  // likewise
};
constexpr uint8_t bit(Kind kind) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(kind));
}
constexpr uint8_t kPorts = bit(Kind::kVpc) | bit(Kind::kDirectConnect);
constexpr KeyRule kRules[] = {
    {"port", kPorts, kPorts},
    {"tunnels", bit(Kind::kVpn), bit(Kind::kVpn)},
    {"static-routes", bit(Kind::kVpn), 0},
    {"on-down", bit(Kind::kVpn), 0},
};

void check_keys(Context& context, const Attachment& a) {
  for (const KeyRule& rule : kRules) {
    const std::string key = path_of(a, rule.key);
    const bool given = context.given(key);
    if (given && (rule.kinds & bit(a.kind)) == 0)
      context.error_at(key, "found on an attachment of kind " + std::string(to_string(a.kind)) +
                                ", which has no such key");
    if (!given && (rule.needed & bit(a.kind)) != 0)
      context.error_at(path_of(a), "is of kind " + std::string(to_string(a.kind)) +
                                       ", expected the key " + in_quotes(rule.key));
  }
  if (a.on_down == OnDown::kFallback)
    context.error_at(path_of(a, "on-down"),
                     "found \"fallback\", expected hold, withdraw or "
                     "blackhole: a standby tunnel has weight 0");
}

const Port* port_of(const Config& config, const std::string& name) {
  for (const Port& p : config.ports)
    if (p.name == name) return &p;
  return nullptr;
}

void check_port(Context& context, const Config& config, const Attachment& a) {
  if (a.port.empty()) return;
  const std::string key = path_of(a, "port");
  check_reference(context, key, a.port, names_in(config.ports), "ports");
  const Port* port = port_of(config, a.port);
  if (port == nullptr) return;
  if (a.kind == Kind::kVpc && !port->underlay.empty())
    context.error_at(key, "found " + in_quotes(a.port) +
                              ", a port of an underlay, which carries outer packets: expected one "
                              "of a route table, or kind direct-connect");
  if (a.kind == Kind::kDirectConnect && port->underlay.empty())
    context.error_at(key, "found " + in_quotes(a.port) + ", expected a port of an underlay");
}

// A port or tunnel is part of one attachment, and has the table that has.
void check_members(Context& context, const Config& config) {
  std::map<std::string, std::string> owners;  // "port lan" -> attachment
  const auto claim = [&](const Attachment& a, const std::string& member, const char* key,
                         const std::string& table) {
    const auto [owner, is_new] = owners.emplace(member, a.name);
    if (!is_new)
      context.error_at(path_of(a, key),
                       "has " + member + ", which attachment " + owner->second + " has already");
    if (!table.empty() && table != a.association)
      context.error_at(path_of(a, key), "has " + member + " of table " + table +
                                            ", but is associated with " + a.association);
  };
  for (const Attachment& a : config.attachments) {
    if (!a.port.empty()) {
      const Port* port = port_of(config, a.port);
      claim(a, "port " + a.port, "port",
            port != nullptr && a.kind == Kind::kVpc ? port->table : std::string());
    }
    for (const std::string& name : a.tunnels)
      for (const Tunnel& t : config.tunnels)
        if (t.name == name) claim(a, "tunnel " + name, "tunnels", t.table);
  }
}

// Lists of a table: names of attachments that can be there.
void check_names(Context& context, const Config& config, const RouteTable& table, const char* list,
                 const std::vector<std::string>& names) {
  const std::string path = "route-tables." + table.name + "." + list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string key = context.item_path(path, i);
    const Attachment* a = find_attachment(config, names[i]);
    if (a == nullptr) {
      check_reference(context, key, names[i], names_in(config.attachments), "attachments");
    } else if (a->kind == Kind::kDirectConnect) {
      context.error_at(key, "found " + in_quotes(a->name) +
                                ", a direct-connect line: its table is the underlay of its port");
    } else if (std::string_view(list) == "associations" && a->association != table.name) {
      context.error_at(key, "found " + in_quotes(a->name) + ", which is associated with " +
                                a->association + " already: an attachment has one table");
    }
  }
}

// Nothing is looked up nowhere: there is no default table (INV-3).
void check_everybody_has_a_table(Context& context, const Config& config) {
  for (const Port& p : config.ports)
    if (p.underlay.empty() && p.table.empty() && !context.given("ports." + p.name + ".table") &&
        !context.given("ports." + p.name + ".underlay"))
      context.error_at("ports." + p.name,
                       "is in no table, expected exactly one of underlay (outer packets) and table "
                       "(inner packets), or an attachment that a route table associates");
  for (const Tunnel& t : config.tunnels)
    if (t.table.empty() && !context.given("tunnels." + t.name + ".table"))
      context.error_at("tunnels." + t.name,
                       "is incomplete: the key \"table\" is missing, or an attachment with this "
                       "tunnel that a route table associates");
}

}  // namespace

void check_attachments(Context& context, const Config& config) {
  for (const Attachment& a : config.attachments) {
    if (a.is_implied) continue;
    check_keys(context, a);
    check_port(context, config, a);
    for (std::size_t i = 0; i < a.tunnels.size(); ++i)
      check_reference(context, context.item_path(path_of(a, "tunnels"), i), a.tunnels[i],
                      names_in(config.tunnels), "tunnels");
  }
  check_members(context, config);
  for (const RouteTable& t : config.tables) {
    check_names(context, config, t, "associations", t.associations);
    check_names(context, config, t, "propagations", t.propagations);
  }
  check_everybody_has_a_table(context, config);
}

}  // namespace kanmon::config
