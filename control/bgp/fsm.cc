#include "control/bgp/fsm.h"

#include <array>
#include <cstddef>

namespace kanmon::bgp {
namespace {

using enum State;

struct Rule {
  State from;
  Event on;
  State to;
  Todo todo;
};

// How a connection ends.
constexpr Todo kEnd = kDropTcp | kStopConnectRetry;
constexpr Todo kFail = kEnd | kCountRetry;
constexpr Todo kRefuse = kFail | kSendNotification;
constexpr Todo kStopped = kEnd | kClearRetry;
constexpr Todo kCeased = kStopped | kSendNotification;

constexpr Rule kRules[] = {
    {kIdle, Event::kStart, kConnect, kClearRetry | kStartConnectRetry | kConnectTcp},
    // A passive side never connects: the RFC's timer would make it.
    {kIdle, Event::kStartPassive, kActive, kClearRetry},

    {kConnect, Event::kStart, kConnect, 0},
    {kConnect, Event::kStartPassive, kConnect, 0},
    {kConnect, Event::kStop, kIdle, kStopped},
    {kConnect, Event::kConnectRetryExpired, kConnect, kDropTcp | kStartConnectRetry | kConnectTcp},
    {kConnect, Event::kTcpUp, kOpenSent, kStopConnectRetry | kSendOpen},
    // To Idle says the RFC when OPEN is not delayed; implementations wait in Active, as do we.
    {kConnect, Event::kTcpDown, kActive, kDropTcp | kStartConnectRetry | kCountRetry},

    {kActive, Event::kStart, kActive, 0},
    {kActive, Event::kStartPassive, kActive, 0},
    {kActive, Event::kStop, kIdle, kStopped},
    {kActive, Event::kConnectRetryExpired, kConnect, kStartConnectRetry | kConnectTcp},
    {kActive, Event::kTcpUp, kOpenSent, kStopConnectRetry | kSendOpen},

    {kOpenSent, Event::kStart, kOpenSent, 0},
    {kOpenSent, Event::kStartPassive, kOpenSent, 0},
    {kOpenSent, Event::kStop, kIdle, kCeased},
    {kOpenSent, Event::kHoldExpired, kIdle, kRefuse},
    {kOpenSent, Event::kTcpUp, kOpenSent, 0},
    {kOpenSent, Event::kTcpDown, kActive, kDropTcp | kStartConnectRetry},
    {kOpenSent, Event::kOpenReceived, kOpenConfirm,
     kStopConnectRetry | kSendKeepalive | kRestartHold},
    {kOpenSent, Event::kHeaderError, kIdle, kRefuse},
    {kOpenSent, Event::kOpenError, kIdle, kRefuse},
    {kOpenSent, Event::kCollision, kIdle, kRefuse},
    {kOpenSent, Event::kVersionRefused, kIdle, kEnd},
    // By the RFC's letter an FSM error; nobody answers a NOTIFICATION with another.
    {kOpenSent, Event::kNotification, kIdle, kFail},

    {kOpenConfirm, Event::kStart, kOpenConfirm, 0},
    {kOpenConfirm, Event::kStartPassive, kOpenConfirm, 0},
    {kOpenConfirm, Event::kStop, kIdle, kCeased},
    {kOpenConfirm, Event::kHoldExpired, kIdle, kRefuse},
    {kOpenConfirm, Event::kKeepaliveExpired, kOpenConfirm, kSendKeepalive},
    {kOpenConfirm, Event::kSendHoldExpired, kIdle, kRefuse},
    {kOpenConfirm, Event::kTcpUp, kOpenConfirm, 0},
    {kOpenConfirm, Event::kTcpDown, kIdle, kFail},
    {kOpenConfirm, Event::kHeaderError, kIdle, kRefuse},
    {kOpenConfirm, Event::kOpenError, kIdle, kRefuse},
    {kOpenConfirm, Event::kCollision, kIdle, kRefuse},
    {kOpenConfirm, Event::kVersionRefused, kIdle, kEnd},
    {kOpenConfirm, Event::kNotification, kIdle, kFail},
    {kOpenConfirm, Event::kKeepaliveReceived, kEstablished, kRestartHold | kSessionUp},

    {kEstablished, Event::kStart, kEstablished, 0},
    {kEstablished, Event::kStartPassive, kEstablished, 0},
    {kEstablished, Event::kStop, kIdle, kCeased | kSessionDown},
    {kEstablished, Event::kHoldExpired, kIdle, kRefuse | kSessionDown},
    {kEstablished, Event::kKeepaliveExpired, kEstablished, kSendKeepalive},
    {kEstablished, Event::kSendHoldExpired, kIdle, kRefuse | kSessionDown},
    {kEstablished, Event::kTcpUp, kEstablished, 0},
    {kEstablished, Event::kTcpDown, kIdle, kFail | kSessionDown},
    // By the RFC's letter an FSM error; section 6.1 and everybody say what was wrong.
    {kEstablished, Event::kHeaderError, kIdle, kRefuse | kSessionDown},
    {kEstablished, Event::kCollision, kIdle, kRefuse | kSessionDown},
    {kEstablished, Event::kVersionRefused, kIdle, kFail | kSessionDown},
    {kEstablished, Event::kNotification, kIdle, kFail | kSessionDown},
    {kEstablished, Event::kKeepaliveReceived, kEstablished, kRestartHold},
    {kEstablished, Event::kUpdateReceived, kEstablished, kRestartHold | kDeliver},
    {kEstablished, Event::kUpdateError, kIdle, kRefuse | kSessionDown},
    {kEstablished, Event::kRefreshReceived, kEstablished, kRestartHold | kDeliver},
    {kEstablished, Event::kRefreshError, kIdle, kRefuse | kSessionDown},
};

// "Any other event" at the end of each state's part of section 8.2.2, with RFC 6608.
consteval Move other(State from) {
  switch (from) {
    case kIdle:
      return {kIdle, 0};
    case kConnect:
    case kActive:
      return {kIdle, kFail};
    case kOpenSent:
    case kOpenConfirm:
      return {kIdle, kFail | kSendFsmError};
    case kEstablished:
      return {kIdle, kFail | kSendFsmError | kSessionDown};
  }
  return {};
}

using Table = std::array<std::array<Move, kEvents>, kStates>;

consteval Table build() {
  Table table;
  table[0].fill(other(kIdle));
  table[1].fill(other(kConnect));
  table[2].fill(other(kActive));
  table[3].fill(other(kOpenSent));
  table[4].fill(other(kOpenConfirm));
  table[5].fill(other(kEstablished));
  std::array<std::array<uint8_t, kEvents>, kStates> rules{};
  for (const Rule& rule : kRules) {
    const auto from = static_cast<std::size_t>(rule.from), on = static_cast<std::size_t>(rule.on);
    table[from][on] = {rule.to, rule.todo};
    if (++rules[from][on] > 1) throw "two rules for one pair";  // does not compile then
  }
  return table;
}

constexpr Table kTable = build();

constexpr std::array<const char*, kStates> kStateNames{"Idle",     "Connect",     "Active",
                                                       "OpenSent", "OpenConfirm", "Established"};
constexpr std::array<const char*, kEvents> kEventNames{"start",
                                                       "start-passive",
                                                       "stop",
                                                       "connect-retry",
                                                       "hold-timer-expired",
                                                       "keepalive-timer",
                                                       "send-hold-timer-expired",
                                                       "connected",
                                                       "connection-closed",
                                                       "open-received",
                                                       "header-error",
                                                       "open-error",
                                                       "collision",
                                                       "version-refused",
                                                       "notification-received",
                                                       "keepalive-received",
                                                       "update-received",
                                                       "update-error",
                                                       "refresh-received",
                                                       "refresh-error"};

}  // namespace

const char* to_string(State state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

const char* to_string(Event event) {
  return kEventNames[static_cast<std::size_t>(event)];
}

Move step(State state, Event event) {
  return kTable[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

}  // namespace kanmon::bgp
