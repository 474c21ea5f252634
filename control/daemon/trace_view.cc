#include "control/daemon/trace_view.h"

#include <fmt/format.h>

#include "control/daemon/hop_text.h"
#include "dataplane/wire/headers.h"

namespace kanmon::daemon {
namespace {

using api::Json;
using observe::Lane;
using observe::Record;
using observe::Step;

constexpr const char* kPuntNames[] = {
    "nothing",      "arp",     "neighbour-discovery", "ike", "unresolved-neighbour",
    "host-service", "path-mtu"};
static_assert(std::size(kPuntNames) == kPuntKinds);

// What the lane a packet was found in is called in "to".
constexpr const char* kLaneNames[] = {"",      "classify", "decrypt", "route",
                                      "local", "encrypt",  "control", "worker",
                                      "port",  "sent",     "dropped"};
static_assert(std::size(kLaneNames) == observe::kLanes);

struct ProtocolName {
  uint8_t number;
  const char* name;
};
constexpr ProtocolName kProtocolNames[] = {{wire::kProtocolIcmp, "icmp"},
                                           {wire::kProtocolTcp, "tcp"},
                                           {wire::kProtocolUdp, "udp"},
                                           {wire::kProtocolEsp, "esp"},
                                           {wire::kProtocolIcmp6, "icmp6"}};

std::string protocol_name(uint8_t number) {
  for (const ProtocolName& p : kProtocolNames)
    if (p.number == number) return p.name;
  return std::to_string(number);
}

const char* stage_name(const Record& r) {
  if (r.step != Step::kTakenIn) return kStageNames[static_cast<std::size_t>(r.step)];
  return r.from_control ? "control" : "handoff";
}

std::string drop_name(Drop drop) {
  const DropInfo& info = kDrops[static_cast<std::size_t>(drop)];
  return fmt::format("{}.{}", kStageNames[static_cast<std::size_t>(info.stage)], info.name);
}

// Tells one record: a sentence, and the same as keys.
class Teller {
 public:
  Teller(const Gateway& gateway, const Record& record, Json& out)
      : g_(gateway), r_(record), out_(out) {}

  std::string text() {
    switch (r_.lane) {
      case Lane::kReceived:
        return received();
      case Lane::kToDecrypt:
        return fmt::format("{}, to decrypt", esp());
      case Lane::kToRoute:
        return to_route();
      case Lane::kToLocal:
      case Lane::kToEncrypt:
        return route();
      case Lane::kToControl:
        out_["punt"] = punt();
        return route() + "to control: " + punt();
      case Lane::kToWorker:
        out_["to_worker"] = r_.to_worker;
        return route() + fmt::format("to worker {}", r_.to_worker);
      case Lane::kToPort:
        return to_port();
      case Lane::kSent:
        out_["port"] = port();
        return fmt::format("sent by port {}, {} octets", port(), r_.length);
      case Lane::kDropped:
        return dropped();
      case Lane::kNowhere:
        break;
    }
    return "";
  }

 private:
  const std::string& port() const { return g_.port_name(r_.port); }
  const char* punt() const { return kPuntNames[static_cast<std::size_t>(r_.punt)]; }

  std::string received() {
    out_["port"] = port();
    return fmt::format("from port {}, {} octets", port(), r_.length);
  }

  std::string esp() {
    if (!r_.is_ip || !r_.flow.has_spi) return "ESP";
    out_["spi"] = fmt::format("{:08x}", r_.flow.spi);
    return fmt::format("ESP, SPI {:08x}, sequence {} (low half)", r_.flow.spi,
                       r_.flow.sequence_low);
  }

  // The SA of this step.
  std::string sa() {
    out_["tunnel"] = g_.tunnel_name(r_.tunnel);
    out_["spi"] = fmt::format("{:08x}", r_.spi);
    out_["sequence"] = r_.sequence;
    return fmt::format("tunnel {}, SPI {:08x}, sequence {}", g_.tunnel_name(r_.tunnel), r_.spi,
                       r_.sequence);
  }

  std::string table() {
    out_["table"] = g_.table_name(r_.table);
    return "table " + g_.table_name(r_.table);
  }

