// The IKE header (RFC 7296 section 3.1).
#pragma once

#include <cstdint>

#include "control/ike/wire/constants.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::ike {

// SPIs are the eight octets read big-endian. `initiator` and `response` are the flags of those
// names: who is the original initiator of the IKE SA, and whether this is a response.
struct Header {
  uint64_t spi_initiator = 0;
  uint64_t spi_responder = 0;
  PayloadType next = PayloadType::kNone;
  uint8_t major = 2;
  uint8_t minor = 0;
  ExchangeType exchange = ExchangeType::kIkeSaInit;
  bool initiator = false;
  bool response = false;
  uint32_t message_id = 0;
  uint32_t length = 0;  // of the whole message, octets

  friend bool operator==(const Header&, const Header&) = default;
};

// Reads the header of a whole datagram. Versions are reported, not judged: IKEv1 has the same 28
// octets, and the caller names it. Reserved flags are ignored, as is the version flag (2.5).
// Errors: kTruncated; kBadLength if the length field is not the datagram's size; kBadValue if the
// initiator's SPI is zero.
Result<Header> parse_header(wire::Bytes datagram);

// Writes all 28 octets, `length` as it is in `header`.
void write_header(wire::Writer& w, const Header& header);

}  // namespace kanmon::ike
