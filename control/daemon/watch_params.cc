#include "control/daemon/watch_params.h"

namespace kanmon::daemon {

using api::Answer;
using api::Refusal;

std::optional<uint64_t> watch_number(const api::Json& params, const char* key, uint64_t otherwise,
                                     uint64_t most) {
  const auto found = params.find(key);
  if (found == params.end()) return otherwise;
  if (!found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<uint64_t>();
  return value >= 1 && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<uint16_t> session_param(const api::Json& params, const char* key) {
  const auto number = watch_number(params, key, 0, 0xffff);
  if (!number || *number == 0) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

watch::Names filter_names(const Gateway& gateway) {
  return {[&gateway](std::string_view name) { return gateway.tunnel_number(std::string(name)); },
          [&gateway](uint32_t spi) { return gateway.tunnel_sending(spi); }};
}

Answer bad_request(const std::string& what) {
  return Answer::refuse(Refusal::kBadRequest, what);
}

Answer already_watched() {
  return Answer::refuse(Refusal::kConflict,
                        "another trace or capture is running; it ends when its reader does");
}

}  // namespace kanmon::daemon
