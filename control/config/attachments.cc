#include "control/config/attachments.h"

#include <algorithm>
#include <map>
#include <set>

#include "control/config/routes.h"

namespace kanmon::config {
namespace {

using Kind = Attachment::Kind;

constexpr Word<Kind> kKinds[] = {
    {"vpc", Kind::kVpc}, {"vpn", Kind::kVpn}, {"direct-connect", Kind::kDirectConnect}};

constexpr Key<Attachment> kKeys[] = {
    required_key<Attachment, Choice<kKinds>>(
        "kind", [](auto& a) -> auto& { return a.kind; },
        "vpc: a LAN side; vpn: a connection's tunnels; direct-connect: a private line of an "
        "underlay."),
    key<Attachment, Reference>(
        "port", [](auto& a) -> auto& { return a.port; }, "Of vpc and direct-connect: the port."),
    key<Attachment, List<Reference, 0, 16>>(
        "tunnels", [](auto& a) -> auto& { return a.tunnels; },
        "Of vpn: its tunnels, as a rule two. Traffic is shared by their weights."),
    key<Attachment, List<PrefixText, 0, 1000>>(
        "static-routes", [](auto& a) -> auto& { return a.static_routes; },
        "Of vpn: what is behind it; in the tables the attachment propagates to."),
    key<Attachment, OnDownWord>(
        "on-down", [](auto& a) -> auto& { return a.on_down; },
        "Of static-routes while all tunnels are down: hold, withdraw or blackhole."),
};

// Attachments that name it, by port or tunnel.
std::set<std::string> members(const Config& config, bool tunnels) {
  std::set<std::string> out;
  for (const Attachment& a : config.attachments) {
    if (!tunnels && !a.port.empty()) out.insert(a.port);
    if (tunnels) out.insert(a.tunnels.begin(), a.tunnels.end());
  }
  return out;
}

// An attachment of a name that is still free: that of its member, else with the kind in front.
Attachment implied(const Config& config, Kind kind, const std::string& name,
                   const std::string& table) {
  Attachment a;
  a.name = find_attachment(config, name) == nullptr ? name : to_string(kind) + ("-" + name);
  a.kind = kind;
  a.association = table;
  a.is_implied = true;
  return a;
}

template <class T>
T* by_name(std::vector<T>& list, const std::string& name) {
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const T& x) { return x.name == name; });
  return it == list.end() ? nullptr : &*it;
}

// An attachment's table is that of its port and tunnels, whichever of them says so.
void derive_table(Config& config, Attachment& a) {
  std::vector<std::string*> tables;
  if (Port* port = a.kind == Kind::kVpc ? by_name(config.ports, a.port) : nullptr)
    if (port->underlay.empty()) tables.push_back(&port->table);
  for (const std::string& name : a.tunnels)
    if (Tunnel* tunnel = by_name(config.tunnels, name)) tables.push_back(&tunnel->table);
  for (const std::string* table : tables)
    if (a.association.empty()) a.association = *table;
  for (std::string* table : tables)
    if (table->empty()) *table = a.association;
}

}  // namespace

const char* to_string(Attachment::Kind kind) {
  return kKinds[static_cast<uint8_t>(kind)].name.data();
}

void Attachments::read(Context& context, const Node& node, std::vector<Attachment>& out) {
  Named<kKeys, Attachment>::read(context, node, out);
}
Json Attachments::schema() {
  return Named<kKeys, Attachment>::schema();
}

void Attachments::diff(const std::string& path, const std::vector<Attachment>& before,
                       const std::vector<Attachment>& after, Changes& changes) {
  const auto of_file = [](std::vector<Attachment> list) {
    std::erase_if(list, [](const Attachment& a) { return a.is_implied; });
    return list;
  };
  Named<kKeys, Attachment>::diff(path, of_file(before), of_file(after), changes);
}

const Attachment* find_attachment(const Config& config, const std::string& name) {
  for (const Attachment& a : config.attachments)
    if (a.name == name) return &a;
  return nullptr;
}

void derive_attachments(Config& config) {
  for (const RouteTable& table : config.tables)
    for (const std::string& name : table.associations)
      if (Attachment* a = by_name(config.attachments, name); a != nullptr && a->association.empty())
        a->association = table.name;
  for (Attachment& a : config.attachments) {
    if (a.kind == Kind::kVpc || a.kind == Kind::kVpn) derive_table(config, a);
    if (const Port* port = by_name(config.ports, a.port);
        port != nullptr && a.kind == Kind::kDirectConnect)
      a.association = port->underlay;
  }
  const auto ports = members(config, false), tunnels = members(config, true);
  for (const Port& port : config.ports) {
    if (!port.underlay.empty() || port.table.empty() || ports.count(port.name) != 0) continue;
    Attachment a = implied(config, Kind::kVpc, port.name, port.table);
    a.port = port.name;
    config.attachments.push_back(std::move(a));
  }
  for (const Tunnel& tunnel : config.tunnels) {
    if (tunnel.table.empty() || tunnels.count(tunnel.name) != 0) continue;
    Attachment a = implied(config, Kind::kVpn, tunnel.name, tunnel.table);
    a.tunnels = {tunnel.name};
    config.attachments.push_back(std::move(a));
  }
}

}  // namespace kanmon::config
