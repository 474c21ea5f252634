// IKEv2's numbers and their names (IANA "IKEv2 Parameters"; RFC 7296, 7383, 4106, 4868, 8031).
//
// An enum here may hold any value of its underlying type: it comes from the wire. Never index a
// table with one and never assume a switch over one is complete.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kanmon::ike {

inline constexpr std::size_t kHeaderBytes = 28;          // RFC 7296 section 3.1
inline constexpr std::size_t kGenericHeaderBytes = 4;    // section 3.2
inline constexpr std::size_t kFragmentHeaderBytes = 4;   // after the generic one, RFC 7383 2.5
inline constexpr std::size_t kMaxMessageBytes = 65'507;  // largest UDP payload over IPv4
inline constexpr std::size_t kMaxPayloads = 64;          // of one chain, skipped ones included
inline constexpr std::size_t kMinNonceBytes = 16;        // section 3.9
inline constexpr std::size_t kMaxNonceBytes = 256;

enum class ExchangeType : uint8_t {
  kIkeSaInit = 34,
  kIkeAuth = 35,
  kCreateChildSa = 36,
  kInformational = 37,
};

enum class PayloadType : uint8_t {
  kNone = 0,
  kSa = 33,
  kKe = 34,
  kIdi = 35,
  kIdr = 36,
  kCert = 37,
  kCertReq = 38,
  kAuth = 39,
  kNonce = 40,
  kNotify = 41,
  kDelete = 42,
  kVendorId = 43,
  kTsi = 44,
  kTsr = 45,
  kSk = 46,
  kCp = 47,
  kEap = 48,
  kSkf = 53,
};

enum class NotifyType : uint16_t {
  kNone = 0,  // reserved; "no notify"
  kUnsupportedCriticalPayload = 1,
  kInvalidIkeSpi = 4,
  kInvalidMajorVersion = 5,
  kInvalidSyntax = 7,
  kInvalidMessageId = 9,
  kInvalidSpi = 11,
  kNoProposalChosen = 14,
  kInvalidKePayload = 17,
  kAuthenticationFailed = 24,
  kSinglePairRequired = 34,
  kNoAdditionalSas = 35,
  kInternalAddressFailure = 36,
  kFailedCpRequired = 37,
  kTsUnacceptable = 38,
  kInvalidSelectors = 39,
  kTemporaryFailure = 43,
  kChildSaNotFound = 44,
  kInitialContact = 16384,
  kSetWindowSize = 16385,
  kAdditionalTsPossible = 16386,
  kIpcompSupported = 16387,
  kNatDetectionSourceIp = 16388,
  kNatDetectionDestinationIp = 16389,
  kCookie = 16390,
  kUseTransportMode = 16391,
  kHttpCertLookupSupported = 16392,
  kRekeySa = 16393,
  kEspTfcPaddingNotSupported = 16394,
  kNonFirstFragmentsAlso = 16395,
  kMobikeSupported = 16396,
  kAuthLifetime = 16403,
  kRedirectSupported = 16406,
  kChildlessSupported = 16418,
  kQuickCrashDetection = 16419,
  kIkev2FragmentationSupported = 16430,
  kSignatureHashAlgorithms = 16431,
  kUsePpk = 16435,
  kIntermediateExchangeSupported = 16438,
};

enum class ProtocolId : uint8_t { kNone = 0, kIke = 1, kAh = 2, kEsp = 3 };

enum class TransformType : uint8_t { kEncr = 1, kPrf = 2, kInteg = 3, kDh = 4, kEsn = 5 };

enum class AuthMethod : uint8_t { kRsa = 1, kSharedKey = 2, kDss = 3, kNull = 13, kSignature = 14 };

// Transform ids, plain integers as in types.h.
inline constexpr uint16_t kEncrAesCbc = 12;
inline constexpr uint16_t kEncrAesGcm16 = 20;
inline constexpr uint16_t kPrfSha256 = 5;
inline constexpr uint16_t kPrfSha384 = 6;
inline constexpr uint16_t kPrfSha512 = 7;
inline constexpr uint16_t kIntegNone = 0;
inline constexpr uint16_t kIntegSha256 = 12;
inline constexpr uint16_t kIntegSha384 = 13;
inline constexpr uint16_t kIntegSha512 = 14;
inline constexpr uint16_t kDhNone = 0;
inline constexpr uint16_t kDhModp2048 = 14;
inline constexpr uint16_t kDhEcp256 = 19;
inline constexpr uint16_t kDhEcp384 = 20;
inline constexpr uint16_t kDhCurve25519 = 31;
inline constexpr uint16_t kEsnNone = 0;
inline constexpr uint16_t kEsnUsed = 1;

// IANA's name, or for a value without one its number: "NO_PROPOSAL_CHOSEN", "NOTIFY-40960",
// "PAYLOAD-99", "EXCHANGE-240". Any value is fine.
std::string to_string(ExchangeType type);
std::string to_string(PayloadType type);  // "SA", "KE", "IDi", …
std::string to_string(NotifyType type);
std::string to_string(ProtocolId protocol);
std::string to_string(TransformType type);  // "ENCR", "PRF", "INTEG", "DH", "ESN"
std::string to_string(AuthMethod method);

// "AES-CBC-128", "AES256-GCM-16", "PRF-HMAC-SHA2-256", "HMAC-SHA2-256-128", "MODP-2048", "ESN",
// "NO-ESN"; "ENCR-99-256" for what has no name here. `key_bits` 0: no Key Length attribute.
std::string transform_name(TransformType type, uint16_t id, uint16_t key_bits = 0);

// True for the payload types this room can tell apart; all others are skipped, or refused if
// critical (section 2.5).
bool is_known(PayloadType type);
// Error notifies are below 16384 (section 3.10.1).
constexpr bool is_error(NotifyType type) {
  return type != NotifyType::kNone && static_cast<uint16_t>(type) < 16384;
}

}  // namespace kanmon::ike
