// BFD sessions and health probes: what they find, and what they cost.
#include <bit>

#include <fmt/format.h>

#include "control/daemon/views.h"

namespace kanmon::daemon::views {
namespace {

using api::Json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

double ms(uint64_t us) {
  return static_cast<double>(us) / 1000.0;
}

// Seconds since then; null: it never was.
Json age_s(const Gateway& g, uint64_t then_us) {
  if (then_us == 0) return nullptr;
  return static_cast<double>(g.paths().since_us(then_us)) / 1e6;
}

// The verdict, which both kinds have.
void add_verdict(const Gateway& g, const PathCheck& known, const vigil::Check& check, Json& row) {
  const vigil::Report& r = check.report;
  const bool down = r.down.get() != 0, undecided = r.undecided.get() != 0;
  const auto why = static_cast<liveness::Why>(r.why.get());
  const auto other = static_cast<uint32_t>(r.other_tunnel.get());
  row["path"] = down ? "down" : undecided ? "undecided" : "up";
  row["why"] = down ? Json(liveness::to_string(why)) : Json();
  row["changed_s"] = age_s(g, r.changed_us.get());
  row["transitions"] = r.changes.get();
  row["times_down"] = r.times_down.get();
  row["penalty"] = r.penalty.get();
  row["asymmetric"] = r.asymmetric.get();
  row["asymmetric_by"] = r.asymmetric.get() == 0 ? Json()
                         : other == kNoTunnel    ? Json("clear")
                                                 : text_or_null(g.tunnel_name(other));
  row["unsent"] = r.unsent.get();
  row["sent"] = r.sent.get();
  row["refused"] = r.refused.get();
  const uint32_t tunnel = known.settings.path.tunnel;
  row["worker"] = (tunnel != kNoTunnel ? tunnel : known.slot) % g.data_plane().workers();
}

Json refusals(const vigil::Report& r) {
  Json list = Json::array();
  for (std::size_t i = 0; i < bfd::kRefusals; ++i)
    if (const uint64_t n = r.refusals[i].get(); n != 0)
      list.push_back(fmt::format("{}={}", bfd::to_string(static_cast<bfd::Refusal>(i)), n));
  return list;
}

Json authentication(bfd::AuthType type) {
  if (type == bfd::AuthType::kNone) return nullptr;
  return type == bfd::AuthType::kKeyedSha1 ? "keyed-sha1" : "meticulous-keyed-sha1";
}

Json bfd_row(const Gateway& g, const std::string& tunnel, const PathCheck& known,
             const vigil::Check& check) {
  const vigil::Report& r = check.report;
  const vigil::Settings& s = known.settings;
  const bool heard = r.good.get() != 0;
  Json row = {{"tunnel", known.port.empty() ? Json(tunnel) : Json()},
              {"port", text_or_null(known.port)},
              {"local", s.path.local.to_string()},
              {"remote", s.path.remote.to_string()},
              {"multihop", s.multihop},
              {"state", bfd::to_string(static_cast<bfd::State>(r.state.get()))},
              {"diag", bfd::to_string(static_cast<bfd::Diag>(r.diag.get()))},
              {"remote_state", bfd::to_string(static_cast<bfd::State>(r.remote_state.get()))},
              {"remote_diag", bfd::to_string(static_cast<bfd::Diag>(r.remote_diag.get()))},
              {"state_age_s", age_s(g, r.since_us.get())},
              {"interval_ms", ms(s.bfd.desired_min_tx_us)},
              {"multiplier", s.bfd.detect_multiplier},
              {"tx_interval_ms", ms(r.tx_interval_us.get())},
              {"detection_ms", heard ? Json(ms(r.detection_us.get())) : Json()},
              {"discriminator", fmt::format("{:08x}", check.discriminator)},
              {"remote_discriminator", fmt::format("{:08x}", r.remote_discriminator.get())},
              {"authentication", authentication(s.bfd.auth.type)},
              {"received", r.good.get()},
              {"refusals", refusals(r)}};
  add_verdict(g, known, check, row);
  return row;
}

Json health_row(const Gateway& g, const std::string& tunnel, const PathCheck& known,
                const vigil::Check& check) {
  const vigil::Report& r = check.report;
  const vigil::Settings& s = known.settings;
  const uint64_t outcomes = std::min<uint64_t>(r.good.get() + r.lost.get(), 64);
  const int lost = std::popcount(r.recent.get());
  const bool answered = r.good.get() != 0;
  Json row = {
      {"tunnel", tunnel},
      {"source", s.path.local.to_string()},
      {"target", s.path.remote.to_string()},
      {"rtt_ms", answered ? Json(ms(r.round_trip_us.get())) : Json()},
      {"rtt_smoothed_ms", answered ? Json(ms(r.smoothed_round_trip_us.get())) : Json()},
      {"loss_percent", outcomes == 0 ? Json() : Json(100.0 * lost / static_cast<double>(outcomes))},
      {"answered", r.good.get()},
      {"lost", r.lost.get()},
      {"late", r.late.get()},
      {"interval_ms", ms(s.echo_interval_us)},
      {"timeout_ms", ms(s.echo_timeout_us)},
      {"fall", s.policy.fall},
      {"rise", s.policy.rise}};
  add_verdict(g, known, check, row);
  return row;
}

template <class Row>
Json rows_of(const Gateway& g, vigil::Kind kind, Row row) {
  Json rows = Json::array();
  for (const auto& [key, known] : g.paths().all())
    if (const vigil::Check* check = g.paths().find(known); check != nullptr && key.second == kind)
      rows.push_back(row(g, key.first, known, *check));
  return rows;
}

}  // namespace

Json bfd(const Gateway& g) {
  return {{"bfd", rows_of(g, vigil::Kind::kBfd, bfd_row)}};
}

Json health(const Gateway& g) {
  return {{"health", rows_of(g, vigil::Kind::kEcho, health_row)}};
}

}  // namespace kanmon::daemon::views
