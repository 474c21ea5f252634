// Text that comes from outside made fit for a terminal, a log line and JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kanmon::log {

// Offset of the first octet that is not part of well-formed UTF-8 (RFC 3629), or text.size().
std::size_t valid_utf8(std::string_view text);

// `text` on one line: control characters (C0, DEL, C1), invalid UTF-8 and the backslash come out as
// \n, \t, \\ or \xNN, and what exceeds `limit` octets is cut off with "...". What a peer sends can
// then neither move a cursor nor start a line of its own.
std::string printable(std::string_view text, std::size_t limit = 512);

}  // namespace kanmon::log
