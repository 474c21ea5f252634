// Size of the unit in which cores exchange memory; anything two threads touch is aligned to it.
#pragma once

#include <cstddef>

namespace kanmon {

// Ours and not std::hardware_destructive_interference_size: clang 14 lacks it, and g++ warns that
// its value may change with tuning flags, which would change shared layouts.
inline constexpr std::size_t kCacheLine = 64;

}  // namespace kanmon
