// SHA-1 of messages that fit one block: what the authentication of BFD packets hashes (RFC 5880
// section 6.7.4). IPsec-MB's, as all cryptography here.
#pragma once

#include <cstdint>

namespace kanmon::crypto {

inline constexpr uint32_t kShortSha1Most = 55;  // octets; with padding and length one block
inline constexpr uint32_t kSha1DigestBytes = 20;

// Looks for the machine's code. Once, before any thread calls short_sha1(); false: there is none.
bool prepare_short_sha1();

// REQUIRES: prepare_short_sha1() was true; octets <= kShortSha1Most.
void short_sha1(const uint8_t* data, uint32_t octets, uint8_t* digest);

}  // namespace kanmon::crypto
