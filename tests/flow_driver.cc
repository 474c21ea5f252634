// The gateway for the flow tests: the real one, with its workers turned by hand, driven by one JSON
// object a line on stdin, each answered by one on stdout.
//
//   {"do":"start","config":FILE}                      {"ports":[{"name":…,"mac":…}]}
//   {"do":"send","port":NAME,"queue":N,"frames":[HEX…]}
//                                                     {"frames":[[PORT,HEX]…]} that came out
//   {"do":"settle"}                                   likewise, without sending
//   {"do":"pass_time","ms":N}                         likewise, after N ms of the gateway's clock
//   {"do":"sa","tunnel":NAME,…}                       {"inbound_spi":N,"frames":[…]}
//                                                     also: "first_sequence":N (0: 1) of the
//                                                     outbound half, "hard_packets":N,
//                                                     "hard_bytes":N of both (0: none)
//   {"do":"peer","inbound_spi":N}                     {"address":TEXT,"port":N}: whom the SA last
//   heard
//   {"do":"move","tunnel":NAME,"address":TEXT,"port":N}
//                                                     {"frames":[…]}: the peer is there now, as IKE
//                                                     says it
//   {"do":"remove","tunnel":NAME,"inbound_spi":N,"outbound_spi":N}
//                                                     {"frames":[…]}
//   {"do":"reload","config":FILE}                     {"problems":[TEXT…],"frames":[…]}
//   {"do":"api","method":TEXT,"params":{…}}        {"answer":{…},"frames":[…]}: of the API
//   {"do":"counters"}                                 {"drops":{"stage.name":N…},"received":N,…}
//
// A refusal is {"error":TEXT}. Ports must be `ring:NAME` devices; the far end of each wire is here.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "control/api/dispatcher.h"
#include "control/config/config.h"
#include "control/daemon/gateway.h"
#include "control/daemon/handlers.h"
#include "dataplane/packet/pool.h"
#include "dataplane/port/ring_wire.h"

namespace kanmon {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// A refusal that stdout reports.
[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error(why);
}

std::vector<uint8_t> from_hex(const std::string& text) {
  std::vector<uint8_t> octets;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    octets.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return octets;
}

std::string to_hex(wire::Bytes octets) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t o : octets) (text += kDigits[o >> 4]) += kDigits[o & 15];
  return text;
}

wire::IpAddress address(const Json& value) {
  const auto parsed = wire::IpAddress::parse(value.get<std::string>());
  if (!parsed.ok()) refuse("no address: " + value.dump());
  return *parsed;
}

std::vector<sa::Selector> selectors(const Json& prefixes) {
  std::vector<sa::Selector> list;
  for (const auto& text : prefixes) {
    const auto prefix = wire::Prefix::parse(text.get<std::string>());
    if (!prefix.ok()) refuse("no prefix: " + text.dump());
    list.push_back(sa::Selector::of(*prefix));
  }
  return list;
}

esp::Algorithm algorithm(const std::string& name) {
  for (const auto& row : esp::kAlgorithms)
    if (row.name == name) return row.algorithm;
  refuse("no such algorithm: " + name);
}

class Driver {
 public:
  ~Driver() {
    gateway_.reset();
    if (pool_ != nullptr) rte_mempool_free(pool_);
  }

  Json answer(const Json& request) {
    const std::string what = request.at("do");
    if (what == "start") return start(request.at("config"));
    if (!gateway_) refuse("not started");
    if (what == "send") return send(request.at("port"), request.at("queue"), request.at("frames"));
    if (what == "settle") return settle();
    if (what == "pass_time") return pass_time(milliseconds(request.at("ms").get<int64_t>()));
    if (what == "sa") return install(request);
    if (what == "peer") return peer(request.at("inbound_spi"));
    if (what == "move") return move(request);
    if (what == "remove") return remove(request);
    if (what == "reload") return reload(request.at("config"));
    if (what == "api") return api(request);
    if (what == "counters") return counters();
    refuse("unknown command: " + what);
  }

 private:
  Json start(const std::string& file) {
    config::Loaded loaded = config::load_file(file);
    std::string why;
    for (const auto& problem : loaded.problems) why += problem.to_string() + "\n";
    if (!loaded.config) refuse(why);
    std::vector<config::Problem> problems;
    gateway_ = daemon::Gateway::start(std::move(*loaded.config), file, problems, /*stepped=*/true);
    for (const auto& problem : problems) why += problem.to_string() + "\n";
    if (!gateway_) refuse(why);
    daemon::add_handlers(dispatcher_, *gateway_, [] { return api::Answer(); });
    uint16_t room = kDefaultPacketRoom;
    for (const auto& [name, port] : gateway_->ports())
      room = std::max(room, packet_room(port.config.mtu));
    pool_ = make_pool("far_ends", 4096, room, 0, -1);
    if (pool_ == nullptr) refuse("no memory for packets");
    Json ports = Json::array();
    for (const auto& [name, port] : gateway_->ports())
      ports.push_back({{"name", name}, {"mac", wire::to_string(port.info.mac)}});
    return {{"ports", ports}};
  }

