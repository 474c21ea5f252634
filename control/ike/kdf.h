// Keying material of IKE and child SAs and the shared key AUTH (RFC 7296 sections 2.13 to 2.18).
// Nonces are payload bodies without generic header, SPIs the values of Header.
//
// Errors of all functions: kUnsupported for transforms Kanmon does not have, kBadLength for a nonce
// shorter than half the key of the PRF (2.10: the peer's fault), kSystem if OpenSSL refuses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "control/common/secret.h"
#include "control/ike/proposal.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// SK_d, SK_a*, SK_e*, SK_p* of one IKE SA (2.14); `ai` and `ar` are empty with AEAD.
struct IkeKeys {
  Secret d;
  Secret ai, ar;
  Secret ei, er;
  Secret pi, pr;
};

// SKEYSEED = prf(Ni | Nr, g^ir).
Result<Secret> skeyseed(uint16_t prf_id, wire::Bytes ni, wire::Bytes nr, const Secret& shared);
// SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) with the PRF of the *old* IKE SA (2.18).
Result<Secret> skeyseed_of_rekey(uint16_t old_prf_id, const Secret& old_sk_d, const Secret& shared,
                                 wire::Bytes ni, wire::Bytes nr);
// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
Result<IkeKeys> derive_ike_keys(const IkeSuite& suite, const Secret& seed, wire::Bytes ni,
                                wire::Bytes nr, uint64_t spi_initiator, uint64_t spi_responder);

// KEYMAT of a child SA pair (2.17), one half for each direction; `initiator` is whoever began the
// exchange that made the child SA, and protects what that end sends.
struct ChildKeys {
  Secret initiator;
  Secret responder;
};
// `shared` is g^ir (new) with PFS, empty without. `bytes_each` is
// esp::AlgorithmInfo::keymat_bytes().
Result<ChildKeys> derive_child_keys(uint16_t prf_id, const Secret& sk_d, const Secret& shared,
                                    wire::Bytes ni, wire::Bytes nr, std::size_t bytes_each);

// AUTH data with a shared key (2.15):
//   prf(prf(psk, "Key Pad for IKEv2"), message | peer_nonce | prf(sk_p, id_body))
// `message` is the signer's own first message (the one that was answered), whole; `peer_nonce` the
// other end's; `sk_p` and `id_body` the signer's (body of IDi or IDr, without generic header).
Result<Secret> psk_auth(uint16_t prf_id, const Secret& psk, wire::Bytes message,
                        wire::Bytes peer_nonce, const Secret& sk_p, wire::Bytes id_body);

}  // namespace kanmon::ike
