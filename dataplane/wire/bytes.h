// Views of octets. A Bytes never owns what it shows.
#pragma once

#include <cstdint>
#include <span>

namespace kanmon::wire {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

}  // namespace kanmon::wire