  port::RingWire& far_end(const std::string& port_name) {
    const auto port = gateway_->ports().find(port_name);
    if (port == gateway_->ports().end()) refuse("no such port: " + port_name);
    const std::string& device = port->second.info.device;
    port::RingWire* wire = port::find_wire(device.substr(device.find(':') + 1));
    if (wire == nullptr) refuse("not a ring: " + device);
    return *wire;
  }

  Json send(const std::string& port_name, uint16_t queue, const Json& frames) {
    port::RingWire& wire = far_end(port_name);
    if (queue >= wire.queues()) refuse("no such queue");
    for (const auto& text : frames) {
      const auto octets = from_hex(text);
      Packet* packet = allocate(pool_, 0);
      if (packet == nullptr) refuse("no packet buffer left");
      uint8_t* room = append(packet, static_cast<uint16_t>(octets.size()));
      if (room != nullptr) std::copy(octets.begin(), octets.end(), room);
      if (room == nullptr || wire.send(queue, &packet, 1) != 1) {
        rte_pktmbuf_free(packet);
        refuse("frame does not fit");
      }
    }
    return settle();
  }

  // Turns the gateway until nothing has come out and control had nothing to do for some turns.
  Json settle() {
    Json frames = Json::array();
    for (int quiet = 0; quiet < 4; ++quiet) {
      if (gateway_->poll(now_)) quiet = 0;
      gateway_->data_plane().turn();
      if (collect(frames)) quiet = 0;
    }
    return {{"frames", frames}};
  }

  bool collect(Json& frames) {
    const std::size_t before = frames.size();
    for (const auto& [name, port] : gateway_->ports()) {
      port::RingWire& wire = far_end(name);
      Packet* packet = nullptr;
      for (uint16_t queue = 0; queue < wire.queues(); ++queue)
        while (wire.receive(queue, &packet, 1) == 1) {
          if (!is_linear(packet) && !linearize(packet)) refuse("a frame in too many segments");
          frames.push_back({name, to_hex(bytes(packet))});
          rte_pktmbuf_free(packet);
        }
    }
    return frames.size() != before;
  }

  Json pass_time(milliseconds step) {
    Json frames = Json::array();
    for (const auto end = now_ + step; now_ < end;) {
      now_ += std::min(milliseconds(100), std::chrono::ceil<milliseconds>(end - now_));
      gateway_->tick(now_);
      Json settled = settle();
      for (auto& frame : settled["frames"]) frames.push_back(std::move(frame));
    }
    return {{"frames", frames}};
  }

  // Both halves of an SA with keys from outside, through the door IKE uses.
  Json install(const Json& r) {
    const std::string tunnel = r.at("tunnel");
    ike::ChildSa child;
    child.tunnel = number_of(tunnel);
    ike::Host& door = gateway_->sa_door();
    const auto spi = door.reserve_spi(child.tunnel);
    if (!spi.ok()) refuse("no SPI left");
    child.inbound_spi = *spi;
    child.outbound_spi = r.at("outbound_spi");
    child.algorithm = algorithm(r.at("algorithm"));
    child.esn = r.at("esn");
    child.udp_encapsulation = r.at("udp");
    child.local = {address(r.at("local")), 4500};
    child.remote = {address(r.at("remote")), r.at("remote_port").get<uint16_t>()};
    child.local_ts = selectors(r.at("local_ts"));
    child.remote_ts = selectors(r.at("remote_ts"));
    child.inbound_key = Secret(from_hex(r.at("inbound_key")));
    child.outbound_key = Secret(from_hex(r.at("outbound_key")));
    door.install_inbound(child);
    if (r.at("outbound")) door.install_outbound(child);
    limit(child, r);
    Json answer = settle();
    answer["inbound_spi"] = child.inbound_spi;
    return answer;
  }

