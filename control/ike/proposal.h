// From configured transforms to SA payloads and back to one chosen suite (RFC 7296 sections 2.7 and
// 3.3, RFC 5282 section 8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "control/ike/types.h"
#include "control/ike/wire/payloads.h"
#include "dataplane/common/result.h"

namespace kanmon::ike {

// The transforms of one IKE SA. `integrity` is 0 with AEAD.
struct IkeSuite {
  uint16_t encryption = 0;
  uint16_t key_bits = 0;
  uint16_t integrity = 0;
  uint16_t prf = 0;
  uint16_t group = 0;

  friend bool operator==(const IkeSuite&, const IkeSuite&) = default;
};
std::string to_string(const IkeSuite& suite);  // "AES256-GCM-16/PRF-HMAC-SHA2-384/ECP-384"

// The transforms of one child SA. `group` is 0 without PFS.
struct EspSuite {
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  uint16_t group = 0;
  bool esn = false;

  friend bool operator==(const EspSuite&, const EspSuite&) = default;
};
std::string to_string(const EspSuite& suite);  // "AES256-GCM-16/ECP-384/ESN"

// Proposals to offer: one for the AEAD transforms, one for the others, whichever kind is first in
// the list of preference first; each has all configured values of each type as transforms, with
// the KEY_LENGTH attribute. Transforms Kanmon cannot run are left out; no usable one: empty list.
// `spi` 0 is for IKE_SA_INIT, another is the new SPI of a rekeyed IKE SA.
std::vector<Proposal> make_ike_proposals(const IkeTransforms& ours, uint64_t spi);
// Likewise for ESP, one proposal for each integrity transform (AEAD: none), so that only configured
// pairs are offered. `pfs` false leaves groups out (IKE_AUTH). ESN transforms: with `ours.esn`
// both, ESN first, else "no ESN" only.
std::vector<Proposal> make_esp_proposals(const EspTransforms& ours, uint32_t spi, bool pfs);

// What a responder chose: the suite and the proposal that says so, the initiator's number in it,
// its SPI taken out (put ours in before sending). `peer_spi` is the initiator's.
struct IkeChoice {
  IkeSuite suite;
  Proposal answer;
  uint64_t peer_spi = 0;
};
struct EspChoice {
  EspSuite suite;
  Proposal answer;
  uint32_t peer_spi = 0;
};

// Chooses as responder. The configured order of preference decides, first by encryption, then
// integrity, PRF and group; among the peer's proposals that allow the same, its first. `ke_group`,
// if not 0 and configured, is preferred to any other group, for its KE payload is already here.
//
// A proposal with a transform type unknown to us, or a type its protocol does not take, is passed
// over; a transform unknown, without needed KEY_LENGTH or with a strange attribute is passed over
// alone (3.3.6). AEAD may come with INTEG NONE or without INTEG; a proposal that takes DH NONE has
// no PFS. kNotFound: nothing fits (NO_PROPOSAL_CHOSEN).
Result<IkeChoice> choose_ike(const IkeTransforms& ours, std::span<const Proposal> theirs,
                             uint16_t ke_group, bool rekey);
// `pfs` false (IKE_AUTH): groups on both sides are ignored. With `pfs`, an empty `ours.groups`
// means that only a proposal without DH, or with DH NONE, fits.
Result<EspChoice> choose_esp(const EspTransforms& ours, std::span<const Proposal> theirs,
                             uint16_t ke_group, bool pfs);

// Judges a responder's answer as initiator: exactly one proposal, of the number, protocol and
// transforms we offered, exactly one transform of each type offered. kBadValue otherwise.
// `offered` is what make_*_proposals() returned and was sent.
Result<IkeChoice> accept_ike(std::span<const Proposal> offered, std::span<const Proposal> answer);
Result<EspChoice> accept_esp(std::span<const Proposal> offered, std::span<const Proposal> answer);

// One line for a log that names both sides' values, type by type where they differ:
// "ENCR: peer offers AES-CBC-128, configured AES256-GCM-16; DH: peer offers MODP-1024, configured
// MODP-2048, ECP-256". Bounded in length whatever the peer sent. `configured` comes from
// make_*_proposals().
std::string explain_mismatch(std::span<const Proposal> configured,
                             std::span<const Proposal> theirs);

}  // namespace kanmon::ike
