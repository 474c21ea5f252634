// Small questions about proposals we have made.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "control/ike/wire/payloads.h"

namespace kanmon::ike {

// Whether INVALID_KE_PAYLOAD may ask for `group`: it was offered and has not been tried (RFC 7296
// section 1.2; IKE-10).
bool may_try_group(std::span<const Proposal> offered, const std::vector<uint16_t>& tried,
                   uint16_t group);
bool offers_group(std::span<const Proposal> offered, uint16_t group);
// The group of the first DH transform; 0 if there is none.
uint16_t first_group(std::span<const Proposal> offered);
// "AES256-GCM-16/PRF-HMAC-SHA2-384/CURVE25519/ECP-256"; proposals separated by commas. Ours only:
// not bounded.
std::string describe(std::span<const Proposal> offered);

}  // namespace kanmon::ike