  // What no configuration says of an SA. Before its first packet, while nobody turns.
  void limit(const ike::ChildSa& child, const Json& r) {
    const auto first = r.at("first_sequence").get<uint64_t>();
    const auto packets = r.at("hard_packets").get<uint64_t>();
    const auto bytes = r.at("hard_bytes").get<uint64_t>();
    sa::InboundSa& in = *gateway_->sas().inbound().at(child.inbound_spi).sa;
    if (packets != 0) in.cold->limits.hard_packets = in.packets_alarm = packets;
    if (bytes != 0) in.cold->limits.hard_bytes = in.bytes_alarm = bytes;
    const auto* outbound = gateway_->sas().outbound(child.tunnel);
    if (outbound == nullptr || outbound->spi != child.outbound_spi) return;
    sa::OutboundSa& out = *outbound->sa;
    out.next_sequence.store(first);
    if (packets != 0) out.last_sequence = first + packets - 1;
    if (bytes != 0) {
      out.counts_bytes = true;
      out.hard_bytes = bytes;
    }
  }

  Json peer(uint32_t inbound_spi) {
    const auto peer = sa::report(*gateway_->sas().inbound().at(inbound_spi).sa).peer;
    if (!peer) return {{"address", ""}, {"port", 0}};
    return {{"address", peer->address.to_string()}, {"port", peer->port}};
  }

  Json move(const Json& r) {
    gateway_->sa_door().move_endpoint(number_of(r.at("tunnel")),
                                      {address(r.at("address")), r.at("port").get<uint16_t>()});
    return settle();
  }

  Json remove(const Json& r) {
    ike::Host& door = gateway_->sa_door();
    door.remove_outbound(number_of(r.at("tunnel")), r.at("outbound_spi"));
    door.remove_inbound(r.at("inbound_spi"));
    return settle();
  }

  Json reload(const std::string& file) {
    config::Loaded loaded = config::load_file(file);
    Json problems = Json::array();
    for (const auto& problem : loaded.problems) problems.push_back(problem.to_string());
    if (loaded.config) {
      const auto result = gateway_->reload(now_, std::move(*loaded.config));
      for (const auto& problem : result.problems) problems.push_back(problem.to_string());
    }
    Json answer = settle();
    answer["problems"] = problems;
    return answer;
  }

  uint32_t number_of(const std::string& tunnel) const {
    for (const auto& t : gateway_->config().tunnels)
      if (t.name == tunnel) return t.ike.tunnel;
    refuse("no such tunnel: " + tunnel);
  }

  // As a client of the socket sees it; then whatever it set going.
  Json api(const Json& r) {
    const Json request = {{"method", r.at("method")}, {"params", r.at("params")}};
    const Json answer = Json::parse(dispatcher_.answer(request.dump()));
    Json out = settle();
    out["answer"] = answer;
    return out;
  }

  Json counters() {
    DataPlane& plane = gateway_->data_plane();
    Json drops = Json::object();
    uint64_t received = 0, injected = 0, generated = 0, transmitted = 0, punted = 0;
    for (uint16_t w = 0; w < plane.workers(); ++w) {
      const WorkerCounters& c = plane.counters(w);
      for (std::size_t d = 1; d < kDropCount; ++d) {
        const DropInfo& row = kDrops[d];
        Json& count = drops[std::string(kStageNames[static_cast<int>(row.stage)]) + "." + row.name];
        count = (count.is_null() ? 0 : count.get<uint64_t>()) + c.drops[d].get();
      }
      received += c.received.get();
      injected += c.injected.get();
      generated += c.generated.get();
      transmitted += c.transmitted.get();
      punted += c.punted.get();
    }
    return {{"drops", drops},
            {"received", received},
            {"injected", injected},
            {"generated", generated},
            {"punted", punted},
            {"transmitted", transmitted},
            {"buffers_in_use", plane.buffers_in_use()}};
  }

  std::unique_ptr<daemon::Gateway> gateway_;
  api::Dispatcher dispatcher_;
  rte_mempool* pool_ = nullptr;
  daemon::TimePoint now_ = std::chrono::steady_clock::now();
};

// DPDK prints to stdout while it starts: answers get a descriptor of their own, all else goes to
// stderr.
std::FILE* take_stdout() {
  std::FILE* answers = fdopen(dup(STDOUT_FILENO), "w");
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return answers;
}

int serve() {
  std::FILE* answers = take_stdout();
  if (answers == nullptr) return 1;
  Driver driver;
  std::string line;
  while (std::getline(std::cin, line)) {
    Json answer;
    try {
      answer = driver.answer(Json::parse(line));
    } catch (const std::exception& e) {
      answer = {{"error", e.what()}};
    }
    std::fprintf(answers, "%s\n", answer.dump().c_str());
    std::fflush(answers);
  }
  return std::fclose(answers) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kanmon

int main() {
  return kanmon::serve();
}
