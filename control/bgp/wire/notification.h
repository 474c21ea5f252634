// NOTIFICATION: why a session ends, as a value that parsers return and sessions send.
//
// RFC 4271 sections 4.5 and 6, RFC 4486 (Cease), 6608 (FSM), 7313 (refresh), 8538 (hard reset),
// 9003 (text of a shutdown), 9384 (BFD), 9687 (send hold timer).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::bgp {

using Octets = std::vector<uint8_t>;

enum class ErrorCode : uint8_t {
  kHeader = 1,
  kOpen = 2,
  kUpdate = 3,
  kHoldTimer = 4,
  kFsm = 5,
  kCease = 6,
  kRouteRefresh = 7,
  kSendHoldTimer = 8,
};

// Subcodes; 0 is "unspecific" for every code.
enum class HeaderError : uint8_t { kNotSynchronized = 1, kBadLength = 2, kBadType = 3 };
enum class OpenError : uint8_t {
  kUnspecific = 0,
  kVersion = 1,
  kPeerAs = 2,
  kIdentifier = 3,
  kParameter = 4,
  kHoldTime = 6,
  kCapability = 7,
};
enum class UpdateError : uint8_t {
  kMalformedList = 1,
  kUnknownWellKnown = 2,
  kMissingWellKnown = 3,
  kFlags = 4,
  kLength = 5,
  kOrigin = 6,
  kNextHop = 8,
  kOptional = 9,
  kNetwork = 10,
  kAsPath = 11,
};
enum class FsmError : uint8_t {
  kUnspecific = 0,
  kOpenSent = 1,
  kOpenConfirm = 2,
  kEstablished = 3
};
enum class Cease : uint8_t {
  kMaxPrefixes = 1,
  kShutdown = 2,
  kDeconfigured = 3,
  kReset = 4,
  kRejected = 5,
  kConfigChange = 6,
  kCollision = 7,
  kOutOfResources = 8,
  kHardReset = 9,
  kBfdDown = 10,
};
enum class RefreshError : uint8_t { kLength = 1 };

struct Notification {
  uint8_t code = 0;
  uint8_t subcode = 0;
  Octets data;  // never more than the octets received that it is about, or a text of ours

  static Notification make(HeaderError e, Octets data = {}) {
    return of(ErrorCode::kHeader, e, data);
  }
  static Notification make(OpenError e, Octets data = {}) { return of(ErrorCode::kOpen, e, data); }
  static Notification make(UpdateError e, Octets data = {}) {
    return of(ErrorCode::kUpdate, e, data);
  }
  static Notification make(FsmError e) { return of(ErrorCode::kFsm, e, {}); }
  static Notification make(Cease e) { return of(ErrorCode::kCease, e, {}); }
  static Notification make(RefreshError e, Octets data) {
    return of(ErrorCode::kRouteRefresh, e, data);
  }
  static Notification hold_timer() { return {static_cast<uint8_t>(ErrorCode::kHoldTimer), 0, {}}; }
  static Notification send_hold_timer() {
    return {static_cast<uint8_t>(ErrorCode::kSendHoldTimer), 0, {}};
  }
  // A Cease with a text for the operator there: kShutdown or kReset (RFC 9003). What is beyond 255
  // octets is left out, never in the middle of a character.
  static Notification cease(Cease why, std::string_view text);
  // `inner` as a hard reset: the peer shall not keep our routes (RFC 8538 section 3).
  static Notification hard_reset(const Notification& inner);

  ErrorCode error() const { return static_cast<ErrorCode>(code); }
  bool is(Cease why) const {
    return error() == ErrorCode::kCease && subcode == static_cast<uint8_t>(why);
  }
  friend bool operator==(const Notification&, const Notification&) = default;

 private:
  template <class E>
  static Notification of(ErrorCode code, E subcode, Octets data) {
    return {static_cast<uint8_t>(code), static_cast<uint8_t>(subcode), std::move(data)};
  }
};

// What a parser has to say against a message. Absent: nothing.
using Verdict = std::optional<Notification>;

// The body of a received NOTIFICATION. kTruncated: fewer than two octets.
Result<Notification> parse_notification(wire::Bytes body);
// The whole message; data beyond what fits `longest` octets is left out.
Octets encode(const Notification& n, std::size_t longest = 4096);

// What a hard reset carries, or `n` itself. A hard reset that carries no code is one of 6/9.
Notification unwrapped(const Notification& n);
// The operator's text in a shutdown or reset of the peer, fit for a log line; empty if there is
// none; "malformed text" where its length contradicts the message (RFC 9003 section 2).
std::string shutdown_text(const Notification& n);
// "cease/administrative-shutdown"; unknown ones come out as numbers: "cease/77", "99/1".
std::string to_string(const Notification& n);

}  // namespace kanmon::bgp
