// capture.start, capture.read and capture.stop of the API (docs/api.md).
#include <ctime>

#include <fmt/format.h>

#include "control/common/base64.h"
#include "control/daemon/handlers.h"
#include "control/daemon/watch_params.h"
#include "control/log/log.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon::daemon {
namespace {

using api::Answer;
using api::Json;
using api::Refusal;

watch::ClockAnchor clock_of(const Gateway& gateway) {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  return {read_tsc(), gateway.data_plane().tsc_hz(),
          static_cast<uint64_t>(wall.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(wall.tv_nsec)};
}

// Sets `value` if the parameter is there; a refusal's text if it is not in bounds.
template <class T>
std::string take(const Json& params, const char* key, uint64_t most, T& value) {
  const auto given = watch_number(params, key, value, most);
  if (!given) return fmt::format("params.{}: 1 to {}", key, most);
  value = static_cast<T>(*given);
  return {};
}

Answer start(Gateway& gateway, const Json& params) {
  const auto parsed = watch::parse_filter(api::text_param(params, "filter"), filter_names(gateway));
  if (!parsed.filter) return bad_request("filter: " + parsed.to_string());
  watch::CaptureWish wish;
  wish.filter = *parsed.filter;
  auto seconds = static_cast<uint64_t>(wish.duration.count());
  for (const std::string& against :
       {take(params, "packets", watch::kMostCaptured, wish.packets),
        take(params, "octets", uint64_t{1} << 40, wish.octets),
        take(params, "snap", watch::kMostSnap, wish.snap),
        take(params, "seconds", static_cast<uint64_t>(watch::SessionKeeper::kLongest.count()),
             seconds)})
    if (!against.empty()) return bad_request(against);
  wish.duration = std::chrono::seconds(seconds);
  const auto capture =
      gateway.capturer().start(std::chrono::steady_clock::now(), wish, clock_of(gateway));
  if (!capture.ok()) return already_watched();
  log::info("capture", "started",
            {{"capture", std::to_string(*capture)}, {"filter", api::text_param(params, "filter")}});
  return Answer::of({{"capture", *capture}});
}

Answer gone(uint16_t capture) {
  return Answer::refuse(Refusal::kNotFound,
                        fmt::format("there is no capture {} any more", capture));
}

Answer read(Gateway& gateway, const Json& params) {
  const auto capture = session_param(params, "capture");
  if (!capture) return bad_request("params.capture: the number capture.start gave");
  const auto part = gateway.capturer().read(std::chrono::steady_clock::now(), *capture);
  if (!part.ok()) return gone(*capture);
  return Answer::of({{"octets", to_base64(part->octets)},
                     {"is_over", part->is_over},
                     {"packets", part->packets},
                     {"lost_packets", part->lost}});
}

Answer stop(Gateway& gateway, const Json& params) {
  const auto capture = session_param(params, "capture");
  if (!capture) return bad_request("params.capture: the number capture.start gave");
  if (!gateway.capturer().stop(*capture).ok()) return gone(*capture);
  return Answer::of({{"capture", *capture}});
}

}  // namespace

void add_capture_handlers(api::Dispatcher& dispatcher, Gateway& gateway) {
  dispatcher.add("capture.start", [&](const Json& params) { return start(gateway, params); });
  dispatcher.add("capture.read", [&](const Json& params) { return read(gateway, params); });
  dispatcher.add("capture.stop", [&](const Json& params) { return stop(gateway, params); });
}

}  // namespace kanmon::daemon
