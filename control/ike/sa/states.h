// Which message may do what in which state of an IKE SA: one table, every cell decided (RFC 7296
// sections 1.2, 2.25.1 and 2.25.2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "control/ike/wire/rules.h"

namespace kanmon::ike {

enum class IkeState : uint8_t {
  kInitSent,     // initiator: IKE_SA_INIT is under way
  kAuthSent,     // initiator: IKE_AUTH is under way
  kHalfOpen,     // responder: IKE_SA_INIT answered, the peer is nobody yet
  kEstablished,  // authenticated, no exchange about a child SA of ours under way
  kChildBusy,    // authenticated, we are creating, rekeying or closing a child SA
  kRekeying,     // authenticated, we are rekeying this IKE SA
  kReplaced,     // rekeyed: its successor has the child SAs, one end will delete it
  kDeleting,     // our delete of this IKE SA is under way
  kClosed,       // gone; only answers repetitions of the last request from memory
};
inline constexpr std::size_t kIkeStates = 9;
const char* to_string(IkeState state);

enum class MessageKind : uint8_t {
  kInitRequest,
  kInitResponse,
  kAuthRequest,
  kAuthResponse,
  kNewChildRequest,
  kRekeyChildRequest,
  kRekeyIkeRequest,
  kCreateChildResponse,
  kInformationalRequest,
  kInformationalResponse,
  kUnknownRequest,  // an exchange type Kanmon does not have
  kUnknownResponse,
};
inline constexpr std::size_t kMessageKinds = 12;
const char* to_string(MessageKind kind);

enum class Action : uint8_t {
  kDrop,     // counted, nothing else happens
  kProcess,  // goes to its task
  kBusy,     // authenticated, answered with TEMPORARY_FAILURE
};
const char* to_string(Action action);

// Pure; defined for all values of both enums.
Action action_for(IkeState state, MessageKind kind);

// True once the peer has proved its identity and until the IKE SA is gone.
bool is_authenticated(IkeState state);

// The kind by what the header says; CREATE_CHILD_SA requests come out as kNewChildRequest, for
// which of the three they are is not known before decryption.
MessageKind kind_of(const Header& header);
// The kind of a decrypted CREATE_CHILD_SA request.
MessageKind kind_of_create_child(Shape shape, const Chain& chain);

}  // namespace kanmon::ike
