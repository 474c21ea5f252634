// Where IKE gets its randomness from.
#pragma once

#include <functional>

#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// Fills its argument with cryptographically strong octets; never fails. The engine passes
// Host::random, tests a seeded generator. Diffie-Hellman private keys do not come from here but
// from OpenSSL's own generator.
using RandomFn = std::function<void(wire::MutableBytes)>;

}  // namespace kanmon::ike
