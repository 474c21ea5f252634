// Which payloads each message must, may and must not have, as a table (RFC 7296 sections 1.2 to
// 1.5, appendix C).
#pragma once

#include <cstdint>
#include <span>

#include "control/ike/wire/chain.h"
#include "control/ike/wire/constants.h"
#include "control/ike/wire/header.h"
#include "control/ike/wire/refusal.h"

namespace kanmon::ike {

// The forms a message can take; one set of rows each.
enum class Shape : uint8_t {
  kInitRequest,
  kInitResponse,
  kInitRefused,  // COOKIE or an error notify, without an SA
  kAuthRequest,
  kAuthResponse,
  kAuthNoChild,   // authenticated, but the first child SA failed (2.21.2)
  kAuthRefused,   // an error notify instead of AUTH
  kChildRequest,  // CREATE_CHILD_SA for a new child SA or the rekeying of one
  kChildResponse,
  kRekeyIkeRequest,  // CREATE_CHILD_SA whose SA payload proposes an IKE SA
  kRekeyIkeResponse,
  kCreateRefused,  // CREATE_CHILD_SA answered by an error notify
  kInformational,
  kUnknown,  // an exchange type without rules
};
const char* to_string(Shape shape);

struct PayloadRule {
  Shape shape;
  PayloadType payload;
  uint8_t min;
  uint8_t max;
};
// All rows, for tests and documentation.
std::span<const PayloadRule> payload_rules();
// Whether messages of this shape travel inside SK or SKF.
bool must_be_encrypted(Shape shape);

// The form of a message by header and (decrypted) payloads. Any input is fine.
Shape shape_of(const Header& header, const Chain& chain);

// Holds `chain` (the inside of SK for encrypted exchanges, the message otherwise) against the rows
// of `shape`: missing, duplicate and misplaced payloads are INVALID_SYNTAX with the payload named.
// Known payloads without a row are ignored if they are harmless anywhere (Notify, vendor id, CERT,
// CERTREQ, CP, EAP) and refused otherwise. Bodies of notifies are checked here too.
[[nodiscard]] Verdict check_payloads(Shape shape, const Chain& chain);

// The outside of a message of that exchange: nothing encrypted in IKE_SA_INIT; exactly one
// payload, SK or SKF, in every other exchange (RFC 7383 allows nothing beside SKF; we neither).
[[nodiscard]] Verdict check_outside(const Header& header, const Chain& chain);

}  // namespace kanmon::ike
