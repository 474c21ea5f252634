// Releases of the libraries the data plane runs on, for `kanmon show version`.
#pragma once

namespace kanmon {

const char* dpdk_version();      // "DPDK 22.11.6"
const char* ipsec_mb_version();  // "1.3.0"
// Instruction set of the cryptography on this machine, e.g. "avx512".
const char* crypto_isa();

}  // namespace kanmon
