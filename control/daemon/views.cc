#include "control/daemon/views.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace kanmon::daemon::views {
namespace {

using api::Json;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

double seconds(ike::Duration d) {
  return static_cast<double>(duration_cast<milliseconds>(d).count()) / 1000.0;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

// Why a tunnel that is up does not carry: a check of its path says so.
std::string path_reason(const Gateway& g, const std::string& tunnel) {
  const auto number = g.tunnel_number(tunnel);
  const std::string why = number ? g.paths().reason(*number) : "";
  return why.empty() ? "" : "path down: " + why;
}

Json number_or_null(uint64_t number) {
  return number == 0 ? Json() : Json(number);
}

std::string hex32(uint32_t v) {
  return fmt::format("{:08x}", v);
}

std::string selector_text(const sa::Selector& s) {
  std::string text = s.start.to_string();
  const auto bits = s.start.bits();
  uint8_t length = 0;  // as a prefix, if it is one
  while (length < bits && wire::mask(s.start, length, true) != s.end) ++length;
  if (wire::mask(s.start, length) == s.start && wire::mask(s.start, length, true) == s.end) {
    text += fmt::format("/{}", length);
  } else {
    text += "-" + s.end.to_string();
  }
  if (s.protocol != 0) text += fmt::format("[{}]", s.protocol);
  if (s.opaque_port()) return text + ":opaque";
  if (!s.any_port()) text += fmt::format(":{}-{}", s.port_start, s.port_end);
  return text;
}

Json selector_list(const std::vector<sa::Selector>& selectors) {
  Json list = Json::array();
  for (const auto& s : selectors) list.push_back(selector_text(s));
  return list;
}

// Sums over all workers.
template <class F>
uint64_t sum(const Gateway& g, F of) {
  uint64_t total = 0;
  for (uint16_t w = 0; w < g.data_plane().workers(); ++w)
    total += of(g.data_plane().counters(w)).get();
  return total;
}

uint64_t dropped(const WorkerCounters& c) {
  uint64_t total = 0;
  for (const auto& d : c.drops) total += d.get();
  return total;
}

double ratio(uint64_t a, uint64_t b) {
  return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
}

uint64_t sa_drops(const sa::InboundSa& sa) {
  uint64_t total = 0;
  for (const auto& d : sa.cold->drops) total += d.get();
  return total;
}

Json inbound_row(const Gateway& g, const ike::TunnelStatus& t, const ike::TunnelStatus::Child& c) {
  const auto it = g.sas().inbound().find(c.inbound_spi);
  if (it == g.sas().inbound().end()) return {};
  const sa::InboundSa& sa = *it->second.sa;
  const auto r = sa::report(sa);
  return {{"tunnel", t.name},
          {"direction", "in"},
          {"spi", hex32(c.inbound_spi)},
          {"state", c.carries_outbound ? "active" : "old"},
          {"algorithm", c.algorithm},
          {"pfs_group", text_or_null(c.pfs_group)},
          {"esn", c.esn},
          {"worker", sa.owner_worker},
          {"packets", r.packets},
          {"bytes", r.bytes},
          {"sequence", r.top_sequence},
          {"replay_window", sa.window.packets()},
          {"replayed", r.duplicates + r.too_old},
          {"icv_failed", r.icv_failures},
          {"dropped", sa_drops(sa)},
          {"tfc_padding", nullptr},
          {"later_fragments", sa.cold->fragments_also}};
}

Json outbound_row(const Gateway& g, const ike::TunnelStatus& t, const ike::TunnelStatus::Child& c) {
  const auto* out = g.sas().outbound(t.tunnel);
  const bool live = out != nullptr && out->spi == c.outbound_spi;
  const auto r = live ? sa::report(*out->sa) : sa::OutboundReport{};
  return {{"tunnel", t.name},
          {"direction", "out"},
          {"spi", hex32(c.outbound_spi)},
          {"state", live ? "active" : "old"},
          {"algorithm", c.algorithm},
          {"pfs_group", text_or_null(c.pfs_group)},
          {"esn", c.esn},
          {"worker", nullptr},
          {"packets", r.packets},
          {"bytes", r.bytes},
          {"sequence", live ? r.next_sequence - 1 : 0},
          {"replay_window", nullptr},
          {"replayed", 0},
          {"icv_failed", 0},
          {"dropped", 0},
          {"tfc_padding", live && g.sas().encap(t.tunnel)->pads_to_mtu},
          {"later_fragments", live && out->sa->cold->fragments_also}};
}

void add_ages(Json& row, const ike::TunnelStatus::Child& c) {
  row["age_s"] = seconds(c.age);
  row["rekey_in_s"] = c.carries_outbound ? Json(seconds(c.rekey_in)) : Json();
  row["expires_in_s"] = seconds(c.expires_in);
  row["local_ts"] = selector_list(c.local_ts);
  row["remote_ts"] = selector_list(c.remote_ts);
}

// What XDP programs dropped no worker has seen: it is part of no worker's sum. Returns how many.
uint64_t add_early_drops(const Gateway& g, Json& rows) {
  const xdp::Counts counts = g.data_plane().front().counts();
  uint64_t all = 0;
  for (const xdp::VerdictInfo& v : xdp::kVerdictInfos) {
    if (xdp::fate(v.verdict) != xdp::Fate::kDropped) continue;
    all += counts[v.verdict];
    rows.push_back({{"drop", fmt::format("xdp.{}", v.name)},
                    {"stage", "xdp"},
                    {"name", v.name},
                    {"packets", counts[v.verdict]},
                    {"per_worker", Json::array()},
                    {"help", v.help}});
  }
  return all;
}

}  // namespace

Json tunnels(const Gateway& g, TimePoint now) {
  Json rows = Json::array();
  for (const auto& t : g.ike().status(now)) {
    const auto traffic = g.sas().traffic(t.tunnel);
    const bool ike_up = t.ike_spi_responder != 0;
    const sa::Encap* encap = g.sas().encap(t.tunnel);
    rows.push_back(
        {{"tunnel", t.name},
         {"state", to_string(t.state)},
         {"local", t.local.to_string()},
         {"remote", t.remote.address.is_unspecified() ? Json() : Json(t.remote.to_string())},
         {"peer_id", text_or_null(t.peer_id)},
         {"udp_encap", t.udp_encapsulation},
         {"ike_age_s", ike_up ? Json(seconds(t.ike_age)) : Json()},
         {"ike_rekey_in_s", ike_up ? Json(seconds(t.ike_rekey_in)) : Json()},
         {"role", t.initiator ? "initiator" : "responder"},
         {"ike_spi_initiator", fmt::format("{:016x}", t.ike_spi_initiator)},
         {"ike_spi_responder", fmt::format("{:016x}", t.ike_spi_responder)},
         {"ike_algorithms", text_or_null(t.ike_algorithms)},
         {"nat_local", t.nat_local},
         {"nat_remote", t.nat_remote},
         {"children", t.children.size()},
         {"path_mtu", number_or_null(g.sas().path_mtu(t.tunnel))},
         {"mtu", encap == nullptr ? Json() : Json(encap->mtu)},
         {"packets_in", traffic.packets_in},
         {"packets_out", traffic.packets_out},
         {"bytes_in", traffic.bytes_in},
         {"bytes_out", traffic.bytes_out},
         {"ike_rekeys", t.ike_rekeys},
         {"child_rekeys", t.child_rekeys},
         {"retransmits", t.retransmits},
         {"reason", text_or_null(t.reason.empty() ? path_reason(g, t.name) : t.reason)}});
  }
  return {{"tunnels", rows}};
}

Json sas(const Gateway& g, TimePoint now) {
  Json rows = Json::array();
  for (const auto& t : g.ike().status(now)) {
    for (const auto& c : t.children) {
      for (Json row : {inbound_row(g, t, c), outbound_row(g, t, c)}) {
        if (row.is_null()) continue;
        add_ages(row, c);
        rows.push_back(std::move(row));
      }
    }
  }
  return {{"sas", rows}};
}

Json neighbors(const Gateway& g, TimePoint now) {
  Json rows = Json::array();
  for (const auto& n : g.neighbors().entries())
    rows.push_back({{"port", g.port_name(n.port)},
                    {"address", n.address.to_string()},
                    {"mac", n.mac ? Json(wire::to_string(*n.mac)) : Json()},
                    {"state", neighbor::to_string(n.state)},
                    {"age_s", n.mac ? Json(seconds(now - n.answered)) : Json()},
                    {"probes", n.tries}});
  return {{"neighbors", rows}};
}

// The receive queues a worker polls: "wan.0".
Json queues_of(const Gateway& g, uint16_t worker) {
  Json queues = Json::array();
  for (const auto& [name, port] : g.ports())
    for (uint16_t q = 0; q < port.info.rx_queues; ++q)
      if (g.data_plane().worker_of(port.info.id, q) == worker)
        queues.push_back(fmt::format("{}.{}", name, q));
  return queues;
}

Json workers(const Gateway& g) {
  Json rows = Json::array();
  for (uint16_t w = 0; w < g.data_plane().workers(); ++w) {
    const WorkerCounters& c = g.data_plane().counters(w);
    const WorkerStatus status = g.data_plane().worker_status(w);
    constexpr uint64_t kStalledNs = 100'000'000;
    const double load = g.load(w);
    const char* state = !status.running                        ? "stopped"
                        : status.heartbeat_age_ns > kStalledNs ? "stalled"
                        : load < 0.01                          ? "idle"
                                                               : "running";
    rows.push_back({{"worker", w},
                    {"core", status.cpu},
                    {"state", state},
                    {"node", status.node < 0 ? Json() : Json(status.node)},
                    {"queues", queues_of(g, w)},
                    {"load_percent", 100 * load},
                    {"packets_per_second", g.packet_rate(w)},
                    {"received", c.received.get()},
                    {"injected", c.injected.get()},
                    {"generated", c.generated.get()},
                    {"transmitted", c.transmitted.get()},
                    {"punted", c.punted.get()},
                    {"handed_over", c.handed_over.get()},
                    {"taken_over", c.taken_over.get()},
                    {"dropped", dropped(c)},
                    {"cycles_per_packet", ratio(c.busy_cycles.get(), c.received.get())},
                    {"heartbeat_age_s", static_cast<double>(status.heartbeat_age_ns) / 1e9}});
  }
  return {{"workers", rows}};
}

Json stages(const Gateway& g) {
  Json rows = Json::array();
  for (size_t s = 0; s < kStageCount; ++s) {
    const auto of = [&](auto member) {
      return sum(g, [&](const WorkerCounters& c) -> const Counter& { return c.stages[s].*member; });
    };
    const uint64_t bursts = of(&StageCounters::bursts), packets = of(&StageCounters::packets);
    uint64_t drops = 0, worst = 0;
    const char* worst_name = "";
    for (size_t d = 1; d < kDropCount; ++d) {
      if (static_cast<size_t>(kDrops[d].stage) != s) continue;
      const uint64_t n =
          sum(g, [&](const WorkerCounters& c) -> const Counter& { return c.drops[d]; });
      drops += n;
      if (n > worst) worst = n, worst_name = kDrops[d].name;
    }
    rows.push_back(
        {{"stage", kStageNames[s]},
         {"bursts", bursts},
         {"packets", packets},
         {"packets_per_burst", ratio(packets, bursts)},
         {"cycles_per_packet", ratio(of(&StageCounters::cycles), packets)},
         {"drops", drops},
         {"worst_drop", worst == 0 ? Json() : Json(fmt::format("{} {}", worst_name, worst))}});
  }
  return {{"stages", rows}};
}

Json latency(const Gateway& g) {
  using Reading = observe::LatencyHistogram::Reading;
  const double cycles_per_us = static_cast<double>(g.data_plane().tsc_hz()) / 1e6;
  const auto row = [&](const std::string& worker, const Reading& r) -> Json {
    // Nothing sampled: nothing is known.
    const auto us = [&](double cycles) {
      return r.count == 0 ? Json() : Json(cycles / cycles_per_us);
    };
    const auto percentile = [&](double p) { return us(static_cast<double>(r.percentile(p))); };
    return {{"worker", worker},
            {"packets", r.count},
            {"mean_us", us(ratio(r.cycles, r.count))},
            {"p50_us", percentile(50)},
            {"p99_us", percentile(99)},
            {"p999_us", percentile(99.9)},
            {"longest_us", us(static_cast<double>(r.longest))}};
  };
  Json rows = Json::array();
  Reading all;
  for (uint16_t w = 0; w < g.data_plane().workers(); ++w) {
    Reading one;
    one.add(g.data_plane().counters(w).latency);
    all.add(g.data_plane().counters(w).latency);
    rows.push_back(row(std::to_string(w), one));
  }
  rows.push_back(row("all", all));
  return {{"latency", rows}};
}

Json steering(const Gateway& g) {
  Json rows = Json::array();
  for (const auto& [name, port] : g.ports()) {
    if (!g.data_plane().front().has(port.info.id)) continue;
    const xdp::Counts counts = g.data_plane().front().counts(port.info.id);
    for (const xdp::VerdictInfo& v : xdp::kVerdictInfos)
      rows.push_back({{"port", name},
                      {"frames", v.name},
                      {"to", xdp::to_string(xdp::fate(v.verdict))},
                      {"packets", counts[v.verdict]},
                      {"help", v.help}});
  }
  return {{"steering", rows}};
}

Json drops(const Gateway& g) {
  Json rows = Json::array();
  uint64_t all = 0;
  for (size_t d = 1; d < kDropCount; ++d) {
    Json per_worker = Json::array();
    uint64_t total = 0;
    for (uint16_t w = 0; w < g.data_plane().workers(); ++w) {
      const uint64_t n = g.data_plane().counters(w).drops[d].get();
      per_worker.push_back(n);
      total += n;
    }
    all += total;
    const char* stage = kStageNames[static_cast<size_t>(kDrops[d].stage)];
    rows.push_back({{"drop", fmt::format("{}.{}", stage, kDrops[d].name)},
                    {"stage", stage},
                    {"name", kDrops[d].name},
                    {"packets", total},
                    {"per_worker", per_worker},
                    {"help", kDrops[d].help}});
  }
  const uint64_t early = add_early_drops(g, rows);
  const auto total = [&](Counter WorkerCounters::*member) {
    return sum(g, [&](const WorkerCounters& c) -> const Counter& { return c.*member; });
  };
  const uint64_t received = total(&WorkerCounters::received);
  const uint64_t injected = total(&WorkerCounters::injected);
  const uint64_t generated = total(&WorkerCounters::generated);
  const uint64_t transmitted = total(&WorkerCounters::transmitted);
  const uint64_t punted = total(&WorkerCounters::punted);
  const auto in_flight =
      static_cast<int64_t>(received + injected + generated - transmitted - punted - all);
  return {{"drops", rows},
          {"totals",
           {{"received", received},
            {"injected", injected},
            {"generated", generated},
            {"transmitted", transmitted},
            {"punted", punted},
            {"dropped", all},
            {"in_flight", in_flight},
            {"dropped_early", early},
            {"mtu_believed", g.mtu_messages().believed},
            {"mtu_ignored", g.mtu_messages().ignored}}}};
}

Json ports(const Gateway& g) {
  Json rows = Json::array();
  for (const auto& [name, port] : g.ports()) {
    const PortStatus s = g.data_plane().port_status(port.info.id);
    Json addresses = Json::array();
    for (const auto& a : port.config.addresses) addresses.push_back(a.to_string());
    rows.push_back({{"port", name},
                    {"device", port.config.device},
                    {"link", s.link_up ? "up" : "down"},
                    {"speed_mbps", s.speed_mbps == 0 ? Json() : Json(s.speed_mbps)},
                    {"table", port.config.domain()},
                    {"domain", port.config.underlay.empty() ? "overlay" : "underlay"},
                    {"mac", wire::to_string(port.info.mac)},
                    {"mtu", port.info.mtu},
                    {"addresses", addresses},
                    {"node", port.info.node < 0 ? Json() : Json(port.info.node)},
                    {"rx_queues", port.info.rx_queues},
                    {"tx_queues", port.info.tx_queues},
                    {"spread", port::to_string(port.info.spread.by)},
                    {"hash", text_or_null(port::hash_names(port.info.spread.hash))},
                    {"hash_able", text_or_null(port::hash_names(port.info.hash_able))},
                    {"spread_note", text_or_null(port.info.spread.why)},
                    {"rx_packets", s.rx_packets},
                    {"rx_bytes", s.rx_bytes},
                    {"tx_packets", s.tx_packets},
                    {"tx_bytes", s.tx_bytes},
                    {"rx_missed", s.rx_missed + s.rx_no_buffer},
                    {"rx_errors", s.rx_errors},
                    {"tx_dropped", s.tx_errors}});
  }
  return {{"ports", rows}};
}

Json host_devices(const Gateway& g) {
  const auto all = [](const auto& counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  Json rows = Json::array();
  for (const auto& [spec, c] : g.host_devices().list()) {
    Json addresses = Json::array();
    for (const auto& a : spec.addresses) addresses.push_back(a.to_string());
    rows.push_back({{"device", spec.name},
                    {"owner", spec.owner},
                    {"addresses", addresses},
                    {"mtu", spec.mtu},
                    {"to_host", c.to_host},
                    {"from_host", c.from_host},
                    {"refused_in", all(c.refused_in)},
                    {"refused_out", all(c.refused_out)},
                    {"full", c.host_queue_full + c.gateway_full}});
  }
  return {{"host", rows}};
}

}  // namespace kanmon::daemon::views
