// Releases of the libraries the data plane runs on, for `kanmon show version`.
#pragma once

#include <string>

namespace kanmon {

const char* dpdk_version();      // "DPDK 22.11.6"
const char* ipsec_mb_version();  // "1.3.0"
// Instruction set of the cryptography as it was chosen, e.g. "avx512".
std::string crypto_isa();
// What is used for what, see crypto::Engine::describe().
std::string crypto_backends();

}  // namespace kanmon
