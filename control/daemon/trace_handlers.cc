// trace.start, trace.read and trace.stop of the API (docs/api.md).
#include <chrono>

#include <fmt/format.h>

#include "control/daemon/handlers.h"
#include "control/daemon/trace_view.h"
#include "control/daemon/watch_params.h"
#include "control/log/log.h"

namespace kanmon::daemon {
namespace {

using api::Answer;
using api::Json;
using api::Refusal;

Answer gone(uint16_t trace) {
  return Answer::refuse(Refusal::kNotFound, fmt::format("there is no trace {} any more", trace));
}

Answer start(Gateway& gateway, const Json& params) {
  const auto parsed = watch::parse_filter(api::text_param(params, "filter"), filter_names(gateway));
  if (!parsed.filter) return bad_request("filter: " + parsed.to_string());
  const auto packets = watch_number(params, "packets", 10, watch::kMostPackets);
  if (!packets) return bad_request(fmt::format("params.packets: 1 to {}", watch::kMostPackets));
  constexpr auto kLongest = watch::SessionKeeper::kLongest.count();
  const auto seconds = watch_number(params, "seconds", 30, kLongest);
  if (!seconds) return bad_request(fmt::format("params.seconds: 1 to {}", kLongest));
  const auto trace = gateway.tracer().start(
      std::chrono::steady_clock::now(),
      {*parsed.filter, static_cast<uint32_t>(*packets), std::chrono::seconds(*seconds)});
  if (!trace.ok()) return already_watched();
  log::info("trace", "started",
            {{"trace", std::to_string(*trace)}, {"filter", api::text_param(params, "filter")}});
  return Answer::of({{"trace", *trace}});
}

Answer read(Gateway& gateway, const Json& params) {
  const auto trace = session_param(params, "trace");
  if (!trace) return bad_request("params.trace: the number trace.start gave");
  const auto part = gateway.tracer().read(std::chrono::steady_clock::now(), *trace);
  if (!part.ok()) return gone(*trace);
  Json packets = Json::array();
  for (const watch::Story& story : part->stories) packets.push_back(describe(gateway, story));
  return Answer::of({{"packets", packets},
                     {"is_over", part->is_over},
                     {"followed", part->followed},
                     {"lost_records", part->lost}});
}

Answer stop(Gateway& gateway, const Json& params) {
  const auto trace = session_param(params, "trace");
  if (!trace) return bad_request("params.trace: the number trace.start gave");
  if (!gateway.tracer().stop(*trace).ok()) return gone(*trace);
  return Answer::of({{"trace", *trace}});
}

}  // namespace

void add_trace_handlers(api::Dispatcher& dispatcher, Gateway& gateway) {
  dispatcher.add("trace.start", [&](const Json& params) { return start(gateway, params); });
  dispatcher.add("trace.read", [&](const Json& params) { return read(gateway, params); });
  dispatcher.add("trace.stop", [&](const Json& params) { return stop(gateway, params); });
}

}  // namespace kanmon::daemon
