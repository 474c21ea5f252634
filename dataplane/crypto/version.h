// Which IPsec-MB is linked.
#pragma once

namespace kanmon::crypto {

const char* library_version();  // "1.3.0"

}  // namespace kanmon::crypto
