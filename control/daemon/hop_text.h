// A next hop in words, for views.
#pragma once

#include <string>

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"

namespace kanmon::daemon::views {

struct HopText {
  const char* kind;    // as in docs/api.md
  api::Json next_hop;  // null: the kind says all
  std::string down;    // why it would lead nowhere
};

HopText describe(const Gateway& gateway, fib::NextHop hop);

}  // namespace kanmon::daemon::views
