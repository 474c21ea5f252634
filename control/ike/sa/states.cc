#include "control/ike/sa/states.h"

#include <array>

#include "control/ike/wire/payloads.h"

namespace kanmon::ike {
namespace {

using enum IkeState;
using enum MessageKind;

struct Row {
  IkeState state;
  MessageKind kind;
  Action action;
};

constexpr Action kDrop = Action::kDrop;
constexpr Action kDo = Action::kProcess;
constexpr Action kBusy = Action::kBusy;

// Requests of IKE_SA_INIT that belong to a half-open SA are repetitions, answered by the door from
// memory; hence kDrop in every state. What is not listed here is kDrop.
constexpr Row kRows[] = {
    // A second, different answer to IKE_SA_INIT may be the true one (section 2.4).
    {kInitSent, kInitResponse, kDo},
    {kAuthSent, kInitResponse, kDo},
    {kAuthSent, kAuthResponse, kDo},
    {kHalfOpen, kAuthRequest, kDo},

    {kEstablished, kNewChildRequest, kDo},
    {kEstablished, kRekeyChildRequest, kDo},
    {kEstablished, kRekeyIkeRequest, kDo},
    {kEstablished, kInformationalRequest, kDo},
    {kEstablished, kInformationalResponse, kDo},

    // 2.25.1: rekeying the same child SA at both ends is sorted out afterwards by the nonces;
    // rekeying the IKE SA has to wait.
    {kChildBusy, kNewChildRequest, kDo},
    {kChildBusy, kRekeyChildRequest, kDo},
    {kChildBusy, kRekeyIkeRequest, kBusy},
    {kChildBusy, kCreateChildResponse, kDo},
    {kChildBusy, kInformationalRequest, kDo},
    {kChildBusy, kInformationalResponse, kDo},

    // 2.25.2.
    {kRekeying, kNewChildRequest, kBusy},
    {kRekeying, kRekeyChildRequest, kBusy},
    {kRekeying, kRekeyIkeRequest, kDo},
    {kRekeying, kCreateChildResponse, kDo},
    {kRekeying, kInformationalRequest, kDo},

    {kReplaced, kNewChildRequest, kBusy},
    {kReplaced, kRekeyChildRequest, kBusy},
    {kReplaced, kRekeyIkeRequest, kBusy},
    {kReplaced, kInformationalRequest, kDo},
    {kReplaced, kInformationalResponse, kDo},

    {kDeleting, kNewChildRequest, kBusy},
    {kDeleting, kRekeyChildRequest, kBusy},
    {kDeleting, kRekeyIkeRequest, kBusy},
    // What was under way when the delete was asked for; its result does not matter any more.
    {kDeleting, kCreateChildResponse, kDo},
    {kDeleting, kInformationalRequest, kDo},
    {kDeleting, kInformationalResponse, kDo},
};

using Table = std::array<std::array<Action, kMessageKinds>, kIkeStates>;

// Twice the same cell does not compile.
consteval Table build() {
  Table table{};
  std::array<std::array<bool, kMessageKinds>, kIkeStates> seen{};
  for (const Row& row : kRows) {
    auto& cell = seen[static_cast<std::size_t>(row.state)][static_cast<std::size_t>(row.kind)];
    if (cell) throw "two rows for one cell";
    cell = true;
    table[static_cast<std::size_t>(row.state)][static_cast<std::size_t>(row.kind)] = row.action;
  }
  return table;
}

constexpr Table kTable = build();

constexpr std::array<const char*, kIkeStates> kStateNames = {
    "init-sent", "auth-sent", "half-open", "established", "child-busy",
    "rekeying",  "replaced",  "deleting",  "closed"};
constexpr std::array<const char*, kMessageKinds> kKindNames = {
    "IKE_SA_INIT request",    "IKE_SA_INIT response",     "IKE_AUTH request",
    "IKE_AUTH response",      "new child request",        "rekey child request",
    "rekey IKE request",      "CREATE_CHILD_SA response", "INFORMATIONAL request",
    "INFORMATIONAL response", "unknown request",          "unknown response"};

}  // namespace

const char* to_string(IkeState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

const char* to_string(MessageKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

const char* to_string(Action action) {
  switch (action) {
    case Action::kDrop:
      return "drop";
    case Action::kProcess:
      return "process";
    case Action::kBusy:
      return "busy";
  }
  return "?";
}

Action action_for(IkeState state, MessageKind kind) {
  return kTable[static_cast<std::size_t>(state)][static_cast<std::size_t>(kind)];
}

bool is_authenticated(IkeState state) {
  return state >= kEstablished && state <= kDeleting;
}

MessageKind kind_of(const Header& header) {
  const bool response = header.response;
  switch (header.exchange) {
    case ExchangeType::kIkeSaInit:
      return response ? kInitResponse : kInitRequest;
    case ExchangeType::kIkeAuth:
      return response ? kAuthResponse : kAuthRequest;
    case ExchangeType::kCreateChildSa:
      return response ? kCreateChildResponse : kNewChildRequest;
    case ExchangeType::kInformational:
      return response ? kInformationalResponse : kInformationalRequest;
  }
  return response ? kUnknownResponse : kUnknownRequest;
}

MessageKind kind_of_create_child(Shape shape, const Chain& chain) {
  if (shape == Shape::kRekeyIkeRequest) return kRekeyIkeRequest;
  return find_notify(chain, NotifyType::kRekeySa) ? kRekeyChildRequest : kNewChildRequest;
}

}  // namespace kanmon::ike
