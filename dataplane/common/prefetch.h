// Asking for a cache line ahead of its use.
//
// By the instruction itself: a function that does nothing but GCC's builtin is one without effect
// to GCC 12, and its calls are left out without a word.
#pragma once

namespace kanmon {

// Brings the line at `p` into the first level of cache. Any address is allowed: one that is not
// mapped does nothing.
inline void prefetch_line(const void* p) {
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(p)));
}

}  // namespace kanmon
