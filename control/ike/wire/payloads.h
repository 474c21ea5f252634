// Typed views of payload bodies and their writers (RFC 7296 sections 3.3 to 3.13), one pair each.
//
// Parsers take a body (Payload::body), check every length and count in it and return views into
// it, or for SA and TS bounded copies. Offsets in errors count from the start of the body.
// Writers write a body; the caller checks Writer::ok() at the end.
// CERT, CERTREQ, vendor ids, CP and EAP are recognised (is_known) and have nothing to parse here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "control/ike/types.h"
#include "control/ike/wire/chain.h"
#include "control/ike/wire/constants.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::ike {

// --- KE (3.4) ---
struct KeView {
  uint16_t group = 0;
  wire::Bytes data;  // not empty; its length for the group is judged by Dh::shared()
};
Result<KeView> parse_ke(wire::Bytes body);
void write_ke(wire::Writer& w, uint16_t group, wire::Bytes data);

// --- Nonce (3.9): 16 to 256 octets, else kBadLength ---
Result<wire::Bytes> parse_nonce(wire::Bytes body);

// --- IDi, IDr (3.5) ---
// An empty identity and an address of the wrong size are kBadLength; types Kanmon does not know
// (DN and the like) are kUnsupported. The body itself, header included, enters AUTH (2.15).
Result<Identity> parse_id(wire::Bytes body);
void write_id(wire::Writer& w, const Identity& id);

// --- AUTH (3.8) ---
struct AuthView {
  AuthMethod method = AuthMethod::kSharedKey;
  wire::Bytes data;  // not empty
};
Result<AuthView> parse_auth(wire::Bytes body);
void write_auth(wire::Writer& w, AuthMethod method, wire::Bytes data);

// --- Notify (3.10) ---
// SPI size is 0, 4 or 8 octets, else kBadLength.
struct NotifyView {
  ProtocolId protocol = ProtocolId::kNone;
  NotifyType type = NotifyType::kNone;
  wire::Bytes spi;
  wire::Bytes data;

  // The SPI of an ESP SA, 0 if there is none of four octets.
  uint32_t esp_spi() const;
};
Result<NotifyView> parse_notify(wire::Bytes body);
void write_notify(wire::Writer& w, const NotifyView& notify);
// The first well-formed notify of that type, or nothing. Malformed ones are the payload rules'
// concern (rules.h), so that this needs no error.
std::optional<NotifyView> find_notify(const Chain& chain, NotifyType type);
// The first notify that reports an error, or nothing.
std::optional<NotifyView> find_error(const Chain& chain);
// The group of INVALID_KE_PAYLOAD (3.10.1): exactly two octets, else kBadLength.
Result<uint16_t> parse_invalid_ke(const NotifyView& notify);

// --- Delete (3.11) ---
// IKE: SPI size 0 and no SPIs. AH, ESP: SPI size 4. Count and length agree.
struct DeleteView {
  ProtocolId protocol = ProtocolId::kNone;
  uint16_t count = 0;
  wire::Bytes spis;  // count * 4 octets

  // REQUIRES: i < count.
  uint32_t spi(uint16_t i) const;
};
Result<DeleteView> parse_delete(wire::Bytes body);
void write_delete_ike(wire::Writer& w);
void write_delete_esp(wire::Writer& w, std::span<const uint32_t> spis);

// --- SA (3.3) ---
struct Transform {
  TransformType type = TransformType::kEncr;
  uint16_t id = 0;
  uint16_t key_bits = 0;  // Key Length attribute, 0 if absent
  // False if an attribute was not understood or given twice: never to be chosen (3.3.6).
  bool usable = true;

  friend bool operator==(const Transform&, const Transform&) = default;
};
struct Proposal {
  uint8_t number = 1;
  ProtocolId protocol = ProtocolId::kIke;
  uint8_t spi_bytes = 0;  // 0, 4 or 8; what is longer on the wire makes the proposal unusable
  bool usable = true;     // false: SPI of a wrong size, zero, or reserved (RFC 4303 section 2.1)
  std::array<uint8_t, 8> spi{};
  std::vector<Transform> transforms;

  uint32_t esp_spi() const;  // REQUIRES: spi_bytes == 4
  uint64_t ike_spi() const;  // REQUIRES: spi_bytes == 8
  void set_esp_spi(uint32_t value);
  void set_ike_spi(uint64_t value);
  bool has(TransformType type) const;
  friend bool operator==(const Proposal&, const Proposal&) = default;
};
// Checks all nested lengths, the Last Substruc fields, transform counts, and that several
// proposals are numbered 1, 2, … (3.3.1). Memory is proportional to the body. At least one
// proposal, at least one transform each.
Result<std::vector<Proposal>> parse_sa(wire::Bytes body);
void write_sa(wire::Writer& w, std::span<const Proposal> proposals);

// --- SKF (RFC 7383 section 2.5): the fields before the IV ---
struct FragmentHeader {
  uint16_t number = 1;  // 1 … total
  uint16_t total = 1;
};
// kTruncated; kBadValue for 0 or number > total.
Result<FragmentHeader> parse_fragment_header(wire::Bytes skf_body);

}  // namespace kanmon::ike
