// The state machine of one BGP connection as a table. RFC 4271 section 8, with the events of RFC
// 2918 (refresh) and 9687 (send hold timer). Pure: the session does what the answer says.
//
// Left out are what is optional and not offered: delayed OPEN, damping of peer oscillation by the
// machine itself (the session waits before it starts again), and second connections, each of which
// has a machine of its own. Where implementations agree against the letter of the RFC, the rule
// says so beside it.
#pragma once

#include <cstdint>

namespace kanmon::bgp {

enum class State : uint8_t { kIdle, kConnect, kActive, kOpenSent, kOpenConfirm, kEstablished };
inline constexpr unsigned kStates = 6;

// The number behind each is its event of RFC 4271 section 8.1.
enum class Event : uint8_t {
  kStart,                // 1, 3
  kStartPassive,         // 4, 5
  kStop,                 // 2, 8
  kConnectRetryExpired,  // 9
  kHoldExpired,          // 10
  kKeepaliveExpired,     // 11
  kSendHoldExpired,      // 29 (RFC 9687)
  kTcpUp,                // 16, 17
  kTcpDown,              // 18
  kOpenReceived,         // 19
  kHeaderError,          // 21
  kOpenError,            // 22
  kCollision,            // 23
  kVersionRefused,       // 24: NOTIFICATION 2/1
  kNotification,         // 25
  kKeepaliveReceived,    // 26
  kUpdateReceived,       // 27
  kUpdateError,          // 28: what RFC 7606 leaves of it
  kRefreshReceived,      // RFC 2918
  kRefreshError,         // RFC 7313
};
inline constexpr unsigned kEvents = 20;

// "OpenConfirm", "hold-timer-expired"; never null.
const char* to_string(State state);
const char* to_string(Event event);

// What to do in a move, in this order.
using Todo = uint32_t;
inline constexpr Todo kSendOpen = 1 << 0;          // and wait for the peer's for four minutes
inline constexpr Todo kSendKeepalive = 1 << 1;     // and run the keepalive timer
inline constexpr Todo kSendNotification = 1 << 2;  // the one that came with the event
inline constexpr Todo kSendFsmError = 1 << 3;      // 5/1 to 5/3, by the state left
inline constexpr Todo kSessionDown = 1 << 4;       // its routes go, or become stale
inline constexpr Todo kDropTcp = 1 << 5;           // and all its timers
inline constexpr Todo kConnectTcp = 1 << 6;
inline constexpr Todo kStartConnectRetry = 1 << 7;
inline constexpr Todo kStopConnectRetry = 1 << 8;
inline constexpr Todo kRestartHold = 1 << 9;
inline constexpr Todo kSessionUp = 1 << 10;
inline constexpr Todo kDeliver = 1 << 11;     // the message to who uses it
inline constexpr Todo kCountRetry = 1 << 12;  // ConnectRetryCounter + 1
inline constexpr Todo kClearRetry = 1 << 13;  // ConnectRetryCounter = 0

struct Move {
  State to = State::kIdle;
  Todo todo = 0;
  friend bool operator==(const Move&, const Move&) = default;
};

Move step(State state, Event event);

}  // namespace kanmon::bgp
