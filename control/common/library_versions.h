// Releases of the libraries control is linked with, for `kanmon show version`.
#pragma once

namespace kanmon {

const char* openssl_version();  // "3.0.15"

}  // namespace kanmon
