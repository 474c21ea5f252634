// Names and numbers of every kind of message received, sent and refused (INV-8).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kanmon::ike {

enum class Count : uint8_t {
  kReceived,
  kSentRequest,
  kSentResponse,
  kRetransmitted,       // requests of ours, again
  kRepeatAnswered,      // a repeated request, answered from memory
  kKeepaliveSent,       // RFC 3948
  kMalformedHeader,     // shorter than a header, lengths that disagree, SPI zero
  kIkeV1,               // another protocol; named in the log
  kOtherMajorVersion,   // neither 1 nor 2
  kUnknownIkeSpi,       // no such IKE SA; never answered
  kMalformedOutside,    // payload chain outside of SK
  kWrongState,          // the table says drop
  kUnknownExchange,     // an exchange type Kanmon does not have
  kOutOfWindow,         // Message ID neither expected nor the last
  kUnexpectedResponse,  // answers nothing we asked
  kIntegrityFailed,     // SK does not verify
  kMalformedInside,     // authenticated, yet against the payload rules
  kCriticalRefused,     // unknown critical payload
  kFragmentStored,
  kFragmentDropped,
  kFragmentNotNegotiated,
  kInitNoTunnel,         // no tunnel for these addresses
  kInitNoProposal,       // NO_PROPOSAL_CHOSEN sent in clear
  kInitInvalidKe,        // INVALID_KE_PAYLOAD sent in clear
  kInitBadKe,            // a public value that must not be used
  kInitMalformed,        // unauthenticated: dropped
  kInitVersionAnswered,  // INVALID_MAJOR_VERSION sent
  kInitSpiReused,        // same SPI and source, another request
  kCookieSent,
  kCookieWrong,
  kReplyWithheld,  // the refusal would be longer than what it answers
  kHalfOpenLimit,
  kHalfOpenPerSource,
  kHalfOpenExpired,
  kInitRefusalSeen,      // an unauthenticated error, believed only if nothing better comes
  kInitResponseIgnored,  // answers that cannot be used
  kAuthenticationFailed,
  kNoProposalChosen,
  kTsUnacceptable,
  kInvalidKe,
  kTemporaryFailure,
  kChildSaNotFound,
  kNoAdditionalSas,
  kInvalidSyntax,
  kDeadPeer,
  kEndpointMoved,
  kCryptoFailed,  // OpenSSL refused
};
inline constexpr std::size_t kCounts = static_cast<std::size_t>(Count::kCryptoFailed) + 1;
const char* to_string(Count count);

class Counters {
 public:
  void add(Count count) { ++values_[static_cast<std::size_t>(count)]; }
  uint64_t of(Count count) const { return values_[static_cast<std::size_t>(count)]; }
  // In order of the enum.
  std::vector<std::pair<std::string, uint64_t>> all() const;

 private:
  std::array<uint64_t, kCounts> values_{};
};

}  // namespace kanmon::ike