  std::string to_route() {
    if (r_.step == Step::kDecrypt && r_.spi != 0) {
      out_["inner"] = to_text(r_.flow);
      return fmt::format("{}: authentic; inside {}, to route in {}", sa(), to_text(r_.flow),
                         table());
    }
    if (r_.step == Step::kLocal) return "answered, the answer to route in " + table();
    if (r_.from_control) return "made by the gateway, to route in " + table();
    return "to route in " + table();
  }

  // What the lookup found; ends in a blank if more may follow.
  std::string route() {
    if (!r_.is_decision) return "";
    const views::HopText hop = views::describe(g_, r_.next_hop);
    out_["next_hop_kind"] = hop.kind;
    out_["next_hop"] = hop.next_hop;
    const std::string prefix = prefix_of_route();
    out_["prefix"] = prefix.empty() ? Json() : Json(prefix);
    if (!r_.next_hop) return table() + ", no route ";
    const std::string to = hop.next_hop.is_string() ? " " + hop.next_hop.get<std::string>() : "";
    return fmt::format("{}, {} -> {}{} ", table(), prefix.empty() ? "no route" : prefix, hop.kind,
                       to);
  }

  // The route as it is now: it may have changed since the packet passed.
  std::string prefix_of_route() const {
    if (!r_.is_ip) return "";
    const auto prefix = g_.compiler().match(r_.table, r_.flow.destination);
    return prefix ? prefix->to_string() : "";
  }

  std::string to_port() {
    out_["port"] = port();
    out_["octets"] = r_.length;
    const wire::IpAddress* to = g_.adjacency_address(r_.adjacency);
    out_["adjacency"] = to != nullptr ? Json(to->to_string()) : Json();
    if (r_.step == Step::kEncrypt && r_.spi != 0)
      return fmt::format("{}, next hop {} by port {}, {} octets", sa(),
                         to != nullptr ? to->to_string() : "unknown", port(), r_.length);
    return route() + fmt::format("by port {}", port());
  }

  std::string dropped() {
    out_["drop"] = drop_name(r_.drop);
    out_["meaning"] = kDrops[static_cast<std::size_t>(r_.drop)].help;
    return route() + fmt::format("DROPPED {}: {}", drop_name(r_.drop),
                                 kDrops[static_cast<std::size_t>(r_.drop)].help);
  }

  const Gateway& g_;
  const Record& r_;
  Json& out_;
};

Json step(const Gateway& g, const Record& r, uint64_t start, double cycles_per_us) {
  Json out = {{"stage", stage_name(r)},
              {"worker", r.worker},
              {"at_us", static_cast<double>(r.tsc - start) / cycles_per_us},
              {"to", kLaneNames[static_cast<std::size_t>(r.lane)]}};
  std::string text = Teller(g, r, out).text();
  while (!text.empty() && text.back() == ' ') text.pop_back();
  out["text"] = text;
  return out;
}

// How it ended. A packet cut into fragments ends several times: what was dropped is told first.
std::string outcome(const watch::Story& story) {
  bool is_sent = false, is_punted = false;
  for (const Record& r : story.records) {
    if (r.lane == Lane::kDropped) return "dropped " + drop_name(r.drop);
    is_sent |= r.lane == Lane::kSent;
    is_punted |= r.lane == Lane::kToControl;
  }
  return is_sent ? "sent" : is_punted ? "given to control" : "unfinished";
}

}  // namespace

std::string to_text(const observe::Flow& flow) {
  const std::string protocol = protocol_name(flow.protocol);
  std::string source = flow.source.to_string(), destination = flow.destination.to_string();
  if (flow.has_ports) {
    source = wire::Endpoint{flow.source, flow.source_port}.to_string();
    destination = wire::Endpoint{flow.destination, flow.destination_port}.to_string();
  }
  std::string text = fmt::format("{} -> {} {}", source, destination, protocol);
  if (flow.has_spi) text += fmt::format(" SPI {:08x}", flow.spi);
  return text;
}

Json describe(const Gateway& gateway, const watch::Story& story) {
  const Record& first = story.records.front();
  const double cycles_per_us = static_cast<double>(gateway.data_plane().tsc_hz()) / 1e6;
  Json steps = Json::array();
  for (const Record& r : story.records) steps.push_back(step(gateway, r, first.tsc, cycles_per_us));
  return {{"number", story.number},
          {"packet", first.is_ip ? to_text(first.flow) : ""},
          {"octets", first.length},
          {"outcome", outcome(story)},
          {"steps", steps}};
}

}  // namespace kanmon::daemon
