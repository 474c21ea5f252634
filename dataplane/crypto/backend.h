// What an operator may choose about the cryptography of the data plane.
#pragma once

#include <cstdint>

namespace kanmon::crypto {

// Instruction sets IPsec-MB has code for, in rising order. Expanded keys of one do not fit another:
// a process uses one for all its engines, chosen by choose_isa().
enum class Isa : uint8_t { kAuto, kSse, kAvx, kAvx2, kAvx512 };
const char* to_string(Isa isa);

// How packets are given to the library.
//   kDirect  each by itself: GCM's own calls; hashes by code made for one message
//   kBurst   as jobs, many at once: GCM too; hashes by code with the most lanes
//   kAuto    what this machine did fastest when it was tried: for GCM that, for HMACs one or the
//            other by how many packets a burst has
// ChaCha20-Poly1305 always goes as jobs, which work on one packet each.
enum class Backend : uint8_t { kAuto, kDirect, kBurst };
const char* to_string(Backend backend);

}  // namespace kanmon::crypto
