// capture.start, capture.read and capture.stop of the API (docs/api.md).
#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

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

bool wants_keys(const Json& params) {
  const auto found = params.find("export_keys");
  return found != params.end() && found->is_boolean() && found->get<bool>();
}

// May this caller have keys of this gateway? Empty, or why not; refusals are logged too (INV-9).
std::string key_refusal(const Gateway& gateway, const api::Caller& caller) {
  if (!api::may_have_keys(caller, geteuid()))
    return "keys are given to root and the program's own user only";
  if (!gateway.config().system.allow_key_export)
    return "the configuration does not allow it: system.allow-key-export is false";
  return {};
}

Answer start(Gateway& gateway, const Json& params, const api::Caller& caller) {
  const bool keys = wants_keys(params);
  if (const std::string why = keys ? key_refusal(gateway, caller) : ""; !why.empty()) {
    log::warning("capture", "key-export-refused",
                 {{"uid", caller.uid}, {"pid", caller.pid}, {"why", why}});
    return Answer::refuse(Refusal::kForbidden, "no export of keys: " + why);
  }
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
  if (keys) {
    gateway.key_book().begin(*capture, wish.filter.tunnel);
    gateway.see_ike_keys();
    log::warning("capture", "key-export-started",
                 {{"uid", caller.uid},
                  {"pid", caller.pid},
                  {"capture", *capture},
                  {"filter", api::text_param(params, "filter")}});
  }
  return Answer::of({{"capture", *capture}});
}

Answer gone(uint16_t capture) {
  return Answer::refuse(Refusal::kNotFound,
                        fmt::format("there is no capture {} any more", capture));
}

// With the last part of a capture that was started for it, to a caller who could have started it.
Json keys_of(Gateway& gateway, const api::Caller& caller) {
  if (!api::may_have_keys(caller, geteuid())) return {{"refused", "not to this caller"}};
  gateway.see_ike_keys();
  const ExportedKeys keys = gateway.key_book().exported();
  const uint32_t unknown = gateway.sas_without_keys(gateway.key_book().tunnel());
  gateway.key_book().end();
  log::warning("capture", "keys-exported",
               {{"uid", caller.uid},
                {"pid", caller.pid},
                {"esp_sas", keys.esp_sas},
                {"ike_sas", keys.ike_sas}});
  return {{"esp_sa", keys.esp_sa},     {"ikev2_decryption_table", keys.ikev2_decryption_table},
          {"esp_sas", keys.esp_sas},   {"ike_sas", keys.ike_sas},
          {"left_out", keys.left_out}, {"unknown_sas", unknown}};
}

Answer read(Gateway& gateway, const Json& params, const api::Caller& caller) {
  const auto capture = session_param(params, "capture");
  if (!capture) return bad_request("params.capture: the number capture.start gave");
  const auto part = gateway.capturer().read(std::chrono::steady_clock::now(), *capture);
  if (!part.ok()) return gone(*capture);
  Json result = {{"octets", to_base64(part->octets)},
                 {"is_over", part->is_over},
                 {"packets", part->packets},
                 {"lost_packets", part->lost}};
  if (part->is_over && gateway.key_book().capture() == *capture)
    result["keys"] = keys_of(gateway, caller);
  return Answer::of(std::move(result));
}

Answer stop(Gateway& gateway, const Json& params) {
  const auto capture = session_param(params, "capture");
  if (!capture) return bad_request("params.capture: the number capture.start gave");
  if (!gateway.capturer().stop(*capture).ok()) return gone(*capture);
  return Answer::of({{"capture", *capture}});
}

}  // namespace

void add_capture_handlers(api::Dispatcher& dispatcher, Gateway& gateway) {
  dispatcher.add_for_caller("capture.start", [&](const Json& params, const api::Caller& caller) {
    return start(gateway, params, caller);
  });
  dispatcher.add_for_caller("capture.read", [&](const Json& params, const api::Caller& caller) {
    return read(gateway, params, caller);
  });
  dispatcher.add("capture.stop", [&](const Json& params) { return stop(gateway, params); });
}

}  // namespace kanmon::daemon
