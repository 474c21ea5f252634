// SHA-1, for the one place where RFC 7296 (section 2.23) fixes it: the NAT detection hashes, which
// protect nothing.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// kSystem if the library refuses (a policy may forbid SHA-1).
Result<std::array<uint8_t, 20>> sha1(wire::Bytes data);

}  // namespace kanmon::ike
