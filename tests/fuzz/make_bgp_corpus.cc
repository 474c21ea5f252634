// Writes the seeds of bgp_message_fuzz that our own writer makes: one message of each shape.
//   make_bgp_corpus tests/fuzz/corpus/bgp_message_fuzz
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "control/bgp/negotiate.h"
#include "control/bgp/wire/refresh.h"
#include "control/bgp/wire/update_writer.h"

namespace kanmon::bgp {
namespace {

using wire::Family;

std::filesystem::path folder;

void save(const std::string& name, Octets head, wire::Bytes rest) {
  head.insert(head.end(), rest.begin(), rest.end());
  std::ofstream out(folder / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(head.data()), static_cast<std::streamsize>(head.size()));
}

// As a body for its own door, and as octets of an established session.
void save_message(const std::string& name, uint8_t door, uint8_t how, wire::Bytes message) {
  save("body_" + name, {door, how}, message.subspan(kHeaderBytes));
  save("stream_" + name, {0, 15}, message);
}

Open full_open() {
  SessionSettings s;
  s.local_as = 4200000000;
  s.router_id = 0x0a000001;
  s.family[Family::kV4] = s.family[Family::kV6] = true;
  s.add_path[Family::kV4] = AddPath::kBoth;
  s.restart = GracefulRestart{120, true, true, {}};
  s.restart->family[Family::kV4] = {true, true};
  return open_of(s);
}

Attributes attributes(Family family) {
  Attributes a;
  a.as_path = AsPath{65001, 4200000000, 65002};
  a.as_path.append(SegmentType::kSet, std::vector<uint32_t>{5, 70000});
  a.next_hop = wire::IpAddress::parse(family == Family::kV4 ? "192.0.2.1" : "2001:db8::1").value();
  if (family == Family::kV6) a.link_local = wire::IpAddress::parse("fe80::1").value();
  a.med = 5;
  a.local_pref = 200;
  a.atomic_aggregate = true;
  a.aggregator = Aggregator{4200000001, 7};
  a.originator_id = 8;
  a.cluster_list = {9, 3};
  a.communities = {0xffff0000, 1};
  a.extended = {0x0002fde900000001};
  a.large = {{1, 2, 3}};
  a.unknown = {{0xe0, 99, Octets(300, 5)}};
  return a;
}

void updates() {
  AttributeTable table;
  for (const Family family : kFamilies)
    for (const bool external : {true, false})
      for (const bool as4 : {true, false}) {
        Attributes a = attributes(family);
        const AttributeRef set = table.intern(a);
        const std::string text = family == Family::kV4 ? "10.128.0.0/9" : "2001:db8::/32";
        const Nlri nlri[] = {{wire::Prefix::parse(text).value(), 0}};
        UpdateWriter writer(WriteContext{external, as4, {}, kMaxMessage});
        const uint8_t how = static_cast<uint8_t>((external ? 65 : 0) | (as4 ? 2 : 0));
        const std::string name = (family == Family::kV4 ? "v4_" : "v6_") + std::to_string(how);
        (void)writer.announce(*set, family, nlri,
                              [&](wire::Bytes m) { save_message("announce_" + name, 1, how, m); });
        writer.withdraw(family, nlri,
                        [&](wire::Bytes m) { save_message("withdraw_" + name, 1, how, m); });
        writer.end_of_rib(family, [&](wire::Bytes m) { save_message("end_" + name, 1, how, m); });
      }
}

void others() {
  save_message("open", 2, 0, encode(full_open()));
  save_message("open_plain", 2, 0, encode(Open{65001, 90, 1, {}}));
  save_message("shutdown", 3, 0, encode(Notification::cease(Cease::kShutdown, "maintenance")));
  save_message("hard_reset", 3, 0,
               encode(Notification::hard_reset(Notification::cease(Cease::kReset, "why"))));
  for (const auto kind : {Refresh::Kind::kRequest, Refresh::Kind::kBegin, Refresh::Kind::kEnd})
    save_message("refresh_" + std::to_string(static_cast<int>(kind)), 3, 0,
                 encode(Refresh{kind, Family::kV6}));
  Octets start = encode(full_open());
  const Octets alive = keepalive();
  start.insert(start.end(), alive.begin(), alive.end());
  save("stream_start", {0, 17}, start);
}

}  // namespace
}  // namespace kanmon::bgp

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_bgp_corpus FOLDER\n");
    return 2;
  }
  kanmon::bgp::folder = argv[1];
  std::filesystem::create_directories(kanmon::bgp::folder);
  kanmon::bgp::updates();
  kanmon::bgp::others();
}
