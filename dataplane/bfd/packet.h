// BFD control packets on the wire (RFC 5880 section 4). Pure, over bytes in place.
//
// parse() makes the checks of section 6.8.6 that need no session; those that do are the session's
// (session.h), authentication included.
#pragma once

#include <cstdint>

#include "dataplane/wire/bytes.h"

namespace kanmon::bfd {

inline constexpr uint16_t kPortSingleHop = 3784;  // RFC 5881 section 4
inline constexpr uint16_t kPortMultihop = 4784;   // RFC 5883 section 5
inline constexpr uint16_t kFirstSourcePort = 49152;
inline constexpr uint8_t kSentTtl = 255;  // RFC 5881 section 5: sent with, and on one hop demanded
inline constexpr uint32_t kHeaderBytes = 24;
inline constexpr uint32_t kDigestBytes = 20;
inline constexpr uint32_t kSha1Bytes = 28;  // the authentication section (section 4.4)
inline constexpr uint32_t kMostBytes = kHeaderBytes + kSha1Bytes;

// Section 4.1; the numbers are the wire's.
enum class State : uint8_t { kAdminDown, kDown, kInit, kUp };
const char* to_string(State s);

enum class Diag : uint8_t {
  kNone,
  kDetectionTimeExpired,
  kEchoFailed,
  kNeighborSignaledDown,
  kForwardingPlaneReset,
  kPathDown,
  kConcatenatedPathDown,
  kAdministrativelyDown,
  kReverseConcatenatedPathDown,
};
// Numbers without a meaning are "reserved".
const char* to_string(Diag d);

// Why a packet changes nothing. One name, one counter.
enum class Refusal : uint8_t {
  kNone,
  kTtl,                // not 255 (RFC 5881 section 5); told by who has the IP header
  kSourcePort,         // below 49152 (RFC 5881 section 4); likewise
  kTooShort,           // than a header, or than its length field with what it announces
  kVersion,            // not 1
  kLength,             // more than the datagram holds
  kMultiplier,         // zero
  kMultipoint,         // the M bit, reserved
  kMyDiscriminator,    // zero
  kYourDiscriminator,  // zero in a state that has seen us, or not ours
  kAuthMissing,
  kAuthUnexpected,
  kAuthType,      // another than configured, or a length that does not fit it
  kAuthKey,       // an unknown key id
  kAuthSequence,  // outside the window
  kAuthDigest,
  kDown,  // we are administratively down
  kCount,
};
inline constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::kCount);
const char* to_string(Refusal r);  // "your-discriminator"; stable, the operator's

enum class AuthType : uint8_t { kNone = 0, kKeyedSha1 = 4, kMeticulousSha1 = 5 };

struct Packet {
  Diag diag = Diag::kNone;
  State state = State::kDown;
  bool poll = false;
  bool final = false;
  bool control_plane_independent = false;
  bool authenticated = false;  // it has an authentication section; whether it is right, see session
  bool demand = false;
  uint8_t detect_multiplier = 0;
  uint8_t length = 0;  // octets of the packet, which the digest covers
  uint32_t my_discriminator = 0;
  uint32_t your_discriminator = 0;
  uint32_t desired_min_tx_us = 0;
  uint32_t required_min_rx_us = 0;
  uint32_t required_min_echo_rx_us = 0;
  // Authentication section; zero without one. Sequence and digest only of a SHA1 type.
  uint8_t auth_type = 0;
  uint8_t auth_length = 0;
  uint8_t key_id = 0;
  uint32_t auth_sequence = 0;
};

// Reads the UDP payload `datagram`. `p` means something only with kNone.
Refusal parse(wire::Bytes datagram, Packet& p);

// Writes the packet, with room for a SHA1 section if p.auth_type says so (its digest is zero).
// Returns its octets, or 0 if `room` is short (kMostBytes is enough).
uint32_t write(const Packet& p, wire::MutableBytes room);

// Offset of the digest in a packet with a SHA1 section.
inline constexpr uint32_t kDigestOffset = kHeaderBytes + kSha1Bytes - kDigestBytes;

}  // namespace kanmon::bfd
