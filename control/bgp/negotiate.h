// What a session says in its OPEN, and what two OPENs agree on. RFC 4271 section 6.2, RFC 5492,
// 6286, 6793, 7911, 8538, 8654.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "control/bgp/wire/open.h"

namespace kanmon::bgp {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// What is configured for one neighbour, as far as the session itself needs it.
struct SessionSettings {
  uint32_t local_as = 0;   // as this neighbour shall see it
  uint32_t remote_as = 0;  // 0: any
  uint32_t router_id = 0;
  bool passive = false;                // waits for the neighbour to connect
  std::chrono::seconds hold_time{90};  // 0 (no timers at all), or from 3 on
  std::chrono::seconds connect_retry{30};
  // How long the neighbour may take nothing of what we send (RFC 9687); 0: eight minutes or twice
  // the hold time, whichever is longer.
  std::chrono::seconds send_hold_time{0};
  PerFamily<bool> family;
  PerFamily<AddPath> add_path;
  std::optional<GracefulRestart> restart;
  bool extended_message = true;
  bool enforce_first_as = true;
};

// What holds for an established session.
struct Negotiated {
  uint32_t peer_as = 0;
  uint32_t peer_id = 0;
  bool external = true;
  std::chrono::seconds hold_time{0};
  std::chrono::seconds send_hold_time{0};  // 0: none
  PerFamily<bool> family;
  bool as4 = false;
  bool refresh = false;
  bool enhanced_refresh = false;
  std::size_t longest_sent = kDefaultLongest;  // octets of a message to the peer
  PerFamily<bool> receives_path_ids;
  PerFamily<bool> sends_path_ids;
  std::optional<GracefulRestart> peer_restart;
  bool restarts_on_notification = false;  // both have the N-bit

  static constexpr std::size_t kDefaultLongest = 4096;
};

Open open_of(const SessionSettings& settings);

// `got` has passed parse_open(). Refusals: 2/2, not the AS that is configured; 2/3, our own
// identifier in our own AS; 2/7 with our families as data, none in common.
Verdict negotiate(const SessionSettings& settings, const Open& got, Negotiated& out);

}  // namespace kanmon::bgp
