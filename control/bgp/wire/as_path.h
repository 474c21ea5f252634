// AS_PATH and AS4_PATH on the wire. RFC 4271 section 4.3, RFC 6793, RFC 7606 section 7.2, RFC 7607.
#pragma once

#include <cstdint>
#include <optional>

#include "control/bgp/as_path.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::bgp {

enum class AsWidth : uint8_t { kTwo = 2, kFour = 4 };

// The value of an AS_PATH. Absent if it is malformed: an unknown segment type or one of a
// confederation (we are in none), a segment without members or with more than there are octets, an
// octet left over, AS number 0.
std::optional<AsPath> parse_as_path(wire::Bytes value, AsWidth width);
// Of an AS4_PATH: four octets each; confederation segments are left out (RFC 6793 section 6).
std::optional<AsPath> parse_as4_path(wire::Bytes value);

// What the path was before two-octet speakers saw it (RFC 6793 section 4.2.3): the leading part of
// `path` that `as4` does not know, and `as4`. `path` alone if it is the shorter one.
AsPath merge_as4_path(AsPathView path, AsPathView as4);

// Octets of the value of an AS_PATH.
std::size_t as_path_bytes(AsPathView path, AsWidth width);
// With two octets, a number that does not fit is 23456. Segments are split at 255 members.
void write_as_path(wire::Writer& w, AsPathView path, AsWidth width);
// Whether two octets would lose something, so that AS4_PATH has to go along.
bool needs_as4_path(AsPathView path);

}  // namespace kanmon::bgp
