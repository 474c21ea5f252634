#include "control/config/path_checks.h"

#include <algorithm>

namespace kanmon::config {
namespace {

void check_damping(Context& context, const Steadiness& s) {
  if (s.reuse >= s.suppress)
    context.error_here("has damping-reuse " + std::to_string(s.reuse) +
                       ", expected less than damping-suppress, " + std::to_string(s.suppress));
}

}  // namespace

template <>
void finish(Context& context, Bfd& bfd) {
  bfd.configured = true;
  check_damping(context, bfd.steadiness);
  const bool has_key =
      context.given_here("pre-shared-key") || context.given_here("pre-shared-key-file");
  if (context.given_here("pre-shared-key") && context.given_here("pre-shared-key-file"))
    context.error_here("has two keys, expected one of pre-shared-key and pre-shared-key-file");
  if (context.given_here("authentication") != has_key)
    context.error_here(has_key ? "has a key, expected authentication to say what for"
                               : "has authentication, expected a key: pre-shared-key or "
                                 "pre-shared-key-file");
  if (bfd.key.size() > bfd::kDigestBytes)
    context.error_here("has a key of " + std::to_string(bfd.key.size()) +
                       " octets, expected 8 to 20 (RFC 5880 section 4.4)");
  if (bfd.local && bfd.remote && bfd.local->family != bfd.remote->family)
    context.error_here("has addresses of two families, expected one");
}

template <>
void finish(Context& context, HealthCheck& check) {
  check.configured = true;
  check_damping(context, check.steadiness);
  if (!context.given_here("timeout-milliseconds"))
    check.timeout = std::min(check.timeout, check.interval);
  if (check.timeout > check.interval)
    context.error_here("has timeout-milliseconds " + std::to_string(check.timeout.count()) +
                       ", expected at most interval-milliseconds, " +
                       std::to_string(check.interval.count()));
  if (check.source && context.sound_here("target") && check.source->family != check.target.family)
    context.error_here("has source and target of two families, expected one");
}

}  // namespace kanmon::config
