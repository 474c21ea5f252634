// The state table: BGP-13. Every pair of state and event, written again from RFC 4271 section 8.2.2
// in its own notation, and properties that hold whatever the table says.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "control/bgp/fsm.h"

namespace kanmon::bgp {
namespace {

constexpr State kAllStates[] = {State::kIdle,     State::kConnect,     State::kActive,
                                State::kOpenSent, State::kOpenConfirm, State::kEstablished};

// I C A S F E: the state that follows. Then what is done: o OPEN, k KEEPALIVE, n NOTIFICATION, f
// FSM error, d session down, x drop TCP, t connect, r start / s stop ConnectRetry, h hold timer, g
// take what was negotiated, u session up, v deliver, + count, 0 clear the retry counter.
struct Row {
  Event event;
  const char* idle;
  const char* connect;
  const char* active;
  const char* open_sent;
  const char* open_confirm;
  const char* established;
};

constexpr Row kRows[] = {
    {Event::kStart, "Ctr0", "C", "A", "S", "F", "E"},
    {Event::kStartPassive, "A0", "C", "A", "S", "F", "E"},
    {Event::kStop, "I", "Ixs0", "Ixs0", "Inxs0", "Inxs0", "Indxs0"},
    {Event::kConnectRetryExpired, "I", "Cxtr", "Ctr", "Ifxs+", "Ifxs+", "Ifdxs+"},
    {Event::kHoldExpired, "I", "Ixs+", "Ixs+", "Inxs+", "Inxs+", "Indxs+"},
    {Event::kKeepaliveExpired, "I", "Ixs+", "Ixs+", "Ifxs+", "Fk", "Ek"},
    {Event::kSendHoldExpired, "I", "Ixs+", "Ixs+", "Ifxs+", "Inxs+", "Indxs+"},
    {Event::kTcpUp, "I", "Sos", "Sos", "S", "F", "E"},
    {Event::kTcpDown, "I", "Axr+", "Ixs+", "Axr", "Ixs+", "Idxs+"},
    {Event::kOpenReceived, "I", "Ixs+", "Ixs+", "Fksh", "Ifxs+", "Ifdxs+"},
    {Event::kHeaderError, "I", "Ixs+", "Ixs+", "Inxs+", "Inxs+", "Indxs+"},
    {Event::kOpenError, "I", "Ixs+", "Ixs+", "Inxs+", "Inxs+", "Ifdxs+"},
    {Event::kCollision, "I", "Ixs+", "Ixs+", "Inxs+", "Inxs+", "Indxs+"},
    {Event::kVersionRefused, "I", "Ixs+", "Ixs+", "Ixs", "Ixs", "Idxs+"},
    {Event::kNotification, "I", "Ixs+", "Ixs+", "Ixs+", "Ixs+", "Idxs+"},
    {Event::kKeepaliveReceived, "I", "Ixs+", "Ixs+", "Ifxs+", "Ehu", "Eh"},
    {Event::kUpdateReceived, "I", "Ixs+", "Ixs+", "Ifxs+", "Ifxs+", "Ehv"},
    {Event::kUpdateError, "I", "Ixs+", "Ixs+", "Ifxs+", "Ifxs+", "Indxs+"},
    {Event::kRefreshReceived, "I", "Ixs+", "Ixs+", "Ifxs+", "Ifxs+", "Ehv"},
    {Event::kRefreshError, "I", "Ixs+", "Ixs+", "Ifxs+", "Ifxs+", "Indxs+"},
};

Move move_of(const char* cell) {
  static const std::map<char, State> states{{'I', State::kIdle},        {'C', State::kConnect},
                                            {'A', State::kActive},      {'S', State::kOpenSent},
                                            {'F', State::kOpenConfirm}, {'E', State::kEstablished}};
  static const std::map<char, Todo> todos{
      {'o', kSendOpen},     {'k', kSendKeepalive},     {'n', kSendNotification},
      {'f', kSendFsmError}, {'d', kSessionDown},       {'x', kDropTcp},
      {'t', kConnectTcp},   {'r', kStartConnectRetry}, {'s', kStopConnectRetry},
      {'h', kRestartHold},  {'u', kSessionUp},         {'v', kDeliver},
      {'+', kCountRetry},   {'0', kClearRetry}};
  Move m{states.at(*cell), 0};
  while (*++cell != 0) m.todo |= todos.at(*cell);
  return m;
}

TEST(BgpFsm, Bgp13EveryEventInEveryState) {
  ASSERT_EQ(std::size(kRows), kEvents);
  for (const Row& row : kRows) {
    const char* cells[] = {row.idle,      row.connect,      row.active,
                           row.open_sent, row.open_confirm, row.established};
    for (unsigned s = 0; s < kStates; ++s) {
      const Move got = step(kAllStates[s], row.event), wanted = move_of(cells[s]);
      EXPECT_EQ(got.to, wanted.to) << to_string(kAllStates[s]) << " " << to_string(row.event);
      EXPECT_EQ(got.todo, wanted.todo) << to_string(kAllStates[s]) << " " << to_string(row.event);
    }
  }
}

TEST(BgpFsm, EachEventHasARowAndAName) {
  for (unsigned e = 0; e < kEvents; ++e) {
    EXPECT_EQ(static_cast<unsigned>(kRows[e].event), e);
    EXPECT_STRNE(to_string(static_cast<Event>(e)), "");
  }
}

TEST(BgpFsm, PropertiesOfAllMoves) {
  for (const State from : kAllStates)
    for (unsigned e = 0; e < kEvents; ++e) {
      const Move m = step(from, static_cast<Event>(e));
      const auto does = [&m](Todo t) { return (m.todo & t) != 0; };
      // A session goes down exactly when Established is left, and up when it is entered.
      EXPECT_EQ(does(kSessionDown), from == State::kEstablished && m.to != from);
      EXPECT_EQ(does(kSessionUp), from != State::kEstablished && m.to == State::kEstablished);
      // From Idle on nothing is left behind, and at most one NOTIFICATION is sent.
      if (from != State::kIdle && m.to == State::kIdle) {
        EXPECT_TRUE(does(kDropTcp));
      }
      EXPECT_FALSE(does(kSendNotification) && does(kSendFsmError));
      EXPECT_FALSE(does(kStartConnectRetry) && does(kStopConnectRetry));
      EXPECT_FALSE(does(kDeliver) && m.to != State::kEstablished);
    }
}

}  // namespace
}  // namespace kanmon::bgp
