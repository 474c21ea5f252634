// Why a message is refused: what to tell the peer, if it may be told at all, and what to log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/ike/wire/constants.h"
#include "dataplane/common/result.h"

namespace kanmon::ike {

struct Refusal {
  // The notify that answers it. Only an authenticated peer is answered (section 2.21); for anybody
  // else the message is dropped. kNone: drop in any case.
  NotifyType notify = NotifyType::kInvalidSyntax;
  PayloadType payload = PayloadType::kNone;  // the payload to blame; kNone: the whole message
  Error error{Errc::kBadValue};              // cause and offset
  const char* why = "";                      // static text such as "missing" or "duplicate"
};

// Absent: nothing to refuse.
using Verdict = std::optional<Refusal>;

// "INVALID_SYNTAX: payload KE missing (bad value at 28)".
std::string to_string(const Refusal& refusal);

}  // namespace kanmon::ike
