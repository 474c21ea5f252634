#include "dataplane/bfd/packet.h"

#include "dataplane/wire/reader.h"
#include "dataplane/wire/writer.h"

namespace kanmon::bfd {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint32_t kLeastAuth = 2;  // type and length
enum Bits : uint8_t {
  kPoll = 0x20,
  kFinal = 0x10,
  kIndependent = 0x08,
  kAuthentic = 0x04,
  kDemand = 0x02,
  kMultipoint = 0x01,
};

constexpr const char* kStates[] = {"admin-down", "down", "init", "up"};
constexpr const char* kDiags[] = {"none",
                                  "detection-time-expired",
                                  "echo-failed",
                                  "neighbor-signaled-down",
                                  "forwarding-plane-reset",
                                  "path-down",
                                  "concatenated-path-down",
                                  "administratively-down",
                                  "reverse-concatenated-path-down"};
constexpr const char* kRefusalNames[] = {"none",
                                         "ttl",
                                         "source-port",
                                         "too-short",
                                         "version",
                                         "length",
                                         "multiplier",
                                         "multipoint",
                                         "my-discriminator",
                                         "your-discriminator",
                                         "auth-missing",
                                         "auth-unexpected",
                                         "auth-type",
                                         "auth-key",
                                         "auth-sequence",
                                         "auth-digest",
                                         "admin-down"};
static_assert(sizeof kRefusalNames / sizeof kRefusalNames[0] == kRefusals);

bool is_sha1(uint8_t type) {
  return type == static_cast<uint8_t>(AuthType::kKeyedSha1) ||
         type == static_cast<uint8_t>(AuthType::kMeticulousSha1);
}

// Section 4.2 to 4.4. A type we do not know is told by the session.
Refusal read_auth(wire::Bytes section, Packet& p) {
  wire::Reader r(section);
  p.auth_type = r.u8();
  p.auth_length = r.u8();
  if (!r.ok() || p.auth_length > section.size()) return Refusal::kTooShort;
  if (!is_sha1(p.auth_type)) return Refusal::kNone;
  if (p.auth_length != kSha1Bytes) return Refusal::kAuthType;
  p.key_id = r.u8();
  r.skip(1);
  p.auth_sequence = r.u32();
  return Refusal::kNone;
}

uint8_t flags_of(const Packet& p) {
  return static_cast<uint8_t>(static_cast<uint8_t>(p.state) << 6 | (p.poll ? kPoll : 0) |
                              (p.final ? kFinal : 0) |
                              (p.control_plane_independent ? kIndependent : 0) |
                              (p.auth_type != 0 ? kAuthentic : 0) | (p.demand ? kDemand : 0));
}

void write_auth(const Packet& p, wire::Writer& w) {
  w.u8(p.auth_type);
  w.u8(kSha1Bytes);
  w.u8(p.key_id);
  w.u8(0);
  w.u32(p.auth_sequence);
  w.fill(0, kDigestBytes);
}

}  // namespace

const char* to_string(State s) {
  return kStates[static_cast<std::size_t>(s) & 3];
}

const char* to_string(Diag d) {
  const auto i = static_cast<std::size_t>(d);
  return i < sizeof kDiags / sizeof kDiags[0] ? kDiags[i] : "reserved";
}

const char* to_string(Refusal r) {
  return kRefusalNames[static_cast<std::size_t>(r)];
}

// The order of the checks is that of section 6.8.6.
Refusal parse(wire::Bytes datagram, Packet& p) {
  p = {};
  wire::Reader r(datagram);
  const uint8_t first = r.u8(), flags = r.u8();
  p.detect_multiplier = r.u8();
  p.length = r.u8();
  p.my_discriminator = r.u32();
  p.your_discriminator = r.u32();
  p.desired_min_tx_us = r.u32();
  p.required_min_rx_us = r.u32();
  p.required_min_echo_rx_us = r.u32();
  if (!r.ok()) return Refusal::kTooShort;
  if (first >> 5 != kVersion) return Refusal::kVersion;
  p.diag = static_cast<Diag>(first & 0x1f);
  p.state = static_cast<State>(flags >> 6);
  p.poll = (flags & kPoll) != 0;
  p.final = (flags & kFinal) != 0;
  p.control_plane_independent = (flags & kIndependent) != 0;
  p.authenticated = (flags & kAuthentic) != 0;
  p.demand = (flags & kDemand) != 0;
  if (p.length < kHeaderBytes + (p.authenticated ? kLeastAuth : 0)) return Refusal::kTooShort;
  if (p.length > datagram.size()) return Refusal::kLength;
  if (p.detect_multiplier == 0) return Refusal::kMultiplier;
  if ((flags & kMultipoint) != 0) return Refusal::kMultipoint;
  if (p.my_discriminator == 0) return Refusal::kMyDiscriminator;
  const bool has_seen_us = p.state == State::kInit || p.state == State::kUp;
  if (p.your_discriminator == 0 && has_seen_us) return Refusal::kYourDiscriminator;
  if (!p.authenticated) return Refusal::kNone;
  return read_auth(datagram.subspan(kHeaderBytes, p.length - kHeaderBytes), p);
}

uint32_t write(const Packet& p, wire::MutableBytes room) {
  const bool sha1 = is_sha1(p.auth_type);
  wire::Writer w(room);
  w.u8(static_cast<uint8_t>(kVersion << 5 | (static_cast<uint8_t>(p.diag) & 0x1f)));
  w.u8(flags_of(p));
  w.u8(p.detect_multiplier);
  w.u8(static_cast<uint8_t>(sha1 ? kMostBytes : kHeaderBytes));
  w.u32(p.my_discriminator);
  w.u32(p.your_discriminator);
  w.u32(p.desired_min_tx_us);
  w.u32(p.required_min_rx_us);
  w.u32(p.required_min_echo_rx_us);
  if (sha1) write_auth(p, w);
  return w.ok() ? static_cast<uint32_t>(w.size()) : 0;
}

}  // namespace kanmon::bfd
