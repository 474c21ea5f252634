// A chain of payloads as views into the message (RFC 7296 section 3.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "control/ike/wire/constants.h"
#include "control/ike/wire/refusal.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// Valid as long as the octets it was parsed from.
struct Payload {
  PayloadType type = PayloadType::kNone;
  bool critical = false;
  wire::Bytes body;  // without the generic header
  uint32_t at = 0;   // offset of the generic header in what was parsed
};

// Holds the known payloads in order; never more than kMaxPayloads, without allocation.
class Chain {
 public:
  std::span<const Payload> payloads() const { return {payloads_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  // The first payload of that type, or null.
  const Payload* find(PayloadType type) const;
  std::size_t count(PayloadType type) const;
  // The SK or SKF payload that ends the chain, or null.
  const Payload* encrypted() const;
  // The Next Payload field of encrypted(): the type of the first payload inside.
  PayloadType first_inside() const { return first_inside_; }

 private:
  friend Verdict parse_chain(wire::Bytes bytes, PayloadType first, Chain& out);
  std::array<Payload, kMaxPayloads> payloads_;
  std::size_t size_ = 0;
  PayloadType first_inside_ = PayloadType::kNone;
};

// Splits `bytes` (a message after its header, or the inside of SK) into `out`, which is
// overwritten. Looks at generic headers only.
//
// Unknown payload types are skipped; with the critical bit they are refused with
// UNSUPPORTED_CRITICAL_PAYLOAD and the type in Refusal::payload. The critical bit of known types is
// ignored (section 2.5). Everything else is INVALID_SYNTAX: a generic length below 4 or past the
// end, octets after the last payload, a chain without octets or octets without a chain, more than
// kMaxPayloads, anything after SK or SKF. An empty `bytes` with `first` kNone is an empty chain
// (liveness check).
[[nodiscard]] Verdict parse_chain(wire::Bytes bytes, PayloadType first, Chain& out);

}  // namespace kanmon::ike
