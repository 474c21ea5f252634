// Every message in every state (IKE-03): the table cell by cell, written down from RFC 7296 a
// second time, and the engine itself in the states a stranger or a keyed peer can bring it to.
#include <gtest/gtest.h>

#include "control/ike/sa/states.h"
#include "tests/support/ike_puppet.h"

namespace kanmon::test {
namespace {

using ike::Action;
using ike::ExchangeType;
using ike::IkeState;
using ike::MessageKind;

// One letter per message kind, in the order of the enum: IKE_SA_INIT request and response, IKE_AUTH
// request and response, new child, rekey child, rekey IKE, CREATE_CHILD_SA response, INFORMATIONAL
// request and response, unknown request and response. P process, B busy (TEMPORARY_FAILURE), -
// drop.
struct Row {
  IkeState state;
  const char* cells;
};
constexpr Row kExpected[] = {
    {IkeState::kInitSent, "-P----------"},  {IkeState::kAuthSent, "-P-P--------"},
    {IkeState::kHalfOpen, "--P---------"},  {IkeState::kEstablished, "----PPP-PP--"},
    {IkeState::kChildBusy, "----PPBPPP--"}, {IkeState::kRekeying, "----BBPPP---"},
    {IkeState::kReplaced, "----BBB-PP--"},  {IkeState::kDeleting, "----BBBPPP--"},
    {IkeState::kClosed, "------------"},
};

TEST(StateTable, EveryCellIsAsTheRfcHasIt) {
  static_assert(std::size(kExpected) == ike::kIkeStates);
  for (const Row& row : kExpected) {
    ASSERT_EQ(std::string_view(row.cells).size(), ike::kMessageKinds);
    for (std::size_t k = 0; k < ike::kMessageKinds; ++k) {
      const Action expected = row.cells[k] == 'P'   ? Action::kProcess
                              : row.cells[k] == 'B' ? Action::kBusy
                                                    : Action::kDrop;
      EXPECT_EQ(ike::action_for(row.state, static_cast<MessageKind>(k)), expected)
          << to_string(row.state) << " / " << to_string(static_cast<MessageKind>(k));
    }
  }
}

TEST(StateTable, OnlyAuthenticatedStatesTakeMoreThanTheHandshake) {
  for (std::size_t s = 0; s < ike::kIkeStates; ++s) {
    const auto state = static_cast<IkeState>(s);
    if (is_authenticated(state)) continue;
    for (std::size_t k = static_cast<std::size_t>(MessageKind::kNewChildRequest);
         k < ike::kMessageKinds; ++k)
      EXPECT_EQ(ike::action_for(state, static_cast<MessageKind>(k)), Action::kDrop);
  }
}

TEST(StateTable, DispatchDropsNoCreateChildSaThatTheTableTakes) {
  // Before decryption all three kinds of CREATE_CHILD_SA request look alike.
  for (std::size_t s = 0; s < ike::kIkeStates; ++s) {
    const auto state = static_cast<IkeState>(s);
    const bool drops = ike::action_for(state, MessageKind::kNewChildRequest) == Action::kDrop;
    for (const MessageKind kind : {MessageKind::kRekeyChildRequest, MessageKind::kRekeyIkeRequest})
      EXPECT_EQ(ike::action_for(state, kind) == Action::kDrop, drops);
  }
}

constexpr ExchangeType kExchanges[] = {
    ExchangeType::kIkeSaInit,     ExchangeType::kIkeAuth,        ExchangeType::kCreateChildSa,
    ExchangeType::kInformational, static_cast<ExchangeType>(43), static_cast<ExchangeType>(240)};

// A peer that holds the keys but has not proved who it is gets nothing but IKE_AUTH (IKE-01).
TEST(StateTable, AHalfOpenSaTakesNothingButIkeAuth) {
  for (const ExchangeType exchange : kExchanges)
    for (const bool response : {false, true})
      for (const uint32_t id : {0u, 1u, 2u}) {
        if (exchange == ExchangeType::kIkeAuth && !response && id == 1) continue;
        Puppet puppet(TwoPeers::parameters(false));
        ASSERT_TRUE(puppet.init());
        for (const Payloads& payloads :
             {Payloads{}, puppet.auth_payloads(), puppet.create_child_payloads(),
              puppet.create_child_payloads(0x1001), puppet.rekey_ike_payloads()})
          puppet.deliver(puppet.seal(exchange, response, id, payloads));
        EXPECT_TRUE(puppet.heard().empty()) << static_cast<int>(exchange) << response << id;
        EXPECT_TRUE(puppet.host.inbound.empty());
        EXPECT_NE(puppet.status().state, ike::TunnelState::kUp);
        EXPECT_TRUE(puppet.auth());  // and the right message still works
      }
}

TEST(StateTable, AnEstablishedSaTakesNoHandshake) {
  for (const ExchangeType exchange : kExchanges)
    for (const bool response : {false, true}) {
      if (!response &&
          (exchange == ExchangeType::kCreateChildSa || exchange == ExchangeType::kInformational))
        continue;
      Puppet puppet(TwoPeers::parameters(false));
      ASSERT_TRUE(puppet.init() && puppet.auth());
      const auto before = puppet.status().children.at(0).inbound_spi;
      for (const uint32_t id : {0u, 1u, 2u})
        puppet.deliver(puppet.seal(exchange, response, id, puppet.auth_payloads()));
      EXPECT_TRUE(puppet.heard().empty());
      EXPECT_EQ(puppet.status().state, ike::TunnelState::kUp);
      EXPECT_EQ(puppet.status().children.at(0).inbound_spi, before);
      // The expected Message ID has not moved.
      puppet.deliver(puppet.seal(ExchangeType::kInformational, false, 2, {}));
      EXPECT_EQ(puppet.heard().size(), 1u);
    }
}

// As initiator nothing but the answers to what was asked.
TEST(StateTable, AnInitiatorInTheHandshakeTakesOnlyItsAnswers) {
  auto starting = TwoPeers::parameters(false);
  starting.startup = ike::StartupAction::kStart;
  Puppet puppet(std::move(starting));
  ASSERT_TRUE(puppet.answer_init());
  (void)puppet.heard();
  for (const ExchangeType exchange : kExchanges)
    for (const bool response : {false, true})
      for (const uint32_t id : {0u, 1u, 2u}) {
        if (exchange == ExchangeType::kIkeAuth && response && id == 1) continue;
        puppet.deliver(puppet.seal(exchange, response, id, puppet.create_child_payloads()));
      }
  EXPECT_TRUE(puppet.heard().empty());
  EXPECT_TRUE(puppet.host.inbound.empty());
  EXPECT_EQ(puppet.status().state, ike::TunnelState::kConnecting);
}

}  // namespace
}  // namespace kanmon::test
