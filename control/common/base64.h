// Octets as text for JSON (RFC 4648 section 4, with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kanmon {

std::string to_base64(std::string_view octets);
// Nothing if `text` is not what to_base64() makes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace kanmon
